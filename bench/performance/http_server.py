"""Rows 3 and 7: one event a request over HTTP against single-row INSERTs by pgbench, reports over HTTP against the same SQL.

wrk and pgbench take turns, each with as many connections, kept; pgbench prepares its statements. Both sides are durable: an
answer and a commit wait for the disk. The refresh worker runs, as it does beside a server in use. What a reader waits for while
ingestion runs at full rate, and with a thousand listeners of /api/live, is a fact beside them.
"""

import contextlib
import http.client
import pathlib
import re
import selectors
import socket
import statistics
import subprocess
import threading
import time

import database
from database import Measurement, value_of

LOAD = pathlib.Path(__file__).parent / "http_load"
CLIENTS = 64
READERS = 8
LISTENERS = 1000
ROW = "/api/one?event_id=eq.the-one"
FIGURE = "/api/sales_daily?store_id=eq.one&bucket=eq.2024-03-04"
FIGURE_HEADERS = ("-H", "Accept-Profile: analytics_api")
REPORT = "/api/visualize?metric=gross_sales&from=2024-03-01&to=2024-03-08"
ROWS = 10_000  # times are of so many rows or requests
TABLES = ("CREATE SCHEMA IF NOT EXISTS bench", "CREATE TABLE bench.single (event_id text PRIMARY KEY, event_type text NOT NULL, occurred_at timestamptz NOT NULL,"
         " customer_id text, session_id text, product_id text, quantity integer, unit_price numeric, currency text, channel text, country text, device text)",
         # one row by its key, through a view that HTTP serves
         "CREATE VIEW bench.one AS SELECT * FROM bench.single",
         "INSERT INTO bench.single VALUES ('the-one', 'view_item', now(), 'c1', 's1', 'p1', 1, 12.50, 'EUR', 'web', 'DE', 'mobile')",
         # what takes ten seconds of a processor
         """CREATE FUNCTION bench.slow() RETURNS void LANGUAGE plpgsql AS
            $$DECLARE until timestamptz := clock_timestamp() + '10 s'; BEGIN WHILE clock_timestamp() < until LOOP NULL; END LOOP; END$$""",
         # and a day's sales, through one of ours
         """SELECT analytics.ingest('{"event": "purchase", "order_id": "one", "store": "one", "timestamp": "2024-03-04T10:00:00Z", "channel": "web", "items": [{"product_id": "p1", "price": 12.50}]}')""")


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


