#!/usr/bin/env bash
# What the documentation says: the SQL of pages and its results, and what BI tools read. WRITE=1 writes docs/dbt/sources.yml anew.
. "$(dirname "$0")/lib.sh"

pages=(README.md docs/reports.md)
use_cluster test
use_venv
cd "$root"
passed=0 failed=0
tally() { # command: adds what its last line counts; one that ends without is a failure
    local output p f
    output=$("$@" 2>&1) || true
    printf '%s\n' "$output"
    if read -r p f < <(tail -n 1 <<<"$output" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'); then
        passed=$((passed + p)) failed=$((failed + f))
    else
        failed=$((failed + 1))
    fi
}
tally "$venv/bin/python" tests/docs/check_pages.py "${pages[@]}"
tally "$venv/bin/python" tests/docs/check_bi.py ${WRITE:+--write}
result $passed $failed
