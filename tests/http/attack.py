#!/usr/bin/env python3
"""Malformed requests by the thousand: attack.py PORT KEY [--count N] [--seed N] [--threads N].

Each is a valid request that was changed at some places, or a body of chance; a seed gives the same ones again. Sent over
sockets of their own, some in pieces, some half-closed, some cut off. A request of these is answered with a status below 500
(but 501, 503, 505), or the connection ends; none may wait for longer than the server's patience with a client that says no more.
`make check-http` sends a few thousand; for 100,000:

    eval "$(scripts/cluster.sh env http)"; python3 tests/http/attack.py PORT KEY --count 100000
"""

import argparse
import collections
import contextlib
import gzip
import json
import random
import re
import socket
import sys
import threading
import time

PATIENCE = 15  # seconds: a header may take 10
ALLOWED = {501, 503, 505, 504}

EVENT = {"event": "view_item", "product_id": "p1", "price": "9.99", "quantity": 1, "currency": "EUR", "properties": {"a": [1, {"b": None}]}}
NAMES = [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Content-Type", b"Content-Encoding", b"Authorization",
         b"Accept-Encoding", b"If-None-Match", b"Origin", b"Last-Event-ID", b"X-Shopify-Hmac-Sha256", b"X\xff", b"", b"a b", b"Upgrade", b"Trailer"]
VALUES = [b"", b"0", b"1", b"-1", b"+5", b"5, 5", b"99999999999999999999", b"0x10", b"chunked", b"chunked, chunked", b"gzip", b"identity", b"close",
          b"keep-alive", b"100-continue", b"\x00", b"\xff\xfe", b"a" * 5000, b"*", b"null", b"application/json; charset=latin1", b"Bearer", b"Bearer ik_",
          b"Basic x", b"text/plain;charset=\"utf-8\"", b"websocket", b"1:2:3,4,5", b"W/\"x\"", b"q=0;gzip", b"\t \t"]
TARGETS = [b"/", b"/api/ingest", b"/api/ingest?key=%00", b"/api/ingest?format=\xff", b"/api/visualize?metric=%zz", b"/api/visualize?metric=%ff%fe",
           b"/api/visualize?limit=999999999999999999999", b"/api/visualize?from=-infinity&to=infinity", b"/api/visualize?from=1&to=x&by=';--", b"*",
           b"/api/visualize?metric=orders&from=0001-01-01&to=9999-12-31&grain=hour", b"/api/visualize?a=%s" % (b"," * 3000), b"/../../etc/passwd", b"//api/health",
           b"/api/health", b"/metrics", b"/analytics.js", b"/api/rpc/x", b"/api/%2e%2e/x", b"http://x/api/health", b"http://", b"?", b"", b"/#", b"/%", b"/%4",
           b"/api/visualize?" + b"x=1&" * 2000, b"/api/ingest?" + b"%41" * 4000, b"/" + b"a" * 17000, b"x:1", b"/api/visualize?store=%EF%BF%BF&currency=%00",
           b"/api/visualize?metric=gross_sales&basis=order&compare=previous&by=country&limit=-1"]
METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"CONNECT", b"TRACE", b"get", b"", b"G\x00T", b"M" * 300, b"PRI"]


class Found:
    def __init__(self):
        self.statuses = collections.Counter()
        self.hung, self.forbidden = [], []
        self.cut = 0


def deep(rng, depth):
    return b"[" * depth + b"]" * rng.choice([0, depth, depth - 1])


