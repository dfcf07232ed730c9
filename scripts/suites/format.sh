#!/usr/bin/env bash
# Layout of all C++ sources (clang-format), static checks of the core and of net (clang-tidy), and whether every script
# can be parsed, those of bench/ too, which no other suite runs. 'make format' repairs layout.
. "$(dirname "$0")/lib.sh"
"$root/scripts/build.sh" release help >/dev/null # sets the build up and builds nothing: clang-tidy reads its compile commands
cd "$root"

is_laid_out() { # file
    local difference
    difference=$(diff -u --label "$1" --label "$1, laid out" "$1" <(clang-format "$1")) && return
    printf '%s\n' "$difference" | head -n 20
    echo "$1: not as .clang-format says; 'make format' repairs it"
    return 1
}
# In a shell of its own for xargs: one file, its findings in one piece, and a line for those without any.
tidy='out=$(clang-tidy --quiet -p build/release --warnings-as-errors="*" --extra-arg=-Wno-unknown-warning-option "$1" 2>&1) &&
    echo "tidy: $1" || { grep -v "warnings generated" <<<"$out"; echo "not tidy: $1"; }'

mapfile -t sources < <(find src tests bench demo \( -name '*.cpp' -o -name '*.hpp' \) -not -path 'tests/fuzz/corpus/*' | sort)
[ ${#sources[@]} -gt 0 ] || die "no tests found: no C++ sources"
passed=0 failed=0
for file in "${sources[@]}"; do
    if is_laid_out "$file"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
is_parsed() { # file
    case $1 in
    *.py) python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$1" ;;
    *.js | *.mjs) node --check "$1" ;;
    *) bash -n "$1" ;;
    esac && return
    echo "$1: cannot be parsed"
    return 1
}
mapfile -t scripts < <({ find . -path ./build -prune -o -path '*/node_modules' -prune -o \
    \( -name '*.py' -o -name '*.sh' -o -name '*.js' -o -name '*.mjs' \) -print; grep -rlE '^#!.*bash' .ci bench scripts; } | sort -u)
for file in "${scripts[@]}"; do
    if is_parsed "$file"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT
find src/core src/net -name '*.cpp' -print0 | sort -z | xargs -0 -n 1 -P "$jobs" bash -c "$tidy" tidy | tee "$findings"
passed=$((passed + $(grep -c '^tidy: ' "$findings" || true)))
failed=$((failed + $(grep -c '^not tidy: ' "$findings" || true)))
result $passed $failed
