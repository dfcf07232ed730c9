"""What BI tools see: check_bi.py [--write]. The connection is in the environment (libpq's variables).

Superset reads through SQLAlchemy and psycopg2, dbt through psycopg2 and docs/dbt/sources.yml. Connected as a reader, every relation is
reflected with types and comments and its rows are fetched; sources.yml is what docs/dbt/sources.sql makes of the dictionary (--write
writes it). docs/reports.md names every figure, and its query of figures as known at a time is held against what views showed then.
"""

import datetime
import decimal
import json
import random
import re
import subprocess
import sys
import warnings
from pathlib import Path

import psycopg2
import sqlalchemy
import yaml

ROOT = Path(__file__).parents[2]
DATABASE, READER = "docs_bi", "docs_bi_reader"
SOURCES = ROOT / "docs/dbt/sources.yml"
# stamps of the log, which SQLAlchemy does not know by type and reads as text
TRANSACTION_IDS = {("event", "ingest_xid"), ("event", "stamp"), ("current_event", "ingest_xid")}
# defined on pages of their own, or no figures of a report
ELSEWHERE = {"product_affinity": "affinity.md", "rfm": "segments.md", "segment_summary": "segments.md", "segment_history": "segments.md",
             "segment_rule": "segments.md", "event": "ingestion.md", "current_event": "ingestion.md"}
# pages that define the figures of models
MODELS = {"customer_value": "customer-value.md", "customer_cluster": "clusters.md", "cluster_profile": "clusters.md", "model": "models.md"}

counts = {True: 0, False: 0}


def ok(passed, what, why=""):
    counts[bool(passed)] += 1
    print(f"{'ok' if passed else 'not ok'} - {what}" + ("" if passed else f"\n{why}"))


def connect(user=None, database=DATABASE):
    connection = psycopg2.connect(dbname=database, **({"user": user} if user else {}))
    connection.autocommit = True
    return connection


