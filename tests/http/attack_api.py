#!/usr/bin/env python3
"""Changed requests of PostgREST's dialect: attack_api.py PORT [--count N] [--seed N].

Each is one of VALID, changed at some places of its query string, its headers' values and its body; a seed gives the same ones
again. Its frame stays: tests/http/attack.py breaks those. None may be answered by a status of 500 or more but 503 and 504 (and 500
for a limit of PostgreSQL's own, class 54), or not at all. tests/http/test_api_injection.py sends 2,000; for more, to the schema of tests/http/api.sql, while the executors' memory
is printed:

    eval "$(scripts/cluster.sh env http)"; python3 tests/http/attack_api.py PORT --count 20000
"""

import argparse
import collections
import http.client
import random
import re
import socket
import subprocess
import sys

PATIENCE = 60
ALLOWED = {503, 504}

JSON = {"Content-Type": "application/json"}
UNDONE = "tx=rollback"  # where analytics.http_tx_override is on, so that the rows stay
VALID = [
    ("GET", "/api/customers", {}, ""),
    ("GET", "/api/customers?select=id,name,country&order=name.desc.nullslast,id&limit=2&offset=1", {}, ""),
    ("GET", "/api/customers?select=who:name,vip:about->>vip,about->born->year::int&country=in.(GB,\"FR\")", {}, ""),
    ("GET", "/api/customers?or=(id.eq.1,and(name.like.B*,country.not.is.null))&id=lt.10", {}, ""),
    ("GET", "/api/customers?select=*,orders(id,state,lines(quantity,products(title)))&orders.state=eq.paid&orders.order=id.desc", {}, ""),
    ("GET", "/api/customers?select=name,orders!inner(id)&orders.id=gt.1&orders.limit=1", {}, ""),
    ("GET", "/api/orders?select=id,...customers(who:name),line_count&order=customers(name),id.desc", {}, ""),
    ("GET", "/api/orders?select=id,customers!orders_customer_id_fkey(name)&customers=not.is.null", {}, ""),
    ("GET", "/api/orders?select=id,products(sku,title)&products.price=gte.2.5", {}, ""),
    ("GET", "/api/lines?select=sku,quantity.sum(),count()&order=sku&having=quantity.sum().gt.1", {}, ""),
    ("GET", "/api/lines?select=quantity.max()::text,orders(state)&having=count().gte.1,or(quantity.min().lt.5,count().gt.2)", {}, ""),
    ("GET", "/api/products?sold_in=ov.[2,6)&made=gte.2025-05-15", {"Accept": "text/csv"}, ""),
    ("GET", "/api/products?sold_in=adj.(1,10)&title=fts(english).mug", {}, ""),
    ("GET", "/api/products?title=wfts.mug%20or%20pen&price=not.gt(any).{3,4}", {"Range": "0-1", "Range-Unit": "items"}, ""),
    ("GET", "/api/customers?tags=cs.{best}&name=imatch.^[ab]", {"Prefer": "count=exact"}, ""),
    ("GET", "/api/customers?name=like(any).{A*,B*}&id=eq(any).{1,2}", {"Prefer": "count=planned, handling=strict"}, ""),
    ("GET", "/api/customers?id=eq.1&select=name", {"Accept": "application/vnd.pgrst.object+json"}, ""),
    ("GET", "/api/customers?select=about->born", {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}, ""),
    ("GET", "/api/customers?about->>vip=is.true&about->born->>year=eq.1815", {"Accept-Profile": "api"}, ""),
    ("HEAD", "/api/customers?country=isdistinct.GB", {"Prefer": "count=estimated"}, ""),
    ("GET", "/api/secrets?select=id", {"Cookie": "a=b; c=\"d\"", "X-Own": "of mine"}, ""),
    ("OPTIONS", "/api/orders", {"Origin": "http://shop.example"}, ""),
    ("GET", "/api/", {"Accept": "application/openapi+json"}, ""),
    ("POST", "/api/customers", {**JSON, "Prefer": f"return=representation, {UNDONE}"}, '{"name":"Dora","about":{"vip":null},"tags":["a","b"]}'),
    ("POST", "/api/customers?columns=name,country&select=id,name", {**JSON, "Prefer": f"return=representation, missing=default, {UNDONE}"},
     '[{"name":"Dora","country":"IT"},{"name":"Emil","other":1}]'),
    ("POST", "/api/products?on_conflict=sku", {**JSON, "Prefer": f"resolution=merge-duplicates, return=headers-only, {UNDONE}"},
     '[{"sku":"mug","title":"A mug","price":11.0},{"sku":"hat","title":"A hat","price":1}]'),
    ("POST", "/api/products", {"Content-Type": "text/csv", "Prefer": f"return=representation, {UNDONE}"}, 'sku,title,price\nbag,"A ""bag"", red",3\nbox,NULL,\n'),
    ("POST", "/api/customers", {"Content-Type": "application/x-www-form-urlencoded", "Prefer": UNDONE}, "name=Dora&country=G%42&tags=%7Ba%7D"),
    ("PUT", "/api/products?sku=eq.mug", {**JSON, "Prefer": f"return=representation, {UNDONE}"}, '{"sku":"mug","title":"The mug","price":1}'),
    ("PATCH", "/api/customers?id=eq.2", {**JSON, "Prefer": f"return=representation, count=exact, {UNDONE}"}, '{"country":"BE","about":{"a":[1,2.5e3,"\\u0041"]}}'),
    ("PATCH", "/api/orders?state=eq.open&select=id,customers(name)", {**JSON, "Prefer": f"handling=strict, max-affected=5, timezone=Europe/Rome, {UNDONE}"}, '{"state":"sent"}'),
    ("DELETE", "/api/lines?order_id=eq.1&sku=eq.pen&select=quantity", {"Prefer": f"return=representation, {UNDONE}"}, ""),
    ("GET", "/api/rpc/add?a=1&b=2", {}, ""),
    ("POST", "/api/rpc/add", JSON, '{"a":1,"b":-2}'),
    ("GET", "/api/rpc/orders_of?customer=1&select=id,lines(sku)&id=gt.1&order=id", {"Prefer": "count=exact"}, ""),
    ("POST", "/api/rpc/orders_of?limit=1", {**JSON, "Accept": "text/csv"}, '{"customer":2}'),
    ("GET", "/api/rpc/total?items=[{%22price%22:%201.5}]", {}, ""),
    ("POST", "/api/rpc/total", JSON, '{"items":[{"price":"2.5"},{"price":7}]}'),
    ("POST", "/api/rpc/echo", JSON, '{"deep":[[[{"a":"b"}]]]}'),
    ("POST", "/api/rpc/order_now", {**JSON, "Content-Profile": "api", "Prefer": UNDONE}, '{"customer":1}'),
]

