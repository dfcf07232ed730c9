#!/usr/bin/env bash
# The HTTP server over real sockets: tests/http/test_*.py by pytest, against the cluster `http`, on which the library is
# preloaded. HTTP_TESTS takes pytest's arguments, such as 'tests/http/test_live.py' or '-k gzip'.
. "$(dirname "$0")/lib.sh"

need_files "$root/tests/http/test_*.py"
use_cluster http
use_venv
use_modules "$root/tests/http/clients" http-clients
cd "$root"
log=$build/logs/http-pytest.log status=0
mkdir -p "$build/logs"
export HTTP_LOG=$state/clusters/http/log CLIENTS_MODULES=$modules HYPOTHESIS_STORAGE_DIRECTORY=$build/hypothesis
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -p no:cacheprovider -rfE --tb=short \
    ${HTTP_TESTS:-tests/http} 2>&1 | tee "$log" || status=$?
count() { grep -oE "[0-9]+ $1" <<<"$(tail -n 1 "$log")" | cut -d ' ' -f 1 || true; }
passed=$(count passed) failed=$(count failed) errors=$(count error)
failed=$((${failed:-0} + ${errors:-0}))
[ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
result "${passed:-0}" "$failed"
