"""What an attacker tries: malformed requests by the thousand, smuggling, memory without an end, other tenants' data, secrets, what runs for ever.
tests/http/attack.py sends as many malformed requests as one likes."""

import contextlib
import gzip
import json
import os
import random
import re
import signal
import socket
import threading
import time
import urllib.parse

import pytest

import attack
from conftest import read_all, until


def run(server, sql):
    return server.get("/api/visualize?metric=" + urllib.parse.quote(sql))


def pids(shop, kind):
    return {pid for pid, in shop.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = %s", f"analytics {kind}")}


def memory(pid):
    """Bytes of its own: what it shares with the server is not counted."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = {name: value for name, _, value in (line.partition(":") for line in file)}
    return int(fields["Private_Dirty"].split()[0]) * 1024


def statuses(got):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", got)]


def test_malformed_requests(server, shop, key, settings, server_log):
    """Two thousand of them, always the same: no crash, no hang, no 500, and the others are served all the while."""
    settings.set(http_jwt_secret="a secret, so that tokens are read")
    until(lambda: server.get("/api/visualize", Authorization="Bearer x").status == 401, "the secret")
    before = pids(shop, "gateway") | pids(shop, "executor")
    found = attack.attack(server.port, key, 2000, seed=1, threads=4)
    assert found.hung == [] and found.forbidden == [], (found.hung[:3], found.forbidden[:3])
    assert found.statuses[200] > 100 and found.statuses[400] > 100, found.statuses
    assert pids(shop, "gateway") | pids(shop, "executor") == before
    assert "a request over HTTP failed" not in server_log()


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding: \"chunked\"\r\n",
        b"Transfer-Encoding:\n chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\x00\r\n",
    ],
)
def test_a_request_of_two_readings_ends_the_connection(server, framing):
    """Whoever stands before the server may have read it the other way: what follows is no request of its own."""
    smuggled = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.socket(b"POST /api/ingest HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n" + smuggled) as plain:
        got = read_all(plain)
    assert len(statuses(got)) == 1 and statuses(got)[0] in (400, 413, 501), got


def test_chunks_of_http_1_0_are_not_taken(server):
    with server.socket(b"POST /api/ingest HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n") as plain:
        got = read_all(plain)
    assert statuses(got) == [400]


def test_what_is_between_chunks_is_bounded(server, shop):
    """A chunk's extension has no length that is said beforehand, and is no body."""
    gateway, = pids(shop, "gateway")
    before = memory(gateway)
    with server.socket(b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;") as plain:
        with contextlib.suppress(OSError):
            for _ in range(1000):
                plain.sendall(b"a" * 100_000)
        assert memory(gateway) - before < 20_000_000
        with contextlib.suppress(OSError):
            assert plain.recv(12) == b"HTTP/1.1 431"


def test_a_thousand_requests_at_once(server, key):
    body = b'[{"event":"login"}]'
    ingest = b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body)
    pipeline = (ingest + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 9) * 100 + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with server.socket() as plain:
        sender = threading.Thread(target=plain.sendall, args=(pipeline,))
        sender.start()
        got = read_all(plain)
        sender.join()
    assert statuses(got) == ([200] + [404] * 9) * 100 + [200]


def test_junk_does_not_pay_a_rate(server, shop):
    """An answer that has not looked at the key says nothing of what it owes."""
    limited = shop.key("pays", rate=2)
    junk = {"Content_Encoding": "gzip"}

    def debt():
        server.ingest(limited, [{"event": "login"}])
        server.ingest(limited, b"\x1f\x8bnot gzip", **junk)
        return server.ingest(limited, [{"event": "login"}]).status == 429

    assert any(debt() for _ in range(100))


def test_tenants_are_apart(server, shop, settings):
    """A key writes to its store alone and learns nothing of others; a reader whose claims name stores reads those alone."""
    north, south = shop.key("north", store="north"), shop.key("south", store="south")
    order = lambda number, price: {"event": "purchase", "order_id": number, "timestamp": "2024-07-01T12:00:00Z", "items": [{"product_id": "p", "price": price}]}
    assert server.ingest(north, [order("n1", "10.00")]).json["accepted"] == 1
    # the same order number is another order in another store, and nobody hears of it
    assert server.ingest(south, [order("n1", "7.00")]).json == {"accepted": 1, "duplicates": 0, "rejected": 0, "errors": []}
    for query in ("", "?store=north", "?store="):
        reply = server.ingest(south, [{**order("s2", "1.00"), "store": "north"}], query)
        assert reply.status == 422 and reply.json["errors"][0]["code"] == "store_mismatch"
        refund = server.ingest(south, [{"event": "refund", "order_id": "n2", "store": "north"}], query)
        assert refund.json["rejected"] == 1
    path = "/api/visualize?metric=gross_sales&from=2024-07-01&to=2024-07-02&store="
    assert server.get(path + "north").json["totals"]["value"] == 10
    assert server.get(path + "south").json["totals"]["value"] == 7


def test_other_origins_are_not_let_in(server, settings):
    settings.set(http_cors_origins="https://shop.example")
    let_in = lambda: server.get("/", Origin="https://shop.example").headers["Access-Control-Allow-Origin"] is not None
    until(let_in, "the setting")
    for origin in ("null", "https://evil.example", "https://shop.example.evil.example", "https://shop.example:444", "", "*", "http://shop.example"):
        for reply in (server.get("/", Origin=origin), server("OPTIONS", "/api/ingest", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})):
            assert reply.headers["Access-Control-Allow-Origin"] is None, origin
            assert reply.headers["Access-Control-Allow-Headers"] is None, origin
    settings.put_back()
    until(lambda: not let_in(), "the setting of before")  # which the next test may rely on


