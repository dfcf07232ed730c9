"""PostgREST's dialect, by cases written as requests and answers: dialect/*.http, asked of the shop in dialect/shop.sql.

A file of cases:
    ## tables_views                 what the following cases follow: a page of docs/references or a spec of PostgREST's
    ### some title                  a case: requests and what is expected of their answers, one after the other
    GET /products?id=eq.1           below /api. Characters that no URL may have are encoded here
    Prefer: count=exact             header fields; of a bearer JSON is signed; {ETag} is the last answer's
                                    (an empty line, and the body)
    HTTP 206                        the status
    Content-Range: 0-0/5            header fields that the answer has; of a value '-' none
                                    (an empty line, and the body: JSON, or text as it is. None: it is empty)
    SQL SELECT ...                  its rows as JSON, by another session: what has become of the tables
    [[1]]
Of an error all four members are there, those named as they are named. After a case that writes the tables are as before.
"""

import json
import pathlib
import re
import urllib.parse

import pytest

from conftest import Settings, until
from test_tokens import SECRET, token

FOLDER = pathlib.Path(__file__).parent / "dialect"
METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
STEP = re.compile(rf"^(?=(?:{METHODS}) /|SQL )", re.MULTILINE)


class Request:
    def __init__(self, text):
        asked, expected = re.split(r"^HTTP ", text, maxsplit=1, flags=re.MULTILINE)
        (self.method, target), self.headers, self.body = self.parts(asked)
        self.path = "/api" + urllib.parse.quote(target, safe="%/?&=.,()!:*{}[]'->+~@$;|")
        (status, *_), self.expected, self.answer = self.parts(expected)
        self.status = int(status)

    @staticmethod
    def parts(text):
        head, _, body = text.partition("\n\n")
        first, *fields = head.strip().split("\n")
        return first.split(" ", 1), [tuple(field.split(": ", 1)) for field in fields], body.rstrip("\n")


def cases():
    for file in sorted(FOLDER.glob("*.http")):
        follows = ""
        for part in re.split(r"^(?=##)", file.read_text(), flags=re.MULTILINE)[1:]:
            title, _, text = part.partition("\n")
            if title.startswith("###"):
                yield pytest.param(text, id=f"{file.stem}: {title[4:]} ({follows})")
            else:
                follows = title[3:]


CASES = list(cases())


def fill(shop):
    shop.rows("SELECT api.fill()")
    shop.rows("ANALYZE api.products")  # of an empty table's new rows the planner knows nothing


@pytest.fixture(scope="module")
def dialect(server, shop, admin):
    """The schemas api and stock are served, by every setting that the cases need."""
    if not admin.rows("SELECT 1 FROM pg_roles WHERE rolname = 'customer'"):
        admin.rows("CREATE ROLE customer")
    admin.rows("GRANT customer TO analytics_authenticator")
    shop.rows("DROP SCHEMA IF EXISTS api, stock, checks CASCADE")
    shop.rows((FOLDER / "shop.sql").read_text())
    fill(shop)
    settings = Settings(admin)
    settings.set(http_schemas="api, stock", http_aggregates="on", http_tx_override="on", http_jwt_secret=SECRET,
                 http_pre_request="checks.visitor")
    until(lambda: server.get("/api/orders?select=amount:count()").status == 200, "the settings")
    until(lambda: server.get("/api/products", X_Visitor="evil").status == 400, "the check of visitors")
    until(lambda: server.get("/api/products", Authorization="Bearer " + token({})).status == 200, "the secret")
    yield server
    settings.put_back()
    shop.rows("DROP SCHEMA api, stock, checks CASCADE")


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def fields_of(request, last):
    fields = []
    for name, value in request.headers:
        if value.startswith("Bearer {"):
            value = "Bearer " + token(json.loads(value[7:]))
        fields.append((name, re.sub(r"\{(\w+)\}", lambda found: last.headers[found[1]], value)))
    if request.body and "Content-Type" not in dict(fields):
        fields.append(("Content-Type", "application/json"))
    return fields


def joined(fields):
    """Fields of the same name as one."""
    all_of = {}
    for name, value in fields:
        all_of[name] = f"{all_of[name]}, {value}" if name in all_of else value
    return all_of


