#!/usr/bin/env bash
# Compares the figures of the store 'online-retail' in a database where demo/load.sh ran with those that
# demo/verify.py computes from the file: the whole time and each month, to the last digit. Connects as psql does.
set -euo pipefail
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

measures='orders|units|units_returned|gross_sales|returns|net_sales|shipping|total_sales|gift_card_sales'
python3 "$here/../../demo/verify.py" | grep -E "^(....-..\.)?($measures)	" | sort >"$scratch/file"
psql -X -q -v ON_ERROR_STOP=1 -A -t -F '	' -f "$here/figures_by_month.sql" | sort >"$scratch/database"

[ "$(wc -l <"$scratch/file")" = 126 ] || { # nine measures, of thirteen months and in all
    printf 'not ok: demo/verify.py gave %s figures instead of 126\n' "$(wc -l <"$scratch/file")" >&2
    exit 1
}
diff -U 0 --label file --label database "$scratch/file" "$scratch/database" || {
    printf 'not ok: the database and the file differ\n' >&2
    exit 1
}
printf 'ok - the database has the figures of the file, in all and by month\n'
