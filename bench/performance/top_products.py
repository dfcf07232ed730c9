"""Row 6: the 20 products that sold most in any 30 days, by visualize(), against DuckDB on the raw lines.

DuckDB has the lines in a table of its own, in memory, with the columns that the question is about, and all processors. Both must
name the same products with the same sales.
"""

import datetime
import decimal
import pathlib
import tempfile
import time

import duckdb

import base
from database import Measurement, run

WINDOWS = 12
DAYS = 30
TOP = 20
COLUMNS = "product_id VARCHAR, event_type VARCHAR, line_kind VARCHAR, occurred_at TIMESTAMP, amount DECIMAL(18, 4)"
RAW = """SELECT product_id, sum(amount) FROM line WHERE event_type = 'purchase' AND line_kind = 'product' AND product_id IS NOT NULL
            AND occurred_at >= ? AND occurred_at < ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"""
CHART = """SELECT s ->> 'key', (s ->> 'total')::numeric FROM jsonb_array_elements(analytics.visualize('gross_sales', %s, 'product', %s, %s, "limit" => %s, store => %s) -> 'series')
            WITH ORDINALITY u(s, n) WHERE n <= %s ORDER BY n"""


def lines_in_duckdb(connection):
    """A DuckDB that has the base's lines."""
    raw = duckdb.connect()
    raw.execute(f"CREATE TABLE line ({COLUMNS})")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "lines.csv"
        with path.open("wb") as file, connection.cursor() as cursor, cursor.copy(
                "COPY (SELECT product_id, event_type, line_kind, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), amount FROM analytics.event "
                f"WHERE store_id = '{base.STORE}' AND excluded IS NULL AND sign = 1) TO STDOUT (FORMAT csv)") as copy:
            for piece in copy:
                file.write(piece)
        raw.execute(f"COPY line FROM '{path}' (FORMAT csv, HEADER false)")
    return raw


def windows(today):
    """Beginnings of ranges that begin on every day of the week and of the month."""
    return [today - datetime.timedelta(days=DAYS + 27 * n) for n in range(WINDOWS)]


def measure(connection, today, repetitions, progress):
    """{grain: (ours, DuckDB)}: the time of all windows together, of totals alone and with points by day."""
    raw = lines_in_duckdb(connection)
    found = {grain: (Measurement(), Measurement()) for grain in ("total", "day")}
    for repetition in range(-1, repetitions):  # the first warms caches up and does not count
        for grain, (ours, theirs) in found.items():
            waited = [0.0, 0.0]
            for first in windows(today):
                last = first + datetime.timedelta(days=DAYS)
                one = Measurement()
                chart = one.take(connection, run(CHART, (grain, first, last, TOP, base.STORE, TOP)))
                began = time.perf_counter()
                table = raw.execute(RAW, [first, last, TOP]).fetchall()
                waited[1] += (time.perf_counter() - began) * 1000
                waited[0] += one.waited[0]
                if [(key, decimal.Decimal(value)) for key, value in chart] != [(key, value) for key, value in table]:
                    raise RuntimeError(f"visualize() and DuckDB name different products from {first} on")
            ours.waited.append(waited[0] / WINDOWS)
            theirs.waited.append(waited[1] / WINDOWS)
        progress(f"top {TOP} products: {repetition + 1} of {repetitions}")
    for pair in found.values():
        for measurement in pair:
            measurement.forget_first()
    raw.close()
    return found