def body(rng):
    """(bytes, further header lines)"""
    kind = rng.randrange(18)
    good = json.dumps([{**EVENT, "event_id": f"{rng.random()}"} for _ in range(rng.randrange(4))]).encode()
    if kind == 0:
        return gzip.compress(b" " * rng.choice([1000, 40_000_000]), 9), b"Content-Encoding: gzip\r\n"
    if kind == 1:
        packed = gzip.compress(good)
        return packed[:rng.randrange(len(packed))], b"Content-Encoding: gzip\r\n"
    if kind == 2:
        packed = bytearray(gzip.compress(good) + gzip.compress(good) * rng.randrange(3))
        packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
        return bytes(packed), b"Content-Encoding: gzip\r\n"
    if kind == 3:
        return rng.randbytes(rng.randrange(3000)), b""
    if kind == 4:
        return deep(rng, rng.choice([10, 33, 1000, 100_000])), b""
    if kind == 5:
        return good.replace(b"view_item", rng.choice([b"\\u0000", b"\xed\xa0\x80", b"\\ud800", b"\x00", b"purchase", b"refund", b'x","x":"y'])), b""
    if kind == 6:
        return good.replace(b'"9.99"', rng.choice([b"1e400", b"-0", b"NaN", b"1e-400", b"9" * 5000, b"0x1", b'"Infinity"', b"1.", b"[]", b"-5"])), b""
    if kind == 7:
        return b"\n".join([good, b"{", good, b"\xff"] * 3), b"Content-Type: application/x-ndjson\r\n"
    if kind == 8:
        mutated = bytearray(good)
        for _ in range(rng.randrange(1, 8)):
            place = rng.randrange(len(mutated) + 1)
            mutated[place:place + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        return bytes(mutated), b""
    if kind == 9:
        return b"{" + b",".join(b'"k%d":%d' % (n % 50, n) for n in range(rng.randrange(2000))) + b"}", b""
    return good, b""


def framed(rng, content):
    """The body with a length, in chunks, or in chunks that are none."""
    kind = rng.randrange(16)
    if kind < 11:
        return b"Content-Length: %d\r\n" % len(content), content
    if kind == 11:
        return b"Content-Length: %d\r\n" % max(0, len(content) + rng.randrange(-3, 4)), content
    chunks = b""
    for begin in range(0, len(content), 1 + rng.randrange(500)):
        piece = content[begin:begin + 500]
        size = b"%x" % len(piece) if kind < 15 else rng.choice([b"%x" % len(piece), b"ffffffffffffffff", b"-1", b"g", b"", b"5;x=\"y", b"1\r"])
        chunks += size + rng.choice([b"", b";a=b", b";" + b"x" * 100]) * (kind == 14) + b"\r\n" + piece + b"\r\n"
        if len(chunks) > 200_000:
            break
    return b"Transfer-Encoding: chunked\r\n", chunks + b"0\r\n" + rng.choice([b"", b"", b"X: y\r\n", b"Content-Length: 5\r\n", b"\x00\r\n"]) + b"\r\n"


def request(rng, key):
    valid = rng.random() < 0.5
    method = b"POST" if valid else rng.choice(METHODS)
    target = b"/api/ingest" if valid else rng.choice(TARGETS)
    content, further = body(rng) if method == b"POST" or rng.random() < 0.2 else (b"", b"")
    lines = [b"Host: x"] * rng.choice([1] * 20 + [0, 2])
    if rng.random() < 0.8:
        lines.append(b"Authorization: Bearer " + key)
    if rng.random() < 0.25:
        lines += [rng.choice(NAMES) + rng.choice([b": ", b":", b" : ", b"", b":\r\n "]) + rng.choice(VALUES) for _ in range(rng.randrange(1, 4))]
    if rng.random() < 0.02:
        lines += [b"X-%d: %s" % (n, b"v" * rng.randrange(100)) for n in range(rng.randrange(400))]
    length, content = framed(rng, content) if content else (b"", b"")
    version = b"HTTP/1.1" if rng.random() < 0.9 else rng.choice([b"HTTP/1.0", b"HTTP/0.9", b"HTTP/9.9", b"HTTP/1.1 ", b"http/1.1", b"", b"HTTP/11"])
    rng.shuffle(lines)
    raw = method + b" " + target + b" " + version + b"\r\n" + b"\r\n".join(lines) + b"\r\n" * bool(lines) + further + length + b"\r\n" + content
    if rng.random() < 0.15:
        raw = bytearray(raw)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(min(len(raw), 400))
            raw[place:place + rng.randrange(2)] = rng.choice([b"\x00", b"\r", b"\n", b" ", b":", b"\xff", rng.randbytes(2)])
        raw = bytes(raw)
    return raw


def send(port, rng, raw, found):
    """How it ended goes into `found`."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) as plain:
        began = time.monotonic()
        try:
            if rng.random() < 0.3 and len(raw) > 2:
                place = rng.randrange(1, len(raw))
                plain.sendall(raw[:place])
                raw = raw[place:]
            if rng.random() < 0.05:  # cut off, with a reset
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                found.cut += 1
                return
            got = b""
            if rng.random() < 0.6:  # whole, with a last request after it; where it was not whole the end of sending follows
                plain.sendall(raw + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                plain.settimeout(0.5)
                with contextlib.suppress(TimeoutError):
                    while piece := plain.recv(65536):
                        got += piece
                plain.settimeout(PATIENCE)
            else:
                plain.sendall(raw)
            with contextlib.suppress(OSError):
                plain.shutdown(socket.SHUT_WR)
            while piece := plain.recv(65536):
                got += piece
        except TimeoutError:
            found.hung.append((time.monotonic() - began, raw[:2000]))
            return
        except OSError:  # the server had enough before all was sent
            found.cut += 1
            return
    if not got:
        found.statuses[0] += 1
    for line in re.finditer(rb"HTTP/1\.1 (\d{3}) [A-Z]", got):
        status = int(line[1])
        found.statuses[status] += 1
        if status >= 500 and status not in ALLOWED:
            found.forbidden.append((status, got[line.start():][:500], raw[:2000]))


def attack(port, key, count, seed, threads, progress=lambda number: None):
    found = Found()

    def work(first):
        for number in range(first, count, threads):
            rng = random.Random(f"{seed} {number}")
            raw = request(rng, key.encode())
            if rng.random() < 0.01:
                raw *= rng.randrange(2, 30)
            send(port, rng, raw, found)
            progress(number)

    workers = [threading.Thread(target=work, args=(first,)) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("key")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()

    def progress(number):
        if number % 10_000 == 0:
            print(f"{number} of {options.count}", file=sys.stderr, flush=True)

    found = attack(options.port, options.key, options.count, options.seed, options.threads, progress)
    print("statuses:", ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(found.statuses.items())), f"; cut: {found.cut}")
    for seconds, raw in found.hung[:10]:
        print(f"hung for {seconds:.0f} s: {raw!r}")
    for status, answer, raw in found.forbidden[:10]:
        print(f"{status}: {answer!r} to {raw!r}")
    print(f"{len(found.hung)} hung, {len(found.forbidden)} forbidden statuses")
    return 1 if found.hung or found.forbidden else 0


if __name__ == "__main__":
    sys.exit(main())
