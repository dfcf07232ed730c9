#!/usr/bin/env bash
# Eight writers, workers, crashes, and a ledger kept outside: tests/torture/run, which makes its own cluster.
# Runs as the server's user in the checkout (or a copy of it), with the private tree's programs first in PATH and
# SCRATCH naming an empty directory for cluster and logs. It ends with 'N passed, N failed'.
# TORTURE_OPTIONS: see tests/torture/run --help.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/torture/run"
use_tree
checkout=$(readable_checkout)
scratch=$(fresh_scratch torture)
as_server env -C "$checkout" PATH="$pg_bin:$PATH" SCRATCH="$scratch" tests/torture/run ${TORTURE_OPTIONS:-}
