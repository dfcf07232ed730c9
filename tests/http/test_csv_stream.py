"""Results in CSV that are longer than a piece: whole, in order, in little memory; and plainly cut off where something went wrong."""

import hashlib
import http.client
import re
import socket

import pytest

from conftest import PATIENCE, bearer, read_all, until
from test_attacks import memory, pids

CSV = {"Accept": "text/csv"}
ROWS = 1_000_000
MOST_GROWTH = 32 * 1024 * 1024  # bytes, of a process that passes 100 MB on


@pytest.fixture(scope="module", autouse=True)
def relations(api, shop):
    shop.rows(f"""
        CREATE VIEW api.many AS SELECT n, n * 1.25 AS price, md5(n::text) AS word, md5((n + 1)::text) || md5((n + 2)::text) AS more
            FROM generate_series(1, {ROWS}) n;
        CREATE VIEW api.tenth AS SELECT n, md5(n::text) AS word, repeat('x', 70) AS more FROM generate_series(1, {ROWS // 10}) n;
        CREATE VIEW api.odd AS SELECT n, CASE n % 7 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a "quoted", word' WHEN 3 THEN E'two\\nlines'
            WHEN 4 THEN 'back\\slash' WHEN 5 THEN ' (Gr\u00fc\u00dfe) \u20ac' ELSE repeat('x', 100) END AS word, '{{1,NULL}}'::int[] AS list,
            NULLIF(n % 2 = 0, true) AS flag FROM generate_series(1, 40000) n ORDER BY n % 11, n;
        CREATE VIEW api.wide AS SELECT n, repeat(n::text, 3000000) AS word FROM generate_series(1, 5) n;
        CREATE VIEW api.fails AS SELECT n, 10 / (500000 - n) AS ratio, repeat('x', 50) AS more FROM generate_series(1, {ROWS}) n;
        CREATE VIEW api.fails_soon AS SELECT n, 10 / (50 - n) AS ratio FROM generate_series(1, {ROWS}) n;
        CREATE VIEW api.patience AS SELECT current_setting('analytics.http_statement_timeout') AS most;
        CREATE VIEW api.sleeps AS SELECT pg_sleep(6)::text AS n;
        CREATE VIEW api.sticks AS SELECT n, repeat('x', 100) AS more, CASE n WHEN 50000 THEN pg_sleep(3600)::text END AS last
            FROM generate_series(1, {ROWS}) n;
        CREATE FUNCTION api.lies(n int) RETURNS int LANGUAGE plpgsql AS $$
            BEGIN IF n = 50000 THEN RAISE SQLSTATE 'PT200' USING MESSAGE = 'all is well'; END IF; RETURN n; END $$;
        CREATE VIEW api.well AS SELECT api.lies(n) AS n, repeat('x', 50) AS more FROM generate_series(1, 60000) n;
        CREATE FUNCTION api.who(n int) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN IF n = 50000 THEN EXECUTE 'RESET ROLE'; END IF; RETURN current_user; END $$;
        CREATE VIEW api.escapes WITH (security_invoker) AS SELECT n, api.who(n) AS who, repeat('x', 50) AS more FROM generate_series(1, 60000) n;
        CREATE TABLE api.of_roles AS SELECT n, CASE n % 2 WHEN 0 THEN 'red' ELSE 'blue' END AS owner, repeat('x', 50) AS more
            FROM generate_series(1, 40000) n;
        ALTER TABLE api.of_roles ENABLE ROW LEVEL SECURITY;
        CREATE POLICY of_role ON api.of_roles USING (owner = current_user);
        CREATE FUNCTION api.series(upto int) RETURNS TABLE (n int, word text) LANGUAGE sql STABLE
            BEGIN ATOMIC SELECT g, 'a "word"' FROM pg_catalog.generate_series(1, upto) g; END;
        CREATE FUNCTION api.headed(status text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$ BEGIN
            PERFORM set_config('response.headers', '[{{"X-Told": "yes"}}]', true), set_config('response.status', status, true);
            RETURN QUERY SELECT repeat('x', 100) FROM generate_series(1, 20000); END $$;
        GRANT SELECT ON ALL TABLES IN SCHEMA api TO web, red, blue""")
    until(lambda: api.get("/api/rpc/headed?status=200&limit=0").status == 200, "the relations")