def check(request, reply):
    text = reply.body.decode()
    what = f"{request.method} {request.path}\n{reply.status}\n{reply.headers}{text}"
    assert reply.status == request.status, what
    for name, value in request.expected:
        assert reply.headers[name] == (None if value == "-" else value), what
    expected = as_json(request.answer)
    if request.answer == "" or expected is None and request.answer != "null":
        assert text == request.answer, what
    elif reply.status >= 300 and isinstance(expected, dict) and "code" in expected:
        answer = as_json(text)
        assert isinstance(answer, dict) and set(answer) == {"code", "message", "details", "hint"}, what
        assert {name: answer[name] for name in expected} == expected, what
    else:
        assert as_json(text) == expected, what


@pytest.mark.parametrize("text", CASES)
def test_case(dialect, shop, text):
    last, writes = None, False
    for step in STEP.split(text)[1:]:
        if step.startswith("SQL "):
            sql, _, rows = step[4:].rstrip("\n").rpartition("\n")
            assert json.loads(json.dumps(shop.rows(sql), default=str)) == json.loads(rows)
            continue
        request = Request(step)
        writes = writes or request.method not in ("GET", "HEAD", "OPTIONS")
        body = request.body.encode() if request.body else None
        last = dialect(request.method, request.path, body, joined(fields_of(request, last)))
        try:
            check(request, last)
        except AssertionError:
            if writes:
                fill(shop)
            raise
    if writes:
        fill(shop)


# observability, Execution plan; Query/PlanSpec


@pytest.fixture
def plans(dialect, settings):
    """Execution plans, which are off by default."""
    wanted = {"Accept": "application/vnd.pgrst.plan+json"}
    assert dialect("GET", "/api/tags", headers=wanted).is_error(406, "PGRST107")
    assert dialect("DELETE", "/api/tags", headers=wanted).is_error(406, "PGRST107")
    settings.set(http_plan="on")
    until(lambda: dialect("GET", "/api/tags", headers=wanted).status == 200, "the setting")
    return dialect


def plan_of(reply, type_):
    assert (reply.status, reply.headers["Content-Type"]) == (200, f"application/vnd.pgrst.plan+{type_}; charset=utf-8")
    return json.loads(reply.body)[0] if type_.startswith("json") else reply.body.decode()


def test_plans(plans):
    ask = lambda method, path, accept, body=None: plans(method, "/api" + path, body, {"Accept": "application/vnd.pgrst.plan" + accept})
    read = plan_of(ask("GET", "/tags?id=eq.1", "+json"), 'json; for="application/json"')
    assert read["Plan"]["Node Type"] == "Aggregate" and "Execution Time" not in read
    assert plan_of(ask("GET", "/tags", ""), 'text; for="application/json"').startswith("Aggregate  (cost=")
    one = plan_of(ask("GET", "/tags", '+json; for="application/vnd.pgrst.object"; options=analyze|verbose|else'),
                  'json; for="application/vnd.pgrst.object+json"; options=analyze|verbose')
    assert one["Execution Time"] >= 0 and one["Plan"]["Output"]
    assert ask("GET", "/tags", '; for="text/html"').is_error(406, "PGRST107")
    assert ask("GET", "/tags", "+xml").is_error(406, "PGRST107")
    assert ask("GET", "/closed", "").is_error(401, "42501")
    lines = plan_of(ask("GET", "/rpc/below?most=15", '; for="text/csv"'), 'text; for="text/csv"')
    assert "CTE pgrst_source" in lines  # the function
    head = ask("HEAD", "/tags", "+json")
    assert (head.status, head.body) == (200, b"") and head.headers["Content-Type"].startswith("application/vnd.pgrst.plan+json;")


def test_plans_of_writes_write_where_they_are_run(plans, shop):
    tag = json.dumps({"id": 90, "name": "planned"})
    ask = lambda options, prefer: plans("POST", "/api/tags", tag, {
        "Accept": "application/vnd.pgrst.plan+json" + options, "Content-Type": "application/json", "Prefer": prefer})
    there = lambda: shop.value("SELECT count(*) FROM api.tags WHERE id = 90")
    try:
        assert plan_of(ask("", "return=minimal"), 'json; for="application/json"')
        assert there() == 0
        assert ask("; options=analyze", "tx=rollback").status == 200
        assert there() == 0
        assert ask("; options=analyze", "return=minimal").status == 200
        assert there() == 1
    finally:
        fill(shop)
