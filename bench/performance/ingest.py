"""Rows 1 and 2: ingest() of NDJSON bodies against COPY of the same rows into event, and against a bare table.

A body is made once, with a mark in each of its keys, and ingested in a transaction that is taken back: the rows that
ingest() wrote there are what COPY gets. Each repetition puts another mark in, so that all keys are new, and sends the
three of it in turns, each in a transaction of its own.
"""

import hashlib
import json
import pathlib

import base
from database import Measurement, run, value_of

EVENTS = 10000
MARK = b"mark0000"
SQL = pathlib.Path(__file__).parent / "sql"
INSERT_BARE = (SQL / "insert_bare.sql").read_text()
COPY_IN = f"COPY analytics.event ({base.COLUMNS}) FROM STDIN"


def purchases(items, today):
    """A body of purchases with so many items each."""
    mark = MARK.decode()
    lines = []
    for number in range(EVENTS):
        digest = hashlib.md5(str(number).encode()).hexdigest()  # keys scattered over the index, as senders' UUIDs are
        pick = int(digest, 16)
        lines.append(json.dumps({
            "event_id": f"{digest[:20]}-{mark}",
            "event": "purchase",
            "timestamp": f"{today}T{number % 24:02}:{number % 60:02}:{pick % 60:02}.{pick % 1000:03}Z",
            "customer_id": f"c-{pick % 50000}",
            "session_id": f"s-{mark}-{number}",
            "order_id": f"{mark}-{number}",
            "currency": "EUR",
            "channel": ("web", "app", "marketplace", "social")[pick % 4],
            "country": ("DE", "FR", "NL", "AT", "IT", "ES", "PL", "GB")[pick % 8],
            "device": ("mobile", "desktop", "tablet")[pick % 3],
            "shipping": 4.9,
            "items": [{
                "product_id": f"p-{(pick >> 7 * item) % base.PRODUCTS}",
                "name": f"Product {(pick >> 7 * item) % base.PRODUCTS}",
                "category": ("garden", "kitchen", "office", "toys")[(pick >> item) % 4],
                "brand": f"Brand {(pick >> item) % 50}",
                "quantity": 1 + (pick >> item) % 3,
                "price": (pick >> 3 * item) % 9000 / 100 + 1,
                "tax": (pick >> 5 * item) % 900 / 100,
            } for item in range(items)],
        }))
    return "\n".join(lines).encode() + b"\n"


def visits(traffic):
    """A body of the shop's traffic as it comes, mostly views."""
    process = traffic.start(1, 3 * EVENTS // 8, "ndjson")
    lines = []
    for line in process.stdout:
        if len(lines) < EVENTS:
            lines.append(line)
    base.finish(process)
    return b"".join(lines).replace(b"syn-s-", b"syn-s-" + MARK).replace(b"syn-o-", b"syn-o-" + MARK)


class Kind:
    """A kind of body and its rows, to be had with any mark."""

    def __init__(self, connection, name, body):
        self.name = name
        self.body = body
        self.rows = b""
        with connection.transaction(force_rollback=True):
            send_body(body)(connection)
            with connection.cursor() as cursor, cursor.copy(
                    f"COPY (SELECT {base.COLUMNS} FROM analytics.event WHERE stamp = pg_current_xact_id()) TO STDOUT") as copy:
                self.rows = b"".join(bytes(block) for block in copy)
        self.row_count = self.rows.count(b"\n")

    def marked(self, text, mark):
        return text.replace(MARK, b"m%07d" % mark)


def send_body(body):
    text = body.decode()

    def work(connection):
        accepted, duplicates, rejected = connection.execute(
            "SELECT accepted, duplicates, rejected FROM analytics.ingest(%s::text)", [text]).fetchone()
        if (accepted, duplicates, rejected) != (EVENTS, 0, 0):
            raise RuntimeError(f"ingest() took {accepted} of {EVENTS} events, {duplicates} duplicates, {rejected} rejected")
    return work


def send_rows(rows):
    def work(connection):
        with connection.cursor() as cursor, cursor.copy(COPY_IN) as copy:
            copy.write(rows)
    return work


def send_bare(body):
    return run(INSERT_BARE, ["[" + ",".join(body.decode().splitlines()) + "]"])


def prepare(connection, traffic, bodies_before, progress):
    """The kinds of bodies, in a database where so many bodies are in each table already."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS bench")
    connection.execute((SQL / "bare_table.sql").read_text())
    kinds = [Kind(connection, name, body) for name, body in (
        ("purchases of one line", purchases(1, traffic.today)), ("purchases of four lines", purchases(4, traffic.today)),
        ("visits, mostly views", visits(traffic)))]
    for number in range(bodies_before):
        send_rows(kinds[0].marked(kinds[0].rows, number))(connection)
        send_bare(kinds[0].marked(kinds[0].body, number))(connection)
        progress(f"{number + 1} of {bodies_before} bodies stored beforehand")
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    return kinds


def measure(connection, kind, repetitions, first_mark, progress):
    """Measurements by name: `ingest`, `copy` and `bare`."""
    found = {"ingest": Measurement(), "copy": Measurement(), "bare": Measurement()}
    mark = first_mark
    for repetition in range(-1, repetitions):  # the first warms caches up and does not count
        names = list(found)
        names = names[repetition % 3:] + names[:repetition % 3]
        for name in names:
            mark += 1
            body, rows = kind.marked(kind.body, mark), kind.marked(kind.rows, mark)
            work = {"ingest": send_body, "copy": send_rows, "bare": send_bare}[name](rows if name == "copy" else body)
            stored = value_of(connection, "SELECT count(*) FROM bench.bare") if name == "bare" else None
            found[name].take(connection, work)
            if name == "bare" and value_of(connection, "SELECT count(*) FROM bench.bare") != stored + kind.row_count:
                raise RuntimeError("the bare table did not get the rows that ingest() stores")
        progress(f"ingest of {kind.name}: {repetition + 1} of {repetitions}")
    for measurement in found.values():
        measurement.forget_first()
    return found
