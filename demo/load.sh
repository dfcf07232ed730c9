#!/usr/bin/env bash
# Loads the demo into a database that has the extension, then prints a few figures.
#
# Connects as psql does: PGHOST, PGPORT, PGUSER, PGDATABASE. May run again at any time: what is there already is left
# as it is, and the synthetic traffic is brought up to now. TRAFFIC_GENERATOR names the built generator
# (default: build/release/traffic_generator in the checkout; it is compiled for this run where there is none).
set -euo pipefail
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly retail_events=24561  # invoices that are loaded: 20,725 orders and 3,836 refunds
readonly seed=1 first_days=30

say() { printf '==> %s\n' "$*" >&2; }
die() { # message what-to-do
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }
value_of() { sql -A -t -c "$1"; }

command -v psql >/dev/null || die "there is no psql" "Install the package postgresql-client."
command -v xz >/dev/null || die "there is no xz" "Install the package xz-utils."
extension=$(value_of "SELECT count(*) FROM pg_extension WHERE extname = 'analytics'")
[ "$extension" = 1 ] || die "the database has no extension 'analytics'" "CREATE EXTENSION analytics CASCADE;"

generator=${TRAFFIC_GENERATOR:-$here/../build/release/traffic_generator}
if [ ! -x "$generator" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    say "compiling the generator of synthetic traffic"
    generator=$scratch/traffic_generator
    "${CXX:-g++}" -std=c++20 -O2 -o "$generator" "$here"/generator/*.cpp
fi

# Before anything is loaded this takes no time, and gives the rollups their starting point: what is loaded after it is
# merged as news, which is cheaper than building them from all there is.
value_of "SELECT analytics.refresh()" >/dev/null

# 1. The real orders.
known=$(value_of "SELECT coalesce(sum(sign), 0) FROM analytics.event WHERE store_id = 'online-retail' AND line = 1")
if [ "$known" -ge "$retail_events" ]; then
    say "online-retail: its orders are there"
else
    say "online-retail: reading a year of orders (UCI Online Retail)"
    xz -dc "$here/online_retail.csv.xz" | sql -f "$here/online_retail.sql"
fi

# 2. The synthetic traffic, from the last day that is there (it may have ended early) to this moment.
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
window=$(value_of "
    SELECT to_char(coalesce(min(day), today - ($first_days - 1)), 'YYYY-MM-DD'),
           coalesce(today - max(day) + 1, $first_days)
    FROM date(timestamptz '$now' AT TIME ZONE 'UTC') AS today
    LEFT JOIN (SELECT date(occurred_at AT TIME ZONE 'UTC') AS day FROM analytics.event
               WHERE store_id = 'synthetic-traffic' AND line = 1 AND sign = 1) AS known ON true
    GROUP BY today")
opened=${window%|*} days=${window#*|}
if [ "$days" -ge 1 ]; then
    say "synthetic-traffic: generating $days day(s) up to $now"
    "$generator" --store synthetic-traffic --seed "$seed" --opened "$opened" --days "$days" --end "$now" |
        sql -f "$here/synthetic_traffic.sql"
fi

# 3. Rollups.
say "refreshing the rollups"
[ "$known" != 0 ] || value_of "ANALYZE analytics.event" # autovacuum would, in a minute or so
value_of "SELECT analytics.refresh()" >/dev/null

# 4. Models, as each night would train them; the portable edition has none that are C++.
trainable=$(value_of "SELECT available FROM analytics.capabilities() WHERE name = 'library'")
if [ "$trainable" = t ] && [ "$(value_of "SELECT count(*) FROM analytics.model WHERE kind = 'recommender'")" = 0 ]; then
    say "training the models: customer value, groups of customers, recommendations"
    value_of "SELECT (analytics.fit_clusters('groups', store => 'online-retail')).status" >/dev/null
    sql -q -c "CALL analytics.run_models()"
fi

# 5. Figures.
must_agree=false
[ "$known" != 0 ] || must_agree=true
sql -v must_agree="$must_agree" -f "$here/figures.sql"
