#!/usr/bin/env bash
# Runs test suites, each the script scripts/suites/NAME.sh: check.sh [NAME...], default all.
# Installs packages first; each suite builds what it needs. A suite ends with the line 'N passed, N failed'; one that does not, could not run, and
# counts as a failure. One suite alone shows its output as it comes; of several, only those that fail show theirs.
# All logs: build/logs/. The last line sums up.
. "$(dirname "$0")/common.sh"

all_suites=(format audit unit fuzz regress pgtap isolation portable docs demo tracker dashboard http tap torture)
suite_seconds=1500 # none comes near this unless it hangs
heartbeat=20       # seconds between signs of life

suites=("$@")
[ $# -gt 0 ] || suites=("${all_suites[@]}")
for suite in "${suites[@]}"; do
    [ -x "$root/scripts/suites/$suite.sh" ] || die "there is no suite '$suite'" "Suites: ${all_suites[*]}"
done

"$root/scripts/packages.sh" "$root/scripts/packages.txt" "$root/scripts/packages-tests.txt"
prepare_state
mkdir -p "$build/logs"
exec 9>"$build/check.lock"
flock -n 9 || die "another check of this checkout is running" "Wait for it, or use a second checkout."

running=
finish() {
    [ -z "$running" ] || kill "$running" 2>/dev/null || true
    wait
    "$root/scripts/cluster.sh" stop test 9>&- || true
}
trap finish EXIT
trap 'exit 130' INT TERM

run_suite() { # NAME: runs it into its log, with signs of life
    local log=$build/logs/$1.log started=$SECONDS beat=$SECONDS status=0
    timeout -k 30 "$suite_seconds" "$root/scripts/suites/$1.sh" </dev/null >"$log" 2>&1 9>&- &
    running=$!
    if [ ${#suites[@]} = 1 ]; then
        tail -n +1 -s 0.2 -f --pid="$running" "$log"
    else
        while kill -0 "$running" 2>/dev/null; do
            sleep 0.2
            [ $((SECONDS - beat)) -lt $heartbeat ] || {
                beat=$SECONDS
                printf '    %s, %d s: %s\n' "$1" $((SECONDS - started)) "$(tail -n 1 "$log" | tr '\r' '\n' | tail -n 1 | cut -c1-90)"
            }
        done
    fi
    wait "$running" || status=$?
    running=
    [ $status != 124 ] || printf 'error: the suite was stopped after %d s\n' "$suite_seconds" >>"$log"
    return $status
}

passed_total=0 failed_total=0 table=()
for suite in "${suites[@]}"; do
    printf '==> %s\n' "$suite"
    started=$SECONDS status=0
    run_suite "$suite" || status=$?
    log=$build/logs/$suite.log
    if ! read -r passed failed < <(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'); then
        passed=0 failed=0
        message="error: the suite ended with status $status and without its count"
        if [ ${#suites[@]} = 1 ]; then echo "$message"; else echo "$message" >>"$log"; fi
    fi
    if [ "$failed" = 0 ] && { [ $status != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
    verdict=ok
    if [ "$failed" != 0 ]; then
        verdict=FAILED
        [ ${#suites[@]} = 1 ] || cat "$log"
    fi
    [ ${#suites[@]} = 1 ] || printf '    %s: %s\n' "$suite" "$verdict"
    passed_total=$((passed_total + passed)) failed_total=$((failed_total + failed))
    table+=("$(printf '%-10s %7d %7d %8d  %s' "$suite" "$passed" "$failed" $((SECONDS - started)) "$verdict")")
done

printf '\n%-10s %7s %7s %8s\n' suite passed failed seconds
printf '%s\n' "${table[@]}"
printf 'total: %d s, logs in build/logs\n\n' $SECONDS
printf '%d passed, %d failed\n' "$passed_total" "$failed_total"
[ "$failed_total" = 0 ]
