"""Requests that schemathesis makes up from GET /api/, and answers held against what that document says of them.

Two schemas are asked: that of api.sql, which is written, too, and analytics_api as `web` reads it. The same requests at each run;
SCHEMA_FUZZ=10 makes up ten times as many, and others each time.
"""

import collections
import json
import os
import zlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings as bounds
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from conftest import Settings, until

TABLES = ("customers", "lines", "orders", "pairs", "products")
READ = ("add", "orders_of", "total")
WRITTEN = ("echo", "order_now")
OPERATIONS = ["GET /"] + [f"{method} /{table}" for table in TABLES for method in ("GET", "POST", "PATCH", "DELETE")] + [
    f"{method} /rpc/{function}" for function in READ for method in ("GET", "POST")] + [f"POST /rpc/{function}" for function in WRITTEN]
# These sleep, run SQL, or answer with a status of their own.
LEFT_OUT = {f"{method} /rpc/{function}" for function in ("nap", "impatient", "run", "head", "refuse") for method in ("GET", "POST")}

OPERATORS = ("eq.", "neq.", "not.eq.", "gt.", "lte.", "like.", "ilike(any).", "match.", "in.(", "is.", "isdistinct.", "cs.", "fts.", "sl.", "")
# What is no text, by the document's format.
VALUES = {
    "int32": (1, 2, 3, 51, 52), "int64": (1, 7), "numeric": (0, 2, 12.5), "boolean": (True, False), "json": ([{"price": 2}], {"vip": True}),
    "jsonb": ([{"price": 2}, {"price": "3"}], {"vip": True}), "int4range": ("[1,5)", "empty"), "date": ("2026-01-02",),
    "timestamp with time zone": ("2026-01-02 10:00Z",), "timestamp without time zone": ("2026-01-02",), "api.state": ("open", "sent"),
    "state": ("paid",), "text[]": (["a", "b"], []),
}
ARGUMENTS = {"metric": ("net_sales", "orders", "units"), "grain": ("day", "month"), "by": ("channel", "product"), "compare": ("previous_period", "none"),
             "basis": ("refund", "order"), "store": ("main", "")}


TIMES = int(os.environ.get("SCHEMA_FUZZ", "1"))


