"""At rest: the database against the ledger, version by version, cell by cell, cent by cent."""

from collections import defaultdict
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg

from ledger import Fate, Ledger
from oracle import check_views
from report import Report
from shop import ZERO, Version

MEASURES = ["orders", "units", "units_returned", "gross_sales", "discounts", "returns", "net_sales", "taxes",
            "shipping", "total_sales", "gift_card_sales", "events"]
OF_PRODUCTS = ["views", "add_to_carts", "units", "units_returned", "gross_sales", "discounts", "returns", "net_sales"]


def settle(connection: psycopg.Connection, ledger: Ledger, report: Report):
    merge_all(connection, report)
    check_fates(connection, ledger, report)
    check_log(connection, ledger, report)
    check_survivors(connection, ledger, report)
    check_figures(connection, ledger, report)
    check_views(connection, report, "views at rest")
    rows = connection.execute("SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate' LIMIT 5").fetchall()
    report.expect("reconcile", not rows, f"{rows}")


def merge_all(connection: psycopg.Connection, report: Report):
    """Goes on with rebuilds to their end and refreshes until there is nothing to merge; then no target has a tail."""
    rebuilding = "SELECT name FROM analytics.rollup_status WHERE status = 'rebuilding'"
    for (name,) in connection.execute(rebuilding).fetchall():
        while connection.execute("SELECT months_left FROM analytics.rebuild(%s, 1)", [name]).fetchone()[0]:
            pass
    merged = None
    for _ in range(20):
        merged = connection.execute("SELECT analytics.refresh()").fetchone()[0]
        report.expect("refresh", merged is not None, "refresh() that waits returned null")
        if merged == 0:
            break
    report.equal("tail", 0, merged, "lines that the last of 20 refreshes found")
    for row in connection.execute("SELECT name, tail_rows, status FROM analytics.rollup_status").fetchall():
        report.expect("tail", row[1:] == (0, "current"), f"{row}")
    left = connection.execute("SELECT count(*) FROM pg_prepared_xacts").fetchone()[0]
    report.equal("prepared", 0, left, "prepared transactions left")


def check_fates(connection: psycopg.Connection, ledger: Ledger, report: Report):
    there = {row[0] for row in connection.execute("SELECT number FROM torture.marker").fetchall()}
    committed = {t.number for t in ledger.transactions if t.fate is Fate.COMMITTED}
    report.expect("fates", not committed - there, f"committed and gone: {sorted(committed - there)[:5]}")
    report.expect("fates", not there - committed, f"rolled back and there: {sorted(there - committed)[:5]}")
    undecided = [t.number for t in ledger.transactions if t.fate in (Fate.OPEN, Fate.PREPARED)]
    report.expect("fates", not undecided, f"undecided: {undecided[:5]}")
    rejected = connection.execute("SELECT count(*) FROM analytics.rejected_event").fetchone()[0]
    report.equal("fates", ledger.rejected, rejected, "rejected events kept")


def check_log(connection: psycopg.Connection, ledger: Ledger, report: Report):
    """Nothing of a rollback, nothing twice; what stood once and stands no more was taken back line by line."""
    committed = {version.token: version for t in ledger.transactions if t.fate is Fate.COMMITTED for version in t.sends}
    standing = {version.token for version in ledger.survivors()}
    stood = {version.token for version in ledger.standing.values()}
    tokens = set()
    for token, plus, minus in connection.execute(
            "SELECT properties ->> 'v', count(*) FILTER (WHERE sign = 1), count(*) FILTER (WHERE sign = -1)"
            " FROM analytics.event GROUP BY 1").fetchall():
        tokens.add(token)
        version = committed.get(token)
        if not report.expect("log", version is not None, f"{token} was never committed"):
            continue
        lines = len(version.lines)
        expected = (lines, 0 if token in standing else lines)
        report.equal("log", expected, (plus, minus), f"lines of {token}, {version.identity}: written, taken back")
    report.expect("log", stood <= tokens, lambda: f"lost: {sorted(stood - tokens)[:5]}")
    for identity in ledger.raced:
        accepted = ledger.races.get(identity, [])
        report.equal("log", 1, len(accepted), f"versions of {identity} that were accepted in races and committed")


def check_survivors(connection: psycopg.Connection, ledger: Ledger, report: Report):
    cursor = connection.execute(
        "SELECT properties ->> 'v' AS token, store_id, event_id, event_type, order_id, occurred_at, customer_id,"
        " session_id, currency, channel, country, excluded, tax_included, line, product_id, quantity, unit_price, amount,"
        " discount, tax, shipping, line_kind FROM analytics.current_event ORDER BY store_id, event_id, line")
    found = defaultdict(list)
    for row in cursor.fetchall():
        found[row[0]].append(row)
    expected = {version.token: version for version in ledger.survivors()}
    report.expect("survivors", found.keys() == expected.keys(),
                  lambda: f"missing: {[expected[t].identity for t in expected.keys() - found.keys()][:5]},"
                          f" too many: {sorted(found.keys() - expected.keys(), key=str)[:5]}")
    for token in found.keys() & expected.keys():
        version, rows = expected[token], found[token]
        heads = {row[1:13] for row in rows}
        report.equal("survivors", {(version.store_id, version.event_id, version.event_type, version.order_id,
                                    version.occurred_at, version.customer_id, version.session_id, version.currency,
                                    version.channel, version.country, version.excluded, version.tax_included)}, heads,
                     f"what all lines of {token} say")
        report.equal("survivors", list(range(1, len(version.lines) + 1)), [row[13] for row in rows],
                     f"line numbers of {token}")
        lines = [(row[14], row[15], row[16], row[17], row[18] or ZERO, row[19] or ZERO, row[20] or ZERO, row[21])
                 for row in rows]
        wanted = [(line.product_id, line.quantity, line.unit_price, line.amount, line.discount, line.tax, line.shipping,
                   line.kind) for line in version.lines]
        if version.full_refund:  # the server's lines: by product and kind
            lines, wanted = in_sum(lines), in_sum(wanted)
        report.equal("survivors", wanted, lines, f"lines of {token}, sent as {version.payload}")


