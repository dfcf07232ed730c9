#!/usr/bin/env bash
# Races, by the isolation tester: tests/isolation/specs/*.spec in the order of tests/isolation/schedule, in a database
# that has the extension, output compared to tests/isolation/expected/*.out.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/isolation/specs/*.spec"
check_schedule "$root/tests/isolation/schedule" "$root/tests/isolation/specs" spec
use_cluster test
output=$build/isolation
rm -rf "$output"
mkdir -p "$output"
run_schedule isolation/pg_isolation_regress "$output" --inputdir="$root/tests/isolation" \
    --schedule="$root/tests/isolation/schedule" --dbname=analytics_isolation \
    --load-extension=hll --load-extension=analytics
