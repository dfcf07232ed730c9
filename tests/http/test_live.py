"""GET /api/live: what just happened, once, to whom it concerns."""

import http.client
import json
import os
import signal
import socket

import pytest

from conftest import PATIENCE, read_all, until


class Listener:
    def __init__(self, server, path="/api/live", last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self.connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        self.response = self.connection.getresponse()
        self.id = None

    def block(self):
        """The next block of lines, as {field: value}."""
        fields = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line == "" and fields:
                self.id = fields.get("id", self.id)
                return fields
            name, _, value = line.partition(": ")
            fields[name] = value

    def start(self):
        assert self.response.status == 200
        assert self.response.headers["Content-Type"].startswith("text/event-stream")
        assert self.block() == {"retry": "2000"}
        assert self.block().keys() == {"id"}
        return self

    def message(self):
        while True:
            fields = self.block()
            if fields.get("event") == "events":
                return json.loads(fields["data"])
            if "event" in fields:
                return fields["event"]

    def close(self):
        self.response.close()
        self.connection.close()


def status_of_live(server):
    listener = Listener(server)
    status = listener.response.status
    listener.close()
    return status


def view(event_id, **members):
    return {"event": "view_item", "event_id": event_id, **members}


def test_tells_what_happens(server, key):
    listener = Listener(server).start()
    purchase = {"event": "purchase", "order_id": "live1", "customer_id": "secret", "country": "GB",
                "items": [{"product_id": "a", "price": "10.00", "quantity": 2}]}
    assert server.ingest(key, [purchase]).json["accepted"] == 1
    message = listener.message()
    assert message["counts"] == {"purchase": 1} and message["dropped"] == 0
    event = message["events"][0]
    assert set(event) == {"event_type", "occurred_at", "store_id", "order_id", "product_id", "quantity", "value", "currency",
                          "channel", "country", "device"}
    assert (event["order_id"], event["product_id"], event["quantity"], float(event["value"]), event["country"]) == ("live1", "a", 2, 20.0, "GB")
    assert "secret" not in json.dumps(message)
    listener.close()


def test_goes_on_where_it_left(server, key):
    first = Listener(server).start()
    server.ingest(key, [view("live2")])
    assert first.message()["counts"] == {"view_item": 1}
    left = first.id
    first.close()
    server.ingest(key, [view("live3"), view("live4")])
    server.ingest(key, [view("live5")])
    second = Listener(server, last=left)
    assert second.block() == {"retry": "2000"}
    seen = 0
    while seen < 3:
        seen += second.message()["counts"]["view_item"]
    assert seen == 3
    server.ingest(key, [view("live6")])
    assert second.message()["counts"] == {"view_item": 1}
    second.close()


def test_goes_back_further_than_it_remembers(server, shop, key):
    """An id that the gateway never gave: the database is asked, and nothing is shown twice."""
    snapshot = shop.value("SELECT pg_current_snapshot()::text")
    server.ingest(key, [view("live7"), view("live8")])
    keeper = Listener(server).start()
    listener = Listener(server, last=snapshot)
    assert listener.block() == {"retry": "2000"}
    assert listener.message()["counts"] == {"view_item": 2}
    server.ingest(key, [view("live9")])
    assert listener.message()["counts"] == {"view_item": 1}
    listener.close()
    keeper.close()


def test_what_is_no_place_is_a_reset(server):
    listener = Listener(server, last="nonsense")
    assert listener.block() == {"retry": "2000"}
    assert listener.message() == "reset"
    listener.close()


def test_filters(server, shop, key):
    branch = shop.key("live_branch", store="live_branch")
    stores = Listener(server, "/api/live?store=live_branch").start()
    types = Listener(server, "/api/live?types=search,login").start()
    server.ingest(key, [view("live10")])
    server.ingest(branch, [view("live11")])
    server.ingest(key, [{"event": "search"}])
    message = stores.message()
    assert [event["store_id"] for event in message["events"]] == ["live_branch"] and message["counts"] == {"view_item": 1}
    assert types.message()["counts"] == {"search": 1}
    stores.close()
    types.close()


def test_at_most_a_hundred_events(server, key):
    listener = Listener(server).start()
    server.ingest(key, [view(f"lots{n}") for n in range(250)])
    message = listener.message()
    assert len(message["events"]) == 100 and message["counts"] == {"view_item": 250} and message["dropped"] == 150
    listener.close()


def test_pings(server):
    listener = Listener(server).start()
    assert listener.block() == {"": "ping"} or listener.block() == {": ping": ""}
    listener.close()


def test_wants_a_role(server, shop, settings, admin):
    settings.set(http_anon_role="")
    until(lambda: status_of_live(server) == 401, "the setting")
    admin.rows("GRANT stranger TO analytics_authenticator")
    try:
        settings.set(http_anon_role="stranger")
        until(lambda: server.get("/api/live").json["code"] == "42501", "the setting")
        assert server.get("/api/live").is_error(401, "42501")
    finally:
        admin.rows("REVOKE stranger FROM analytics_authenticator")


@pytest.fixture
def stopped():
    """Processes that stand still until the test ends, or lets them go."""
    pids = []

    def let_go():
        while pids:
            os.kill(pids.pop(), signal.SIGCONT)

    def stop(pid):
        os.kill(pid, signal.SIGSTOP)
        pids.append(pid)
        return let_go

    yield stop
    let_go()


def test_a_listener_that_leaves_before_it_is_let_in(server, shop, settings, stopped):
    """It sends no more, and the gateway hears of that before it reads the executor's answer, which both are there by then: nobody would end
    the stream that it would get, and it would wait for ever."""
    settings.set(http_executors="1")
    until(lambda: server.get("/api/health").json["executors"] == {"configured": 1, "running": 1, "busy": 0}, "one executor")
    until(lambda: shop.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics executor'") == 1, "the end of the others")
    of_kind = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics ' || %s"
    gateway, executor = shop.value(of_kind, "gateway"), shop.value(of_kind, "executor")
    done = "SELECT state = 'idle' AND xact_start IS NULL AND state_change > %s FROM pg_stat_activity WHERE pid = %s"
    let_executor_go = stopped(executor)
    with server.socket(b"GET /api/live HTTP/1.1\r\nHost: x\r\n\r\n") as plain:
        until(lambda: b"analytics_executors_busy 1\n" in server.get("/metrics").body, "the task")
        before = shop.value("SELECT clock_timestamp()")
        os.kill(gateway, signal.SIGSTOP)
        try:
            let_executor_go()
            until(lambda: shop.value(done, before, executor), "the executor's answer")
            plain.shutdown(socket.SHUT_WR)
        finally:
            os.kill(gateway, signal.SIGCONT)
        assert plain.recv(9 + 3) == b"HTTP/1.1 503"  # a stream would go on and on
        assert read_all(plain)
    assert b"analytics_http_listeners 0\n" in server.get("/metrics").body


def test_listeners_do_not_keep_executors(server, shop):
    listeners = [Listener(server).start() for _ in range(10)]
    until(lambda: shop.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics executor' AND state = 'idle'") == 3,
          "idle executors")
    for listener in listeners:
        listener.close()
    until(lambda: b"analytics_http_listeners 0\n" in server.get("/metrics").body, "their end")
