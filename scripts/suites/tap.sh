#!/usr/bin/env bash
# Crashes, restarts, standby, dump and restore: tests/tap/t/*.pl with PostgreSQL::Test::Cluster, which makes clusters
# of its own from the private tree. Runs as the server's user. Clusters and server logs: build/state/scratch/tap.
# TAP_JOBS files at a time (2); PROVE_TESTS names files instead of all.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/tap/t/*.pl"
use_tree
checkout=$(readable_checkout)
scratch=$(fresh_scratch tap)
cd "$checkout"
files=(${PROVE_TESTS:-tests/tap/t/*.pl})
pgxs_test=$pg_lib/lib/pgxs/src/test
as_server env -C "$checkout" PATH="$pg_bin:$PATH" PG_REGRESS="$pgxs_test/regress/pg_regress" \
    TESTDIR="$scratch" TESTDATADIR="$scratch/tmp_check" TESTLOGDIR="$scratch/tmp_check/log" \
    perl scripts/suites/tap.pl "${TAP_JOBS:-2}" perl -I "$pgxs_test/perl" -I tests/tap -- "${files[@]}"
