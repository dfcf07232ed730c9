"""What DDL changes is known to the next requests, whichever executors get them: each keeps a schema cache of its own."""

import concurrent.futures
import itertools
import json

import pytest

from conftest import Settings, until

EXECUTORS = 2  # that serve such requests at the same time: of three one is left to ingests
NUMBERS = itertools.count(100)
MEET = "LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN 1; END $$"


@pytest.fixture
def served(server, shop, admin):
    shop.rows(f"""
        DROP SCHEMA IF EXISTS cached CASCADE;
        CREATE SCHEMA cached;
        GRANT USAGE ON SCHEMA cached TO web;
        ALTER DEFAULT PRIVILEGES IN SCHEMA cached GRANT SELECT, INSERT ON TABLES TO web;
        CREATE TABLE cached.things (id int PRIMARY KEY, name text);
        CREATE TABLE cached.parts (id int PRIMARY KEY, thing_id int);
        INSERT INTO cached.things VALUES (1, 'one');
        INSERT INTO cached.parts VALUES (10, 1);
        CREATE FUNCTION cached.meet(cached.things) RETURNS int {MEET};
        CREATE FUNCTION cached.meet(cached.parts) RETURNS int {MEET}""")
    settings = Settings(admin)
    settings.set(http_schemas="cached")
    try:
        until(lambda: server.get("/api/things").status == 200, "the schema")
        answered = answers(server, shop, "/api/things?select=id,meet")  # so that they have read it
        assert answered == [(200, [{"id": 1, "meet": 1}])] * EXECUTORS
        yield server
    finally:
        settings.put_back()
        shop.rows("DROP SCHEMA cached CASCADE")


def answers(server, shop, path, bodies=None):
    """Of each executor. The path asks for `meet`, which no request leaves before each executor has one (or has refused it)."""
    bodies = bodies or [None] * EXECUTORS
    fields = {"Content-Type": "application/json", "Prefer": "return=representation"}
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
    shop.rows("SELECT pg_advisory_lock(4711)")
    with concurrent.futures.ThreadPoolExecutor(EXECUTORS) as threads:
        try:
            asked = [threads.submit(server, "POST" if body else "GET", path, body, fields) for body in bodies]
            until(lambda: shop.value(waiting) + sum(one.done() for one in asked) == EXECUTORS, "the executors at work")
        finally:
            shop.rows("SELECT pg_advisory_unlock(4711)")
        replies = [one.result() for one in asked]
    return [(reply.status, reply.json) for reply in replies]


def refusals(server, method, path, body=None):
    """Of the requests of some clients at once: status and code."""
    with concurrent.futures.ThreadPoolExecutor(EXECUTORS) as threads:
        replies = list(threads.map(lambda _: server(method, path, body, {"Content-Type": "application/json"}), range(4 * EXECUTORS)))
    return {(reply.status, reply.json["code"]) for reply in replies}


def test_a_new_table(served, shop):
    assert refusals(served, "GET", "/api/fresh") == {(404, "PGRST205")}
    shop.rows(f"""CREATE TABLE cached.fresh (id int PRIMARY KEY); INSERT INTO cached.fresh VALUES (7);
                  CREATE FUNCTION cached.meet(cached.fresh) RETURNS int {MEET}""")
    assert answers(served, shop, "/api/fresh?select=id,meet") == [(200, [{"id": 7, "meet": 1}])] * EXECUTORS


def test_a_new_view(served, shop):
    shop.rows("CREATE VIEW cached.seen AS SELECT id AS number, cached.meet(t) AS met FROM cached.things t")
    assert answers(served, shop, "/api/seen") == [(200, [{"number": 1, "met": 1}])] * EXECUTORS


def test_a_new_column(served, shop):
    body = lambda: json.dumps({"id": next(NUMBERS), "colour": "red"})
    path = "/api/things?columns=id,colour&select=colour,meet"
    assert refusals(served, "POST", path, body()) == {(400, "PGRST204")}
    shop.rows("ALTER TABLE cached.things ADD colour text")
    assert answers(served, shop, path, [body() for _ in range(EXECUTORS)]) == [(201, [{"colour": "red", "meet": 1}])] * EXECUTORS


