"""Whose rights a request has, and that nothing in it can get others. `anything`: /api/visualize?metric= runs SQL."""

import contextlib
import urllib.parse

import pytest

from conftest import until


def run(server, sql):
    return server.get("/api/visualize?metric=" + urllib.parse.quote(sql))


def test_the_role_and_what_functions_see(server, anything):
    see = lambda expression: run(server, f"SELECT {expression}").json
    assert see("current_user") == "web"
    assert see("session_user") == "analytics_authenticator"
    assert see("current_setting('role')") == "web"
    assert see("current_setting('request.method')") == "GET"
    assert see("current_setting('request.path')") == "/api/visualize"
    assert see("current_setting('request.jwt.claims')") == '{"role":"web"}'
    assert see("current_setting('request.headers')::json ->> 'host'").startswith("127.0.0.1:")


def test_the_roles_settings_hold_for_reports(server, shop, anything):
    """But for its search path: what the server runs itself has its own."""
    try:
        shop.rows("ALTER ROLE web SET timezone = 'Asia/Tokyo'; ALTER ROLE web SET statement_timeout = '300ms'; ALTER ROLE web SET search_path = pg_temp")
        assert run(server, "SELECT current_setting('timezone')").json == "Asia/Tokyo"
        assert run(server, "SELECT pg_sleep(20)").is_error(504, "57014")
    finally:
        shop.rows("ALTER ROLE web RESET ALL")
    assert run(server, "SELECT current_setting('timezone')").json == "UTC"


@pytest.mark.parametrize(
    "escape",
    [
        "RESET ROLE",
        "SET ROLE analytics_authenticator",
        "SET LOCAL ROLE none",
        "SET SESSION AUTHORIZATION postgres",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SELECT set_config('role', 'none', false)",
        "SELECT set_config('session_authorization', 'postgres', true)",
    ],
)
def test_no_way_back(server, anything, escape):
    assert run(server, escape).status in (400, 401)  # 42501, of a request that could log in
    assert run(server, "SELECT current_user").json == "web"


def test_reset_all_and_discard_are_no_way_either(server, anything):
    run(server, "RESET ALL")
    run(server, "DISCARD ALL")
    assert run(server, "SELECT current_user").json == "web"


def test_what_is_left_for_the_commit_runs_as_the_role(server, shop, anything):
    """A deferred trigger fires when the function is over; it is still the role, and still cannot undo it."""
    shop.rows("""
        CREATE TABLE public.seen (who name, escape text);
        GRANT INSERT ON public.seen TO web;
        CREATE TABLE public.trap (n int); GRANT INSERT, SELECT ON public.trap TO web;
        CREATE FUNCTION public.spring() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE escape text := 'allowed';
        BEGIN
            BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN escape := SQLSTATE; END;
            INSERT INTO public.seen VALUES (current_user, escape);
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.trap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.spring()""")
    try:
        assert run(server, "INSERT INTO public.trap VALUES (1) RETURNING n").json == "1"
        assert shop.rows("SELECT who, escape FROM public.seen") == [("web", "42501")]
    finally:
        shop.rows("DROP TABLE public.trap, public.seen; DROP FUNCTION public.spring()")


