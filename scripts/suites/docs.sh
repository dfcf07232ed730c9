#!/usr/bin/env bash
# What the documentation says: the SQL and the HTTP of pages and what comes back, lists of settings, functions and errors, and what BI
# tools read. WRITE=1 writes docs/dbt/sources.yml anew.
. "$(dirname "$0")/lib.sh"

pages=(docs/reports.md docs/segments.md docs/customer-value.md docs/clusters.md docs/baskets.md docs/recommendations.md)
pages_with_http=(README.md docs/http.md)
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
tally "$venv/bin/python" tests/docs/check_lists.py
"$root/scripts/cluster.sh" start docs
eval "$("$root/scripts/cluster.sh" env docs)"
tally "$venv/bin/python" tests/docs/check_pages.py "${pages_with_http[@]}"
"$root/scripts/cluster.sh" stop docs
result $passed $failed