def test_a_new_foreign_key(served, shop):
    path = "/api/parts?select=id,meet,things(name)"
    assert refusals(served, "GET", path) == {(400, "PGRST200")}
    shop.rows("ALTER TABLE cached.parts ADD CONSTRAINT part_of FOREIGN KEY (thing_id) REFERENCES cached.things")
    assert answers(served, shop, path) == [(200, [{"id": 10, "meet": 1, "things": {"name": "one"}}])] * EXECUTORS
    shop.rows("ALTER TABLE cached.parts DROP CONSTRAINT part_of")
    assert refusals(served, "GET", path) == {(400, "PGRST200")}


def test_a_foreign_key_that_makes_it_ambiguous(served, shop):
    shop.rows("""ALTER TABLE cached.parts ADD CONSTRAINT part_of FOREIGN KEY (thing_id) REFERENCES cached.things,
                 ADD spare_id int CONSTRAINT spare_of REFERENCES cached.things""")
    assert answers(served, shop, "/api/parts?select=id,meet,things!part_of(name)") == (
        [(200, [{"id": 10, "meet": 1, "things": {"name": "one"}}])] * EXECUTORS
    )
    assert refusals(served, "GET", "/api/parts?select=id,things(name)") == {(300, "PGRST201")}


def test_a_new_function(served, shop):
    assert refusals(served, "POST", "/api/rpc/answer", "{}") == {(404, "PGRST202")}
    shop.rows(f"CREATE FUNCTION cached.answer() RETURNS int {MEET}")
    assert answers(served, shop, "/api/rpc/answer", ["{}"] * EXECUTORS) == [(200, 1)] * EXECUTORS


def test_a_function_whose_arguments_change(served, shop):
    shop.rows(f"CREATE FUNCTION cached.answer(old int) RETURNS int {MEET}")
    assert answers(served, shop, "/api/rpc/answer", ['{"old": 1}'] * EXECUTORS) == [(200, 1)] * EXECUTORS
    shop.rows(f"DROP FUNCTION cached.answer; CREATE FUNCTION cached.answer(new int) RETURNS int {MEET}")
    assert answers(served, shop, "/api/rpc/answer", ['{"new": 1}'] * EXECUTORS) == [(200, 1)] * EXECUTORS
    assert refusals(served, "POST", "/api/rpc/answer", '{"old": 1}') == {(404, "PGRST202")}


def test_a_function_that_turns_stable_is_read_only(served, shop):
    shop.rows("""CREATE FUNCTION cached.read_only() RETURNS text LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN current_setting('transaction_read_only'); END $$""")
    assert answers(served, shop, "/api/rpc/read_only", ["{}"] * EXECUTORS) == [(200, "off")] * EXECUTORS
    shop.rows("ALTER FUNCTION cached.read_only STABLE")
    assert answers(served, shop, "/api/rpc/read_only", ["{}"] * EXECUTORS) == [(200, "on")] * EXECUTORS


def test_a_table_that_is_renamed(served, shop):
    shop.rows("ALTER TABLE cached.things RENAME TO objects")
    assert answers(served, shop, "/api/objects?select=id,meet") == [(200, [{"id": 1, "meet": 1}])] * EXECUTORS
    assert refusals(served, "GET", "/api/things") == {(404, "PGRST205")}


def test_a_column_that_is_renamed(served, shop):
    body = lambda name: json.dumps({"id": next(NUMBERS), name: "x"})
    shop.rows("ALTER TABLE cached.things RENAME name TO title")
    path = "/api/things?columns=id,title&select=title,meet"
    bodies = [body("title") for _ in range(EXECUTORS)]
    assert answers(served, shop, path, bodies) == [(201, [{"title": "x", "meet": 1}])] * EXECUTORS
    assert refusals(served, "POST", "/api/things", body("name")) == {(400, "PGRST204")}


@pytest.mark.parametrize(
    "ddl, method, path, refusal",
    [
        ("DROP TABLE cached.things CASCADE", "GET", "/api/things", (404, "PGRST205")),
        ("ALTER TABLE cached.things DROP name", "POST", "/api/things?columns=name", (400, "PGRST204")),
        ("DROP FUNCTION cached.meet(cached.things)", "GET", "/api/things?select=meet", (400, "42703")),
        ("ALTER TABLE cached.things SET SCHEMA public; DROP TABLE public.things CASCADE", "GET", "/api/things", (404, "PGRST205")),
    ],
)
def test_what_is_dropped(served, shop, ddl, method, path, refusal):
    shop.rows(ddl)
    assert refusals(served, method, path, '{"id": 5}' if method == "POST" else None) == {refusal}


