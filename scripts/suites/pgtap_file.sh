#!/usr/bin/env bash
# Runs one pgTAP file in a fresh database: pgtap_file.sh extension|portable FILE. The connection is in the environment.
#   extension   CREATE EXTENSION analytics; the file runs as the superuser
#   portable    the portable edition, installed and tested by a database owner who is no superuser
set -euo pipefail

edition=$1 file=$2
database=pgtap_$(basename "$file" .sql)
psql() { command psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

export PGOPTIONS='-c client_min_messages=warning'
psql -d postgres -c "DROP DATABASE IF EXISTS \"$database\" WITH (FORCE)"
if [ "$edition" = extension ]; then
    psql -d postgres -c "CREATE DATABASE \"$database\""
    psql -d "$database" -c 'CREATE EXTENSION analytics CASCADE' -c 'CREATE EXTENSION pgtap'
else
    psql -d postgres -c "CREATE DATABASE \"$database\" OWNER portable_owner"
    psql -d "$database" -c 'CREATE EXTENSION hll' -c 'CREATE EXTENSION pgtap'
    export PGUSER=portable_owner
    psql -d "$database" -f build/sql/portable/analytics-portable.sql >/dev/null
fi
unset PGOPTIONS
psql -P pager=off -d "$database" -f "$file"
