#!/usr/bin/env bash
# The dashboard: its parts by Vitest, then its pages by Playwright in Chromium, as a cluster of its own serves them that has what
# `make demo` has. The cluster is destroyed when all is well; KEEP=1 keeps it, and loads nothing anew the next time.
# DASHBOARD_TESTS takes Playwright's arguments, such as 'tests/e2e/overview.spec.ts'.
. "$(dirname "$0")/lib.sh"
. "$root/scripts/node.sh"

need_files "$root/dashboard/tests/unit/*.test.ts"
need_files "$root/dashboard/tests/e2e/*.spec.ts"
"$root/scripts/build_dashboard.sh"
use_node
work=$build/dashboard results=$build/dashboard-results
mkdir -p "$results"
rm -f "$results"/*.json
count() { # FILE STATUS EXPRESSION: passed and failed, where a run that says nothing, or failed without a failed test, is a failure
    python3 - "$@" <<'END'
import json, pathlib, sys
file, status, how = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
passed = failed = 0
if file.exists():
    report = json.loads(file.read_text())
    if how == "vitest":
        passed, failed = report["numPassedTests"], report["numFailedTests"]
    else:
        passed, failed = report["stats"]["expected"], report["stats"]["unexpected"] + report["stats"]["flaky"]
print(passed, failed or int(status != 0 or passed == 0))
END
}

cd "$work"
status=0
npm test -- --reporter=default --reporter=json --outputFile="$results/unit.json" || status=$?
read -r passed failed < <(count "$results/unit.json" $status vitest)

"$root/scripts/demo.sh" start dashboard >"$results/demo.out"
address=$(sed -n 's|^It answers HTTP on \(http://127.0.0.1:[0-9]*\).*|\1|p' "$results/demo.out")
status=0
BASE_URL=$address PLAYWRIGHT_JSON_OUTPUT_NAME=$results/e2e.json npm run e2e -- --reporter=list,json ${DASHBOARD_TESTS:-} || status=$?
read -r more_passed more_failed < <(count "$results/e2e.json" $status playwright)
passed=$((passed + more_passed)) failed=$((failed + more_failed))
if [ "$failed" = 0 ] && [ -z "${KEEP:-}" ]; then
    "$root/scripts/cluster.sh" destroy dashboard
else
    "$root/scripts/cluster.sh" stop dashboard
fi
result "$passed" "$failed"