def in_sum(lines: list[tuple]) -> dict:
    sums = defaultdict(lambda: [0, ZERO, ZERO])
    shipping = ZERO
    for product, quantity, _, amount, discount, tax, line_shipping, kind in lines:
        cell = sums[product, kind]
        cell[0] += quantity or 0
        cell[1] += (amount or ZERO) - discount
        cell[2] += tax
        shipping += line_shipping
    return {"lines": dict(sums), "shipping": shipping}


def money_of(version: Version, line) -> dict[str, Decimal]:
    """What a line adds to the measures of sales."""
    bought, refunded = version.event_type == "purchase", version.event_type == "refund"
    if not (bought or refunded):
        return {}
    sign = 1 if bought else -1
    net = (line.amount or ZERO) - line.discount
    if line.kind == "gift_card":
        return {"gift_card_sales": sign * net, "shipping": sign * line.shipping, "total_sales": sign * line.shipping}
    figures = {"taxes": sign * line.tax, "shipping": sign * line.shipping, "net_sales": sign * net,
               "total_sales": sign * (net + line.tax + line.shipping)}
    figures |= {"gross_sales": line.amount, "discounts": line.discount} if bought else {"returns": net}
    if line.kind == "product":
        figures["units" if bought else "units_returned"] = line.quantity or 0
    return figures


def check_figures(connection: psycopg.Connection, ledger: Ledger, report: Report):
    zones = {store_id: ZoneInfo(zone)
             for store_id, zone in connection.execute("SELECT store_id, zone FROM torture.zone").fetchall()}
    days = defaultdict(lambda: defaultdict(Decimal))
    people = defaultdict(lambda: (set(), set()))
    totals = defaultdict(lambda: defaultdict(Decimal))
    products = defaultdict(lambda: defaultdict(Decimal))
    for version in ledger.survivors():
        if version.excluded:
            continue
        day = version.occurred_at.astimezone(zones[version.store_id]).date()
        cell = (version.store_id, day, version.currency, version.channel, version.country)
        customers, sessions = people[cell]
        if version.event_type == "purchase" and version.customer_id:
            customers.add(version.customer_id)
        if version.session_id:
            sessions.add(version.session_id)
        targets = [days[cell], totals[version.store_id, version.currency]]
        for target in targets:
            target["events"] += 1
            target["orders"] += version.event_type == "purchase"
        for line in version.lines:
            figures = money_of(version, line)
            for target in targets:
                for measure, value in figures.items():
                    target[measure] += value
            if line.product_id is not None and line.kind == "product":
                target = products[version.store_id, version.currency, line.product_id]
                target["views"] += version.event_type == "view_item"
                target["add_to_carts"] += version.event_type == "add_to_cart"
                for measure in OF_PRODUCTS[2:]:
                    target[measure] += figures.get(measure, 0)

    shown = {row[:5]: row[5:] for row in connection.execute(
        f"SELECT store_id, bucket, currency, channel, country, {', '.join(MEASURES)}, customers, sessions"
        " FROM analytics.sales_daily").fetchall()}
    wanted = {cell: tuple(figures[m] for m in MEASURES) + (len(people[cell][0]), len(people[cell][1]))
              for cell, figures in days.items()}
    compare(report, "days", wanted, shown)
    for view in ("sales_hourly", "sales_daily", "sales_weekly", "sales_monthly"):
        compare(report, "totals", {key: tuple(f[m] for m in MEASURES) for key, f in totals.items()},
                sums(connection, view, "store_id, currency", MEASURES))
    compare(report, "products", {key: tuple(f[m] for m in OF_PRODUCTS) for key, f in products.items()},
            sums(connection, "product_daily", "store_id, currency, product_id", OF_PRODUCTS))


def sums(connection: psycopg.Connection, view: str, keys: str, measures: list[str]) -> dict:
    n = keys.count(",") + 1
    rows = connection.execute(f"SELECT {keys}, {', '.join(f'sum({m})' for m in measures)} FROM analytics.{view}"
                              f" GROUP BY {keys}").fetchall()
    return {row[:n]: row[n:] for row in rows}


def compare(report: Report, key: str, wanted: dict, shown: dict):
    report.expect(key, wanted.keys() == shown.keys(),
                  lambda: f"missing {list(wanted.keys() - shown.keys())[:3]},"
                          f" too many {list(shown.keys() - wanted.keys())[:3]}")
    for cell in wanted.keys() & shown.keys():
        report.equal(key, wanted[cell], shown[cell], cell)
