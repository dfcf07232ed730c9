"""Clients that misbehave, one test for a line of the table in docs/server.md; and those that only look as if they did."""

import contextlib

import pytest

from conftest import read_all, until


def status_of(got):
    return int(got.split(b" ", 2)[1])


def body_of(got):
    return got.split(b"\r\n\r\n", 1)[1]


def test_408_header_not_complete(server):
    with server.socket(b"GET / HT") as plain:
        got = read_all(plain)
    assert status_of(got) == 408 and b'"code":"request_timeout"' in got


def test_431_header_too_large(server):
    with server.socket(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 17000 + b"\r\n\r\n") as plain:
        got = read_all(plain)
    assert status_of(got) == 431 and b'"hint"' in got


def test_413_before_the_body_came(server):
    with server.socket(b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n") as plain:
        got = read_all(plain)
    assert status_of(got) == 413 and b'"code":"body_too_large"' in got


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # somebody speaks TLS
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417),
        (b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_no_request(server, request_bytes, status):
    with server.socket(request_bytes) as plain:
        got = read_all(plain)
    assert status_of(got) == status
    assert set(__import__("json").loads(body_of(got))) == {"code", "message", "details", "hint"}


def test_503_too_many_connections(server, settings):
    settings.set(http_max_connections="5")
    with contextlib.ExitStack() as stack:
        def refused():
            plain = stack.enter_context(server.socket())
            plain.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                return plain.recv(12) == b"HTTP/1.1 503"

        until(refused, "the limit")
    until(lambda: server.get("/").status == 200, "room again")


def test_pipelines_are_answered_in_order(server, key):
    body = b'[{"event":"login"}]'
    ingest = (b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
              % (key.encode(), len(body), body))
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with server.socket(ingest + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + ingest + last) as plain:
        got = read_all(plain)
    statuses = [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 200, 404]


def test_chunked_bodies(server, key):
    head = b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer %s\r\n\r\n"
    with server.socket(head % key.encode()) as plain:
        for chunk in (b"[{\"event\":", b"\"login\"}]"):
            plain.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        plain.sendall(b"0\r\n\r\n")
        got = read_all(plain)
    assert status_of(got) == 200 and b'"accepted":1' in got


def test_expect_continue(server, key):
    head = b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\nAuthorization: Bearer %s\r\n\r\n"
    with server.socket(head % key.encode()) as plain:
        assert plain.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        plain.sendall(b"[]")
        assert status_of(read_all(plain)) == 200


def test_http_1_0(server):
    with server.socket(b"GET / HTTP/1.0\r\n\r\n") as plain:
        got = read_all(plain)
    assert status_of(got) == 200 and b"Connection: close" in got


def test_large_bodies_and_answers_pass_in_pieces(server, shop, key):
    """Longer than the queues between gateway and executors (256 KiB), both ways."""
    events = "\n".join(f'{{"event":"search","event_id":"large{n}","properties":{{"text":"{"x" * 500}"}}}}' for n in range(4000))
    assert len(events) > 2_000_000
    assert server.ingest(key, events, Content_Type="application/x-ndjson").json["accepted"] == 4000
    errors = server.ingest(key, "\n".join('{"event":"Bad' + "x" * 3000 + '"}' for _ in range(200)), Content_Type="application/x-ndjson")
    assert errors.status == 422 and len(errors.json["errors"]) == 100