def test_a_key_that_comes_and_goes(served, shop):
    """PUT needs one."""
    path, fields = "/api/parts?id=eq.10", {"Content-Type": "application/json"}
    shop.rows("GRANT UPDATE ON cached.parts TO web")
    assert served("PUT", path, '{"id": 10, "thing_id": 2}', fields).status == 204
    shop.rows("ALTER TABLE cached.parts DROP CONSTRAINT parts_pkey")
    assert refusals(served, "PUT", path, '{"id": 10, "thing_id": 2}') == {(405, "PGRST105")}
    shop.rows("ALTER TABLE cached.parts ADD PRIMARY KEY (id)")
    assert served("PUT", path, '{"id": 10, "thing_id": 3}', fields).status == 204
    assert shop.rows("SELECT * FROM cached.parts") == [(10, 3)]


def test_comments_in_the_manual(served, shop):
    described = lambda: {served.get("/api/").json["definitions"]["things"].get("description") for _ in range(2 * EXECUTORS)}
    for comment in ("Whatever there is", "And more"):
        shop.rows(f"COMMENT ON TABLE cached.things IS '{comment}'")
        assert described() == {comment}
    shop.rows("COMMENT ON TABLE cached.things IS NULL")
    assert described() == {None}
    shop.rows("COMMENT ON COLUMN cached.things.name IS 'How it is called'")
    assert served.get("/api/").json["definitions"]["things"]["properties"]["name"]["description"].startswith("How it is called")
    shop.rows("CREATE FUNCTION cached.new_one() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON FUNCTION cached.new_one IS 'One'")
    assert served.get("/api/").json["paths"]["/rpc/new_one"]["post"]["summary"] == "One"


def test_a_relationship_by_a_function_of_another_schema(served, shop):
    path = "/api/things?select=id,meet,parts_of(id)"
    assert refusals(served, "GET", path) == {(400, "PGRST200")}
    shop.rows("""CREATE FUNCTION public.parts_of(cached.things) RETURNS SETOF cached.parts LANGUAGE sql STABLE AS
                 'SELECT * FROM cached.parts WHERE thing_id = $1.id'""")
    assert answers(served, shop, path) == [(200, [{"id": 1, "meet": 1, "parts_of": [{"id": 10}]}])] * EXECUTORS
    shop.rows("DROP FUNCTION public.parts_of")
    assert refusals(served, "GET", path) == {(400, "PGRST200")}


def test_a_cast_that_comes_and_goes(served, shop):
    shop.rows("""CREATE DOMAIN cached.word AS text; ALTER TABLE cached.things ADD kind cached.word DEFAULT 'a';
                 CREATE FUNCTION cached.shout(cached.word) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT to_json(upper($1))'""")
    asked = lambda: answers(served, shop, "/api/things?select=kind,meet")
    assert asked() == [(200, [{"kind": "a", "meet": 1}])] * EXECUTORS
    shop.rows("CREATE CAST (cached.word AS json) WITH FUNCTION cached.shout AS IMPLICIT")
    assert asked() == [(200, [{"kind": "A", "meet": 1}])] * EXECUTORS
    shop.rows("DROP CAST (cached.word AS json)")
    assert asked() == [(200, [{"kind": "a", "meet": 1}])] * EXECUTORS


def test_a_view_that_a_trigger_lets_write(served, shop):
    allowed = lambda: {served("OPTIONS", "/api/seen").headers["Allow"] for _ in range(2 * EXECUTORS)}
    shop.rows("CREATE VIEW cached.seen AS SELECT count(*) AS number FROM cached.things")
    assert allowed() == {"OPTIONS,GET,HEAD"}
    shop.rows("""CREATE FUNCTION cached.ignore() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                 CREATE TRIGGER ignored INSTEAD OF INSERT ON cached.seen FOR EACH ROW EXECUTE FUNCTION cached.ignore()""")
    assert allowed() == {"OPTIONS,GET,HEAD,POST"}
    shop.rows("DROP TRIGGER ignored ON cached.seen")
    assert allowed() == {"OPTIONS,GET,HEAD"}


def test_ddl_that_is_rolled_back_is_not_followed(served, shop):
    shop.rows("BEGIN; ALTER TABLE cached.things RENAME TO objects; CREATE TABLE cached.fresh (); ROLLBACK")
    assert answers(served, shop, "/api/things?select=id,meet") == [(200, [{"id": 1, "meet": 1}])] * EXECUTORS
    assert refusals(served, "GET", "/api/fresh") == {(404, "PGRST205")}
