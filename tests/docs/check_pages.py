"""Runs the SQL and the HTTP of Markdown pages and compares what they show: check_pages.py [--show] PAGE...

Each page gets an empty database. Its ```sql blocks run in order, in one psql session; where a block of plain ``` follows one,
it must be what psql prints for the block's last result. Cells are compared, not the lines that are drawn around them.
A block of plain ``` that begins with `curl` is run as well, between the sessions before and after it (http_blocks.py).
--show prints what the blocks return. The connection is in the environment; pages with curl need a server that preloads the library.
"""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import http_blocks

BLOCK = re.compile(r"^```(?:sql\n(?P<sql>.*?)^```\n(?:```\n(?!curl )(?P<shown>.*?)^```\n)?|\n(?P<curl>curl .*?)^```\n)", re.M | re.S)


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


def run_session(database, blocks):
    """What psql prints for each block; those after an error are missing. And the error."""
    script = "SET client_min_messages = warning;\n" + "".join(f"\\echo @{n}@\n{block['sql']}" for n, block in enumerate(blocks))
    run = psql(database, script)
    printed = dict(zip(*[iter(re.split(r"^@(\d+)@\n", run.stdout, flags=re.M)[1:])] * 2))
    whole = [printed[str(n)] for n in range(len(blocks)) if str(n) in printed and (run.returncode == 0 or str(n + 1) in printed)]
    return whole, run.stderr


def check(page, show):
    text = page.read_text()
    database = "docs_" + re.sub(r"\W", "_", page.stem.lower())
    blocks = list(BLOCK.finditer(text))
    server = http_blocks.Server() if any(block["curl"] for block in blocks) else None
    for command in (f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', f'CREATE DATABASE "{database}"'):
        subprocess.run(["psql", "-X", "-q", "-d", "postgres", "-c", "SET client_min_messages = warning", "-c", command], check=True)
    counts = [0, 0]

    def verdict(block, got, shown, equal, error=""):
        place = f"{page}:{text[:block.start()].count(chr(10)) + 1}"
        if show:
            print(f"--- {place}\n{block['sql'] or block['curl']}{got}")
        if shown is not None:
            counts[not equal] += 1
            print(f"ok - {place}" if equal else f"not ok - {place}{': the page shows' if shown else ' failed'}\n{shown}but it is\n{got}{error}")

    for is_curl, group in itertools.groupby(blocks, lambda block: block["curl"] is not None):
        group = list(group)
        if is_curl:
            server.wait_for(database)
            for block in group:
                command, shown = http_blocks.read(block["curl"])
                got = server.run(command, shown)
                verdict(block, got, shown, http_blocks.fits(got, shown))
            continue
        printed, error = run_session(database, group)
        for block, got in zip(group, printed):
            verdict(block, got, block["shown"], block["shown"] is not None and cells(got) == cells(block["shown"]))
            if server:
                server.key = (re.findall(r"\bik_[A-Za-z0-9_-]{43}\b", got) or [server.key])[-1]
        if len(printed) < len(group):
            verdict(group[len(printed)], "", "", False, error)
            break
    if server:
        server.clear()
    if sum(counts) == 0:
        print(f"not ok - {page}: shows no result at all")
        counts[1] += 1
    return counts


arguments = sys.argv[1:]
show = "--show" in arguments
counts = [check(Path(page), show) for page in arguments if page != "--show"]
passed, failed = (sum(column) for column in zip(*counts))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