def rows(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def make_database():
    server = connect(database="postgres")
    rows(server, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    rows(server, f"DROP ROLE IF EXISTS {READER}")
    rows(server, f"CREATE DATABASE {DATABASE}")
    rows(server, f"CREATE ROLE {READER} LOGIN")
    owner = connect()
    rows(owner, "CREATE EXTENSION analytics CASCADE")
    rows(owner, "SELECT analytics.grant_access(%s, 'reader')", (READER,))
    return owner


def check_sources(reader, write):
    made = subprocess.run(["psql", "-XAtq", "-d", DATABASE, "-U", READER, "-v", "ON_ERROR_STOP=1", "-f", str(ROOT / "docs/dbt/sources.sql")],
                          check=True, capture_output=True, text=True).stdout
    if write:
        SOURCES.write_text(made)
    ok(SOURCES.exists() and SOURCES.read_text() == made, "docs/dbt/sources.yml is current", "python3 tests/docs/check_bi.py --write makes it anew")
    (source,) = yaml.safe_load(made)["sources"]
    said = {(table["name"], column["name"]): (table["description"], column["description"], column["data_type"], column["meta"]["unit"], column["meta"]["additive"])
            for table in source["tables"] for column in table["columns"]}
    meant = {(row[0], row[2]): (row[1], row[6], row[3], row[4], row[5]) for row in rows(reader,
             "SELECT relation, relation_comment, column_name, data_type, unit, additive, definition FROM analytics.data_dictionary")}
    ok(source["schema"] == "analytics" and said == meant and len(meant) > 200, "read as YAML, it says what the dictionary says")


def check_reflection(engine, dictionary):
    inspector = sqlalchemy.inspect(engine)
    relations = {relation for relation, _ in dictionary}
    seen = set(inspector.get_table_names("analytics")) | set(inspector.get_view_names("analytics"))
    ok(relations <= seen, "the inspector lists every relation of the dictionary", sorted(relations - seen))
    for relation in sorted(relations):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            columns = inspector.get_columns(relation, schema="analytics")
        unknown = {(relation, column["name"]) for column in columns if isinstance(column["type"], sqlalchemy.types.NullType)}
        comments = {(relation, column["name"]): column["comment"] for column in columns}
        wanted = {key: value for key, value in dictionary.items() if key[0] == relation}
        ok(unknown <= TRANSACTION_IDS and len(caught) == len(unknown) and comments == wanted
           and inspector.get_table_comment(relation, schema="analytics")["text"],
           f"SQLAlchemy {sqlalchemy.__version__} knows {relation}, its types and comments", (unknown, [str(w.message) for w in caught]))


def check_rows(reader, dictionary):
    known = (int, str, bool, decimal.Decimal, float, datetime.date, datetime.datetime, datetime.timedelta, dict, list, type(None))
    for relation in sorted({relation for relation, _ in dictionary}):
        fetched = rows(reader, f"SELECT * FROM analytics.{relation}")
        strange = {type(value) for row in fetched for value in row if not isinstance(value, known)}
        ok(fetched and not strange, f"psycopg2 {psycopg2.__version__.split()[0]} reads {relation}: {len(fetched)} rows", strange)


def check_reports(dictionary, units):
    page = (ROOT / "docs/reports.md").read_text()
    names = lambda text: set(re.findall(r"`([a-z_0-9]+)`", text))
    of_models = {relation: names((ROOT / "docs" / target).read_text()) for relation, target in MODELS.items()}
    named = names(page)
    missing = {key for key, unit in units.items() if unit in ("currency", "count", "ratio", "interval") and key[0] not in ELSEWHERE
               and key[0] not in ("product", "data_dictionary", "own") and not {key[0], key[1]} <= of_models.get(key[0], named)}
    ok(not missing, "docs/reports.md, or a model's page, defines every figure of every view", sorted(missing))
    ok(all(target in page for relation, target in (ELSEWHERE | MODELS).items() if target != "ingestion.md"), "and links what stands elsewhere")


def ingest(owner, event):
    rows(owner, "SELECT analytics.ingest(%s::jsonb)", (json.dumps(event),))


def anything(owner, chance, orders):
    """One thing that happens to the books."""
    def order(number, revision):
        day = random.Random(number).choice(["2026-02-28T23:30:00Z", "2026-03-01T12:00:00Z", "2026-03-31T21:30:00Z", "2026-03-31T22:30:00Z"])
        return {"event": "purchase", "event_id": f"p{number}", "order_id": f"o{number}", "revision": revision, "timestamp": day,
                "currency": random.Random(number).choice(["EUR", "GBP"]), "discount": chance.randint(0, 9), "tax": chance.randint(0, 9), "shipping": chance.randint(0, 5),
                **chance.choice([{"customer_id": f"c{number % 3}"}, {"anonymous_id": f"v{number % 3}"}]), "test": chance.random() < 0.1,
                "items": [{"product_id": f"x{chance.randint(1, 4)}", "price": chance.randint(10, 99), "quantity": chance.randint(1, 3),
                           "kind": chance.choice(["product", "product", "gift_card", "fee"])} for _ in range(chance.randint(1, 3))]}

    number = chance.choice(orders) if orders else None
    match chance.choice(["order", "order", "revise", "refund", "full", "retract", "identify"]) if orders else "order":
        case "order":
            orders.append(len(orders) + 1)
            ingest(owner, order(orders[-1], 1))
        case "revise":
            ingest(owner, order(number, chance.randint(2, 1000)))
        case "refund":
            ingest(owner, {"event": "refund", "event_id": f"r{chance.random()}", "order_id": f"o{number}", "timestamp": "2026-03-31T21:00:00Z", "amount": chance.randint(1, 9)})
        case "full":
            ingest(owner, {"event": "refund", "event_id": f"r{chance.random()}", "order_id": f"o{number}", "timestamp": "2026-04-02T08:00:00Z", "full": True})
        case "retract":
            rows(owner, "SELECT analytics.retract(%s)", (f"p{number}",))
        case "identify":
            rows(owner, "SELECT analytics.identify(%s, %s)", (f"v{number % 3}", f"c{number % 3}"))


def check_as_known(owner, reader):
    """Months closed again and again amid corrections of all kinds: the log knows each time what the view said."""
    chance = random.Random(20260331)
    query = re.search(r"^PREPARE sales_as_known\(.*?\) AS\n(.*?);\n", (ROOT / "docs/reports.md").read_text(), re.M | re.S)[1]
    by_time = query.replace("%", "%%").replace("$1", "%(month)s::date").replace("$2", "%(at)s::timestamptz")
    by_snapshot = by_time.replace("e.ingested_at <= %(at)s::timestamptz", "pg_visible_in_snapshot(e.ingest_xid, %(known)s::pg_snapshot)")
    view = """SELECT bucket, currency, sum(orders), sum(units), sum(gross_sales), sum(discounts), sum(returns), sum(taxes), sum(shipping)
                FROM analytics.sales_monthly WHERE bucket = %(month)s GROUP BY 1, 2"""

    def moved(figures):  # a bucket whose lines took each other back is a row of zeros, or none
        return sorted(row for row in figures if any(row[2:]))

    orders, closings = [], []
    for _ in range(120):
        anything(owner, chance, orders)
        if chance.random() < 0.3:
            rows(owner, "SELECT analytics.refresh()")
        if chance.random() < 0.25:
            for month in ("2026-03-01", "2026-04-01"):
                closings.append(({"month": month, **dict(zip(("at", "known"), rows(owner, "SELECT clock_timestamp()::text, pg_current_snapshot()::text")[0]))},
                                 moved(rows(reader, view, {"month": month}))))
    for name, sql in (("ingested_at", by_time), ("snapshot", by_snapshot)):
        wrong = [parameters for parameters, closed in closings if moved(rows(reader, sql, parameters)) != closed]
        ok(not wrong and len(closings) > 40, f"{len(closings)} closings known again by {name}", wrong)
    ok(len({str(closed) for _, closed in closings}) > 20, "which did differ")


def train(owner):
    """Customers enough for models."""
    rows(owner, """INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
                   SELECT 'model', c || '-' || d, 1, 'purchase', timestamptz '2025-01-01 12:00Z' + make_interval(days => c + d * (7 + c % 11)), 'c' || c, c || '-' || d, 'p', 1, c + d, c + d, 'EUR'
                     FROM generate_series(1, 40) c, generate_series(0, c % 5) d""")
    rows(owner, "SELECT analytics.fit_customer_value('model'), analytics.fit_clusters('customers', store => 'model')")


def main():
    owner = make_database()
    reader = connect(READER)
    rows(owner, "SELECT analytics.set_setting('timezone', 'Europe/Berlin'), analytics.set_setting('currency', 'EUR')")
    check_sources(reader, "--write" in sys.argv)
    rows(owner, "SELECT analytics.create_rollup('own', 'week', '{campaign,properties->>city}', NULL, 'line_kind = ''product''')")
    check_as_known(owner, reader)
    rows(owner, "SELECT analytics.record_segments('2026-04-30')")
    train(owner)
    dictionary, units = {}, {}
    for relation, column, definition, unit in rows(reader, "SELECT relation, column_name, definition, unit FROM analytics.data_dictionary"):
        dictionary[relation, column], units[relation, column] = definition, unit
    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: connect(READER))
    check_reflection(engine, dictionary)
    check_rows(reader, dictionary)
    check_reports(dictionary, units)
    engine.dispose()
    print(f"{counts[True]} passed, {counts[False]} failed")
    return counts[False] > 0


sys.exit(main())