@pytest.mark.parametrize("path", ["/%0d%0aX-Evil:1", "/api/visualize?metric=a%0d%0aX-Evil:%201", "/api/live?store=%0d%0aX-Evil:1", "/api/%0d%0aX-Evil:1"])
def test_answers_take_no_fields_from_requests(server, path):
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        with server.socket(f"{method} {path} HTTP/1.0\r\nOrigin: a\tb\r\nAccess-Control-Request-Headers: a\tb\r\n\r\n".encode()) as plain:
            if "live" in path:
                plain.shutdown(socket.SHUT_WR)
            head = read_all(plain).split(b"\r\n\r\n")[0].lower()
        assert b"\nx-evil" not in head, head


def test_secrets_stay_secret(server, shop, admin, settings, server_log):
    """Neither in the log, at its most talkative, nor in what is running, in metrics or in errors' bodies."""
    signed = shop.key("secretive", webhook_secret="webhook-hush-hush")
    settings.set(http_jwt_secret="jwt-hush-hush" * 3)
    admin.rows("ALTER SYSTEM SET log_min_messages = debug2")
    for name in ("log_min_duration_statement", "log_parameter_max_length_on_error"):
        admin.rows(f"ALTER SYSTEM SET {name} = {0 if 'duration' in name else -1}")
    admin.rows("SELECT pg_reload_conf()")
    said = ""
    try:
        for reply in (
            server.ingest(None, b"[]", f"?key={signed}"),
            server.ingest(signed, b"nonsense"),
            server.ingest(signed + "x", b"[]"),
            server.ingest(None, b"[]", f"?key={signed}&format=%ff"),
            server.get("/api/visualize", Authorization=f"Bearer {signed}"),
            server.get(f"/api/visualize?metric=nonsense&key={signed}x"[:25]),
            server.get("/metrics"),
            server.get(f"/api/ingest?key={signed}"),
        ):
            said += reply.body.decode()
        said += str(shop.rows("SELECT query FROM pg_stat_activity WHERE backend_type LIKE 'analytics%%'"))
        said += server_log()
    finally:
        for name in ("log_min_messages", "log_min_duration_statement", "log_parameter_max_length_on_error"):
            admin.rows(f"ALTER SYSTEM RESET {name}")
        admin.rows("SELECT pg_reload_conf()")
    # what this test itself sent by SQL, and what PostgreSQL says of every setting that was changed in its files
    lines = [line for line in said.splitlines() if "statement:" not in line and "\" changed to \"" not in line]
    for secret in (signed, "webhook-hush-hush", "jwt-hush-hush"):
        assert not [line for line in lines if secret in line], secret


ESCAPES = ["RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT", "SELECT set_config('role', 'none', false)", "SET ROLE analytics_authenticator"]


