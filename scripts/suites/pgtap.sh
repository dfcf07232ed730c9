#!/usr/bin/env bash
# Contracts and privileges: tests/pgtap/*.sql, each in a fresh database that has analytics and pgtap (schema public).
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/pgtap/*.sql"
use_cluster test
cd "$root"
TAP_COMMENTS=1 perl scripts/suites/tap.pl 1 scripts/suites/pgtap_file.sh extension -- ${PGTAP_TESTS:-tests/pgtap/*.sql}