PIECES = [  # what the dialect is made of, and what it is not
    "&", "=", "?", "/", ",", ".", "(", ")", "{", "}", "[", "]", "*", "!", ":", "::", "->", "->>", "'", "''", "\"", "\\", "\\\"", ";", "--", "/*", "*/", "$$", "$1", "%", "%%",
    "%00", "%22", "%27", "%0d%0a", "%c3%28", "%ff", "%ef%bf%bf", "%f4%8f%bf%bf", "\xff", "\xc3\xa9", "\x00", "\x01", "\t", " ", "0", "-1", "1e999", "NaN", "99999999999999999999",
    "select=", "order=", "limit=", "offset=", "columns=", "on_conflict=", "having=", "and=", "or=(", "not.", "eq.", "is.", "in.(", "fts(", "any", "all", "null", "true", "count()",
    ".sum()", ".avg()", "!inner", "!left", "...", "::int", "::text[]", "::json", "::regclass", "::numeric(3,1)", "::bit(99999999)", "asc", "nullsfirst", "name", "id", "orders", "customers", "lines", "products",
    "about", "tags", "sold_in", "line_count", "pg_class", "tableoid", "ctid", "NULL", "\\u0000", "\\ud800", "return=", "tx=commit", "handling=strict", "count=exact", "timezone=", "a" * 100, "(" * 50, "[" * 200,
]


