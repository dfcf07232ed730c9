#!/usr/bin/env bash
# The browser tracker as it is served, in a real browser: tests/tracker/*.test.mjs, each against a server of its own; what the
# browser sends must be what analytics.validate() takes. TRACKER_TESTS names files instead of all.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/tracker/*.test.mjs"
use_cluster test
export PGDATABASE=tracker PGOPTIONS='-c client_min_messages=warning'
psql -X -q -d postgres -c 'DROP DATABASE IF EXISTS tracker WITH (FORCE)' -c 'CREATE DATABASE tracker'
psql -X -q -c 'CREATE EXTENSION analytics CASCADE'

modules=$build/tracker
if ! cmp -s "$root/tests/tracker/package-lock.json" "$modules/installed"; then
    rm -rf "$modules"
    mkdir -p "$modules"
    cp "$root"/tests/tracker/{package.json,package-lock.json,.npmrc} "$modules/"
    (cd "$modules" && npm ci --omit=dev) ||
        die "a package of tests/tracker/package.json could not be installed" "The first run needs the npm registry (or an npm configuration that finds them)."
    cp "$root/tests/tracker/package-lock.json" "$modules/installed"
fi

cd "$root"
log=$modules/tests.log status=0
export TRACKER_SCRIPT=$build/release/tracker/analytics.js TRACKER_MODULES=$modules
node --test --test-reporter=spec --test-concurrency=1 ${TRACKER_TESTS:-tests/tracker/*.test.mjs} 2>&1 | tee "$log" || status=$?
count() { sed -n "s/^[^a-z]*$1 \([0-9]*\)$/\1/p" "$log" | tail -n 1; }
passed=$(count pass) failed=$(($(count fail) + $(count cancelled)))
[ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
result "${passed:-0}" "$failed"
