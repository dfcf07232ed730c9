#!/usr/bin/env bash
# Runs bench/run against the cluster 'bench', whose connection is in the environment, and stops the cluster after it.
. "$(dirname "$0")/common.sh"

[ -x "$root/bench/run" ] || die "bench/run does not exist" "There is nothing to measure yet."
"$root/scripts/cluster.sh" start bench
trap '"$root/scripts/cluster.sh" stop bench' EXIT
eval "$("$root/scripts/cluster.sh" env bench)"
"$root/bench/run" "$@"
