#!/usr/bin/env bash
# Audits the install and update scripts for privilege and search_path mistakes with pgspot, in a virtual environment of its own.
. "$(dirname "$0")/lib.sh"
prepare_build
python3 "$root/scripts/build_sql.py"

use_venv
need_files "$build/sql/analytics--*.sql"
passed=0 failed=0
# procedures that commit can't set search_path
commits=(--proc-without-search-path 'analytics.run_maintenance(budget interval)'
    --proc-without-search-path 'analytics.run_sync(budget interval)' --proc-without-search-path 'analytics.run_models()')
for script in "$build"/sql/analytics--*.sql "$build"/sql/audit/*.sql; do
    echo "pgspot ${script#"$root/"}"
    if "$venv/bin/pgspot" "${commits[@]}" "$script"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
result $passed $failed