class Stream:
    """A client that reads as much as it is told to."""

    def __init__(self, server, path, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self.connection.request("GET", path, headers={**CSV, **headers})
        self.response = self.connection.getresponse()
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size):
        piece = self.response.read(size)
        self.digest.update(piece)
        self.size += len(piece)
        return piece

    def read_all(self):
        while self.read(1 << 20):
            pass
        return self

    def close(self):
        self.response.close()
        self.connection.close()


class Digest:
    """Of what COPY writes."""

    def __init__(self, shop, query):
        self.digest, self.size = hashlib.sha256(), 0
        with shop.connection.cursor() as cursor:
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)", self)

    def write(self, piece):
        self.digest.update(piece)
        self.size += len(piece)


@pytest.fixture(scope="module")
def copied(shop, relations):
    return Digest(shop, "SELECT * FROM api.many")


def is_copy(stream, copied):
    """COPY ends the last line too."""
    assert stream.size + 1 == copied.size
    stream.digest.update(b"\n")
    assert stream.digest.digest() == copied.digest.digest()
    return True


def waiting(shop):
    """Executors whose client is slower than they are."""
    return {pid for pid, in shop.rows(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics executor' AND state = 'active' AND wait_event_type = 'Extension'")}


def requests(server, status):
    found = re.search(rb'requests_total{route="api",status="%d"} (\d+)' % status, server.get("/metrics").body)
    return int(found[1]) if found else 0


def cancelled(server):
    return int(re.search(rb"analytics_http_cancelled_total (\d+)", server.get("/metrics").body)[1])


def idle(server):
    executors = server.get("/api/health").json["executors"]
    return executors["busy"] == 0 and executors["running"] == executors["configured"]


@pytest.fixture
def patient(server, settings):
    """However slow the machine is, no long statement is out of time."""
    settings.set(http_statement_timeout="10min")
    until(lambda: all(b"10min" in server.get("/api/patience").body for _ in range(6)), "the setting")


def test_100_mb_in_little_memory(server, shop, copied, patient):
    """It is all that COPY says, whatever the client's pace is, and no process grows by it."""
    gateway, = pids(shop, "gateway")
    server.get("/api/many?limit=10", **CSV)
    before = {pid: memory(pid) for pid in pids(shop, "executor") | {gateway}}
    stream = Stream(server, "/api/many")
    assert stream.response.status == 200
    assert stream.response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert stream.response.headers["Transfer-Encoding"] == "chunked"
    assert not {"Content-Range", "ETag", "Content-Length"} & set(stream.response.headers)
    assert stream.read(100).startswith(b"n,price,word,more\n1,1.25,")
    until(lambda: waiting(shop), "a pause")
    most = {}
    while stream.read(1 << 20):
        if stream.size % (10 << 20) < 1 << 20:
            most = {pid: max(most.get(pid, 0), memory(pid)) for pid in before}
    assert copied.size > 100_000_000 and is_copy(stream, copied)
    growth = {pid: most[pid] - before[pid] for pid in before}
    assert max(growth.values()) < MOST_GROWTH, growth
    until(lambda: idle(server), "rest")


@pytest.mark.parametrize("query", ["", "?word=eq.&order=n", "?select=word,n&n=gt.20000", "?n=lt.0", "?select=renamed:word"])
def test_the_text_is_that_of_a_counted_answer(api, query):
    """Which is put together in the database: quotes, nulls, empty texts, arrays, lines in a value, no rows at all."""
    whole = api.get("/api/odd" + query, **CSV, Prefer="count=exact")
    pieces = api.get("/api/odd" + query, **CSV)
    assert whole.status == pieces.status == 200
    assert whole.body == pieces.body
    assert (len(whole.body) > 1 << 18) == (pieces.headers["Content-Range"] is None) == (pieces.headers["ETag"] is None)


@pytest.mark.parametrize("query", ["upto=100000", "upto=3", "upto=0", "upto=100000&n=gt.99990", "upto=100000&n=gt.100000", "upto=50000&select=word"])
def test_functions_that_yield_sets(api, query):
    whole = api.get("/api/rpc/series?" + query, **CSV, Prefer="count=exact")
    pieces = api.get("/api/rpc/series?" + query, **CSV)
    assert whole.status == pieces.status == 200
    assert whole.body == pieces.body


def test_a_line_longer_than_a_piece(server, shop):
    """Memory has room for the line, as PostgreSQL has, not for all of them."""
    whole, pieces = server.get("/api/wide", **CSV, Prefer="count=exact"), server.get("/api/wide", **CSV)
    assert whole.body == pieces.body and len(pieces.body) > 15_000_000


def test_short_answers_are_as_ever(api):
    reply = api.get("/api/many?limit=100", **CSV)
    assert reply.headers["Content-Range"] == "0-99/*" and reply.headers["ETag"] and reply.headers["Content-Length"]
    assert api.get("/api/many?limit=100", **CSV, If_None_Match=reply.headers["ETag"]).status == 304
    zipped = api.get("/api/many?limit=100", **CSV, Accept_Encoding="gzip")
    assert zipped.headers["Content-Encoding"] == "gzip"
    head = api("HEAD", "/api/many?limit=20000", headers=CSV)
    assert head.status == 200 and head.body == b"" and head.headers["Transfer-Encoding"] is None


def test_http_1_0(server, shop):
    with server.socket(b"GET /api/tenth HTTP/1.0\r\nAccept: text/csv\r\n\r\n") as plain:
        head, _, body = read_all(plain).partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower() and b"Content-Length" not in head
    assert hashlib.sha256(body + b"\n").digest() == Digest(shop, "SELECT * FROM api.tenth").digest.digest()


def test_what_functions_say_in_time(api):
    reply = api.get("/api/rpc/headed?status=203", **CSV)
    assert reply.status == 203 and reply.headers["X-Told"] == "yes"
    assert reply.headers["Transfer-Encoding"] == "chunked" and reply.body.count(b"\n") == 20000
    reply = api.get("/api/rpc/headed?status=204", **CSV)
    assert reply.status == 204 and reply.body == b"" and reply.headers["X-Told"] == "yes"
    assert api.get("/api/rpc/headed?status=nonsense", **CSV).is_error(500, "PGRST112")


def test_rows_are_the_roles_own(api):
    for role in ("red", "blue"):
        reply = api.get("/api/of_roles", **CSV, **bearer(role))
        assert reply.headers["Transfer-Encoding"] == "chunked"
        lines = reply.body.decode().splitlines()[1:]
        assert len(lines) == 20000 and {line.split(",")[1] for line in lines} == {role}


def cut_off(server, path, **headers):
    """What came before the end was missing."""
    stream = Stream(server, path, **headers)
    assert stream.response.status == 200
    with pytest.raises(http.client.IncompleteRead):
        stream.read_all()
    stream.close()
    return stream.size


def test_an_error_midway_cuts_off(server, shop, api):
    before, executors = requests(server, 400), pids(shop, "executor")
    assert api.get("/api/fails_soon", **CSV).is_error(400, "22012")
    assert cut_off(server, "/api/fails") > 1_000_000
    assert requests(server, 400) == before + 2
    with server.socket(b"GET /api/fails HTTP/1.0\r\nAccept: text/csv\r\n\r\n") as plain:
        assert plain.recv(15) == b"HTTP/1.1 200 OK"
        with pytest.raises(ConnectionResetError):
            while plain.recv(65536):
                pass
    assert pids(shop, "executor") == executors
    assert api.get("/api/many?limit=1", **CSV).status == 200


def test_an_error_that_calls_itself_200_cuts_off(server, api):
    before = requests(server, 200)
    assert cut_off(server, "/api/well") > 1 << 18
    assert requests(server, 200) == before + 1


def test_half_of_an_answer_never_looks_whole(server, shop):
    """To HTTP/1.0 the end of the connection is that of the answer: a client that sends no more is taken to have left, and sees it."""
    with server.socket(b"GET /api/many HTTP/1.0\r\nAccept: text/csv\r\n\r\n") as plain:
        assert plain.recv(15) == b"HTTP/1.1 200 OK"
        plain.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            while plain.recv(65536):
                pass
    until(lambda: idle(server), "rest")


def test_the_role_stays_to_the_end(server, api):
    assert set(api.get("/api/escapes?n=lt.40000&select=who", **CSV, **bearer("red")).body.split()[1:]) == {b"red"}
    before = requests(server, 403)
    assert cut_off(server, "/api/escapes", **bearer("red")) > 1 << 18
    assert requests(server, 403) == before + 1


def test_the_timeout_holds_midway(server, settings):
    settings.set(http_statement_timeout="3s")
    until(lambda: server.get("/api/sleeps").status == 504, "the setting")
    before = requests(server, 504)
    assert cut_off(server, "/api/sticks") > 1 << 18
    assert requests(server, 504) == before + 1


def test_a_slow_clients_time_is_not_the_statements(server, shop, settings):
    """Nor is it the executor's: it is not taken for one that hangs."""
    settings.set(http_statement_timeout="5s")
    until(lambda: server.get("/api/sleeps").status == 504, "the setting")
    stream = Stream(server, "/api/tenth")
    executor, = until(lambda: waiting(shop), "a pause")
    old = "SELECT pg_catalog.clock_timestamp() - query_start > '12s' FROM pg_stat_activity WHERE pid = %s"
    until(lambda: shop.value(old, executor), "more than the timeout and what an executor is given beyond")
    assert is_copy(stream.read_all(), Digest(shop, "SELECT * FROM api.tenth"))
    assert executor in pids(shop, "executor")


def test_a_client_that_leaves_frees_its_executor(server, shop):
    before, executors = cancelled(server), pids(shop, "executor")
    for first in (10, 5_000_000):
        stream = Stream(server, "/api/many")
        stream.read(first)
        until(lambda: waiting(shop), "a pause")
        stream.close()
        until(lambda: idle(server), "rest")
    assert cancelled(server) == before + 2
    assert pids(shop, "executor") == executors
    assert server.get("/api/many?limit=1", **CSV).status == 200


def test_a_lost_executor_cuts_off(server, shop):
    stream = Stream(server, "/api/many")
    executor, = until(lambda: waiting(shop), "a pause")
    shop.rows("SELECT pg_terminate_backend(%s)", executor)
    until(lambda: executor not in pids(shop, "executor"), "its end, which no slow client holds up")
    with pytest.raises(http.client.IncompleteRead):
        stream.read_all()
    stream.close()
    until(lambda: idle(server), "another one")


@pytest.fixture
def four(server, settings):
    """Executors, of which two may stream."""
    settings.set(http_executors="4")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 4, "four executors")


def test_two_streams_and_others(server, shop, key, copied, patient, four):
    """Each at its own pace, and nobody waits for them."""
    first, second = Stream(server, "/api/many"), Stream(server, "/api/many")
    until(lambda: len(waiting(shop)) == 2, "two pauses")
    for _ in range(20):
        assert server.get("/").status == 200
        assert server.ingest(key, [{"event": "login"}]).json["accepted"] == 1
        assert server.get("/api/many?limit=5", **CSV).body.count(b"\n") == 5
        first.read(100_000)
    assert len(waiting(shop) | pids(shop, "executor")) == 4
    second.read_all()
    assert server.get("/api/many?limit=5", **CSV).body.count(b"\n") == 5  # the executor that is free again
    assert is_copy(second, copied) and is_copy(first.read_all(), copied)
    until(lambda: idle(server), "rest")


def test_slow_readers_leave_executors_to_others(server, shop, four):
    """Half of them stream; one more that turns out long is refused, on a connection that goes on."""
    streams = [Stream(server, "/api/tenth") for _ in range(2)]
    until(lambda: len(waiting(shop)) == 2, "two pauses")
    third = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for _ in range(3):
        third.request("GET", "/api/many", headers=CSV)
        refusal = third.getresponse()
        assert (refusal.status, refusal.headers["Retry-After"]) == (503, "5")
        assert b'"too_many_exports"' in refusal.read()
        third.request("GET", "/api/many?limit=5", headers=CSV)
        short = third.getresponse()
        assert short.status == 200 and short.read().count(b"\n") == 5
    streams[0].close()
    until(lambda: len(waiting(shop)) == 1, "the end of one")
    assert is_copy(Stream(server, "/api/tenth").read_all(), Digest(shop, "SELECT * FROM api.tenth"))
    assert is_copy(streams[1].read_all(), Digest(shop, "SELECT * FROM api.tenth"))
    until(lambda: idle(server), "rest")
