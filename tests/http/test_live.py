"""GET /api/live: what just happened, once, to whom it concerns."""

import http.client
import json

from conftest import PATIENCE, until


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


def test_listeners_do_not_keep_executors(server, shop):
    listeners = [Listener(server).start() for _ in range(10)]
    until(lambda: shop.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics executor' AND state = 'idle'") == 3,
          "idle executors")
    for listener in listeners:
        listener.close()
    until(lambda: b"analytics_http_listeners 0\n" in server.get("/metrics").body, "their end")
