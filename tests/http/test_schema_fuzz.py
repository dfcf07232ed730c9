"""Requests that schemathesis makes up from GET /api/, and answers held against what that document says of them.

Two schemas are asked: that of api.sql, which is written, too, and analytics_api as `web` reads it. The same requests at each run.
"""

import collections
import json
import zlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings as bounds
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from conftest import until

TABLES = ("customers", "lines", "orders", "pairs", "products")
READ = ("add", "orders_of", "total")
WRITTEN = ("echo", "order_now")
OPERATIONS = ["GET /"] + [f"{method} /{table}" for table in TABLES for method in ("GET", "POST", "PATCH", "DELETE")] + [
    f"{method} /rpc/{function}" for function in READ for method in ("GET", "POST")] + [f"POST /rpc/{function}" for function in WRITTEN]
# These sleep, run SQL, or answer with a status of their own.
LEFT_OUT = {f"{method} /rpc/{function}" for function in ("nap", "impatient", "run", "head", "refuse") for method in ("GET", "POST")}

OPERATORS = ("eq.", "neq.", "not.eq.", "gt.", "lte.", "like.", "ilike(any).", "match.", "in.(", "is.", "isdistinct.", "cs.", "fts.", "sl.", "")


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

    def columns(self, operation):
        return list(self.document["definitions"].get(operation.path[1:], {}).get("properties", {}))

    def likely(self, case):
        """Random text is hardly ever a filter or a column: most of it becomes one, depending on what it is."""
        columns = self.columns(case.operation)
        query = dict(case.query or {})
        for name, value in query.items():
            chance = zlib.crc32(f"{name}={value}".encode())
            if not isinstance(value, str) or not columns or chance % 4 == 0:
                continue
            column = columns[chance // 4 % len(columns)]
            if name in ("limit", "offset"):
                query[name] = str(chance % 7)
            elif name == "select":
                query[name] = column + ("::text" if chance % 8 == 1 else "")
            elif name == "order":
                query[name] = column + ("", ".desc", ".nullsfirst")[chance % 3]
            elif name in columns:
                operator = OPERATORS[chance // 4 % len(OPERATORS)]
                query[name] = operator + value + (")" if operator.endswith("(") else "")
        case.query = query
        return case

    def ask(self, label, examples, mode=GenerationMode.POSITIVE):
        """What came of requests of an operation: how many of each status."""
        statuses = collections.Counter()
        operation = self.operations[label]

        @bounds(derandomize=True, max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
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
def manual(api):
    return Manual(api, "api")


def test_all_operations_are_asked(manual):
    assert set(manual.operations) - LEFT_OUT == set(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_operation(manual, label):
    statuses = manual.ask(label, 50)
    print(label, dict(statuses))
    assert any(status < 300 for status in statuses), statuses


@pytest.mark.parametrize("label", OPERATIONS)
def test_operation_with_what_the_document_forbids(manual, label):
    print(label, dict(manual.ask(label, 20, GenerationMode.NEGATIVE)))
