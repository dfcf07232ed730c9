#!/usr/bin/env bash
# The SQL surface, by pg_regress: tests/regress/sql/*.sql in the order of tests/regress/schedule, one empty database,
# output compared to expected/*.out. pg_regress 15 knows no option for that directory but prefers OUTPUTDIR/expected.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/regress/sql/*.sql"
check_schedule "$root/tests/regress/schedule" "$root/tests/regress/sql" sql
use_cluster test
output=$build/regress
rm -rf "$output"
mkdir -p "$output"
ln -s "$root/expected" "$output/expected"
run_schedule regress/pg_regress "$output" --inputdir="$root/tests/regress" --schedule="$root/tests/regress/schedule" \
    --dbname=analytics_regress
