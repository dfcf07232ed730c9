#!/usr/bin/env bash
# Inside namespaces of its own (docker/check.sh): starts the image in a directory as a container would, and asks it. The network
# has nothing but the loopback interface, so that 0.0.0.0 is nobody else's. Prints 'ok - ...' or 'not ok - ...', at last 'end'.
set -euo pipefail

image=$1
field() { python3 -c 'import json, sys; v = json.load(open(sys.argv[1]))[sys.argv[2]]; print("\n".join(v) if isinstance(v, list) else v)' "$json" "$1"; }
json=$2
user=$(field user)
mapfile -t environment < <(field environment)
mapfile -t entrypoint < <(field entrypoint)
mapfile -t health < <(field health)

ip link set lo up
mount -t proc proc "$image/proc"
mount -t tmpfs -o size=256m tmpfs "$image/dev/shm"
mkdir -p "$image/run/secrets"
volume=$image/var/lib/analytics
rm -rf "${volume:?}"/data "$volume"/data.new
printf 'sesame\n' >"$image/run/secrets/password"

inside() { # [NAME=VALUE...] command...: as the container's user
    chroot --userspec="$user:$user" "$image" env -i "${environment[@]}" POSTGRES_DB=shop "$@"
}
check() { # what, command...
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then printf 'ok - %s\n' "$what"; else printf 'not ok - %s\n%s\n' "$what" "$output"; fi
}
fails_with() { # text, command...
    local output
    if output=$("${@:2}" 2>&1); then
        printf 'it did not fail: %s\n' "$output"
        return 1
    fi
    grep -qF -- "$1" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}
server_log=$image/tmp/server.log
start() { # [NAME=VALUE...]
    chroot --userspec="$user:$user" "$image" env -i "${environment[@]}" POSTGRES_DB=shop "$@" "${entrypoint[@]}" >"$server_log" 2>&1 &
    server=$!
    until inside "${health[@]}" >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || { cat "$server_log"; return 1; }
        sleep 0.2
    done
}
stop() { # with the signal of the image; it is a child of this shell, so not within check
    local status=0
    kill -INT "$server"
    wait "$server" || status=$?
    if [ $status = 0 ]; then echo "ok - it stops"; else echo "not ok - it stops: status $status"; fi
}
asks() { [ "$(inside psql -X -A -t -q -d shop -c "$1")" = "$2" ] || { inside psql -X -A -t -d shop -c "$1"; return 1; }; }
over_tcp() { inside PGPASSWORD="$1" psql -X -A -t -h 127.0.0.1 -U "$2" -d shop -c 'SELECT 1'; }

check "the user is not root" test "$user" != root
check "without a password it does not start, and says what to do" fails_with "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE." inside "${entrypoint[@]}"
check "a secret that is not there is named" fails_with "which user postgres cannot read" inside POSTGRES_PASSWORD_FILE=/run/secrets/none "${entrypoint[@]}"
check "nothing is left of that" test ! -e "$volume/data"
mkdir -p "$volume/data.new/base" && chown -R 999:999 "$volume/data.new" # as of a first start that was cut off
start POSTGRES_PASSWORD_FILE=/run/secrets/password ANALYTICS_ANON_ROLE="web's anon" ANALYTICS_AUTHENTICATOR_PASSWORD=letmein
echo "ok - it starts, after a first start that was cut off, and its health check passes"

postmaster=$(head -n 1 "$volume/data/postmaster.pid")
check "the server is what the container started" test "$postmaster" = "$server"
check "it runs as uid 999" test "$(stat -c %u "/proc/$postmaster")" = 999
check "no password in its environment" fails_with "" grep -qaE 'sesame|letmein' "/proc/$postmaster/environ"
check "no password in its log" fails_with "" grep -qE 'sesame|letmein' "$server_log"
check "it listens on all addresses of the container" asks "SHOW listen_addresses" '*'
check "the extension is there" asks "SELECT count(*) FROM pg_extension WHERE extname = 'analytics'" 1
check "the launcher runs" asks "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics launcher'" 1
check "the authenticator logs in, inherits nothing, and is nobody" asks \
    "SELECT rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'analytics_authenticator'" 't|f|f|f|f|f'
check "it may become the anonymous role" asks "SELECT pg_has_role('analytics_authenticator', 'web''s anon', 'MEMBER')" t
check "which cannot log in, and reads reports" asks \
    "SELECT rolcanlogin, has_table_privilege(oid, 'analytics.sales_daily', 'SELECT'), has_table_privilege(oid, 'analytics.event', 'INSERT') FROM pg_roles WHERE rolname = 'web''s anon'" 'f|t|f'
check "the anonymous role is set" asks "SELECT setting FROM pg_file_settings WHERE name = 'analytics.http_anon_role'" "web's anon"
check "TCP with the password" over_tcp sesame postgres
check "TCP without it" fails_with "password authentication failed" over_tcp wrong postgres
check "the authenticator's, for PostgREST" over_tcp letmein analytics_authenticator
check "an event counts" asks "SELECT accepted FROM analytics.ingest('{\"event\":\"purchase\",\"order_id\":\"1\",\"items\":[{\"product_id\":\"mug\",\"price\":\"9.50\"}]}')" 1
check "in the reports" asks "SELECT sum(net_sales) FROM analytics.sales_daily" 9.50
inside psql -X -q -d shop -c "ALTER SYSTEM SET work_mem = '7MB'"
http() { # text, curl's options, path: the answer has the text
    local output
    output=$(curl -sS --max-time 30 "${@:2:$#-2}" "http://127.0.0.1:8000${*: -1}") && grep -qF -- "$1" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}
key=$(inside psql -X -A -t -q -d shop -c "SELECT analytics.create_ingest_key('shop')")
check "HTTP says that all is well" http '{"status":"ok","database":"shop",' /api/health
check "an order comes in over HTTP" http '{"accepted":1,"duplicates":0,"rejected":0,"errors":[]}' -H "Authorization: Bearer $key" \
    -H 'Content-Type: application/json' -d '{"event":"purchase","order_id":"2","items":[{"product_id":"mug","price":"0.50"}]}' /api/ingest
check "not without a key" http '"code":"no_key"' -d '{}' -H 'Content-Type: application/json' /api/ingest
check "the anonymous role sees the figures" http '"totals": {"delta": null, "value": 10.00,' '/api/visualize?metric=net_sales'
check "the tracker is there" http page_view /analytics.js
check "the dashboard is there" http '<div id="root">' /
script=$(curl -sS http://127.0.0.1:8000/ | sed -n 's|.*src="\(/assets/[^"]*\)".*|\1|p')
check "with what it loads" http "Content-Encoding: gzip" -I --compressed "$script"
stop
check "after which its health check fails" fails_with "" inside "${health[@]}"
start
check "it starts again without any password, with its data" asks "SELECT sum(net_sales) FROM analytics.sales_daily" 10.00
check "over HTTP, too" http '"value": 10.00,' '/api/visualize?metric=net_sales'
check "and settings" asks "SHOW work_mem" 7MB
inside psql -X -q -d shop -c 'SET client_min_messages = error' -c 'DROP EXTENSION analytics'
check "without the extension it is not healthy" fails_with "division by zero" inside "${health[@]}"
stop
echo end
