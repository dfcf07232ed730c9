"""Whether refreshing keeps up: one connection ingests as fast as it can while another one calls maintain(), as the worker does.

What counts is the backlog: lines committed and not merged. A refresh that is too slow leaves more behind each second; one that
keeps up merges larger and larger deltas until it is as fast as what comes in.
"""

import statistics
import threading
import time

import database
from database import value_of

import ingest


class Ingester(threading.Thread):
    """Sends body after body, each in a transaction of its own."""

    def __init__(self, name, kind, first_mark):
        super().__init__()
        self.connection = database.connect(name)
        self.kind = kind
        self.mark = first_mark
        self.rows = 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            self.mark += 1
            ingest.send_body(self.kind.marked(self.kind.body, self.mark))(self.connection)
            self.rows += self.kind.row_count

    def finish(self):
        self.stopped.set()
        self.join()
        self.connection.close()


def ingest_alone(name, kind, first_mark, seconds):
    """Rows a second."""
    ingester = Ingester(name, kind, first_mark)
    started = time.perf_counter()
    ingester.start()
    time.sleep(seconds)
    ingester.finish()
    return ingester.rows / (time.perf_counter() - started)


def measure(connection, name, kind, first_mark, seconds, progress):
    """Figures of one kind: rows a second ingested alone, ingested beside the refresh, merged beside it, and the backlog: its
    median in the first and in the second half, and at the end, in rows."""
    alone = ingest_alone(name, kind, first_mark, seconds / 6)
    connection.execute("SELECT analytics.refresh()")
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    ingester = Ingester(name, kind, first_mark + 100_000)
    merged, backlogs = 0, []
    started = time.perf_counter()
    ingester.start()
    while time.perf_counter() - started < seconds:
        connection.execute("SELECT analytics.maintain()")
        merged = value_of(connection, "SELECT sum(lines) FROM analytics.rollup_sales_daily") if False else merged
        seen = ingester.rows
        backlogs.append((time.perf_counter() - started, seen - merged_rows(connection)))
        progress(f"{kind.name}: {backlogs[-1][0]:.0f} s, backlog {backlogs[-1][1]:,}")
    elapsed = time.perf_counter() - started
    beside = ingester.rows / elapsed
    ingester.finish()
    drained = time.perf_counter()
    connection.execute("SELECT analytics.refresh()")
    drained = time.perf_counter() - drained
    halves = [statistics.median(backlog for at, backlog in backlogs if (at < seconds / 2) == first) for first in (True, False)]
    return {"alone": alone, "beside": beside, "first_half": halves[0], "second_half": halves[1], "drained": drained}


def merged_rows(connection):
    return value_of(connection, "SELECT coalesce(sum(lines), 0)::bigint FROM analytics.rollup_sales_monthly")