def changed(rng, text, every):
    place = rng.randrange(len(text) + 1)
    end = min(len(text), place + rng.choice([0, 1, 1, 2, 5, 20]))
    kind = rng.randrange(6)
    if kind == 0:
        return text[:place] + text[end:]
    if kind == 1:
        return text[:end] + text[place:end] * rng.choice([1, 1, 3, 40]) + text[end:]
    if kind == 2:
        return text[:place] + chr(rng.randrange(256)) + text[place + 1:]
    if kind == 3:
        other = rng.choice(every)
        start = rng.randrange(len(other) + 1)
        return text[:place] + other[start:start + rng.choice([3, 10, 30])] + text[end:]
    return text[:place] + rng.choice(PIECES) + text[rng.choice([place, end]):]


PARTS = [path.split("/", 2)[2] for _, path, _, _ in VALID] + [value for _, _, headers, _ in VALID for value in headers.values()] + [body for *_, body in VALID if body]


def mutation(rng):
    """(method, target, headers, body) that still makes one request."""
    method, path, headers, body = rng.choice(VALID)
    parts = [path[5:], *headers.values(), body]  # behind /api/
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        which = rng.choice([0, 0, rng.randrange(len(parts))])
        parts[which] = changed(rng, parts[which], PARTS)
    if rng.random() < 0.05:
        method = rng.choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    framed = {name: re.sub("[\r\n\0]", " ", value).strip() for name, value in zip(headers, parts[1:])}
    return method, "/api/" + parts[0], framed, parts[-1]


def escaped(target):
    """What would end the request line, or be refused before the dialect is asked, is sent by its number."""
    return re.sub("[\0-\x20\x7f#]", lambda found: f"%{ord(found[0]):02x}", target)


class Line:
    """Requests as they are, one after the other over one connection while the server keeps it."""

    def __init__(self, port):
        self.port, self.plain = port, None

    def __call__(self, method, target, headers=None, body=""):
        raw = body if isinstance(body, bytes) else body.encode("latin-1")
        lines = [f"{method} {escaped(target)} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        if raw or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(raw)}")
        self.plain = self.plain or socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.plain.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + raw)
        reply = http.client.HTTPResponse(self.plain, method=method)
        reply.begin()
        got = reply.status, reply.headers, reply.read()
        if reply.will_close:
            self.close()
        return got

    def close(self):
        if self.plain:
            self.plain.close()
        self.plain = None


def attack(port, count, seed, watch=lambda number: None):
    """(statuses and how often, [what was answered as it may not be])"""
    rng, line, statuses, wrong = random.Random(seed), Line(port), collections.Counter(), []
    for number in range(count):
        request = mutation(rng)
        try:
            status, _, body = line(*request)
        except (OSError, http.client.HTTPException) as error:
            line.close()
            status, body = type(error).__name__, b""
        statuses[status] += 1
        limit = b'"code":"54' in body  # of PostgreSQL: 500, as PostgREST has it
        if isinstance(status, str) or (status >= 500 and status not in ALLOWED and not limit) or b'"code":"XX' in body:
            wrong.append((number, request, status, body[:300]))
        watch(number)
    line.close()
    return statuses, wrong


def print_memory(number):
    if number % 1000 == 0:
        pids = subprocess.run(["psql", "-XAtc", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics executor' ORDER BY 1"],
                              check=True, capture_output=True, text=True).stdout.split()
        anonymous = {}
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                anonymous[pid] = re.search(r"RssAnon:\s*(\d+ kB)", file.read())[1]
        print(number, anonymous, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    statuses, wrong = attack(given.port, given.count, given.seed, print_memory)
    print(dict(sorted(statuses.items(), key=str)))
    for found in wrong:
        print(*found)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
