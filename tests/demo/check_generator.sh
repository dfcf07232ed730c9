#!/usr/bin/env bash
# Checks the generator of synthetic traffic: same seed, same bytes, whatever the compiler does; days that do not depend
# on the days around them; valid events that agree in both formats; clear answers to bad options.
#
#     tests/demo/check_generator.sh [GENERATOR]      default: one compiled here
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
sources=("$here"/../../demo/generator/*.cpp)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

checks=0
fail() {
    printf 'not ok: %s\n' "$1" >&2
    exit 1
}
ok() {
    checks=$((checks + 1))
    printf 'ok %d - %s\n' "$checks" "$1"
}
same() { cmp -s "$1" "$2" || fail "$3"; ok "$3"; }
build() { "${CXX:-g++}" -std=c++20 "$@" "${sources[@]}"; }

generator=${1:-}
if [ -z "$generator" ]; then
    build -O2 -o optimised
    generator=./optimised
fi
build -O0 -fsanitize=address,undefined -fno-sanitize-recover=all -o sanitised

small=(--seed 7 --end 2026-01-31 --days 40 --sessions-per-day 50 --currencies EUR,GBP,PLN,SEK)
"$generator" "${small[@]}" >first
"$generator" "${small[@]}" >second
[ -s first ] || fail 'something is written'
same first second 'the same options give the same bytes'
./sanitised "${small[@]}" >second
same first second 'without optimisation and under sanitizers too'
"$generator" "${small[@]/#7/8}" >second
! cmp -s first second || fail 'another seed gives another shop'
ok 'another seed gives another shop'

# The last ten of the forty days, written alone.
"$generator" "${small[@]}" --opened 2025-12-23 --days 10 >second
grep -E '"timestamp":"2026-01-(2[2-9]|3[01])T' first >tail
same tail second 'a run over later days repeats the days it shares with an earlier one'
# The run's end in the middle of a day.
"$generator" "${small[@]}" --opened 2025-12-23 --days 40 --end 2026-01-31T12:00:00Z >second
grep -v -E '"timestamp":"2026-01-31T(1[2-9]|2)' first >head
same head second 'a run that ends at noon is the beginning of one that ends at midnight'

"$generator" "${small[@]}" --late 200 >late
! cmp -s first late || fail 'late events come later'
sort first >expected
sort late >second
same expected second 'late events are the same events in another order'
"$generator" "${small[@]}" --late 200 --duplicates 100 >twice
sort -u twice >second
same expected second 'duplicates are the same events again'
lines=$(wc -l <first) with_duplicates=$(wc -l <twice)
[ "$with_duplicates" -gt $((lines + lines / 20)) ] && [ "$with_duplicates" -lt $((lines + lines / 5)) ] ||
    fail "a tenth of the events come twice, not $lines -> $with_duplicates"
ok 'a tenth of the events come twice'

"$generator" "${small[@]}" --days 365 --opened 2025-02-01 --growth 100 --sessions-per-day 20 |
    grep '"event":"page_view"' | sed 's/.*"timestamp":"\([0-9-]*\).*/\1/' >days
early=$(grep -c -E '^2025-0(2|3)' days) late=$(grep -c -E '^(2025-12|2026-01)' days)
[ $((late * 10)) -gt $((early * 15)) ] && [ $((late * 10)) -lt $((early * 20)) ] ||
    fail "traffic grows by 100 per cent a year, not from $early to $late in ten months"
ok 'traffic grows as asked'

"$generator" --seed 3 --end 2026-01-31 --days 35 --currencies EUR,GBP,PLN,SEK >events.ndjson
"$generator" --seed 3 --end 2026-01-31 --days 35 --currencies EUR,GBP,PLN,SEK --format csv >events.csv
python3 "$here/check_events.py" events.ndjson events.csv >failures || {
    sort failures | uniq -c | head -20 >&2
    fail 'events are valid, plausible and agree in both formats'
}
ok 'events are valid, plausible and agree in both formats'

"$generator" --help >help
for option in $(sed -n 's/^ *if (name == "\(--[a-z-]*\)".*/\1/p; s/.*else if (name == "\(--[a-z-]*\)".*/\1/p' \
    "$here/../../demo/generator/traffic_generator.cpp"); do
    grep -q -- "^  $option " help || fail "--help tells of $option"
done
ok '--help tells of every option'
for bad in '--days 0' '--days many' '--end 2026-02-30' '--end 2026-01-31T25:00:00Z' '--currencies EUR,XXX' \
    '--store a"b' '--nothing 1' '--days' '--format csv --duplicates 5' 'days' '--opened=1889-01-01'; do
    status=0
    # shellcheck disable=SC2086
    "$generator" $bad >out 2>message || status=$?
    [ "$status" = 2 ] && [ ! -s out ] && grep -q -- '--help' message || fail "refuses '$bad' (status $status)"
done
ok 'bad options are refused'
status=0
"$generator" --end 2026-01-31 --days 2 >/dev/full 2>message || status=$?
[ "$status" = 1 ] && grep -q 'cannot write' message || fail "a full disk is an error (status $status)"
ok 'a full disk is an error'
printf '%d checks passed\n' "$checks"
