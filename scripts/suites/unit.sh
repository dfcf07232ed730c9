#!/usr/bin/env bash
# Unit tests of the core under AddressSanitizer and UndefinedBehaviorSanitizer. UNIT_TESTS is a GoogleTest filter.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/unit/*.cpp"
"$root/scripts/build.sh" sanitize
log=$build/sanitize/unit_tests.log status=0
UBSAN_OPTIONS=print_stacktrace=1 "$build/sanitize/unit_tests" --gtest_filter="${UNIT_TESTS:-*}" 2>&1 | tee "$log" || status=$?
passed=$(grep -c '^\[       OK \]' "$log" || true)
failed=$(grep -cE '^\[  FAILED  \] .*\([0-9]+ ms\)$' "$log" || true)
[ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1 # a sanitizer ended the run
result "$passed" "$failed"
