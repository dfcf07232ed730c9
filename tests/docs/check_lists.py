"""The lists on pages are whole: settings (docs/settings.md), functions (docs/functions.md), codes of errors over HTTP (docs/errors.md).

The connection is in the environment. What the server defines is asked of the server; the codes are read from the sources.
"""

import os
import re
import sys
from pathlib import Path

import psycopg2

ROOT = Path(__file__).parents[2]
DATABASE = "docs_lists"

counts = {True: 0, False: 0}


def same(what, page, found):
    """Both are dictionaries, or sets."""
    page, found = ({name: None for name in side} if isinstance(side, set) else side for side in (page, found))
    wrong = [f"  {name}: the page has {page.get(name, 'nothing')!r}, it is {found.get(name, 'nothing')!r}"
             for name in sorted(page.keys() | found.keys()) if (name in page) != (name in found) or page[name] != found[name]]
    counts[not wrong] += 1
    print(f"{'not ' if wrong else ''}ok - {what}", *wrong, sep="\n" if wrong else "")


def rows_of(page, heading):
    """The cells of the tables below a heading, up to the next one."""
    text = re.search(rf"^## {re.escape(heading)}.*?\n(.*?)(?=^## |\Z)", page, re.M | re.S).group(1)
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if not set("".join(row)) <= set("-: ") and row[0] not in ("name", "key", "function", "status")]


def connect(database):
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    return connection.cursor()


def query(cursor, sql):
    cursor.execute(sql)
    return cursor.fetchall()


def check_settings(cursor):
    page = (ROOT / "docs/settings.md").read_text()
    listed = {}
    for names, default, *_ in rows_of(page, "Per server"):
        names = [name if "." in name else "analytics." + name for name in re.findall(r"`([a-z_.]+)`", names)]
        for name in names:
            listed[name] = default.strip("`()").replace("all", "")
    listed.pop("analytics.shared_preload_libraries")
    assert listed["analytics.max_threads"] == "processors"
    listed["analytics.max_threads"] = str(min(64, len(os.sched_getaffinity(0))))
    cursor.execute("LOAD 'analytics'")
    defined = dict(query(cursor, "SELECT name, current_setting(name) FROM pg_settings WHERE name LIKE 'analytics.%' AND source = 'default'"))
    blanks = lambda value: value.replace(" ", "")
    same("settings.md lists the settings that are used, with their defaults", {name: blanks(value) for name, value in listed.items()},
         {name: blanks(value) for name, value in defined.items()})
    per_store = {row[0].strip("`"): {"(for ever)": ""}.get(row[1], row[1].strip("`")) for row in rows_of(page, "Per store")}
    same("settings.md lists the settings of stores, with their defaults", per_store,
         {key: value or "" for key, value in query(cursor, "SELECT key, analytics.get_setting(key, '') FROM unnest(%s) AS key" % array(per_store))})


def array(names):
    return "ARRAY[" + ", ".join(f"'{name}'" for name in names) + "]"


def check_functions(cursor):
    page = (ROOT / "docs/functions.md").read_text()
    first = [cell for line in page.splitlines() if line.startswith("| `") for cell in [line.split("|")[1]]]
    listed = {name: re.findall(r"[a-z_][a-z_0-9]*", arguments) for cell in first for name, arguments in re.findall(r"`([a-z_]+)\(([^)]*)\)`", cell)}
    real = {}
    for name, arguments in query(cursor, """
            SELECT proname, array(SELECT n FROM unnest(proargnames) WITH ORDINALITY u(n, i) WHERE proargmodes IS NULL OR proargmodes[i] IN ('i', 'v') ORDER BY i)
              FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace"""):
        real.setdefault(name, arguments or [])
    same("functions.md has functions that exist, with their arguments", listed, {name: real.get(name) for name in listed})


def check_codes():
    page = (ROOT / "docs/errors.md").read_text()
    table = rows_of(page, "Over HTTP")
    listed = {code for row in table for code in re.findall(r"`([a-z_]+)`", row[1])}
    source = "".join(path.read_text() for folder in ("src/core/http", "src/net", "src/workers") for path in (ROOT / folder).glob("*.cpp"))
    raised = set(re.findall(r"error_response\(\s*\d{3},\s*\"([a-z_]+)\"", source)) | {"unsupported_type"}
    same("errors.md has the codes that are words", listed, raised)
    statuses = {int(status) for row in table for status in re.findall(r"\d{3}", row[0])}
    written = {int(status) for status in re.findall(r"error_response\(\s*(\d{3}),", source)} - {500}
    same("and their statuses", {status for status in statuses if status != 504}, written)


admin = connect("postgres")
admin.execute("SET client_min_messages = warning")
admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
admin.execute(f"CREATE DATABASE {DATABASE}")
shop = connect(DATABASE)
shop.execute("SET client_min_messages = warning")
shop.execute("CREATE EXTENSION analytics CASCADE")
check_settings(shop)
check_functions(shop)
check_codes()
print(f"{counts[True]} passed, {counts[False]} failed")
sys.exit(counts[False] > 0)
