"""Whose rights a request of PostgREST's dialect has: tenants share connections and plans, and see their own; nothing is left behind, and
nothing outside of the served schemas is told of."""

import json
import urllib.parse

import pytest

from conftest import bearer, read_all, until


def post(api, function, arguments=None, **headers):
    return api("POST", f"/api/rpc/{function}", json.dumps(arguments or {}), {"Content-Type": "application/json", **headers})


def run(api, sql, role=None):
    return post(api, "run", {"sql": sql}, **(bearer(role) if role else {}))


@pytest.fixture
def alone(api, settings):
    """One executor, so that all requests share a session and its plans."""
    settings.set(http_executors="1")
    until(lambda: api.get("/api/health").json["executors"] == {"configured": 1, "running": 1, "busy": 0}, "one executor")
    return api


@pytest.mark.parametrize(
    "escape",
    [
        "RESET ROLE",
        "SET ROLE analytics_authenticator",
        "SET ROLE blue",
        "SET LOCAL ROLE none",
        "SET SESSION AUTHORIZATION postgres",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SELECT set_config('role', 'blue', true)",
        "SELECT set_config('role', 'none', false)",
        "SELECT set_config('session_authorization', 'postgres', true)",
        "DO $$ BEGIN BEGIN RESET ROLE; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$",
        "ALTER ROLE red SUPERUSER",
        "SET LOCAL session_replication_role = replica",
    ],
)
def test_no_way_to_another_role(alone, escape):
    assert run(alone, escape, "red").is_error(403, "42501")
    assert run(alone, "SELECT current_user", "red").json == "red"


@pytest.mark.parametrize("escape", ["RESET ALL", "DISCARD ALL", "SET LOCAL transaction_read_only = off", "COMMIT", "ROLLBACK", "SET LOCAL row_security = off"])
def test_what_resets_all_does_not_reset_the_role(alone, escape):
    assert run(alone, escape, "red").status < 500 or escape in ("COMMIT", "ROLLBACK", "DISCARD ALL")
    assert run(alone, "SELECT current_user", "blue").json == "blue"
    assert {row["owner"] for row in alone.get("/api/by_role", **bearer("red")).json} == {"red"}


