#!/usr/bin/env bash
# Races, by the isolation tester: tests/isolation/specs/*.spec in the order of tests/isolation/schedule, in a database
# that has the extension and what tests/isolation/setup.sql makes, output compared to tests/isolation/expected/*.out.
. "$(dirname "$0")/lib.sh"

tests=$root/tests/isolation database=analytics_isolation
need_files "$tests/specs/*.spec"
check_schedule "$tests/schedule" "$tests/specs" spec
use_cluster test
output=$build/isolation
rm -rf "$output"
mkdir -p "$output"

export PGOPTIONS='-c client_min_messages=warning'
psql -X -q -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" -c "CREATE DATABASE $database"
psql -X -q -d $database -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION analytics CASCADE' -f "$tests/setup.sql" >/dev/null
unset PGOPTIONS
run_schedule isolation/pg_isolation_regress "$output" --inputdir="$tests" --schedule="$tests/schedule" \
    --use-existing --dbname=$database
