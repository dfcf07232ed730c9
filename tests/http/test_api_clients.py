"""PostgREST's clients as programs use them, against the schema of api.sql: what they make of our answers.

Python's is tried here, JavaScript's in clients/postgrest_js.mjs, which runs once and tells of each of its checks.
"""

import http.client
import json
import os
import pathlib
import re
import subprocess

import pytest
from postgrest import CountMethod, ReturnMethod, SyncPostgrestClient
from postgrest.exceptions import APIError

from conftest import PATIENCE, Settings, bearer, is_as_before, until

JAVASCRIPT = pathlib.Path(__file__).parent / "clients/postgrest_js.mjs"


@pytest.fixture
def client(api):
    with SyncPostgrestClient(f"http://127.0.0.1:{api.port}/api", schema="api") as opened:
        yield opened


def test_select_with_what_is_embedded(client):
    got = client.from_("orders").select("id", "state", "customers(name)", "lines(quantity,products(title))").eq("id", 1).execute()
    assert got.data[0]["customers"] == {"name": "Ada"} and got.data[0]["state"] == "paid"
    assert sorted(got.data[0]["lines"], key=lambda line: line["quantity"]) == [
        {"quantity": 1, "products": {"title": "A pen, blue"}}, {"quantity": 2, "products": {"title": "A mug"}}]
    assert got.count is None
    inner = client.from_("customers").select("name,orders!inner(id)").order("id", foreign_table="orders", desc=True).order("id").execute()
    assert inner.data == [{"name": "Ada", "orders": [{"id": 2}, {"id": 1}]}, {"name": "Blaise", "orders": [{"id": 3}]}]


@pytest.mark.parametrize("narrow, ids", [
    (lambda query: query.eq("name", "Ada"), [1]),
    (lambda query: query.neq("name", "Ada"), [2, 3]),
    (lambda query: query.gt("id", 1).lte("id", 2), [2]),
    (lambda query: query.like("name", "%a_%"), [2, 3]),
    (lambda query: query.ilike("name", "a%"), [1]),
    (lambda query: query.in_("country", ["GB", "FR"]), [1, 2]),
    (lambda query: query.in_("name", ["Ada", "a,b", 'q"']), [1]),
    (lambda query: query.is_("country", "null"), []),
    (lambda query: query.not_.is_("country", "null"), [1, 2, 3]),
    (lambda query: query.not_.in_("id", [1, 2]), [3]),
    (lambda query: query.contains("tags", ["best"]), [1, 3]),
    (lambda query: query.contained_by("tags", ["best"]), [2, 3]),
    (lambda query: query.overlaps("tags", ["first", "other"]), [1]),
    (lambda query: query.contains("about", {"vip": True}), [1]),
    (lambda query: query.eq("about->>vip", "false"), [2]),
    (lambda query: query.or_("id.eq.1,and(country.eq.DE,name.like.C*)"), [1, 3]),
    (lambda query: query.match({"name": "Carl", "country": "DE"}), [3]),
    (lambda query: query.filter("id", "in", "(2,3)").order("id", desc=True), [3, 2]),
])
def test_filters(client, narrow, ids):
    query = narrow(client.from_("customers").select("id"))
    assert [row["id"] for row in query.order("id").execute().data] == ids


@pytest.mark.parametrize("narrow, skus", [
    (lambda query: query.range_gt("sold_in", (1, 4)), ["pen"]),
    (lambda query: query.range_lt("sold_in", (4, 8)), ["mug"]),
    (lambda query: query.range_adjacent("sold_in", (8, 12)), ["pen"]),
    (lambda query: query.ov("sold_in", "[1,3)"), ["mug"]),
    (lambda query: query.text_search("title", "blue & pen", options={"config": "english"}), ["pen"]),
    (lambda query: query.text_search("title", "a mug", options={"type": "plain", "config": "english"}), ["mug"]),
    (lambda query: query.text_search("title", "cap or pen", options={"type": "web_search", "config": "english"}), ["cap", "pen"]),
])
def test_filters_of_ranges_and_words(client, narrow, skus):
    assert [row["sku"] for row in narrow(client.from_("products").select("sku")).order("sku").execute().data] == skus