@pytest.mark.parametrize("escape", ESCAPES)
def test_hostile_temporary_objects_are_no_way_out(server, shop, settings, anything, escape):
    """A request leaves functions, operators and tables of its own in pg_temp, first in the path: no later request meets them, and in
    the same one they have the role's rights."""
    settings.set(http_executors="1")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 1, "one executor")
    plant = f"""DO $do$ BEGIN
        SET search_path = pg_temp, pg_catalog;
        CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN EXECUTE {escape!r}; RETURN current_user; END $f$;
        CREATE TEMPORARY TABLE pg_class (n int);
        CREATE TEMPORARY TABLE event (n int);
        BEGIN PERFORM pg_temp.lower('x'); RAISE EXCEPTION 'escaped'; EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN NULL; END;
    END $do$"""
    run(server, plant)
    assert run(server, "SELECT current_user").json == "web"
    assert run(server, "SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()").json == "0"
    assert run(server, "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_my_temp_schema()").json == "0"
    assert run(server, "SELECT current_setting('search_path')").json != "pg_temp, pg_catalog"


def test_a_cancel_before_its_query_is_minded(server, shop, settings, anything):
    """The client leaves before its executor has begun: it is stopped here meanwhile."""
    settings.set(http_executors="1")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 1, "one executor")
    until(lambda: len(pids(shop, "executor")) == 1, "the end of the others")
    executor, = pids(shop, "executor")
    os.kill(executor, signal.SIGSTOP)
    try:
        server.socket(b"GET /api/visualize?metric=SELECT%20pg_sleep(3600) HTTP/1.1\r\nHost: x\r\n\r\n").close()
        until(lambda: b"analytics_http_cancelled_total 0" not in server.get("/metrics").body, "the cancel")
    finally:
        os.kill(executor, signal.SIGCONT)
    # it serves the next one, long before any timeout
    assert run(server, "SELECT 1").json == "1"
    assert server.get("/api/health").json["executors"]["running"] == 1


def test_reports_leave_an_executor_for_the_others(server, shop, key, anything):
    slow = [server.socket(b"GET /api/visualize?metric=SELECT%20pg_sleep(3600) HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(20)]
    sleeping = lambda: shop.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics executor' AND wait_event = 'PgSleep'")
    until(lambda: sleeping() == 2, "two queries")
    assert server.ingest(key, [{"event": "login"}]).json["accepted"] == 1
    assert server.get("/api/health").json["executors"]["busy"] == 2
    assert sleeping() == 2
    for plain in slow:
        plain.close()
    until(lambda: sleeping() == 0, "their end")


def test_nobodys_lock_holds_health_and_keys(server, shop, settings, key):
    """While somebody holds what health reads, it says so; ingests whose key is not remembered wait in the gateway."""
    settings.set(http_executors="1")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 1, "one executor")
    other = shop.connection.__class__(shop.connection.dsn)
    other.cursor().execute("LOCK TABLE analytics.ingest_key, analytics.rollup_state")
    replies = {}
    thread = threading.Thread(target=lambda: replies.update(ingest=server.ingest(shop_key, [{"event": "login"}])))
    shop_key = "ik_nobody_has_sent_this"
    thread.start()
    assert server.get("/api/health").status == 503
    assert "ingest" not in replies
    other.rollback()
    other.close()
    thread.join()
    assert replies["ingest"].status == 401
    assert server.get("/api/health").status == 200


def test_a_function_that_catches_its_cancel_is_ended(server, shop, settings, anything):
    settings.set(http_statement_timeout="100ms")
    until(lambda: run(server, "SELECT pg_sleep(2)").status == 504, "the setting")
    forever = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    before = pids(shop, "executor")
    reply = run(server, forever)
    assert reply.status in (503, 504)
    until(lambda: len(pids(shop, "executor") & before) == 2 and len(pids(shop, "executor")) == 3, "another executor in its place")


def test_200_bad_clients_delay_nobody(server, key):
    """Clients that never read, that send a byte now and then, and that vanish; the others are served in between."""
    stop = threading.Event()
    bad = []

    def misbehave():
        rng = random.Random(1)
        head = b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        for number in range(200):
            plain = server.socket(b"GET /analytics.js HTTP/1.1\r\nHost: x\r\n\r\n" * 50 if number % 3 == 0 else head[:10])
            plain.setblocking(False)
            bad.append(plain)
        while not stop.is_set():
            plain = rng.choice(bad)
            with contextlib.suppress(OSError):
                plain.send(b"x")
            if rng.random() < 0.2:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                plain.close()
                bad.remove(plain)
                bad.append(server.socket(head[:10]))
                bad[-1].setblocking(False)

    thread = threading.Thread(target=misbehave)
    thread.start()
    try:
        until(lambda: len(bad) >= 200, "all of them")
        for _ in range(200):
            assert server.get("/").status == 200
            assert server.ingest(key, [{"event": "login"}]).json["accepted"] == 1
    finally:
        stop.set()
        thread.join()
        for plain in bad:
            plain.close()
