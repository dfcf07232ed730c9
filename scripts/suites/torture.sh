#!/usr/bin/env bash
# Eight writers, workers, crashes, and a ledger kept outside: tests/torture/run, which makes its own cluster.
# Runs as the server's user in the checkout (or a copy of it), with the private tree's programs first in PATH and
# SCRATCH naming an empty directory for cluster and logs. It ends with 'N passed, N failed'.
# TORTURE_OPTIONS: see tests/torture/run --help.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/torture/run"
use_tree
use_venv
checkout=$(readable_checkout)
scratch=$(fresh_scratch torture)
# The server's user has a python3 of its own, and may be unable to read the virtual environment.
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
if ! as_server test -r "$packages/psycopg/__init__.py"; then
    rm -rf "$checkout/build/python"
    mkdir -p "$checkout/build"
    cp -r "$packages" "$checkout/build/python"
    packages=$checkout/build/python
    chmod -R a+rX "$packages"
fi
as_server env -C "$checkout" PATH="$pg_bin:$PATH" PYTHONPATH="$packages" SCRATCH="$scratch" tests/torture/run \
    ${TORTURE_OPTIONS:-}
