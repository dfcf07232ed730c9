#!/usr/bin/env bash
# The demo: the generator of synthetic traffic; demo/load.sh into a fresh database of a server that preloads nothing; then all of
# `make demo`, twice, in a cluster of its own, with what it prints for HTTP. The figures of the real orders are compared with
# the file, to the digit. tests/demo/check_*.sh print a line 'ok ...' for each thing that holds.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/demo/check_*.sh"
use_cluster test
"$root/scripts/build.sh" generator
export TRAFFIC_GENERATOR=$build/traffic_generator PGDATABASE=demo_check
export PGOPTIONS='-c client_min_messages=warning'
psql -X -q -d postgres -c 'DROP DATABASE IF EXISTS demo_check WITH (FORCE)' -c 'CREATE DATABASE demo_check'
psql -X -q -c 'CREATE EXTENSION analytics CASCADE'
unset PGOPTIONS

log=$build/demo.log failed=0
: >"$log"
attempt() { # what, command...: a command that fails is a failed test, and what depends on it too
    local what=$1
    shift
    echo "$what"
    "$@" 2>&1 | tee -a "$log" || failed=$((failed + 1))
}
attempt "generator of synthetic traffic" "$root/tests/demo/check_generator.sh"
attempt "loading" "$root/demo/load.sh"
attempt "figures" "$root/tests/demo/check_figures.sh"
attempt "recommender" "$root/tests/demo/check_recommender.sh"

make_demo() { # what `make demo` runs, and what it prints on its standard output
    "$root/scripts/demo.sh" start demo_check >"$build/demo_check.out" || return
    cat "$build/demo_check.out"
}
occupy='import socket, sys
plain = socket.socket()
try:
    plain.bind(("127.0.0.1", int(sys.argv[1])))
    plain.listen()
except OSError:
    pass  # somebody else listens there: as good
print("taken", flush=True)
sys.stdin.read()  # until the suite ends'
attempt "make demo's cluster" "$root/scripts/cluster.sh" destroy demo_check
export TAKEN=8000
coproc occupier { exec python3 -c "$occupy" $TAKEN; }
read -r _ <&"${occupier[0]}"
attempt "make demo" make_demo
eval "$("$root/scripts/cluster.sh" env demo_check)"
export PGDATABASE=demo
attempt "its figures" "$root/tests/demo/check_figures.sh"
attempt "HTTP" "$root/tests/demo/check_http.sh" "$build/demo_check.out"
attempt "make demo-stop" "$root/scripts/cluster.sh" stop demo_check
attempt "make demo, again" make_demo
attempt "its figures, again" "$root/tests/demo/check_figures.sh"
attempt "HTTP, again" "$root/tests/demo/check_http.sh" "$build/demo_check.out"
"$root/scripts/cluster.sh" stop demo_check
result "$(grep -c '^ok' "$log" || true)" "$failed"
