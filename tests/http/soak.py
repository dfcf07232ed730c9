#!/usr/bin/env python3
"""Memory of the HTTP server under a long mixed load: soak.py PORT [--requests N] [--processes N] [--threads N] [--database NAME].

80 % ingests of one event (one in twenty of them bad, one in five of them packed), 10 % reports, 5 % health, 5 % connections that are
reset in the middle of a request; four of five connections are kept for a hundred requests, the others end after each. Meanwhile
the memory of gateway and executors is sampled: RSS, and PSS without what is shared (shared buffers, queues). Fails where it grows,
where an answer is none it may be, or where not each accepted event is there, once. Needs the rights to look into the server's
processes, a server whose only load this is, and a database that it may fill:

    make check-http HTTP_TESTS=tests/http/test_routes.py   # makes cluster and database
    eval "$(scripts/cluster.sh env http)"
    psql -c 'ALTER SYSTEM SET analytics.http_port = 8123' -c 'SELECT pg_reload_conf()'
    build/venv/bin/python tests/http/soak.py 8123 --requests 1000000
"""

import argparse
import collections
import contextlib
import gzip
import json
import multiprocessing
import random
import socket
import statistics
import sys
import threading
import time

import psycopg2

# the overview is a dozen reports
REPORTS = [*["?metric=gross_sales&grain=day&by=country", "?metric=orders&from=2024-01-01&to=2025-01-01&grain=month", "?metric=nonsense",
             "?metric=units&by=product&limit=5"] * 10, ""]
RESET = b"\x01\0\0\0\0\0\0\0"


class Worker:
    """Sends its share of the requests over one connection after the other."""

    def __init__(self, options, key, number, counter):
        self.options, self.number, self.counter = options, number, counter
        self.key = key.encode()
        self.rng = random.Random(f"{options.seed} {number}")
        self.found = collections.Counter()
        self.accepted = 0
        self.sent = 0

    def ingest(self):
        self.sent += 1
        event = {"event": "view_item", "event_id": f"soak-{self.options.seed}-{self.number}-{self.sent}", "product_id": f"p{self.sent % 500}",
                 "session_id": f"s{self.sent % 1000}", "price": "9.99", "currency": "EUR"}
        if self.rng.random() < 0.05:
            event = self.rng.choice([{"event": "Not a name"}, [], "x", {**event, "price": "NaN"}])
        body, packed = json.dumps(event).encode(), b""
        if self.rng.random() < 0.2:
            body, packed = gzip.compress(body, 1), b"Content-Encoding: gzip\r\n"
        return b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n" % (self.key, packed, len(body)), body

    def request(self):
        """(kind, head without its last line, body)"""
        chance = self.rng.random()
        if chance < 0.85:
            return "ingest" if chance < 0.8 else "reset", *self.ingest()
        if chance < 0.95:
            return "visualize", f"GET /api/visualize{self.rng.choice(REPORTS)} HTTP/1.1\r\nHost: x\r\n".encode(), b""
        return "health", b"GET /api/health HTTP/1.1\r\nHost: x\r\n", b""

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.options.port), timeout=60)

    def answer(self, plain):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = plain.recv(65536)
            if not piece:
                raise ConnectionError
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += plain.recv(65536)
        return int(head[9:12]), body

    def run(self):
        plain, left = None, 0
        while True:
            with self.counter.get_lock():
                if self.counter.value >= self.options.requests:
                    break
                self.counter.value += 1
            if plain is None:
                plain, left = self.connect(), 100 if self.rng.random() < 0.8 else 1
            kind, head, body = self.request()
            left -= 1
            raw = head + (b"Connection: close\r\n" if left == 0 else b"") + b"\r\n" + body
            if kind == "reset":
                plain.sendall(raw[:self.rng.randrange(1, len(raw))])
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                plain.close()
                plain = None
                self.found["reset"] += 1
                continue
            plain.sendall(raw)
            status, body = self.answer(plain)
            self.found[f"{kind} {status}"] += 1
            if kind == "ingest" and status in (200, 207):
                self.accepted += json.loads(body)["accepted"]
            if left == 0:
                plain.close()
                plain = None


