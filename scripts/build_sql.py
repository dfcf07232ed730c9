#!/usr/bin/env python3
"""Assembles the extension's SQL scripts from the pieces that sql/ORDER lists, one path (below sql/) a line.

build/sql/analytics--VERSION.sql             what CREATE EXTENSION runs
build/sql/analytics--FROM--VERSION.sql       what ALTER EXTENSION UPDATE runs, for each sql/updates/FROM--VERSION.sql
build/sql/test/analytics--VERSION--again.sql an update of VERSION to itself, for the tests
build/sql/audit/FROM--VERSION.sql            what is written by hand for that update, as it would run by itself
build/sql/portable/analytics-portable.sql    the same objects without the library, for psql

The pieces say CREATE OR REPLACE, so that an update script can run them again. The install script must not:
somebody who may create objects could otherwise plant one of ours before the extension comes.
In the portable edition functions/native.sql, the only piece with C functions, gives way to
functions/native_portable.sql.
"""

import pathlib
import re
import sys

import update_sql

ROOT = pathlib.Path(__file__).resolve().parent.parent
SQL = ROOT / "sql"
NATIVE = "functions/native.sql"
NATIVE_PORTABLE = "functions/native_portable.sql"

# Strings, bodies and comments are matched first, so that nothing inside them is rewritten.
TOKEN = re.compile(r"""
      (?P<dollar> \$ (?:[a-z_]\w*)? \$ ) .*? (?P=dollar)
    | \b e ' (?: [^'\\] | \\. | '' )* '
    | ' (?: [^'] | '' )* '
    | -- [^\n]*
    | /\* .*? \*/
    | (?P<create> \b CREATE) \s+ OR \s+ REPLACE \b
""", re.IGNORECASE | re.DOTALL | re.VERBOSE)

# Means something to CREATE EXTENSION only.
CONFIG_DUMP = re.compile(r"^SELECT\s+(?:pg_catalog\.)?pg_extension_config_dump\s*\([^;]*;\n",
                         re.IGNORECASE | re.MULTILINE)


def fail(message, hint):
    sys.exit(f"error: {message}\nhint: {hint}")


def read_order():
    """The listed pieces; every piece that exists must be listed, and once."""
    order_file = SQL / "ORDER"
    if not order_file.exists():
        fail("sql/ORDER does not exist", "List the SQL pieces there, one path below sql/ a line.")
    lines = (line.split("#")[0].strip() for line in order_file.read_text().splitlines())
    order = [line.removeprefix("sql/") for line in lines if line]
    present = {str(path.relative_to(SQL)) for part in ("schema", "functions") for path in (SQL / part).glob("*.sql")}
    present.discard(NATIVE_PORTABLE)
    for path in sorted(present - set(order)):
        fail(f"sql/{path} is not listed in sql/ORDER", "Put it where the objects that it uses exist already.")
    for path in order:
        if path not in present:
            fail(f"sql/ORDER lists {path}, which does not exist", "Correct the line or add the file.")
        if order.count(path) > 1:
            fail(f"sql/ORDER lists {path} twice", "Remove one of the lines.")
    return order


def without_replace(text):
    return TOKEN.sub(lambda token: token["create"] or token[0], text)


def piece(path):
    text = (SQL / path).read_text()
    return f"-- sql/{path}\n" + without_replace(text).rstrip() + "\n"


def extension_script(order):
    guard = '\\echo Use "CREATE EXTENSION analytics" to load this file. \\quit\n'
    return guard + "\n" + "\n".join(piece(path) for path in order)


def portable_script(order):
    pieces = [piece(NATIVE_PORTABLE if path == NATIVE else path) for path in order]
    body = CONFIG_DUMP.sub("", "\n".join(pieces))
    body = body.replace("@extowner@", "current_user").replace("@extschema@", "analytics")
    return ("-- analytics, portable edition: run it with psql -X -f, as the database's owner.\n"
            "\\set ON_ERROR_STOP on\n"
            "BEGIN;\n"
            "CREATE SCHEMA analytics;\n\n" + body + "\nCOMMIT;\n")


# An update has its own frame instead of these.
INSTALL_ONLY = ("schema/00_header.sql", "schema/90_privileges.sql", "schema/95_partitions.sql", NATIVE)


def update_script(order, old, own):
    pieces = [(path, (SQL / path).read_text()) for path in order if path not in INSTALL_ONLY]
    frame = {path.stem: path.read_text() for path in (SQL / "updates").glob("*.sql") if "--" not in path.name}
    return update_sql.update_script(pieces, (SQL / NATIVE).read_text(), old, own, frame, TOKEN, without_replace)


def write(path, text):
    """Leaves an unchanged file alone, so that nothing downstream is made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    control = (ROOT / "analytics.control").read_text()
    version = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE).group(1)
    order = read_order()
    for path in order:
        if path not in INSTALL_ONLY:
            update_sql.check(path, (SQL / path).read_text(), TOKEN, fail)
    target = ROOT / "build" / "sql"
    install = extension_script(order)
    scripts = {f"analytics--{version}.sql": install}
    for own in (SQL / "updates").glob(f"*--{version}.sql"):
        old = SQL / "released" / f"analytics--{own.name.split('--')[0]}.sql"
        scripts[f"analytics--{own.name}"] = update_script(order, old.read_text(), own.read_text())
        by_hand = [SQL / "updates" / f"{part}.sql" for part in ("header", "before", "storage", "after")] + [own]
        write(target / "audit" / own.name, "\n".join(path.read_text() for path in by_hand))
    for name, text in scripts.items():
        write(target / name, text)
    for stale in set(target.glob("analytics--*.sql")) - {target / name for name in scripts}:
        stale.unlink()
    write(target / "test" / f"analytics--{version}--again.sql", update_script(order, install, ""))
    write(target / "portable" / "analytics-portable.sql", portable_script(order))


main()