def test_one_row(client):
    customers = lambda: client.from_("customers").select("name")
    assert customers().eq("id", 2).single().execute().data == {"name": "Blaise"}
    assert customers().eq("id", 2).maybe_single().execute().data == {"name": "Blaise"}
    assert customers().eq("id", 99).maybe_single().execute() is None
    with pytest.raises(APIError) as failed:  # which the client finds out for itself
        customers().maybe_single().execute()
    assert failed.value.code == "406"
    for wrong, rows in ((customers().eq("id", 99).single(), 0), (customers().single(), 3)):
        with pytest.raises(APIError) as failed:
            wrong.execute()
        assert failed.value.code == "PGRST116" and failed.value.details == f"The result contains {rows} rows"
        assert failed.value.message == "Cannot coerce the result to a single JSON object" and failed.value.hint is None


def test_csv_count_and_range(client):
    got = client.from_("products").select("sku,title").order("sku").csv().execute()
    assert got.data.rstrip("\n") == 'sku,title\ncap,"A cap"\nmug,"A mug"\npen,"A pen, blue"'  # quoted as PostgreSQL's rows are
    for method in (CountMethod.exact, CountMethod.estimated):
        got = client.from_("customers").select("id", count=method).order("id").range(1, 1).execute()
        assert (got.data, got.count) == ([{"id": 2}], 3)
    assert client.from_("customers").select("*", count=CountMethod.exact, head=True).execute().count == 3
    assert client.from_("customers").select("id").order("id").limit(1).offset(2).execute().data == [{"id": 3}]
    assert client.from_("customers").select("id,orders(id)").limit(1, foreign_table="orders").order("id", foreign_table="orders").eq("id", 1).execute().data == [
        {"id": 1, "orders": [{"id": 1}]}]
    with pytest.raises(APIError) as failed:
        client.from_("customers").select("id", count=CountMethod.exact).range(10, 20).execute()
    assert failed.value.code == "PGRST103"


def test_writes(client, shop):
    customers = lambda: client.from_("customers")
    try:
        assert customers().insert({"id": 50, "name": "Dora, \"D\""}).execute().data == [{"id": 50, "name": "Dora, \"D\"", "country": None, "about": {}, "tags": []}]
        got = customers().insert([{"id": 51, "name": "Emil"}, {"id": 52, "country": "IT", "name": "Flora"}], count=CountMethod.exact, default_to_null=False).execute()
        assert got.count == 2 and [row["id"] for row in got.data] == [51, 52] and got.data[0]["country"] is None
        assert customers().insert({"id": 53, "name": "Gert"}, returning=ReturnMethod.minimal).execute().data == []
        got = customers().upsert([{"id": 53, "name": "Gerda"}, {"id": 54, "name": "Hans"}]).execute()
        assert sorted(row["name"] for row in got.data) == ["Gerda", "Hans"]
        assert customers().upsert({"id": 53, "name": "Gerda"}, on_conflict="id").execute().data[0]["name"] == "Gerda"
        assert customers().upsert({"id": 53, "name": "Not"}, ignore_duplicates=True).execute().data == []
        got = customers().update({"country": "IT"}, count=CountMethod.exact).gte("id", 52).lte("id", 53).execute()
        assert got.count == 2 and {row["country"] for row in got.data} == {"IT"}
        assert shop.rows("SELECT id, name, country FROM api.customers WHERE id BETWEEN 50 AND 53 ORDER BY id") == [
            (50, 'Dora, "D"', None), (51, "Emil", None), (52, "Flora", "IT"), (53, "Gerda", "IT")]
        assert sorted(row["id"] for row in customers().delete().in_("id", [50, 51]).execute().data) == [50, 51]
        assert customers().delete(returning=ReturnMethod.minimal).eq("id", 52).execute().data == []
        assert shop.value("SELECT count(*) FROM api.customers WHERE id BETWEEN 50 AND 52") == 0
    finally:
        shop.rows("DELETE FROM api.customers WHERE id >= 50")


def test_functions(client):
    assert client.rpc("add", {"a": 1, "b": 2}).execute().data == 3
    assert client.rpc("add", {"a": 1}, get=True).execute().data == 11
    assert client.rpc("orders_of", {"customer": 1}).select("id").gt("id", 1).execute().data == [{"id": 2}]
    assert client.rpc("orders_of", {"customer": 1}, count=CountMethod.exact).execute().count == 2
    assert client.rpc("total", {"items": [{"price": "2.5"}, {"price": 7}]}).execute().data == 9.5


