"""Whether refreshing keeps up with ingestion.

In turns: bodies are ingested on one connection as fast as it can, then merged; who merges them in no more time than they took
to come keeps up. And side by side, as in production: one connection ingests without a pause while another one calls
maintain(), as the worker does; what counts is the backlog, lines committed and not merged, and that it does not grow.
"""

import statistics
import threading
import time

import database
import ingest
from database import Measurement, run, value_of

BODIES = 10  # ingested before each refresh


def in_turns(connection, kind, repetitions, first_mark, progress):
    """Measurements by name: `ingest` of ten bodies, `refresh` of all targets but pairs, and `pairs`."""
    found = {"ingest": Measurement(), "refresh": Measurement(), "pairs": Measurement()}
    connection.execute("SELECT analytics.refresh()")
    for repetition in range(-1, repetitions):  # the first warms caches up and does not count
        bodies = [kind.marked(kind.body, first_mark + (repetition + 1) * BODIES + number) for number in range(BODIES)]

        def send(connection, bodies=bodies):
            for body in bodies:
                ingest.send_body(body)(connection)
        found["ingest"].take(connection, send)
        found["refresh"].take(connection, run("SELECT analytics.refresh_rollups(true)"))
        found["pairs"].take(connection, run("SELECT analytics.refresh_pairs(true)"))
        progress(f"ingest and refresh of {kind.name}: {repetition + 1} of {repetitions}")
    for measurement in found.values():
        measurement.forget_first()
    return found


class Ingester(threading.Thread):
    """Sends body after body, each in a transaction of its own, until it is told to finish."""

    def __init__(self, name, kind, first_mark):
        super().__init__()
        self.connection = database.connect(name)
        self.kind = kind
        self.mark = first_mark
        self.rows = 0
        self.told_to_finish = threading.Event()

    def run(self):
        while not self.told_to_finish.is_set():
            self.mark += 1
            ingest.send_body(self.kind.marked(self.kind.body, self.mark))(self.connection)
            self.rows += self.kind.row_count

    def finish(self):
        self.told_to_finish.set()
        self.join()
        self.connection.close()


def merged_rows(connection):
    return value_of(connection, "SELECT coalesce(sum(lines), 0)::bigint FROM analytics.rollup_sales_monthly")


def side_by_side(connection, name, kind, first_mark, seconds, progress):
    """Rows a second ingested and merged meanwhile, and the backlog's median in the second quarter and in the last one."""
    connection.execute("SELECT analytics.refresh()")
    connection.execute("CHECKPOINT")
    before = merged_rows(connection)
    ingester = Ingester(name, kind, first_mark)
    started = time.perf_counter()
    ingester.start()
    backlogs = []
    while (elapsed := time.perf_counter() - started) < seconds:
        connection.execute("SELECT analytics.maintain()")
        backlogs.append((elapsed / seconds, ingester.rows - (merged_rows(connection) - before)))
    elapsed = time.perf_counter() - started
    ingested, merged = ingester.rows, merged_rows(connection) - before
    ingester.finish()
    progress(f"{kind.name}: {ingested / elapsed:,.0f} rows/s ingested, {merged / elapsed:,.0f} merged")

    def median(first, last):
        return statistics.median([backlog for at, backlog in backlogs if first <= at < last] or [backlogs[-1][1]])
    return {"ingested": ingested / elapsed, "merged": merged / elapsed, "second": median(0.25, 0.5), "last": median(0.75, 1)}