def test_nothing_is_left_for_the_next_request(alone):
    left = lambda sql: run(alone, sql, "blue").json
    for sql in (
        "CREATE TEMP TABLE customers AS SELECT 1 AS id, 'planted' AS name",
        "PREPARE left_behind AS SELECT 1",
        "SELECT pg_advisory_lock(4711)",
        "SET work_mem = '123MB'",
        "SELECT set_config('search_path', 'pg_temp, hidden', false)",
        "SELECT set_config('api_test.left', 'behind', false)",
        "SELECT set_config('request.jwt.claims', '{\"tenant\":\"blue\"}', false)",
        "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET TIME ZONE 'Asia/Tokyo'",
    ):
        assert run(alone, sql, "red").status == 200, sql
    assert left("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == "0"
    assert left("SELECT count(*) FROM pg_prepared_statements") == "0"
    assert left("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"
    assert left("SELECT count(*) FROM pg_cursors WHERE name = 'left_behind'") == "0"
    assert left("SHOW work_mem") != "123MB"
    assert left("SHOW search_path") == '"api", public'
    assert left("SELECT current_setting('api_test.left', true)") in (None, "")
    assert json.loads(left("SELECT current_setting('request.jwt.claims')")) == {"role": "blue"}
    assert left("SHOW transaction_read_only") == "off"
    assert left("SHOW timezone") == "UTC"
    assert alone.get("/api/customers?id=eq.1&select=name").json == [{"name": "Ada"}]


def test_a_temporary_table_does_not_stand_in_for_one_that_is_served(api):
    planted = "DO $$ BEGIN CREATE TEMP TABLE customers AS SELECT 1 AS id; PERFORM set_config('response.headers', (SELECT count(*)::text FROM api.customers), true); END $$"
    assert run(api, planted).status in (200, 500)
    assert api.get("/api/customers?select=name&id=eq.2").json == [{"name": "Blaise"}]


def test_tenants_share_plans_and_see_their_own(alone):
    """More often than PostgreSQL makes plans for the values at hand alone."""
    for round_ in range(12):
        for tenant, first in (("red", 2), ("blue", 1)):
            for role in ("red", "blue"):
                rows = alone.get("/api/secrets?select=id,tenant,word&order=id&id=lte.10", **bearer(role, tenant=tenant)).json
                assert rows == [{"id": n, "tenant": tenant, "word": f"word {n}"} for n in range(first, 11, 2)], round_
        assert alone.get("/api/secrets?select=id", **bearer("red")).json == []
        assert alone.get("/api/secrets?select=id").is_error(401, "42501")
        assert [row["id"] for row in alone.get("/api/by_role?select=id&order=id", **bearer("red")).json] == [1, 3]
        assert [row["id"] for row in alone.get("/api/by_role?select=id&order=id", **bearer("blue")).json] == [2, 3]


def test_a_plan_gives_no_right_to_a_function(alone):
    """What was inlined into red's plan nobody asks for again."""
    for round_ in range(12):
        assert alone.get("/api/products?select=mark&sku=eq.mug", **bearer("red")).json == [{"mark": "mark of mug"}]
        assert alone.get("/api/rpc/for_red?n=1", **bearer("red")).json == "of red 1"
    for other, status in ((bearer("blue"), 403), ({}, 401)):
        assert alone.get("/api/products?select=mark&sku=eq.mug", **other).is_error(status, "42501")
        assert alone.get("/api/rpc/for_red?n=1", **other).is_error(status, "42501")


def test_writes_of_tenants(alone):
    red = bearer("red", tenant="red")
    send = lambda method, query, body=None: alone(method, "/api/secrets" + query, body and json.dumps(body), {"Content-Type": "application/json", "Prefer": "return=representation", **red})
    assert send("PATCH", "?id=in.(1,2)", {"word": "red was here"}).json == [{"id": 2, "tenant": "red", "word": "red was here"}]
    assert send("DELETE", "?id=eq.1").json == []
    assert send("POST", "", {"id": 1000, "tenant": "blue", "word": "planted"}).is_error(403, "42501")
    assert send("POST", "?on_conflict=id", {"id": 1, "tenant": "red", "word": "taken"}).status in (403, 409)
    assert alone.get("/api/secrets?id=eq.1&select=word", **bearer("blue", tenant="blue")).json == [{"word": "word 1"}]


def test_types_that_change_under_a_kept_plan(alone, shop):
    shop.rows("CREATE TABLE api.changing (id int, n int); INSERT INTO api.changing VALUES (1, 7); GRANT SELECT ON api.changing TO web")
    try:
        until(lambda: alone.get("/api/changing").status == 200, "the table")
        for _ in range(8):
            assert alone.get("/api/changing?n=eq.7&select=id").json == [{"id": 1}]
        shop.rows("ALTER TABLE api.changing ALTER n TYPE text")
        assert alone.get("/api/changing?n=eq.7&select=id").json == [{"id": 1}]
        assert alone.get("/api/changing?n=eq.seven&select=id").json == []
    finally:
        shop.rows("DROP TABLE api.changing")


def test_reads_do_not_write(api, shop):
    before = shop.value("SELECT count(*) FROM api.orders")
    for call in ("order_now?customer=1", "run?sql=" + urllib.parse.quote("INSERT INTO api.orders (customer_id) VALUES (1)"),
                 "run?sql=" + urllib.parse.quote("SELECT nextval('api.orders_id_seq')"),
                 "run?sql=" + urllib.parse.quote("SET transaction_read_only = off"), "run?sql=" + urllib.parse.quote("SELECT set_config('transaction_read_only', 'off', true)")):
        reply = api.get("/api/rpc/" + call)
        assert reply.is_error(405 if "off" not in call else reply.status, "25006" if "off" not in call else None), call
        assert reply.status >= 400
        assert api("HEAD", "/api/rpc/" + call).status == reply.status
    assert shop.value("SELECT count(*) FROM api.orders") == before
    assert post(api, "order_now", {"customer": 1}).status == 200
    assert shop.value("SELECT count(*) FROM api.orders") == before + 1
    shop.rows("DELETE FROM api.orders WHERE id > 3")


def test_errors_tell_nothing_of_what_is_not_served(api):
    hidden = [
        ("GET", "/api/ledger", None, {}),
        ("GET", "/api/ledge", None, {}),
        ("GET", "/api/hidden.ledger", None, {}),
        ("GET", "/api/customers?select=ledger(*)", None, {}),
        ("GET", "/api/customers?select=ledge(*)", None, {}),
        ("GET", "/api/customers?select=orders!ledger(*)", None, {}),
        ("GET", "/api/orders?select=custom(*)", None, {}),
        ("GET", "/api/rpc/of_ledger?id=1", None, {}),
        ("GET", "/api/rpc/of_ledge", None, {}),
        ("GET", "/api/customers", None, {"Accept-Profile": "hidden"}),
        ("GET", "/api/customers", None, {"Accept-Profile": "pg_catalog"}),
        ("POST", "/api/ledger", "{}", {"Content-Profile": "hidden", "Content-Type": "application/json"}),
        ("GET", "/api/", None, {}),
        ("GET", "/api/customers?select=*,pg_class(*)", None, {}),
    ]
    for method, path, body, headers in hidden:
        reply = api(method, path, body, headers)
        sent = "ledger" in path or headers.get("Accept-Profile") == "hidden" or headers.get("Content-Profile") == "hidden"
        assert path == "/api/" or reply.status >= 400, (path, reply.body)
        text = reply.body.decode()
        for word in ("ledger", "amount", "hidden"):
            said = path.count(word) + str(headers).count(word)
            assert text.count(word) <= 2 * said, (path, text)
        assert sent or "ledger" not in text


def test_a_deferred_constraint_fails_as_the_answer(api, shop):
    add = lambda other, **headers: api("POST", "/api/pairs", json.dumps({"id": 1, "other": other}), {"Content-Type": "application/json", **headers})
    assert add(2).is_error(409, "23503")
    assert add(2, Prefer="return=representation").is_error(409, "23503")
    assert shop.value("SELECT count(*) FROM api.pairs") == 0
    assert add(1).status == 201
    shop.rows("DELETE FROM api.pairs")


def test_a_rollback_is_the_servers_to_allow(api, shop, settings):
    add = lambda id_, other: api("POST", "/api/pairs", json.dumps({"id": id_, "other": other}),
                                 {"Content-Type": "application/json", "Prefer": "tx=rollback, return=representation"})
    reply = add(1, 1)
    assert reply.status == 201 and "Preference-Applied" in reply.headers and "tx=" not in reply.headers["Preference-Applied"]
    assert shop.value("SELECT count(*) FROM api.pairs") == 1
    settings.set(http_tx_override="on")

    def rolled_back():
        reply = add(2, 2)
        shop.rows("DELETE FROM api.pairs WHERE id = 2")
        return "tx=rollback" in (reply.headers["Preference-Applied"] or "")

    until(rolled_back, "the setting on all executors") 
    until(lambda: all(rolled_back() for _ in range(10)), "the setting on all executors")
    assert add(3, 3).json == [{"id": 3, "other": 3}]
    assert add(3, 4).is_error(409, "23503")  # as PostgREST: what waits for the commit is checked
    assert shop.value("SELECT count(*) FROM api.pairs WHERE id = 3") == 0
    shop.rows("DELETE FROM api.pairs")


def test_504_and_a_client_that_leaves(api, shop, settings):
    sleeping = lambda: shop.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics executor' AND wait_event = 'PgSleep'")
    plain = api.socket(b"GET /api/rpc/nap?seconds=3600 HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sleeping() == 1, "the query")
    plain.close()
    until(lambda: sleeping() == 0, "its end")
    assert post(api, "impatient").is_error(504, "57014")  # the function's own statement_timeout
    settings.set(http_statement_timeout="300ms")
    until(lambda: post(api, "nap", {"seconds": 5}).status == 504, "the setting")
    assert run(api, "DO $$ BEGIN SET statement_timeout = 0; PERFORM pg_sleep(60); END $$").is_error(504, "57014")
    assert api.get("/api/rpc/add?a=1").json == 11


def test_401_is_for_those_who_could_log_in(api):
    assert api.get("/api/secrets").is_error(401, "42501")
    assert api.get("/api/secrets", Authorization="Basic d2ViOndlYg==").is_error(401, "42501")
    assert api.get("/api/secrets", **bearer("web")).is_error(401, "42501")
    assert api.get("/api/rpc/for_red?n=1", **bearer("blue")).is_error(403, "42501")


@pytest.mark.parametrize(
    "headers",
    [
        [{"Content-Length": "1"}],
        [{"Transfer-Encoding": "chunked"}],
        [{"Connection": "close"}, {"X-Own": "yes"}],
        [{"content-length": "1000"}, {"Upgrade": "websocket"}],
    ],
)
def test_a_functions_headers_do_not_frame_the_answer(api, headers):
    body = json.dumps({"headers": json.dumps(headers)}).encode()
    request = b"POST /api/rpc/head HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with api.socket(request + b"GET /api/rpc/add?a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as plain:
        got = read_all(plain)
    first, second = got.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ") and first.endswith(b'\r\n\r\n"body"') and first.lower().count(b"content-length") == 1
    assert second.startswith(b"200 ") and second.endswith(b"\r\n\r\n11")


@pytest.mark.parametrize("headers", ['[{"a b": "c"}]', '[{"A: b\\r\\nC": "d"}]', '[{"A": "b\\r\\nSet-Cookie: c"}]', '[{"": "x"}]', '{"A": "b"}', '[{"A": 1}]', "["])
def test_what_is_no_header(api, headers):
    assert post(api, "head", {"headers": headers}).is_error(500, "PGRST111")


@pytest.mark.parametrize("status", ["100", "101", "99", "1000", "200 OK", "-200", "x"])
def test_what_is_no_status(api, status):
    assert post(api, "head", {"headers": "", "status": status}).is_error(500, "PGRST112")


def test_a_form_of_many_names_ends(api):
    """One million of them: reading takes time in proportion."""
    body = "&".join(f"a{n}=" for n in range(1_000_000))
    reply = api("POST", "/api/customers", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.is_error(400, "PGRST204")
