"""What the schema cache's query finds in a real database. What is derived from its JSON, tests/unit/rest_schema_test.cpp tries."""

import contextlib
import json
import pathlib

import pytest

from conftest import connect

DATABASE = "schema_test"
SOURCE = pathlib.Path(__file__).parents[2] / "src/core/rest/schema_query.cpp"
QUERY = SOURCE.read_text().split('R"sql(')[1].split(')sql"')[0]

SHOP = r"""
CREATE SCHEMA api; COMMENT ON SCHEMA api IS 'A "shop"';
CREATE SCHEMA more;
CREATE SCHEMA hidden;
CREATE TYPE api.kind AS ENUM ('person', 'firm');
CREATE DOMAIN api.mail AS varchar(50) DEFAULT 'none';
CREATE DOMAIN api.work_mail AS api.mail NOT NULL;
CREATE TABLE hidden.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail api.mail, work api.work_mail, kind api.kind NOT NULL DEFAULT 'person',
    code varchar(10), tags text[], gone int, twice int GENERATED ALWAYS AS (length(code) * 2) STORED, note text DEFAULT 'it''s');
ALTER TABLE hidden.customers DROP COLUMN gone;
COMMENT ON COLUMN hidden.customers.note IS 'Anything';
CREATE VIEW api.customers AS SELECT * FROM hidden.customers;
COMMENT ON VIEW api.customers IS 'Who buys';
CREATE TABLE api.orders (id int PRIMARY KEY, customer_id bigint REFERENCES hidden.customers, shop text, number int,
                         UNIQUE (number, shop));
CREATE TABLE api.invoices (number int, shop text, day date, UNIQUE (shop, number),
                           CONSTRAINT invoices_order FOREIGN KEY (number, shop) REFERENCES api.orders (number, shop));
CREATE TABLE more.products ("the id" int PRIMARY KEY);
CREATE TABLE api.baskets (product_id int REFERENCES more.products, order_id int REFERENCES api.orders, PRIMARY KEY (product_id, order_id));
CREATE TABLE api.days (day date, id int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE api.days_2026 PARTITION OF api.days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW hidden.between AS SELECT id AS number, customer_id AS buyer FROM api.orders;
CREATE VIEW api.sold AS
    WITH first AS (SELECT "the id" FROM more.products)
    SELECT (SELECT max(x.id) FROM hidden.customers x) AS newest, b.buyer, b.number, b.buyer + 1 AS other, number AS "odd {QUERY \ name :resno 3"
      FROM hidden.between b WHERE EXISTS (SELECT "the id" FROM first);
CREATE VIEW api.counted AS SELECT customer_id, count(*) FILTER (WHERE id > 1) AS n FROM api.orders GROUP BY customer_id ORDER BY max(id);
CREATE VIEW api.both AS SELECT id FROM api.orders UNION ALL SELECT id FROM api.days;
CREATE MATERIALIZED VIEW api.kept AS SELECT id FROM api.orders;
CREATE FUNCTION api.full_name(api.orders) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.shop';
CREATE FUNCTION api.rows_of(api.orders) RETURNS SETOF api.baskets LANGUAGE sql STABLE AS 'SELECT * FROM api.baskets';
CREATE FUNCTION api.row_of(api.orders) RETURNS SETOF api.baskets ROWS 1 LANGUAGE sql STABLE AS 'SELECT * FROM api.baskets';
CREATE FUNCTION api.find(name char, most int = 1, VARIADIC ids int[] = '{}') RETURNS SETOF api.orders LANGUAGE sql STABLE
    SET statement_timeout = '10s' SET search_path = '' AS 'SELECT * FROM api.orders';
COMMENT ON FUNCTION api.find IS 'Finds';
CREATE FUNCTION api.table_of(a int) RETURNS TABLE (b int, c text[]) LANGUAGE sql AS $$ SELECT 1, '{}'::text[] $$;
CREATE FUNCTION api.in_and_out(OUT a int, INOUT b int) LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION api.nothing() RETURNS void LANGUAGE sql IMMUTABLE AS '';
CREATE FUNCTION api.body(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION api.not_callable(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION api.react() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE api.go() LANGUAGE sql AS '';
CREATE FUNCTION hidden.secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""


@pytest.fixture(scope="module")
def cache(admin):
    admin.rows(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    admin.rows(f"CREATE DATABASE {DATABASE}")
    if not admin.rows("SELECT 1 FROM pg_roles WHERE rolname = 'schema_reader'"):
        admin.rows("CREATE ROLE schema_reader")
    with contextlib.closing(connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(SHOP)
        cursor.execute("SET search_path = ''")
        cursor.execute("SET ROLE schema_reader")  # who owns nothing, and may use no schema of these
        cursor.execute(f"PREPARE cache(text[]) AS {QUERY}")
        cursor.execute("EXECUTE cache('{api,more,none}')")
        yield json.loads(cursor.fetchone()[0])
    admin.rows(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def by_name(items):
    return {item["name"]: item for item in items}


@pytest.fixture
def relations(cache):
    return by_name(cache["relations"])


@pytest.fixture
def functions(cache):
    return by_name(cache["functions"])


def test_schemas_that_exist_in_their_order(cache):
    assert cache["schemas"] == [{"name": "api", "comment": 'A "shop"'}, {"name": "more"}]


def test_relations_without_partitions_and_hidden_ones(relations):
    assert set(relations) == {"customers", "orders", "invoices", "products", "baskets", "days", "sold", "counted", "both", "kept"}
    assert {name for name, relation in relations.items() if relation.get("is_view")} == {"customers", "sold", "counted", "both", "kept"}
    writable = {name for name, relation in relations.items() if relation.get("insertable")}
    assert writable == {"customers", "orders", "invoices", "products", "baskets", "days"}
    assert relations["customers"]["comment"] == "Who buys" and "comment" not in relations["orders"]
    assert relations["orders"]["deletable"] and relations["orders"]["updatable"] and "deletable" not in relations["kept"]


def test_columns(relations):
    columns = by_name(relations["customers"]["columns"])  # a view's: no defaults and no NOT NULL
    assert list(columns) == ["id", "mail", "work", "kind", "code", "tags", "twice", "note"]
    assert columns["mail"] == {"name": "mail", "type": "api.mail", "base_type": "character varying", "max_length": 50,
                               "has_default": True, "default_sql": "'none'::character varying"}
    assert columns["work"]["base_type"] == "character varying" and columns["work"]["not_null"]
    assert columns["kind"] == {"name": "kind", "type": "api.kind", "enum": ["person", "firm"]}
    assert columns["code"] == {"name": "code", "type": "character varying", "full_type": "character varying(10)", "max_length": 10}
    assert columns["tags"]["composite_or_array"]
    assert by_name(relations["orders"]["columns"])["id"] == {"name": "id", "type": "integer", "not_null": True}


def test_keys(cache, relations):
    name_of = {relation["id"]: name for name, relation in relations.items()}
    primary = {name_of.get(key["table"], "hidden"): key["columns"] for key in cache["primary_keys"]}
    assert primary == {"hidden": ["id"], "orders": ["id"], "products": ["the id"], "baskets": ["product_id", "order_id"], "days": ["day", "id"]}
    foreign = by_name(cache["foreign_keys"])
    assert set(foreign) == {"orders_customer_id_fkey", "invoices_order", "baskets_product_id_fkey", "baskets_order_id_fkey"}
    assert foreign["invoices_order"]["columns"] == ["number", "shop"] and foreign["invoices_order"]["one_to_one"]
    assert "one_to_one" not in foreign["orders_customer_id_fkey"]


def test_what_views_show_down_to_the_tables(cache, relations):
    name_of = {relation["id"]: name for name, relation in relations.items()}
    shown = {(name_of[s["view"]], s["column"]): (name_of.get(s["table"], "hidden"), s["origin"]) for s in cache["shown"]
             if name_of.get(s["table"], "hidden") != "hidden" or s["origin"] == "id"}
    assert shown == {
        ("customers", "id"): ("hidden", "id"),
        ("sold", "buyer"): ("orders", "customer_id"),
        ("sold", "number"): ("orders", "id"),
        ("sold", "odd {QUERY \\ name :resno 3"): ("orders", "id"),
        ("counted", "customer_id"): ("orders", "customer_id"),
        ("kept", "id"): ("orders", "id"),
    }


def test_functions(functions, relations):
    assert set(functions) == {"find", "table_of", "in_and_out", "nothing", "body"}
    find = functions["find"]
    assert find["is_set"] and find["composite"] and find["row"] == relations["orders"]["id"] and "columns" not in find
    assert find["parameters"] == [
        {"name": "name", "type": "character", "cast_type": "character varying"},
        {"name": "most", "type": "integer", "optional": True},
        {"name": "ids", "type": "integer[]", "optional": True, "variadic": True},
    ]
    assert find["settings"] == [["statement_timeout", "10s"]] and find["comment"] == "Finds" and find["volatility"] == "s"
    assert [column["name"] for column in functions["table_of"]["outputs"]] == ["b", "c"]
    assert [parameter["name"] for parameter in functions["in_and_out"]["parameters"]] == ["b"]
    assert [column["name"] for column in functions["in_and_out"]["outputs"]] == ["a", "b"]
    assert functions["nothing"]["type"] == "void" and "composite" not in functions["nothing"]
    assert functions["body"]["parameters"] == [{"type": "jsonb"}]


def test_functions_of_a_row(cache, relations):
    computed = by_name(cache["computed"])
    assert set(computed) == {"full_name", "rows_of", "row_of"}
    assert {one["from"] for one in computed.values()} == {relations["orders"]["id"]}
    assert computed["row_of"]["to_one"] and "to_one" not in computed["rows_of"]
    assert computed["rows_of"]["to"] == relations["baskets"]["id"] and "to" not in computed["full_name"]
