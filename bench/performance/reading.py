"""Row 5: sales by day and channel over 90 days from the view sales_daily, against the same from the raw rows."""

import datetime
import pathlib
import statistics

import base
from database import Measurement, connect, run

SQL = pathlib.Path(__file__).parent / "sql"
VIEW_READS = 5  # the view is read so often for each time that the raw rows are


def queries(today):
    """(from the view, from the raw rows), for the 90 days up to today's end."""
    words = {"store": base.STORE, "until": today + datetime.timedelta(days=1)}
    return [(SQL / name).read_text().format(**words) for name in ("sales_from_view.sql", "sales_from_raw_rows.sql")]


def measure(connection, today, repetitions, progress):
    """(view, raw rows): a Measurement of each; of the view's reads between two of the raw rows the median counts."""
    from_view, from_raw = (run(query) for query in queries(today))
    view, raw = Measurement(), Measurement()
    for repetition in range(-1, repetitions):  # the first warms caches up and does not count
        expected = raw.take(connection, from_raw)
        reads = Measurement()
        for _ in range(VIEW_READS):
            if reads.take(connection, from_view) != expected:
                raise RuntimeError("the view and the raw rows give different sales")
        view.waited.append(statistics.median(reads.waited))
        view.wal.append(statistics.median(reads.wal))
        progress(f"sales by day and channel: {repetition + 1} of {repetitions}")
    view.forget_first()
    raw.forget_first()
    raw.cpu.clear()  # parallel workers read the raw rows too
    return view, raw


def first_read(database, today):
    """Milliseconds of the view's first read on a new connection, which has every catalog entry to look up."""
    with connect(database) as connection:
        measurement = Measurement()
        measurement.take(connection, run(queries(today)[0]))
        return measurement.waited[0]
