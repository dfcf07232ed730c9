#!/usr/bin/env bash
# Fuzzes what reads foreign bytes: each tests/fuzz/fuzz_NAME.cpp for FUZZ_SECONDS, from the seeds in
# tests/fuzz/corpus/NAME and the words in tests/fuzz/NAME.dict, if any. What the fuzzer finds worth keeping stays in
# build/fuzz/corpus; an input that breaks something is left in build/fuzz as fuzz_NAME-crash-*, and running the fuzzer
# on that file shows it again.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/fuzz/fuzz_*.cpp"
"$root/scripts/build.sh" fuzz
passed=0 failed=0
for source in "$root"/tests/fuzz/fuzz_*.cpp; do
    name=$(basename "$source" .cpp)
    found=$build/fuzz/corpus/${name#fuzz_} seeds=$root/tests/fuzz/corpus/${name#fuzz_} log=$build/fuzz/$name.log
    mkdir -p "$found"
    [ -d "$seeds" ] || die "$name has no seeds" "Put some inputs into tests/fuzz/corpus/${name#fuzz_}."
    options=()
    [ ! -e "$root/tests/fuzz/${name#fuzz_}.dict" ] || options=(-dict="$root/tests/fuzz/${name#fuzz_}.dict")
    if "$build/fuzz/$name" "${options[@]}" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz/$name-" "$found" "$seeds" 2>&1 | tee "$log" && grep -q '^stat::number_of_executed_units: [1-9]' "$log"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
result $passed $failed