class Served:
    """The cluster's HTTP server, serving the database; its settings are put back at the end."""

    def __init__(self, name):
        self.name = name
        with socket.socket() as plain:
            plain.bind(("127.0.0.1", 0))
            self.port = plain.getsockname()[1]
        self.settings = {"http_database": name, "http_port": str(self.port), "http_anon_role": "analytics_bench_reader", "http_schemas": "bench,analytics_api",
                         "http_max_connections": str(LISTENERS + 4 * CLIENTS)}

    def __enter__(self):
        self.connection = database.connect(self.name)
        for role, options in (("analytics_authenticator", "LOGIN NOINHERIT"), ("analytics_bench_reader", "NOLOGIN")):
            if not self.connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                self.connection.execute(f"CREATE ROLE {role} {options}")
        self.connection.execute("GRANT analytics_bench_reader TO analytics_authenticator")
        self.connection.execute("SELECT analytics.grant_access('analytics_bench_reader', 'reader')")
        self.connection.execute("GRANT USAGE ON SCHEMA bench TO analytics_bench_reader; GRANT SELECT ON bench.one TO analytics_bench_reader; "
                                "GRANT EXECUTE ON FUNCTION bench.slow() TO analytics_bench_reader")
        self.key = value_of(self.connection, "SELECT analytics.create_ingest_key('bench')")
        for setting, value in self.settings.items():
            self.connection.execute(f"ALTER SYSTEM SET analytics.{setting} = '{value}'")
        self.connection.execute("SELECT pg_reload_conf()")
        self.connection.execute("SELECT analytics.start_workers()")
        end = time.monotonic() + 60
        while not self.is_ready():
            if time.monotonic() > end:
                raise RuntimeError("the HTTP server does not serve: the cluster's log says why")
            time.sleep(0.1)
        return self

    def is_ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/api/health")
            body = connection.getresponse().read()
            return b'"running":4' in body and self.name.encode() in body
        return False

    def __exit__(self, *_):
        for setting in self.settings:
            self.connection.execute(f"ALTER SYSTEM RESET analytics.{setting}")
        self.connection.execute("SELECT pg_reload_conf()")
        self.connection.close()

    def wrk(self, path, connections, seconds, script=(), arguments=()):
        """(requests a second, median ms, 99th percentile ms); fails where an answer was none of 2xx."""
        said = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *script, f"http://127.0.0.1:{self.port}{path}", "--", *arguments],
                              capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise RuntimeError(f"wrk was refused:\n{said}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
        return rate, *(milliseconds(re.search(rf"^ +{part}%\s+(\S+)$", said, re.MULTILINE)[1]) for part in ("50", "99"))

    def ingest(self, mark, seconds):
        before = value_of(self.connection, "SELECT count(*) FROM analytics.event")
        found = self.wrk("/api/ingest", CLIENTS, seconds, ("-s", str(LOAD / "ingest.lua")), (mark, self.key))
        stored = value_of(self.connection, "SELECT count(*) FROM analytics.event") - before
        if stored < 0.95 * found[0] * seconds:
            raise RuntimeError(f"{found[0] * seconds:.0f} answers, but {stored} events are there")
        return found

    def pgbench(self, script, clients, seconds):
        said = subprocess.run(["pgbench", "-n", "-c", str(clients), "-j", "1", "-T", str(seconds), "-M", "prepared", "-f", str(LOAD / script), self.name],
                              capture_output=True, text=True, check=True).stdout
        return float(re.search(r"tps = ([\d.]+)", said)[1])


class Listeners:
    """A thousand of them; counts what they are sent."""

    def __init__(self, served):
        self.sockets = []
        self.bytes = 0
        self.stop = threading.Event()
        self.selector = selectors.DefaultSelector()
        for _ in range(LISTENERS):
            plain = socket.create_connection(("127.0.0.1", served.port))
            plain.sendall(b"GET /api/live HTTP/1.1\r\nHost: x\r\n\r\n")
            plain.recv(100)
            plain.setblocking(False)
            self.selector.register(plain, selectors.EVENT_READ)
            self.sockets.append(plain)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while not self.stop.is_set():
            for key, _ in self.selector.select(0.1):
                got = key.fileobj.recv(1 << 18)
                if not got:
                    raise RuntimeError("a listener was dropped")
                self.bytes += len(got)

    def close(self):
        self.stop.set()
        self.thread.join()
        for plain in self.sockets:
            plain.close()


def take(measurement, rate):
    measurement.waited.append(ROWS / rate * 1000)


def measure_ingest(served, repetitions, seconds, progress):
    """{side: Measurement}, and what the ingesting clients waited for."""
    found = {side: Measurement() for side in ("http", "bare", "event")}
    waits = []
    for repetition in range(-1, repetitions):  # the first warms caches up and does not count
        rate, median, last = served.ingest(f"m{time.time_ns()}", seconds)
        take(found["http"], rate)
        waits.append((median, last))
        for side in ("bare", "event"):
            take(found[side], served.pgbench(f"single_{side}.pgbench", CLIENTS, seconds))
        progress(f"one event a request: {repetition + 1} of {repetitions}, {rate:,.0f}/s; bare {ROWS / found['bare'].waited[-1] * 1000:,.0f}/s, "
                 f"event {ROWS / found['event'].waited[-1] * 1000:,.0f}/s")
    for measurement in found.values():
        measurement.forget_first()
    return found, waits[1:]


def measure_reading(served, path, script, repetitions, seconds, progress, headers=()):
    """(HTTP, pgbench) of the same."""
    ours, theirs = Measurement(), Measurement()
    for repetition in range(-1, repetitions):
        take(ours, served.wrk(path, READERS, seconds, headers)[0])
        take(theirs, served.pgbench(script, READERS, seconds))
        progress(f"GET {path.partition('?')[0]}: {repetition + 1} of {repetitions}")
    ours.forget_first()
    theirs.forget_first()
    return ours, theirs


def waits_beside(served, seconds, load):
    """What one reader waits for (median, 99th percentile) at each route, while load(seconds) runs beside it."""
    found = {}
    for path in ("/metrics", "/api/health", REPORT, ROW):
        thread = threading.Thread(target=load, args=(seconds + 1,))
        thread.start()
        found[path] = served.wrk(path, 1, seconds)[1:]
        thread.join()
    return found


def facts_of(served, seconds, progress):
    """(what, value) pairs."""
    def ingest(duration):
        served.ingest(f"m{time.time_ns()}", duration)

    def run_slow_query(_):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        connection.request("GET", "/api/rpc/slow")
        if connection.getresponse().status != 204:
            raise RuntimeError("the query of 10 s failed")

    for what, listening, load in (("alone", False, lambda _: None), ("beside a query that takes 10 s of a processor", False, run_slow_query),
                                  ("64 connections ingesting", False, ingest), ("1,000 listeners, 64 connections ingesting", True, ingest)):
        listeners = Listeners(served) if listening else None
        began = time.monotonic()
        for path, (median, last) in waits_beside(served, seconds, load).items():
            yield f"GET {path.partition('?')[0]}, one reader, {what}: median, 99th percentile", f"{median:.1f} ms, {last:.1f} ms"
        if listeners:
            rate = listeners.bytes / LISTENERS / (time.monotonic() - began) / 1000
            listeners.close()
            yield "what each of 1,000 listeners was sent a second", f"{rate:.1f} kB"
        progress(f"waits of readers: {what}")


def describe(waits):
    return ", ".join(f"{statistics.median(each):.1f} ms" for each in zip(*waits, strict=True))
