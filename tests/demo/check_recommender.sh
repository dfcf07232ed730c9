#!/usr/bin/env bash
# What the recommender foretells of the store 'online-retail', in a database where demo/load.sh ran: on a time split its NDCG@10 is at least
# 1.5 times popularity's. Popularity's own figures are worked out anew in SQL, from the events. Connects as psql does.
set -euo pipefail
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
result=$(psql -X -q -v ON_ERROR_STOP=1 -A -t -f "$here/recommender.sql")
printf '%s\n' "$result"
if grep -q '^not ok' <<<"$result" || [ "$(grep -c '^ok' <<<"$result")" != 3 ]; then
    exit 1
fi
