#!/usr/bin/env bash
# Audits the install script for privilege and search_path mistakes with pgspot, in a virtual environment of its own.
. "$(dirname "$0")/lib.sh"
prepare_build
python3 "$root/scripts/build_sql.py"

venv=$build/venv requirements=$root/tests/requirements.txt
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --disable-pip-version-check -r "$requirements" ||
        die "pgspot could not be installed" "The first audit needs PyPI (or a pip configuration that finds pgspot)."
    cp "$requirements" "$venv/requirements.txt"
fi

need_files "$build/sql/analytics--*.sql"
passed=0 failed=0
for script in "$build"/sql/analytics--*.sql; do
    echo "pgspot ${script#"$root/"}"
    if "$venv/bin/pgspot" "$script"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
result $passed $failed
