#!/usr/bin/env bash
# The portable edition: the SQL files without the library, installed by a database owner who is no superuser;
# tests/portable/*.sql are pgTAP files, each in a database of its own.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/portable/*.sql"
use_cluster test
cd "$root"
! grep -nE 'LANGUAGE +c\b|MODULE_PATHNAME' build/sql/portable/analytics-portable.sql ||
    die "the portable edition declares a C function" "C functions belong in sql/functions/native.sql alone."
psql -X -q -c 'DROP ROLE IF EXISTS portable_owner' 2>/dev/null ||
    psql -X -q -Atc "SELECT format('DROP DATABASE %I WITH (FORCE);', datname) FROM pg_database
        WHERE datdba = 'portable_owner'::regrole" | { cat; echo 'DROP ROLE portable_owner;'; } | psql -X -q
psql -X -q -c 'CREATE ROLE portable_owner LOGIN'
TAP_COMMENTS=1 perl scripts/suites/tap.pl 1 scripts/suites/pgtap_file.sh portable -- tests/portable/*.sql
