#!/usr/bin/env bash
# The browser tracker as it is served, in a real browser: tests/tracker/*.test.mjs, each against a server of its own; what the
# browser sends must be what analytics.validate() takes. server.test.mjs has the extension's own HTTP server, that of the
# cluster `http`. TRACKER_TESTS names files instead of all.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/tracker/*.test.mjs"
use_cluster test
export PGDATABASE=tracker PGOPTIONS='-c client_min_messages=warning'
psql -X -q -d postgres -c 'DROP DATABASE IF EXISTS tracker WITH (FORCE)' -c 'CREATE DATABASE tracker'
psql -X -q -c 'CREATE EXTENSION analytics CASCADE'

"$root/scripts/cluster.sh" start http
TRACKER_SERVER=$(eval "$("$root/scripts/cluster.sh" env http)" && printf '{"PGHOST":"%s","PGPORT":"%s"}' "$PGHOST" "$PGPORT")
export TRACKER_SERVER

use_modules "$root/tests/tracker" tracker

cd "$root"
log=$modules/tests.log status=0
export TRACKER_SCRIPT=$build/release/tracker/analytics.js TRACKER_MODULES=$modules
node --test --test-reporter=spec --test-concurrency=1 ${TRACKER_TESTS:-tests/tracker/*.test.mjs} 2>&1 | tee "$log" || status=$?
"$root/scripts/cluster.sh" stop http
count() { sed -n "s/^[^a-z]*$1 \([0-9]*\)$/\1/p" "$log" | tail -n 1; }
passed=$(count pass) failed=$(($(count fail) + $(count cancelled)))
[ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
result "${passed:-0}" "$failed"