def test_errors_as_the_client_tells_them(client, shop):
    def failure(query):
        with pytest.raises(APIError) as failed:
            query.execute()
        return failed.value

    twice = failure(client.from_("products").insert({"sku": "mug", "title": "another", "price": 1}))
    assert (twice.code, twice.details) == ("23505", "Key (sku)=(mug) already exists.")
    assert twice.message == 'duplicate key value violates unique constraint "products_pkey"'
    assert failure(client.from_("products").insert({"sku": "x", "title": "x", "price": -1})).code == "23514"
    assert failure(client.from_("orders").insert({"customer_id": 999})).code == "23503"
    assert failure(client.from_("customers").insert({})).code == "23502"
    assert failure(client.from_("customers").select("nothing")).code == "42703"
    assert failure(client.from_("customer").select("*")).code == "PGRST205"
    assert failure(client.from_("customers").select("products!nothing(*)")).code == "PGRST200"
    assert failure(client.from_("customers").insert({"nothing": 1})).code == "PGRST204"
    assert failure(client.from_("customers").select("*").eq("id", "x")).code == "22P02"
    assert failure(client.rpc("nothing", {"a": 1})).code == "PGRST202"
    refused = failure(client.rpc("refuse", {}))
    assert (refused.code, refused.message, refused.details, refused.hint) == ("PT418", "the shop is shut", "it is Sunday", "come back")
    assert failure(client.from_("secrets").select("*")).code == "42501"
    assert failure(client.schema("hidden").from_("ledger").select("*")).code == "PGRST106"
    assert shop.value("SELECT count(*) FROM api.products") == 3


@pytest.mark.parametrize("method, path, body, said", [
    ("GET", "customers?limit=1", None, "206 Partial Content"),
    ("GET", "customers?offset=99", None, "416 Requested Range Not Satisfiable"),
    ("POST", "pairs", '{"id":1,"other":1}', "201 Created"),
    ("DELETE", "pairs?id=eq.1", None, "204 No Content"),
])
def test_a_status_has_its_words(api, method, path, body, said):
    """JavaScript's clients show them as statusText."""
    connection = http.client.HTTPConnection("127.0.0.1", api.port)
    connection.request(method, "/api/" + path, body, {"Content-Type": "application/json", "Prefer": "count=exact"})
    reply = connection.getresponse()
    connection.close()
    assert f"{reply.status} {reply.reason}" == said


def test_a_token_and_a_schema(client):
    client.auth(bearer("red", tenant="red")["Authorization"].removeprefix("Bearer "))
    assert client.from_("secrets").select("id").order("id").limit(2).execute().data == [{"id": 2}, {"id": 4}]
    assert client.schema("api").from_("customers").select("name").eq("id", 1).execute().data == [{"name": "Ada"}]


@pytest.fixture(scope="module")
def javascript(api, admin, shop):
    """What became of each check: None, or its error."""
    changed = Settings(admin)
    changed.set(http_tx_override="on")
    until(lambda: "Preference-Applied" in api.get("/api/customers?limit=0", Prefer="tx=rollback").headers, "the override")
    token = bearer("red", tenant="red")["Authorization"].removeprefix("Bearer ")
    environment = {**os.environ, "API_URL": f"http://127.0.0.1:{api.port}/api", "API_TOKEN": token}
    try:
        ran = subprocess.run(["node", str(JAVASCRIPT)], env=environment, capture_output=True, text=True, timeout=4 * PATIENCE)
    finally:
        shop.rows("DELETE FROM api.customers WHERE id >= 50")
        shop.rows("DELETE FROM api.products WHERE sku > 'pen'")
        changed.put_back()
        until(lambda: is_as_before(api), "the functions that were left alone")
    assert ran.returncode == 0, ran.stderr
    errors = {result["name"]: result["error"] for result in map(json.loads, ran.stdout.splitlines())}
    assert list(errors) == CHECKS
    return errors


CHECKS = re.findall(r"^check\('(.+?)',", JAVASCRIPT.read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", CHECKS)
def test_postgrest_js(javascript, name):
    assert javascript[name] is None, javascript[name]
