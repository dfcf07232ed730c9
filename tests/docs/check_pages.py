"""Runs the SQL of Markdown pages and compares what they show: check_pages.py [--show] PAGE...

Each page gets an empty database. Its ```sql blocks run in order, in one psql session; where a block of plain ``` follows one,
it must be what psql prints for the block's last result. Cells are compared, not the lines that are drawn around them.
--show prints what the blocks return. The connection is in the environment.
"""

import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```sql\n(?P<sql>.*?)^```\n(?:```\n(?P<shown>.*?)^```\n)?", re.M | re.S)


def psql(database, script, *options):
    return subprocess.run(["psql", "-X", "-q", "-d", database, "-v", "ON_ERROR_STOP=1", *options],
                          input=script, capture_output=True, text=True)


def cells(printed):
    """What psql printed as rows of cells; of several results the last."""
    results = [part for part in re.split(r"\n\s*\n", printed.strip("\n")) if part.strip()]
    if not results:
        return []
    lines = [line for line in results[-1].splitlines() if not re.fullmatch(r"[-+ ]+", line)]
    return [[cell.strip() for cell in line.split("|")] for line in lines if not re.fullmatch(r"\(\d+ rows?\)", line.strip())]


def check(page, show):
    database = "docs_" + re.sub(r"\W", "_", page.stem.lower())
    blocks = list(BLOCK.finditer(page.read_text()))
    for command in (f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', f'CREATE DATABASE "{database}"'):
        subprocess.run(["psql", "-X", "-q", "-d", "postgres", "-c", "SET client_min_messages = warning", "-c", command], check=True)
    script = "SET client_min_messages = warning;\n" + "".join(f"\\echo @{n}@\n{block['sql']}" for n, block in enumerate(blocks))
    run = psql(database, script)
    printed = dict(zip(*[iter(re.split(r"^@(\d+)@\n", run.stdout, flags=re.M)[1:])] * 2))
    passed = failed = 0
    for n, block in enumerate(blocks):
        line = page.read_text()[:block.start()].count("\n") + 1
        got = printed.get(str(n), "")
        if show:
            print(f"--- {page}:{line}\n{block['sql']}{got}")
        if str(n) not in printed or (run.returncode and str(n + 1) not in printed):
            print(f"not ok - {page}:{line} failed\n{run.stderr}")
            failed += 1
            break
        if block["shown"] is None:
            continue
        if cells(got) == cells(block["shown"]):
            print(f"ok - {page}:{line}")
            passed += 1
        else:
            print(f"not ok - {page}:{line}: the page shows\n{block['shown']}but it is\n{got}")
            failed += 1
    if passed + failed == 0:
        print(f"not ok - {page}: shows no result at all")
        failed += 1
    return passed, failed


arguments = sys.argv[1:]
show = "--show" in arguments
counts = [check(Path(page), show) for page in arguments if page != "--show"]
passed, failed = (sum(column) for column in zip(*counts))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