class Manual:
    """The document and its operations. What has a status of its own, `default`, is taken out: no such function is called."""

    def __init__(self, server, schema):
        reply = server.get("/api/", Accept_Profile=schema)
        assert reply.status == 200
        self.document = reply.json
        for path in self.document["paths"].values():
            for operation in path.values():
                del operation["responses"]["default"]
        self.profile = schema
        loaded = schemathesis.openapi.from_dict(self.document)
        loaded.config.update(base_url=f"http://127.0.0.1:{server.port}/api")
        found = [result.ok() for result in loaded.get_all_operations()]
        self.operations = {operation.label: operation for operation in found}

    def keys(self, path, mark):
        """The columns of a relation's primary key, or those that point to products."""
        columns = self.document["definitions"].get(path[1:], {}).get("properties", {})
        return {name for name, column in columns.items() if mark in column.get("description", "")}

    def formats(self, path):
        """Of a relation's columns, or of a function's arguments."""
        if path.startswith("/rpc/"):
            arguments = self.document["paths"][path]["post"]["parameters"][0]["schema"].get("properties", {})
        else:
            arguments = self.document["definitions"].get(path[1:], {}).get("properties", {})
        return {name: argument["format"] for name, argument in arguments.items()}

    def likely(self, case):
        """Random text is hardly ever a filter, a column or a date: most becomes one, depending on what it is."""
        formats = self.formats(case.operation.path)
        columns = [] if case.operation.path.startswith("/rpc/") else list(formats)

        products = self.keys(case.operation.path, "<fk table='products'")

        def value_for(name, value, chance):
            values = ("mug", "pen", "cap") if name in products else VALUES.get(formats.get(name), () if columns else ARGUMENTS.get(name))
            return values[chance // 64 % len(values)] if values and chance % 4 else value

        query = dict(case.query or {})
        for name, value in query.items():
            chance = zlib.crc32(f"{name}={value}".encode(errors="replace"))
            if not isinstance(value, str) or chance % 4 == 0:
                continue
            if name in formats:
                value = value_for(name, value, chance // 4)
                value = value if isinstance(value, str) else json.dumps(value)
            if name in columns:
                operator = OPERATORS[chance // 16 % len(OPERATORS)]
                query[name] = operator + value + (")" if operator.endswith("(") else "")
            elif name in ("limit", "offset"):
                query[name] = str(chance % 7)
            elif name == "select" and columns:
                query[name] = columns[chance // 16 % len(columns)] + ("::text" if chance % 3 == 1 else "")
            elif name == "order" and columns:
                query[name] = columns[chance // 16 % len(columns)] + ("", ".desc", ".nullsfirst")[chance % 3]
            else:
                query[name] = value
        case.query = query
        chance = zlib.crc32(repr(case.body).encode(errors="replace"))
        if isinstance(case.body, dict) and chance % 4:
            kept = self.keys(case.operation.path, "<pk/>") if case.method == "PATCH" and chance % 3 else set()
            case.body = {name: value_for(name, value, (chance + 7 * index) // 4)
                         for index, (name, value) in enumerate(case.body.items()) if name in formats and name not in kept}
        return case

    def ask(self, label, examples, mode=GenerationMode.POSITIVE):
        """What came of requests of an operation: how many of each status."""
        statuses = collections.Counter()
        operation = self.operations[label]

        @bounds(derandomize=TIMES == 1, max_examples=TIMES * examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(mode).map(self.likely))
        def each(case):
            response = case.call(headers={"Accept-Profile": self.profile, "Content-Profile": self.profile})
            statuses[response.status_code] += 1
            checks = [not_a_server_error, status_code_conformance]
            if response.content:  # all answers have the operation's media types, but 204 has none
                checks.append(content_type_conformance)
            if response.content and (response.status_code >= 400 or "select" not in (case.query or {})):
                checks.append(response_schema_conformance)
            case.validate_response(response, checks=checks)

        each()
        return statuses


@pytest.fixture(scope="module")
def manual(api, shop):
    for table in TABLES:
        shop.rows(f"CREATE TABLE hidden.{table}_before AS TABLE api.{table}")
    return Manual(api, "api")


@pytest.fixture
def rows(manual, shop):
    """As they were, for each test."""
    shop.rows("BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE " + ", ".join(f"api.{table}" for table in TABLES) + " CASCADE; "
              + "; ".join(f"INSERT INTO api.{table} TABLE hidden.{table}_before" for table in TABLES) + "; COMMIT")


def test_all_operations_are_asked(manual):
    assert set(manual.operations) - LEFT_OUT == set(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_operation(manual, rows, label):
    statuses = manual.ask(label, 40)
    assert any(status < 300 for status in statuses), statuses


@pytest.mark.parametrize("label", [label for label in OPERATIONS if label not in ("GET /", "POST /rpc/echo")])  # where all is allowed
def test_operation_with_what_the_document_forbids(manual, rows, label):
    manual.ask(label, 15, GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def reports(server, shop, key, admin):
    """analytics_api, with two orders in it."""
    events = [{"event": "purchase", "order_id": f"fuzz-{n}", "items": [{"product_id": "mug", "price": "5", "quantity": n}]} for n in (1, 2)]
    assert server.ingest(key, events).json["accepted"] == 2
    shop.rows("SELECT analytics.refresh()")
    changed = Settings(admin)
    changed.set(http_schemas="analytics_api")
    until(lambda: server.get("/api/sales_daily?limit=0").status == 200, "the schema")
    yield Manual(server, "analytics_api")
    changed.put_back()


def test_reports(reports):
    assert {"GET /sales_daily", "GET /customer", "GET /rpc/visualize"} < set(reports.operations)
    assert all(label.startswith("GET /") or "/rpc/" in label for label in reports.operations)
    for label in reports.operations:
        statuses = reports.ask(label, 25)
        # (a cluster is one of a model that was fitted: none has a name that is made up; numbers that are made up are hardly ever two shares; and texts
        # that are made up are no list as PostgreSQL writes it, {a,b}, which is what a list in a query string is)
        assert 200 in statuses or label == "GET /rpc/bought_together" or label.endswith(("/rpc/assign_cluster", "/rpc/basket_rules")), (label, statuses)
