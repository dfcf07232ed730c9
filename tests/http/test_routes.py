"""Routes, methods, origins, health, metrics, and what every answer has."""

import gzip
import json

from conftest import is_as_before, until


def test_script(server):
    script = server.get("/analytics.js")
    assert script.status == 200 and script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert b"dataLayer" in script.body and "Content-Encoding" not in script.headers
    assert script.headers["Cache-Control"] == "public, max-age=3600" and "Accept-Encoding" in script.headers["Vary"]
    unchanged = server.get("/analytics.js", If_None_Match=script.headers["ETag"])
    assert (unchanged.status, unchanged.body) == (304, b"")
    packed = server.get("/analytics.js", Accept_Encoding="gzip, br")
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["ETag"] == script.headers["ETag"]
    assert gzip.decompress(packed.body) == script.body and len(packed.body) < 3000
    assert server.get("/analytics.js", Accept_Encoding="gzip;q=0").body == script.body


def test_404_is_json(server):
    for path in ("/nothing", "/api/nothing", "/api/rpc/nothing", "/api/a/b", "/index.html"):
        assert server.get(path).is_error(404), path


def test_405_names_the_methods(server):
    for path, method, allowed in (
        ("/api/health", "POST", "GET, HEAD, OPTIONS"),
        ("/api/visualize", "DELETE", "GET, HEAD, OPTIONS"),
        ("/api/live", "HEAD", "GET, OPTIONS"),
        ("/api/ingest", "PUT", "POST, OPTIONS"),
    ):
        reply = server(method, path)
        assert reply.status == 405 and reply.headers["Allow"] == allowed
        assert method == "HEAD" or reply.is_error(405)


def test_head_is_get_without_the_body(server):
    get, head = server.get("/"), server("HEAD", "/")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == str(len(get.body))


def test_origins(server, settings):
    origin = "https://shop.example"
    until(lambda: "Access-Control-Allow-Origin" not in server.get("/", Origin=origin).headers, "no origin is let in")
    settings.set(http_cors_origins=origin)
    until(lambda: server.get("/", Origin=origin).headers.get("Access-Control-Allow-Origin") == origin, "the setting")
    assert "Access-Control-Allow-Origin" not in server.get("/", Origin="https://evil.example").headers
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = server("OPTIONS", "/api/ingest", headers=asked)
    assert preflight.status == 204 and preflight.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
    assert server.ingest(None, [], Origin=origin).headers["Access-Control-Allow-Origin"] == origin, "errors are readable too"
    exposed = server.ingest(None, [], Origin=origin).headers["Access-Control-Expose-Headers"]
    assert "Retry-After" in exposed.split(", "), "the tracker waits as long as it says"
    script = server.get("/analytics.js", Origin=origin)
    assert script.headers["Access-Control-Allow-Origin"] == origin and script.headers.get_all("Vary") == ["Accept-Encoding", "Origin"]


def test_activity_says_where_it_listens(server, shop, settings):
    import socket

    said = lambda: shop.value("SELECT query FROM pg_stat_activity WHERE backend_type = 'analytics gateway'")
    assert said() == f"serving HTTP on 127.0.0.1 port {server.port}"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings.set(http_port=str(port))
        until(lambda: said() == f"not serving HTTP: cannot listen on 127.0.0.1 port {port}", "the refusal")
    until(lambda: said() == f"serving HTTP on 127.0.0.1 port {port}", "the port that is free again")


def test_a_role_that_was_made_later_is_seen_at_once(server, admin, settings, server_log):
    gateways = lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics gateway'")
    settings.set(http_port="0")
    until(lambda: gateways() == 0, "no HTTP")
    settings.set(http_port=str(server.port), http_authenticator="later")
    until(lambda: "HTTP is not served: there is no role" in server_log(), "why not")  # it waits from here on, a minute
    admin.rows("CREATE ROLE later LOGIN NOINHERIT")
    try:
        until(lambda: gateways() == 1, "HTTP")
    finally:
        settings.put_back()
        until(lambda: is_as_before(server), "the settings of before")
        admin.rows("DROP ROLE later")


def test_health(server, settings):
    health = server.get("/api/health").json
    assert health["status"] == "ok" and health["database"] == "http_test" and health["problems"] == []
    assert health["executors"] == {"configured": 3, "running": 3, "busy": 0}
    assert health["workers"] == {"refresh": "running", "nightly": "waiting"}
    settings.set(http_anon_role="")
    until(lambda: server.get("/api/health").json == {"status": "ok"}, "health for nobody")