def test_nothing_is_left_for_the_next_request(server, settings, anything):
    settings.set(http_executors="1")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 1, "one executor")
    run(server, "SELECT set_config('analytics_test.left', 'behind', false)")
    assert run(server, "SELECT current_setting('analytics_test.left', true)").json in (None, "")
    run(server, "SELECT set_config('work_mem', '123MB', false)")
    assert run(server, "SELECT current_setting('work_mem')").json != "123MB"
    run(server, "SELECT pg_advisory_lock(42)")
    assert run(server, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42").json == "0"
    run(server, "PREPARE left_behind AS SELECT 1")
    assert run(server, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'").json == "0"
    run(server, "LISTEN left_behind")
    assert run(server, "SELECT count(*) FROM pg_listening_channels()").json == "0"


def test_secrets_are_not_shown(server, admin, anything, settings):
    settings.set(http_jwt_secret="a very secret secret, and a long one")
    until(lambda: admin.value("SELECT setting FROM pg_settings WHERE name = 'analytics.http_jwt_secret'"), "the setting")
    assert run(server, "SELECT count(*) FROM pg_settings WHERE name = 'analytics.http_jwt_secret'").json == "0"
    assert run(server, "SELECT current_setting('analytics.http_jwt_secret')").is_error(401, "42501")
    assert run(server, "SELECT hash::text FROM analytics.ingest_key").is_error(401, "42501")
    assert run(server, "SELECT analytics.find_ingest_key('x')").is_error(401, "42501")


def test_errors_keep_their_parts(server, anything):
    raised = run(server, "DO $$ BEGIN RAISE EXCEPTION 'what' USING DETAIL = 'why', HINT = 'how', ERRCODE = '23505'; END $$")
    assert raised.is_error(409)
    assert raised.json == {"code": "23505", "message": "what", "details": "why", "hint": "how"}
    assert run(server, "SELECT 1/0").is_error(400, "22012")
    assert run(server, "SELECT FROM nowhere").is_error(404, "42P01")


def test_504_after_the_statement_timeout(server, settings, anything):
    settings.set(http_statement_timeout="300ms")
    until(lambda: run(server, "SELECT pg_sleep(2)").status == 504, "the setting")
    assert run(server, "SELECT pg_sleep(60)").is_error(504, "57014")
    # a function cannot give itself more time
    assert run(server, "DO $$ BEGIN SET statement_timeout = 0; PERFORM pg_sleep(60); END $$").is_error(504, "57014")
    assert run(server, "SELECT 1").json == "1"


def sleeping(shop):
    return shop.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics executor' AND wait_event = 'PgSleep'")


def test_a_query_is_cancelled_when_its_client_leaves(server, shop, anything):
    plain = server.socket(b"GET /api/visualize?metric=SELECT%20pg_sleep(3600) HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sleeping(shop) == 1, "the query")
    plain.close()
    until(lambda: sleeping(shop) == 0, "its end")
    assert run(server, "SELECT 1").json == "1"


def test_slow_queries_delay_nobody_else(server, shop, key, anything):
    slow = [server.socket(b"GET /api/visualize?metric=SELECT%20pg_sleep(3600) HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(2)]
    until(lambda: sleeping(shop) == 2, "two queries")
    assert server.ingest(key, [{"event": "login"}]).json["accepted"] == 1
    assert server.get("/api/health").json["executors"]["busy"] >= 2
    for plain in slow:
        plain.close()
    until(lambda: sleeping(shop) == 0, "their end")


def test_pg_cancel_backend_works_as_ever(server, shop, anything):
    plain = server.socket(b"GET /api/visualize?metric=SELECT%20pg_sleep(3600) HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sleeping(shop) == 1, "the query")
    shop.rows("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    assert plain.recv(12) == b"HTTP/1.1 504"
    plain.close()


def test_an_executor_that_is_terminated_is_replaced(server, shop, anything):
    before = {pid for pid, in shop.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics executor'")}
    shop.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'analytics executor'")

    def replaced():
        now = {pid for pid, in shop.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics executor'")}
        return len(now) == 3 and not now & before

    until(replaced, "new executors")
    until(lambda: server.get("/api/health").json["executors"]["running"] == 3, "health")
    assert run(server, "SELECT 1").json == "1"


def test_a_task_is_finished_before_its_executor_ends(server, shop, anything):
    plain = server.socket(b"GET /api/visualize?metric=SELECT%20pg_sleep(0.5)::text HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sleeping(shop) == 1, "the query")
    shop.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    assert plain.recv(12) == b"HTTP/1.1 200"
    plain.close()
    until(lambda: server.get("/api/health").json["executors"]["running"] == 3, "health")
