#!/usr/bin/env bash
# Has the demo's database answered over HTTP, and prints how to try it: demo_http.sh CLUSTER, which has the settings of
# scripts/clusters/demo.conf and runs. May run again at any time.
#
# The port is 8000 of 127.0.0.1, or the next one that is free. The cluster keeps the port that it has found, as long as nobody
# takes it while the demo is stopped.
. "$(dirname "$0")/common.sh"
eval "$("$root/scripts/cluster.sh" env "$1")"
export PGDATABASE=demo
log=$build/state/clusters/$1/log

readonly first=8000 ports=100 patience=60 # seconds, whatever else the machine does
sql() { psql -X -q -v ON_ERROR_STOP=1 -A -t "$@"; }
value_of() { sql -c "$1"; }

# Who comes without a token is `web`, which reads reports and nothing else.
sql <<'SQL'
SET client_min_messages = warning;
SELECT format('CREATE ROLE %I %s', name, kind) FROM (VALUES ('analytics_authenticator', 'LOGIN NOINHERIT'), ('web', 'NOLOGIN')) AS role (name, kind)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
GRANT web TO analytics_authenticator;
SELECT analytics.grant_access('web', 'reader') \g /dev/null
SQL

# What the gateway says of itself, or nothing while there is none: 'served' or 'taken', and the port.
gateway() {
    value_of "SELECT CASE WHEN query LIKE 'serving %' THEN 'served ' ELSE 'taken ' END || substring(query FROM 'port ([0-9]+)')
                FROM pg_stat_activity WHERE backend_type = 'analytics gateway' AND query ~ 'port [0-9]+'"
}
listens() { # PORT: whether it listens there; waits until it does or cannot
    local end=$((SECONDS + patience)) word
    while :; do
        word=$(gateway)
        [ "$word" != "served $1" ] || return 0
        [ "$word" != "taken $1" ] || return 1
        [ $SECONDS -lt $end ] || die "the HTTP server does not start" "The cluster's log says why: $log"
        sleep 0.1
    done
}
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
answers() { # PORT: whether it serves the database, with all executors
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    grep -q '"status":"ok"' <&3
}

port=$(value_of "SHOW analytics.http_port")
if [ "$port" = 0 ] || ! listens "$port"; then
    for ((port = first; port < first + ports; port++)); do
        port_is_free "$port" || continue
        sql -c "ALTER SYSTEM SET analytics.http_port = $port" -c "SELECT pg_reload_conf()" -o /dev/null
        ! listens "$port" || break # somebody else may have been faster
    done
    [ $port -lt $((first + ports)) ] || die "no port from $first to $((port - 1)) is free" "Stop something that listens there."
fi
end=$((SECONDS + patience))
until (answers "$port") 2>/dev/null; do
    [ $SECONDS -lt $end ] || die "the HTTP server does not answer as it should" "Ask it: curl http://127.0.0.1:$port/api/health"
    sleep 0.1
done

address=http://127.0.0.1:$port taken=
dashboard="The dashboard:

    $address/?store=online-retail
"
[ "${ANALYTICS_DASHBOARD:-ON}" != OFF ] || dashboard=
[ "$port" = $first ] || taken=" (port $first was taken)"
cat <<END
It answers HTTP on $address$taken, for this machine alone and without a key.
$dashboard
To try it:

    curl $address/api/ingest -H 'Content-Type: application/json' -d '{"event":"purchase","order_id":"1001","items":[{"product_id":"mug","price":"12.50","quantity":2}]}'
    curl '$address/api/visualize?store=online-retail&metric=net_sales&grain=month&from=2010-12-01&to=2012-01-01'
    curl $address/api/health

Your own events go to the store 'main', apart from the shop's: ask for them by '$address/api/visualize?metric=orders'.

END
