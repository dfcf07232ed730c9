"""Text of others in each place of a request of PostgREST's dialect: none of it is SQL, and none of it breaks the server. Not here:
whose rights a request has (test_api_rights.py), and requests that are no HTTP (test_clients.py)."""

import json
import urllib.parse

import pytest

from attack_api import ALLOWED, Line, attack
from conftest import until

SONG = "the canary sings"
# What PostgreSQL says of values and types; 54 is 500 in PostgREST, too.
LIMITS = ("number of array dimensions", "tsquery stack too small", "stack depth limit exceeded", "nesting too deep")
SYNTAX = ("tsquery", "there is no escaped character", "zero-length delimited identifier")
TEXTS = [
    "'", "''", '"', '""', "\\", "\\'", '\\"', "`", "$$", "$x$", "$1", "$99", "?", "%", ";", "--", "/*", "*/", "()", ")", "))", "(", "{}", "}", "[]", "::", ":", "::int", ",",
    "'; SELECT public.sing(); --", '"; SELECT public.sing(); --', "; SELECT public.sing(); --", "$$; SELECT public.sing(); $$", "1; DROP TABLE api.canary; --",
    "' OR public.sing() OR '", '" OR public.sing() OR "', "' || public.sing() || '", "\\'; SELECT public.sing(); --", "\\'' || public.sing() --", "E'\\''; SELECT public.sing(); --",
    "(SELECT public.sing())", "public.sing()", "sing()", "id,(SELECT public.sing())", "id) FROM api.canary; SELECT public.sing(); --", "*/ public.sing() /*", "1 UNION SELECT public.sing()",
    'id" FROM api.canary, public.sing() AS "x', "api.canary", "hidden.ledger", "pg_catalog.pg_authid", "ctid", "tableoid", "xmin", "int) , public.sing(", "int AS a, public.sing() AS b", "text COLLATE \"C\"",
    "regclass", "record", "anyelement", "_int4", "char(99999999999)", "numeric(2000,2)", "interval year", "text = public.sing()::text", "\u2019", "\uff07", "\u02bc; SELECT public.sing(); --", "\U0001f426", "\uffff", "\u202e", "e\u0301",
    "\0", "a\0b", "'\0; SELECT public.sing()", "\r\nX-Sung: 1\r\n", "\n", "\t", " ", "a" * 64, "a" * 5000, "'" * 3000, '"' * 3001, "\\" * 3001, "(" * 3000, ")" * 3000, "and(" * 1500, "not." * 1500,
    "a(" * 2000, "->a" * 2000, "->0" * 2000, "a," * 3000, "{" * 4000, "." * 3000, "!" * 3000, "1" * 4000, "-" * 3000,
]
BYTES = [b"\xff", b"\xc0\xa7", b"\xbf'", b"\xbf\"; SELECT public.sing(); --", b"\xe0\x80\xa7", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"]
ENCODED = [urllib.parse.quote(text, safe="") for text in TEXTS + BYTES]

TARGETS = """
/api/{}
/api/rpc/{}
/api/rpc/add?{}=1
/api/rpc/add?a={}
/api/rpc/add?a=1&b={}
/api/rpc/total?items={}
/api/rpc/orders_of?customer=1&select={}
/api/rpc/orders_of?customer=1&{}=eq.1
/api/customers?{}
/api/customers?{}=eq.1
/api/customers?id={}
/api/customers?id=eq.{}
/api/customers?name=eq.{}
/api/customers?name=not.{}.a
/api/customers?name=like.{}
/api/customers?name=match.{}
/api/customers?name=in.({})
/api/customers?name=in.("{}")
/api/customers?name=is.{}
/api/customers?name=eq({}).a
/api/customers?name=like(any).{}
/api/customers?tags=cs.{}
/api/customers?name=fts({}).a
/api/customers?name=fts.{}
/api/customers?name=wfts(english).{}
/api/customers?about->{}=eq.1
/api/customers?about->>"{}"=eq.1
/api/customers?and=({})
/api/customers?or=(id.eq.1,{}.eq.1)
/api/customers?or=(id.eq.1,name.eq.{})
/api/customers?not.and=(id.eq.1,not.or({}))
/api/customers?select={}
/api/customers?select="{}"
/api/customers?select={}:name
/api/customers?select="{}":name
/api/customers?select=id::{}
/api/customers?select=id::text{}
/api/customers?select="id::{}"
/api/customers?select=about->{}
/api/customers?select=about->>"{}"
/api/customers?select=about->"{}"::text
/api/customers?select=id.{}()
/api/customers?select=id.sum()::{}
/api/customers?select=x:id.sum()::{}
/api/customers?select={}(*)
/api/customers?select="{}"(*)
/api/customers?select=orders!{}(*)
/api/customers?select=orders!"{}"!inner(*)
/api/customers?select={}:orders(*)
/api/customers?select="{}":orders(*)
/api/customers?select=...orders({}:id)
/api/customers?select=orders({})
/api/customers?select=orders(id)&orders.{}=eq.1
/api/customers?select=orders(id)&{}.id=eq.1
/api/customers?select=orders(id)&orders.order={}
/api/customers?select=orders(id)&orders.limit={}
/api/customers?select=orders(id)&orders.or=({})
/api/customers?select=orders(id)&{}=is.null
/api/orders?order=customers({})
/api/orders?select=id,customers(id)&order=customers("{}")
/api/customers?order={}
/api/customers?order="{}"
/api/customers?order=id.{}
/api/customers?order=id.desc.{}
/api/customers?order=about->{}
/api/customers?order=about->"{}".asc
/api/customers?limit={}
/api/customers?offset={}
/api/lines?select=sku&having={}
/api/lines?select=sku&having={}.sum().gt.1
/api/lines?select=sku&having=quantity.sum().gt.{}
/api/lines?select=sku&having=quantity.{}().gt.1
/api/lines?select=sku,quantity.sum()&order={}.sum()
""".split("\n")[1:-1]

# GET and HEAD unless there is a body
HEADERS = [
    ("Prefer", "{}"), ("Prefer", "count={}"), ("Prefer", "handling=strict, {}"), ("Prefer", "timezone={}"), ("Prefer", "handling=strict, timezone={}"), ("Prefer", "max-affected={}"),
    ("Range", "{}"), ("Range", "items={}"), ("Range", "0-{}"), ("Range-Unit", "{}"), ("Accept", "{}"), ("Accept", "application/vnd.pgrst.object+json;{}"), ("Accept", "application/{}"),
    ("Accept-Profile", "{}"), ("Cookie", "{}"), ("Cookie", "a={}; b=c"), ("Cookie", "{}=a"), ("X-Own", "{}"), ("X-{}", "a"), ("Authorization", "Bearer {}"), ("Origin", "{}"),
    ("If-None-Match", "{}"), ("User-Agent", "{}"), ("Referer", "{}"),
]

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CSV = {"Content-Type": "text/csv"}
SHOWN = {"Prefer": "return=representation"}
# method, target, headers, body; {} is the text as it is, <> within a JSON string, [] percent-encoded
WRITES = [
    ("POST", "/api/customers?columns=[]", JSON, '{"name":"a"}'),
    ("POST", '/api/customers?columns="[]"', JSON, '{"name":"a"}'),
    ("POST", "/api/customers?on_conflict=[]", {**JSON, "Prefer": "resolution=merge-duplicates"}, '{"name":"a"}'),
    ("POST", '/api/customers?on_conflict="[]"', {**JSON, "Prefer": "resolution=ignore-duplicates"}, '{"name":"a"}'),
    ("POST", "/api/customers?select=[]", {**JSON, **SHOWN}, '{"name":"a"}'),
    ("POST", "/api/customers", {**JSON, **SHOWN}, '{"<>":"a"}'),
    ("POST", "/api/customers", {**JSON, **SHOWN}, '{"name":"<>"}'),
    ("POST", "/api/customers", {**JSON, **SHOWN}, '[{"name":"<>","about":{"<>":["<>"]}}]'),
    ("POST", "/api/customers", {**JSON, **SHOWN}, '{"name":"a","tags":"<>"}'),
    ("POST", "/api/customers", {**JSON, "Prefer": "missing=default, return=headers-only"}, '{"name":"<>"}'),
    ("POST", "/api/customers", JSON, "{}"),
    ("POST", "/api/customers", JSON, '{"name":{}}'),
    ("POST", "/api/customers", {**JSON, "Content-Profile": "<>"}, '{"name":"a"}'),
    ("POST", "/api/customers", {"Content-Type": "<>"}, '{"name":"a"}'),
    ("POST", "/api/customers", {"Content-Type": "application/json;<>"}, '{"name":"a"}'),
    ("POST", "/api/customers", {**CSV, **SHOWN}, "{}\na\n"),
    ("POST", "/api/customers", {**CSV, **SHOWN}, 'name,"{}"\na,b\n'),
    ("POST", "/api/customers", {**CSV, **SHOWN}, "name\n{}\n"),
    ("POST", "/api/customers", {**FORM, **SHOWN}, "[]=a"),
    ("POST", "/api/customers", {**FORM, **SHOWN}, "name=[]"),
    ("POST", "/api/customers", {**FORM, **SHOWN}, "{}"),
    ("PATCH", "/api/customers?id=eq.1", {**JSON, **SHOWN}, '{"<>":"a"}'),
    ("PATCH", "/api/customers?id=eq.1", {**JSON, **SHOWN}, '{"country":"<>"}'),
    ("PATCH", "/api/customers?[]=eq.1", {**JSON, **SHOWN}, '{"country":"a"}'),
    ("PATCH", "/api/orders?id=eq.[]", {**JSON, **SHOWN}, '{"state":"<>"}'),
    ("PUT", "/api/products?sku=eq.[]", {**JSON, **SHOWN}, '{"sku":"<>","title":"<>","price":1}'),
    ("PUT", "/api/products?[]=eq.a", {**JSON, **SHOWN}, '{"sku":"a","title":"b","price":1}'),
    ("DELETE", "/api/lines?sku=eq.[]", SHOWN, ""),
    ("DELETE", "/api/lines?sku=eq.x&select=[]", SHOWN, ""),
    ("POST", "/api/rpc/[]", JSON, "{}"),
    ("POST", "/api/rpc/add", JSON, '{"<>":1}'),
    ("POST", "/api/rpc/add", JSON, '{"a":"<>"}'),
    ("POST", "/api/rpc/add", FORM, "a=[]"),
    ("POST", "/api/rpc/total", JSON, '{"items":"<>"}'),
    ("POST", "/api/rpc/echo", JSON, '{"<>":"<>"}'),
    ("POST", "/api/rpc/echo", JSON, "{}"),
    ("POST", "/api/rpc/orders_of?select=[]", JSON, '{"customer":1}'),
]


@pytest.fixture(scope="module")
def cage(api, shop, admin):
    """A table that who comes without a token may drop, and a function that says so whenever it is called."""
    shop.rows("""
        CREATE TABLE api.canary (id int PRIMARY KEY);
        INSERT INTO api.canary VALUES (1);
        ALTER TABLE api.canary OWNER TO web;
        CREATE FUNCTION public.sing() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the canary %', 'sings'; END $$""")
    admin.rows("ALTER SYSTEM SET analytics.http_tx_override = on")
    admin.rows("SELECT pg_reload_conf()")
    line = Line(api.port)
    until(lambda: line("GET", "/api/canary")[0] == 200, "the canary")
    undone = lambda: "tx=rollback" in (line("PATCH", "/api/orders?id=eq.1", {**JSON, "Prefer": "tx=rollback"}, '{"state":"paid"}')[1]["Preference-Applied"] or "")
    until(lambda: all(undone() for _ in range(10)), "the setting on all executors")
    yield line
    line.close()
    admin.rows("ALTER SYSTEM RESET analytics.http_tx_override")
    admin.rows("SELECT pg_reload_conf()")
    shop.rows("DROP TABLE api.canary; DROP FUNCTION public.sing()")


def executors(shop):
    return shop.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics executor' ORDER BY 1")


@pytest.fixture
def canary(cage, shop, server_log):
    """Sends, and looks at each answer; in the end at what is left."""
    before = executors(shop)

    def send(method, target, headers=None, body=""):
        status, got, text = cage(method, target, headers, body)
        said = (method, target[:200], headers, body[:200], status, text[:300])
        limit = any(words.encode() in text for words in LIMITS)
        assert status < 500 or status in ALLOWED or limit, said
        assert SONG.encode() not in text and got["X-Sung"] is None, said
        if status >= 400 and method != "HEAD":
            error = json.loads(text)
            assert set(error) == {"code", "message", "details", "hint"}, said
            assert limit or not error["code"].startswith("XX"), said
            # SQL whose syntax a request can spoil is SQL that a request writes; but a cast's words are
            assert error["code"] != "42601" or any(words in error["message"] for words in SYNTAX) or ("::" in target and "$" not in error["message"]), said
        return status, text

    yield send
    assert shop.rows("SELECT id FROM api.canary") == [(1,)]
    assert executors(shop) == before
    log = server_log()
    assert not any(word in log for word in (SONG, "PANIC", "terminated by signal", "TRAP")), log[-2000:]
    assert log.count("SQLSTATE XX") == log.count("tsquery stack too small"), log[-2000:]


@pytest.mark.parametrize("target", TARGETS)
def test_query_strings(canary, target):
    for text in ENCODED:
        canary("GET", target.replace("{}", text))


@pytest.mark.parametrize("target", [target for target in TARGETS if target.count("{}") == 1])
def test_query_strings_not_encoded(canary, target):
    for text in TEXTS:
        if not any(c in text for c in "\r\n\0#"):
            canary("GET", target.replace("{}", text.encode().decode("latin-1")))
    for raw in BYTES:
        canary("GET", target.replace("{}", raw.decode("latin-1")))


@pytest.mark.parametrize("header, value", HEADERS)
def test_headers(canary, header, value):
    texts = [text for text in TEXTS if not any(c in text for c in "\r\n\0")]
    for text in [text.encode().decode("latin-1") for text in texts] + [raw.decode("latin-1") for raw in BYTES]:
        if "{}" not in header or (text.isascii() and text.isalnum()):
            canary("GET", "/api/customers?id=eq.1", {header.replace("{}", text): value.replace("{}", text).strip()})


@pytest.mark.parametrize("method, target, headers, body", WRITES)
def test_writes(canary, method, target, headers, body):
    for text in [text.encode() for text in TEXTS] + BYTES:
        encoded = urllib.parse.quote(text, safe="")
        inside = json.dumps(text.decode())[1:-1].encode() if text not in BYTES else text
        plain = text.decode("latin-1")
        given = {name: value.replace("<>", plain) for name, value in headers.items()}
        if "<>" in "".join(headers.values()) and any(c in plain for c in "\r\n\0"):
            continue
        given["Prefer"] = ", ".join(filter(None, [headers.get("Prefer"), "tx=rollback"]))
        with_text = body.encode().replace(b"{}", text if body != "" else b"").replace(b"<>", inside).replace(b"[]", encoded.encode())
        canary(method, target.replace("[]", encoded), given, with_text)


@pytest.mark.parametrize("text", [text for text in TEXTS if "\0" not in text and len(text.encode()) <= 63 and text.strip()])
def test_text_stays_what_it_is(canary, text):
    """As a value, as a name in the answer, as a key: it comes back as it was sent."""
    quoted = urllib.parse.quote('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    bare = urllib.parse.quote(text, safe="")
    rows = [{"id": 77, "name": text, "about": {text: {"in": text}}, "tags": [text, "other"]}]
    status, _ = canary("POST", "/api/customers", JSON, json.dumps(rows))
    assert status == 201
    try:
        for query in (f"name=eq.{bare}", f"name=in.({quoted},x)", f"or=(name.eq.{quoted},id.eq.0)", f"about->{quoted}->>in=eq.{bare}",
                      "tags=cs." + urllib.parse.quote('{"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"}')):
            status, got = canary("GET", f"/api/customers?select=id,name&{query}")
            assert (status, json.loads(got)) == (200, [{"id": 77, "name": text}]), query
        status, got = canary("GET", f"/api/customers?id=eq.77&select={quoted}:name,k:about->{quoted}->>in")
        assert (status, json.loads(got)) == (200, [{text: text, "k": text}])
        status, got = canary("GET", f"/api/customers?id=eq.77&select={quoted}:orders(id)&{quoted}=is.null")
        assert (status, json.loads(got)) == (200, [{text: []}])
    finally:
        assert canary("DELETE", "/api/customers?id=eq.77")[0] == 204


def test_deep_and_long_bodies(canary):
    for body in ("[" * 1_000_000, '{"a":' * 200_000, '{"name":' + "[" * 100_000 + "]" * 100_000 + "}", '[{"name":"a"}' + "," * 1_000_000, '{"name":"' + "a" * 10_000_000 + '"}',
                 '{"about":' + '{"a":' * 50_000 + "1" + "}" * 50_000 + ',"name":"a"}', "[" + ",".join(['{"name":"a"}'] * 100_000) + "]", "{" + ",".join(f'"k{n}":1' for n in range(100_000)) + "}"):
        for target in ("/api/customers", "/api/rpc/echo", "/api/rpc/total", "/api/customers?columns=name"):
            canary("POST", target, {**JSON, "Prefer": "return=minimal, tx=rollback"}, body)
    for body in ('name,"' * 100_000, "name\n" + '"' * 1_000_001, ",".join(f"c{n}" for n in range(100_000)) + "\n", "name" + "\n" * 1_000_000):
        canary("POST", "/api/customers", {**CSV, "Prefer": "return=minimal, tx=rollback"}, body)


def test_2000_changed_requests(canary, api):
    statuses, wrong = attack(api.port, 2000, 1)
    assert not wrong, wrong[:3]
    assert sum(statuses.values()) == 2000 and statuses[200] > 200 and statuses[400] > 200, statuses  # some still say something
