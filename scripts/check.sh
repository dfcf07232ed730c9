#!/usr/bin/env bash
# Runs test suites, each the script scripts/suites/NAME.sh: check.sh [NAME...], default all.
# Installs packages first. One suite alone builds what it needs and shows its output as it comes. Several run in two lanes beside each
# other, on what was built before them, and only those that fail show their output. A suite ends with the line 'N passed, N failed';
# one that does not, could not run, and counts as a failure. All logs: build/logs/. The last line sums up.
. "$(dirname "$0")/suites/lib.sh"

# Suites that share a cluster share a lane: the first has the cluster `test`, the second all others.
lanes=("regress pgtap isolation portable docs demo format" "audit unit fuzz http tracker dashboard tap torture")
suite_seconds=2400 # none comes near this unless it hangs
heartbeat=20       # seconds between signs of life

all_suites=(${lanes[*]})
suites=("$@")
[ $# -gt 0 ] || suites=("${all_suites[@]}")
for suite in "${suites[@]}"; do
    [ -x "$root/scripts/suites/$suite.sh" ] || die "there is no suite '$suite'" "Suites: ${all_suites[*]}"
done

"$root/scripts/packages.sh" "$root/scripts/packages.txt" "$root/scripts/packages-tests.txt"
prepare_state
logs=$build/logs
mkdir -p "$logs"
exec 9>"$build/check.lock"
flock -n 9 || die "another check of this checkout is running" "Wait for it, or use a second checkout."

running=()
finish() {
    [ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null || true
    wait
    "$root/scripts/cluster.sh" stop test 9>&- || true
}
trap finish EXIT
trap 'exit 130' INT TERM

# Runs a suite into its log, and leaves its passed, failed, seconds and verdict in a file.
run_suite() { # NAME
    local log=$logs/$1.log started=$SECONDS status=0 passed failed verdict=ok
    timeout -k 30 "$suite_seconds" "$root/scripts/suites/$1.sh" </dev/null >"$log" 2>&1 9>&- &
    trap 'kill $! 2>/dev/null; wait; exit 130' TERM
    wait $! || status=$?
    [ $status != 124 ] || printf 'error: the suite was stopped after %d s\n' "$suite_seconds" >>"$log"
    if ! read -r passed failed < <(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'); then
        passed=0 failed=0
        echo "error: the suite ended with status $status and without its count" >>"$log"
    fi
    if [ "$failed" = 0 ] && { [ $status != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
    [ "$failed" = 0 ] || verdict=FAILED
    echo "$passed $failed $((SECONDS - started)) $verdict" >"$logs/$1.result"
    rm -f "$logs/$1.running"
}

run_lane() { # NAME...
    for suite in "$@"; do
        touch "$logs/$suite.running"
        run_suite "$suite"
    done
}

told=" "
tell() { # of each suite that ended since: how, and what it said where it failed
    local suite failed seconds verdict
    for suite in "${suites[@]}"; do
        [ -e "$logs/$suite.result" ] && [[ "$told" != *" $suite "* ]] || continue
        told+="$suite "
        read -r _ failed seconds verdict <"$logs/$suite.result"
        [ "$failed" = 0 ] || cat "$logs/$suite.log"
        printf '==> %s: %s, %d s\n' "$suite" "$verdict" "$seconds"
    done
}

in_lane() { # LANE: those asked for
    local suite
    for suite in $1; do
        [[ " ${suites[*]} " != *" $suite "* ]] || echo "$suite"
    done
}

rm -f "$logs"/*.running "$logs"/*.result
if [ ${#suites[@]} = 1 ]; then
    run_suite "${suites[0]}" &
    running=($!)
    touch "$logs/${suites[0]}.log"
    tail -n +1 -s 0.2 -f --pid="$!" "$logs/${suites[0]}.log"
else
    echo "==> building"
    if ! (use_tree && use_venv) >"$logs/build.log" 2>&1 9>&-; then
        cat "$logs/build.log"
        die "the extension could not be built"
    fi
    export ANALYTICS_BUILT=1
    for lane in "${lanes[@]}"; do
        run_lane $(in_lane "$lane") &
        running+=($!)
    done
    beat=$SECONDS
    while [ -n "$(jobs -r)" ]; do
        sleep 0.2
        tell
        [ $((SECONDS - beat)) -lt $heartbeat ] || {
            beat=$SECONDS
            for file in "$logs"/*.running; do
                suite=$(basename "$file" .running)
                [ ! -e "$file" ] || printf '    %d s, %s: %s\n' $SECONDS "$suite" "$(tail -n 1 "$logs/$suite.log" | tr '\r' '\n' | tail -n 1 | cut -c1-90)"
            done
        }
    done
    tell
fi
wait
running=()

passed_total=0 failed_total=0
printf '\n%-10s %7s %7s %8s\n' suite passed failed seconds
for suite in "${suites[@]}"; do
    read -r passed failed seconds verdict 2>/dev/null <"$logs/$suite.result" || { passed=0 failed=1 seconds=0 verdict=FAILED; }
    passed_total=$((passed_total + passed)) failed_total=$((failed_total + failed))
    printf '%-10s %7d %7d %8d  %s\n' "$suite" "$passed" "$failed" "$seconds" "$verdict"
done
printf 'total: %d s, logs in build/logs\n\n' $SECONDS
printf '%d passed, %d failed\n' "$passed_total" "$failed_total"
[ "$failed_total" = 0 ]