def test_health_of_more_executors(server, settings):
    settings.set(http_executors="5")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 5, "five executors")
    settings.set(http_executors="1")
    until(lambda: server.get("/api/health").json["executors"] == {"configured": 1, "running": 1, "busy": 0}, "one executor")
    settings.set(http_executors="3")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 3, "three executors")


def test_metrics(server):
    server.get("/nothing")
    metrics = server.get("/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = metrics.body.decode().splitlines()
    assert any(line.startswith('analytics_http_requests_total{route="none",status="404"} ') for line in lines)
    assert "analytics_executors_running 3" in lines
    for line in lines:
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0


def test_another_port_is_taken_without_a_restart(server, settings, admin):
    from conftest import Client, free_port
    import contextlib

    other = Client(free_port())
    settings.set(http_port=str(other.port))

    def answers(client):
        with contextlib.suppress(OSError):
            return client.get("/").status == 200
        return False

    until(lambda: answers(other), "the new port")
    assert not answers(server)
    settings.put_back()
    until(lambda: answers(server), "the old port")


def test_visualize(server, shop, key):
    events = [{"event": "purchase", "order_id": "v1", "country": "GB", "timestamp": "2024-03-05T12:00:00Z",
               "items": [{"product_id": "a", "price": "10.00", "quantity": 3}]},
              {"event": "purchase", "order_id": "v2", "country": "DE", "timestamp": "2024-03-05T12:00:00Z",
               "items": [{"product_id": "a", "price": "1.50", "quantity": 1}]}]
    assert server.ingest(key, events).json["accepted"] == 2
    path = "/api/visualize?metric=gross_sales&from=2024-03-05&to=2024-03-06"
    both = server.get(path)
    assert both.status == 200 and both.json["totals"]["value"] == 31.50
    assert server.get(path + "&country=GB").json["totals"]["value"] == 30.00
    assert server.get(path + "&country=GB,DE").json["totals"]["value"] == 31.50
    by = server.get(path + "&by=country&limit=1").json
    assert [series["key"] for series in by["series"]] == ["GB", "(other)"]
    assert server.get("/api/visualize").json["cards"]
    assert server("HEAD", path).headers["Content-Length"] == str(len(server.get(path).body))


def test_visualize_is_compared_and_compressed(server):
    path = "/api/visualize?metric=orders&from=2024-01-01&to=2024-12-31"
    reply = server.get(path)
    tag = reply.headers["ETag"]
    unchanged = server.get(path, If_None_Match=tag)
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", tag)
    assert server.get(path, If_None_Match='"other"').status == 200
    packed = server.get(path, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    without_time = lambda report: {name: value for name, value in report.items() if name != "as_of"}
    assert without_time(json.loads(gzip.decompress(packed.body))) == without_time(reply.json)


def test_visualize_changes_its_tag_with_its_figures(server, key):
    path = "/api/visualize?metric=orders&from=2023-05-01&to=2023-05-02"
    before = server.get(path).headers["ETag"]
    event = {"event": "purchase", "order_id": "tag", "timestamp": "2023-05-01T12:00:00Z", "items": [{"product_id": "a", "price": 1}]}
    assert server.ingest(key, [event]).json["accepted"] == 1
    assert server.get(path, If_None_Match=before).status == 200


def test_visualize_refuses_as_sql_does(server):
    refusal = server.get("/api/visualize?metric=nonsense")
    assert refusal.is_error(400, "22023") and "orders" in refusal.json["hint"]
    typo = server.get("/api/visualize?metrics=orders")
    assert typo.is_error(400, "22023") and "metric, grain" in typo.json["hint"] and "channel" in typo.json["hint"]
    assert server.get("/api/visualize?limit=x").is_error(400, "22P02")
    day = server.get("/api/visualize?metric=orders&from=someday")
    assert day.is_error(400, "22007") and "2026-03-01" in day.json["hint"]
    assert server.get("/api/visualize?metric=%zz").is_error(400, "bad_query")
    assert server.get("/api/visualize?metric=%ff").is_error(400, "22021")
    assert server.get("/api/visualize?nonsense=1").is_error(400, "22023")


def test_visualize_without_a_role(server, settings):
    settings.set(http_anon_role="")
    until(lambda: server.get("/api/visualize").status == 401, "the setting")
    refusal = server.get("/api/visualize")
    assert refusal.is_error(401, "PGRST302") and refusal.headers["WWW-Authenticate"] == "Bearer"
    settings.set(http_anon_role="stranger")  # never granted to the authenticator
    until(lambda: server.get("/api/visualize").json["code"] == "42501", "the setting")
    refusal = server.get("/api/visualize")
    assert refusal.is_error(401, "42501") and refusal.headers["WWW-Authenticate"] == "Bearer"
