"""Measures the extension against the performance targets, side by side in one run: bench/run --help."""

import argparse
import datetime
import pathlib
import statistics
import sys
import time

import base
import database
import http_server
import ingest
import keeping_up
import reading
import refresh
import report
import reports
import segments
import top_products
from database import Measurement, run, value_of
from report import Row

MILLION = 1_000_000
GROWING, HELD, INGEST, KEEPING_UP, REPORTS, HTTP, MODELS = (f"bench_{part}" for part in ("growing", "held", "ingest", "keeping_up", "reports", "http", "models"))


class Progress:
    """Signs of life on standard error, with the time since the start."""

    def __init__(self):
        self.started = time.monotonic()

    def __call__(self, text):
        seconds = int(time.monotonic() - self.started)
        print(f"[{seconds // 60:2}:{seconds % 60:02}] {text}", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options):
        self.options = options
        self.progress = Progress()
        self.traffic = base.Traffic(options.generator)
        self.rows = []
        self.facts = []
        self.reports = []
        self.numbers = iter(range(1, 1 << 30))

    def measure_ingest(self):
        """Rows 1 and 2."""
        connection = database.create_database(INGEST)
        kinds = ingest.prepare(connection, self.traffic, self.options.bodies_before, self.progress)
        for place, kind in enumerate(kinds):
            found = ingest.measure(connection, kind, self.options.repetitions, 100_000 * (place + 1), self.progress)
            what = f"{kind.name}: {ingest.EVENTS:,} events, {kind.row_count:,} rows"
            self.add(Row("ingest of NDJSON", "COPY into event", what, found["ingest"], found["copy"], True,
                         ">= 0.8", lambda ratio, _: ratio >= 0.8))
            self.add(Row("ingest of NDJSON", "jsonb_to_recordset, ON CONFLICT, bare table", what, found["ingest"],
                         found["bare"], True, ">= 1", lambda ratio, _: ratio >= 1))
            wal = {name: statistics.median(found[name].wal) / kind.row_count for name in found}
            self.facts.append((f"WAL of an ingested row, {kind.name}",
                               f"{wal['ingest']:.0f} bytes (COPY {wal['copy']:.0f}, bare table {wal['bare']:.0f})"))
            rate = kind.row_count / statistics.median(found["ingest"].waited) * 1000
            self.facts.append((f"rows ingested a second on one connection, {kind.name}", f"{rate:,.0f}"))
        database.drop_database(INGEST)

    def measure_keeping_up(self):
        """A refresh of all targets beside the ingestion of what it merges."""
        connection = database.create_database(KEEPING_UP)
        connection.execute("SELECT analytics.set_setting('currency', 'EUR')")
        kinds = ingest.prepare(connection, self.traffic, 0, self.progress)
        for place, kind in enumerate(kinds):
            mark = 1_000_000 * (place + 1)
            found = keeping_up.in_turns(connection, kind, min(self.options.repetitions, 5), mark, self.progress)
            what = f"{kind.name}: {keeping_up.BODIES * ingest.EVENTS:,} events, {keeping_up.BODIES * kind.row_count:,} rows"
            self.add(Row("refresh of all targets but pairs", "ingest of the same on one connection", what, found["refresh"], found["ingest"],
                         False, "<= 1", lambda ratio, _: ratio <= 1))
            self.add(Row("refresh of pairs", "ingest of the same on one connection", what, found["pairs"], found["ingest"], False, "", None))
            beside = keeping_up.side_by_side(connection, KEEPING_UP, kind, mark + 500_000, 15 if self.options.quick else 60, self.progress)
            self.facts.append((f"one connection ingesting, another one in maintain(), {kind.name}",
                               f"{beside['ingested']:,.0f} rows/s ingested, {beside['merged']:,.0f} merged; backlog {beside['second']:,.0f} rows in the "
                               f"second quarter of the time, {beside['last']:,.0f} in the last"))
        database.drop_database(KEEPING_UP)

    def add(self, row):
        self.rows.append(row)
        self.progress(" | ".join(row.cells()))

    def new_database(self, name):
        connection = database.create_database(name)
        self.progress("making the lines that the base consists of")
        base.make_lines(connection, self.traffic)
        return connection

    def bring_up(self, connection, events, lines, how):
        """Merges so many lines that were loaded, or builds them where there is no state, by one refresh()."""
        measurement = Measurement()
        measurement.take(connection, run("SELECT analytics.refresh()"))
        per_million = f"{measurement.waited[0] / 1000 / lines * MILLION:.1f} s per million lines"
        self.facts.append((f"{how}, {lines / MILLION:.1f} M lines, {self.size(events)}", per_million))
        self.progress(f"{how}: {per_million}")

    def measure_refreshes(self, connection, what, circumstances, mixes, hours_ago):
        """Row 4: adds rows of refresh() against the hand-written merge, from equal tables."""
        refresh.make_hand_written_tables(connection)
        for mix in mixes:
            count = self.options.repetitions + 2
            first = [next(self.numbers) for _ in range(count)][1]
            engine, hand = refresh.measure(connection, mix, self.options.repetitions, first, hours_ago, self.progress)
            aimed = what == "sales rollups"
            self.add(Row(f"refresh of 10,000 new rows, {what}", "hand-written INSERT .. ON CONFLICT, sales rollups",
                         f"{circumstances}; {mix}", engine, hand, False, "<= 1.3" if aimed else "",
                         (lambda ratio, _: ratio <= 1.3) if aimed else None))
            self.facts.append((f"WAL of a refresh of 10,000 rows, {what}, {circumstances}; {mix}",
                               f"{statistics.median(engine.wal) / 1e6:.2f} MB (hand-written, sales rollups: "
                               f"{statistics.median(hand.wal) / 1e6:.2f} MB)"))
        refresh.check_equal(connection)

    def measure_reading(self, connection, circumstances, aimed):
        """Row 5."""
        view, raw = reading.measure(connection, self.traffic.today, min(self.options.repetitions, 5), self.progress)
        self.add(Row("sales by day and channel, 90 days, sales_daily", "the same from the raw rows", circumstances,
                     view, raw, True, ">= 100, < 10 ms" if aimed else "",
                     (lambda ratio, ours: ratio >= 100 and ours < 10) if aimed else None))

    def measure_growing(self):
        """Rows 4 and 5 on a base that grows, and the first build."""
        connection = self.new_database(GROWING)
        events = base.Base(connection, self.traffic.today)
        sizes = self.options.sizes
        hours_ago = 2 * 2 * (len(sizes) + 1)  # each measurement has hours of its own, that no other one has filled
        events.grow(sizes[0], self.progress)
        self.bring_up(connection, events, events.lines, "first build of all built-in targets, as after a restore")
        self.measure_refreshes(connection, "all built-in targets", self.size(events), ["orders", "traffic"], hours_ago)
        refresh.leave_sales_alone(connection)
        for size in sizes:
            hours_ago -= 2
            if size != sizes[0]:
                grown_from = events.lines
                events.grow(size, self.progress)
                if size == self.whole_size():
                    refresh.forget_sales(connection)
                    self.bring_up(connection, events, events.lines, "first build of the sales rollups, as after a restore")
                else:
                    self.bring_up(connection, events, events.lines - grown_from, "refresh of a backlog, sales rollups")
            self.measure_refreshes(connection, "sales rollups", self.size(events), ["orders", "traffic"], hours_ago)
            connection.execute("VACUUM ANALYZE")
            self.measure_reading(connection, f"{self.size(events)}; all merged", aimed=size == self.whole_size())
            if size == self.whole_size():
                self.facts.append((f"the same view, first statement of a connection, {self.size(events)}",
                                   f"{reading.first_read(GROWING, self.traffic.today):.1f} ms"))
                for mix in ("orders", "traffic"):
                    refresh.commit_new_rows(connection, mix, next(self.numbers), hours_ago)
                    self.measure_reading(connection, f"{self.size(events)}; 10,000 rows not merged yet ({mix})", aimed=False)
                    connection.execute("SELECT analytics.refresh()")
        database.drop_database(GROWING)

    def measure_held(self):
        """Row 4 while a transaction that wrote before the base was loaded stays open."""
        connection = self.new_database(HELD)
        writer = database.connect(HELD)
        writer.autocommit = False
        writer.execute("INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('held', 'page_view', now())")
        events = base.Base(connection, self.traffic.today)
        sizes = self.options.held_sizes
        hours_ago = 2 * (len(sizes) + 1)
        for size in sizes:
            hours_ago -= 2
            events.grow(size, self.progress)
            connection.execute("SELECT analytics.refresh()")
            if size == sizes[0]:
                refresh.leave_sales_alone(connection)
            self.measure_refreshes(connection, "sales rollups", f"{self.size(events)}; a transaction open throughout",
                                   ["orders", "traffic"], hours_ago)
        writer.commit()
        # what it wrote is merged now, once: it was among P's running transactions all the time
        held = "SELECT coalesce(sum(lines), 0) FROM analytics.rollup_sales_hourly WHERE store_id = 'main'"
        before = value_of(connection, held)
        connection.execute("SELECT analytics.refresh()")
        if (before, value_of(connection, held)) != (0, 1):
            raise RuntimeError("the row of the transaction that was open was not merged once")
        writer.close()
        database.drop_database(HELD)

    def measure_reports(self):
        """Every target at work on the whole base: how fast a backlog is merged, and what each report takes."""
        connection = self.new_database(REPORTS)
        events = base.Base(connection, self.traffic.today)
        events.grow(self.whole_size(), self.progress)
        self.bring_up(connection, events, events.lines, "first build of all built-in targets, as after a restore")
        connection.execute("VACUUM ANALYZE")
        self.measure_top_products(connection, self.size(events))
        for mix in ("orders", "traffic"):
            for batches in (1,) if self.options.quick else (1, 10):
                rates = []
                for repetition in range(2 if self.options.quick else 4):
                    for _ in range(batches):
                        refresh.commit_new_rows(connection, mix, next(self.numbers), 2)
                    measurement = Measurement()
                    measurement.take(connection, run("SELECT analytics.refresh()"))
                    rates.append(batches * refresh.NEW_ROWS / measurement.waited[0] * 1000)
                self.facts.append((f"rows merged a second into all built-in targets, {batches * refresh.NEW_ROWS:,} at once, {mix}, {self.size(events)}",
                                   f"{statistics.median(rates[1:]):,.0f}"))
        repetitions = 1 if self.options.quick else min(self.options.repetitions, 7)
        merged = reports.measure(connection, self.traffic.today, repetitions, self.progress)
        refresh.commit_new_rows(connection, "orders", next(self.numbers), 2)
        with_tail = reports.measure(connection, self.traffic.today, repetitions, self.progress)
        self.reports = [[f"view or report, {self.size(events)}", "all merged, ms", "10,000 rows not merged, ms", "times"],
                        list(reports.cells(merged, with_tail))]
        database.drop_database(REPORTS)

    def measure_top_products(self, connection, circumstances):
        """Row 6."""
        for grain, (ours, theirs) in top_products.measure(connection, self.traffic.today, min(self.options.repetitions, 5), self.progress).items():
            aimed = grain == "total"
            self.add(Row("top 20 products of 30 days, visualize()", "DuckDB on the raw lines", f"{circumstances}; {'totals' if aimed else 'with points by day'}; mean of {top_products.WINDOWS} ranges",
                         ours, theirs, False, "<= 1" if aimed else "", (lambda ratio, _: ratio <= 1) if aimed else None))

    def measure_http(self):
        """Rows 3 and 7."""
        seconds = 3 if self.options.quick else 6
        repetitions = min(self.options.repetitions, 7)
        connection = database.create_database(HTTP)
        for statement in http_server.TABLES:
            connection.execute(statement)
        with http_server.Served(HTTP) as served:
            found, waits = http_server.measure_ingest(served, repetitions, seconds, self.progress)
            what = f"one event each, {http_server.CLIENTS} connections; times of {http_server.ROWS:,}"
            # the target is of what a shop would do instead; the bare table, which keeps nothing of what event keeps, is there to compare with
            for side, against, target in (("event", "event", 2), ("bare", "bare table with a key", None)):
                self.add(Row("POST /api/ingest", f"INSERT of one row by pgbench, {against}", what, found["http"], found[side], True,
                             f">= {target}" if target else "", (lambda ratio, _, target=target: ratio >= target) if target else None))
            self.facts.append(("POST /api/ingest, 64 connections: median, 99th percentile", http_server.describe(waits)))
            for what, against, path, script, headers in (
                    ("GET of one row of a table's view, by its key", "the same row as JSON by pgbench", http_server.ROW, "row.pgbench", ()),
                    ("GET of one row of sales_daily", "the same row as JSON by pgbench", http_server.FIGURE, "figure.pgbench", http_server.FIGURE_HEADERS),
                    ("GET /api/visualize, a week by day", "the same call by pgbench", http_server.REPORT, "report.pgbench", ())):
                ours, theirs = http_server.measure_reading(served, path, script, repetitions, seconds, self.progress, headers)
                self.add(Row(what, against, f"{http_server.READERS} connections; times of {http_server.ROWS:,}", ours, theirs, True, ">= 0.7",
                             lambda ratio, _: ratio >= 0.7))
            self.facts += http_server.facts_of(served, seconds, self.progress)
        connection.close()
        database.drop_database(HTTP)

    def measure_models(self):
        """Each model in a file of its own, and a database of its own; what it costs against programs that do the same."""
        import baskets
        import customer_value
        import kmeans  # scikit-learn takes seconds to load
        import recommender

        connection = database.create_database(MODELS)
        self.measure_segments(connection)
        connection.close()
        database.drop_database(MODELS)
        customer_value.measure(self)
        kmeans.measure(self)
        baskets.measure(self)
        recommender.measure(self)

    def measure_segments(self, connection):
        customers = segments.fill(connection, MILLION // 10 if self.options.quick else MILLION, self.progress)
        found = segments.measure(connection, min(self.options.repetitions, 5), self.progress)
        what = f"{customers:,} customers, {segments.ORDERS_A_CUSTOMER * customers / MILLION:.1f} M orders; all merged"
        for side, against in (("rank", "rank() over the view customer"), ("events", "rank() over sums of the events")):
            self.add(Row("RFM scores, view rfm", against, what, found["view"], found[side], True, "< 2 s", lambda _, ours: ours < 2000))
        self.facts.append((f"rfm_at() of 100 days ago, {what}", f"{found['past'].waited[0] / 1000:.1f} s"))

    def whole_size(self):
        """The size that row 5 is about, or the nearest to it."""
        return min(self.options.sizes, key=lambda lines: abs(lines - 10 * MILLION))

    def size(self, events):
        return f"base of {events.lines / MILLION:.1f} M lines"

    def run(self):
        started = datetime.datetime.now(datetime.timezone.utc)
        load = report.load_average()
        for part, work in (("ingest", self.measure_ingest), ("keeping_up", self.measure_keeping_up), ("growing", self.measure_growing),
                           ("held", self.measure_held), ("reports", self.measure_reports), ("http", self.measure_http),
                           ("models", self.measure_models)):
            if part in self.options.parts:
                work()
        with database.connect() as connection:
            about = (f"{report.machine(connection)}\n\nMeasured on {started:%Y-%m-%d} in "
                     f"{(datetime.datetime.now(datetime.timezone.utc) - started).seconds // 60} minutes "
                     f"({'quick' if self.options.quick else 'full'} run, {self.options.repetitions} repetitions); load average "
                     f"before {load}, after {report.load_average()}. Ratios are of repetitions that ran next to each other: "
                     "median (smallest to largest). Times are what the client waits for.")
            return report.markdown(self.rows, self.facts, self.reports, about)


def parse_options():
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures the extension against its performance targets, "
                                     "in the cluster that PGHOST, PGPORT and PGUSER name, in databases of its own.")
    parser.add_argument("--quick", action="store_true", help="a base of a million lines, few repetitions")
    parser.add_argument("--sizes", help="sizes of the growing base in million lines, such as 1,5,10,20")
    parser.add_argument("--held-sizes", help="the same for the base under an open transaction")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--parts", default="ingest,keeping_up,growing,held,reports,http,models",
                        help="which of ingest, keeping_up, growing, held, reports, http, models")
    parser.add_argument("--generator", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes, held_sizes, options.repetitions, options.bodies_before = (
        ("1", "1", options.repetitions or 5, 10) if options.quick else ("1,5,10,20", "1,5", options.repetitions or 9, 100))
    options.sizes = [int(float(size) * MILLION) for size in (options.sizes or sizes).split(",")]
    options.held_sizes = [int(float(size) * MILLION) for size in (options.held_sizes or held_sizes).split(",")]
    options.parts = options.parts.split(",")
    return options


def main():
    options = parse_options()
    text = Bench(options).run()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    print(text)


main()
