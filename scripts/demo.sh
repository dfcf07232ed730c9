#!/usr/bin/env bash
# The demo: from a bare Debian to a year of a shop's orders in a private cluster. Run again, it only starts what is
# not running, brings the synthetic traffic up to now and shows the figures. It loads anew when the extension's SQL
# or the demo's data have changed. demo.sh start [CLUSTER]: the tests have a cluster of their own.
. "$(dirname "$0")/common.sh"
cluster=${2:-demo}

"$root/scripts/packages.sh"
say "building"
"$root/scripts/build.sh" release
"$root/scripts/build.sh" generator
"$root/scripts/tree.sh"
prepare_state
"$root/scripts/cluster.sh" start "$cluster"
eval "$("$root/scripts/cluster.sh" env "$cluster")"
sql() { psql -X -q -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning' "$@"; }

version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$root/analytics.control")
created=$state/clusters/$cluster/created
wanted=$(find "$build/sql/analytics--$version.sql" "$root/demo" -type f ! -name figures.sql ! -name '*.md' ! -name '*.pyc' -print0 |
    sort -z | xargs -0 cat | sha256sum)
if [ "$(cat "$created" 2>/dev/null)" != "$wanted" ]; then
    say "creating the database 'demo' with the extension"
    as_server rm -f "$created"
    sql -c 'DROP DATABASE IF EXISTS demo WITH (FORCE)' -c 'CREATE DATABASE demo'
    sql -d demo -c 'CREATE EXTENSION analytics CASCADE'
    printf '%s\n' "$wanted" | as_server tee "$created" >/dev/null
fi
export PGDATABASE=demo TRAFFIC_GENERATOR=$build/traffic_generator
"$root/demo/load.sh"
say "starting HTTP"
http=$("$root/scripts/demo_http.sh" "$cluster")

printf '\nThe demo runs in a private PostgreSQL on port %s. To look around:\n\n    make psql\n\nor with any client:\n\n' "$PGPORT"
printf '    psql -h %q -p %s -U postgres demo\n' "$PGHOST" "$PGPORT"
printf '    PGPASSWORD=%s psql -h 127.0.0.1 -p %s -U postgres demo\n\n' "$(cat "$state/clusters/$cluster/password")" "$PGPORT"
printf '%s\n\n' "$http"
printf "'make demo-stop' stops it, 'make demo' starts it again, 'make demo-destroy' removes it.\n"
