#!/usr/bin/env bash
# The demo's data: the generator of synthetic traffic, then demo/load.sh into a fresh database, and the figures of the
# real orders against the file, to the digit. tests/demo/check_*.sh print a line 'ok ...' for each thing that holds.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/demo/check_*.sh"
use_cluster test
"$root/scripts/build.sh" generator
export TRAFFIC_GENERATOR=$build/traffic_generator PGDATABASE=demo_check
export PGOPTIONS='-c client_min_messages=warning'
psql -X -q -d postgres -c 'DROP DATABASE IF EXISTS demo_check WITH (FORCE)' -c 'CREATE DATABASE demo_check'
psql -X -q -c 'CREATE EXTENSION analytics CASCADE'
unset PGOPTIONS

log=$build/demo.log failed=0
: >"$log"
attempt() { # what, command...: a command that fails is a failed test, and what depends on it too
    local what=$1
    shift
    echo "$what"
    "$@" 2>&1 | tee -a "$log" || failed=$((failed + 1))
}
attempt "generator of synthetic traffic" "$root/tests/demo/check_generator.sh"
attempt "loading" "$root/demo/load.sh"
attempt "figures" "$root/tests/demo/check_figures.sh"
attempt "loading again" "$root/demo/load.sh"
attempt "figures, after loading again" "$root/tests/demo/check_figures.sh"
result "$(grep -c '^ok' "$log" || true)" "$failed"
