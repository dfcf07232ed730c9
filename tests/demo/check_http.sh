#!/usr/bin/env bash
# The commands that `make demo` prints for HTTP work as they are: check_http.sh OUTPUT, a file with what it printed.
# Connects as psql does, to the demo's database. TAKEN names a port that it must not have used.
set -euo pipefail
export LC_ALL=C.UTF-8

fail() {
    printf 'not ok: %s\n' "$1" >&2
    exit 1
}
mapfile -t commands < <(grep -E '^    curl ' "$1" | sed 's/^ *//')
[ ${#commands[@]} = 3 ] || fail "$(printf 'the demo prints %s commands instead of 3' ${#commands[@]})"
port=$(sed -n 's|^It answers HTTP on http://127.0.0.1:\([0-9]*\).*|\1|p' "$1")
if [ -n "${TAKEN:-}" ]; then
    [ "$port" != "$TAKEN" ] || fail "it says that it has port $TAKEN, which is taken"
    grep -q "(port $TAKEN was taken)" "$1" || fail "it does not say that port $TAKEN was taken"
    printf 'ok - a port that is taken is passed over, and said\n'
fi
page=$(sed -n "s|^    \(http://127.0.0.1:$port/.*\)|\1|p" "$1")
[[ $(curl -sS "$page") == *'<div id="root">'* ]] || fail "the dashboard is not at the address that it names: $page"
printf 'ok - the dashboard is where it says\n'
sales() { psql -X -A -t -q -v ON_ERROR_STOP=1 -c "SELECT coalesce(sum(gross_sales), 0) FROM analytics.sales_daily WHERE store_id = 'main'"; }

before=$(sales)
answer=$(bash -c "${commands[0]} -sS")
case $before in
    0) wanted='{"accepted":1,"duplicates":0,"rejected":0,"errors":[]}' ;;
    *) wanted='{"accepted":0,"duplicates":1,"rejected":0,"errors":[]}' ;; # the same order again
esac
[ "$answer" = "$wanted" ] || fail "the order is answered $answer"
[ "$(sales)" = 25.00 ] || fail "gross_sales of the store main is $(sales) instead of 25.00"
printf 'ok - an order comes in over HTTP and counts once\n'

answer=$(bash -c "${commands[1]} -sS")
total=$(python3 -c 'import decimal, json, sys; print(json.load(sys.stdin, parse_float=decimal.Decimal)["totals"]["value"])' <<<"$answer") ||
    fail "visualize is answered $answer"
[ "$total" = 9478662.064 ] || fail "visualize says $total instead of the file's 9478662.064"
printf 'ok - visualize has the net sales of the file\n'

answer=$(bash -c "${commands[2]} -sS")
[[ $answer == '{"status":"ok","database":"demo",'* ]] || fail "health is answered $answer"
printf 'ok - health\n'

differences=$(psql -X -A -t -q -v ON_ERROR_STOP=1 -c "SELECT * FROM analytics.reconcile('main')")
[ -z "$differences" ] || fail "reconcile() of the store main: $differences"
printf 'ok - the store main is reconciled\n'