def process(options, key, first, counter, results):
    workers = [Worker(options, key, first + number, counter) for number in range(options.threads)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((sum((worker.found for worker in workers), collections.Counter()), sum(worker.accepted for worker in workers)))


def memory(pid):
    """(RSS, PSS without shared memory), KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in file) if value.strip().endswith("kB")}
    return fields["Rss"], fields["Pss_Anon"] + fields["Pss_File"]


class Sampler:
    def __init__(self, cursor, counter, total):
        cursor.execute("SELECT backend_type, pid FROM pg_stat_activity WHERE backend_type IN ('analytics gateway', 'analytics executor') ORDER BY 1 DESC, 2")
        self.processes = cursor.fetchall()
        self.counter, self.total = counter, total
        self.samples = []  # (requests, [(rss, pss)])

    def sample(self):
        self.samples.append((self.counter.value, [memory(pid) for _, pid in self.processes]))
        print(f"{self.counter.value:>9}  " + "  ".join(f"{rss:>7} {pss:>6}" for rss, pss in self.samples[-1][1]), flush=True)

    def growth(self):
        """For each process, the median PSS of the last quarter against that of the second, KiB: the first warms up."""
        def quarter(number, place):
            chosen = [samples[place][1] for done, samples in self.samples if number <= 4 * done / self.total <= number + 1]
            return statistics.median(chosen)
        return [quarter(3, place) - quarter(1, place) for place in range(len(self.processes))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=16, help="connections of each process")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", default="http_test")
    options = parser.parse_args()
    connection = psycopg2.connect(dbname=options.database)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SELECT analytics.create_ingest_key(%s)", [f"soak {options.seed}"])
    key = cursor.fetchone()[0]
    counter, results = multiprocessing.Value("q", 0), multiprocessing.Queue()
    sampler = Sampler(cursor, counter, options.requests)
    print(" requests  " + "  ".join(f"{kind.split()[1]:>14}" for kind, _ in sampler.processes) + "   (RSS and PSS without shared memory, KiB)")
    processes = [multiprocessing.Process(target=process, args=(options, key, number * options.threads, counter, results)) for number in range(options.processes)]
    began = time.monotonic()
    for each in processes:
        each.start()
    while any(each.is_alive() for each in processes) and len(sampler.samples) <= options.samples:
        if counter.value >= len(sampler.samples) * options.requests / options.samples:
            sampler.sample()
        time.sleep(0.05)
    found, accepted = collections.Counter(), 0
    for _ in processes:
        counts, taken = results.get()
        found, accepted = found + counts, accepted + taken
    for each in processes:
        each.join()
    seconds = time.monotonic() - began
    print(f"{options.requests:,} requests in {seconds:.0f} s ({options.requests / seconds:,.0f}/s): " + ", ".join(f"{name}: {count:,}" for name, count in sorted(found.items())))
    cursor.execute("SELECT count(*), count(DISTINCT event_id) FROM analytics.current_event WHERE event_id LIKE %s", [f"soak-{options.seed}-%"])
    there, distinct = cursor.fetchone()
    print(f"accepted {accepted:,}; there {there:,}, distinct {distinct:,}; connections that were reset {found['reset']:,}")
    faults = [name for name in found if name.split()[-1] not in ("200", "207", "400", "422", "reset")]
    if faults or not accepted == there == distinct:
        print(f"wrong: {faults}")
        return 1
    growth = sampler.growth()
    print("growth of PSS from the second to the last quarter, KiB: " + ", ".join(f"{kind.split()[1]} {kib:+.0f}" for (kind, _), kib in zip(sampler.processes, growth)))
    return 1 if max(growth) > 1024 else 0


if __name__ == "__main__":
    sys.exit(main())
