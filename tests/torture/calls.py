"""The extension's calls as the ledger sees them: each is made, foretold, and its answer compared."""

import json
from decimal import Decimal

from psycopg import sql

from ledger import Ledger
from session import Attempt
from shop import ZERO, Version, to_json

DIRECT_COLUMNS = ["store_id", "event_id", "line", "event_type", "occurred_at", "customer_id", "session_id", "order_id",
                  "product_id", "quantity", "unit_price", "amount", "discount", "tax", "shipping", "tax_included",
                  "line_kind", "excluded", "currency", "channel", "country", "properties"]


def ingest(attempt: Attempt, batch: list[Version], rng):
    """analytics.ingest() in one of its forms; the counts must be those that the ledger foretells."""
    world, transaction = attempt.world, attempt.transaction
    forecast = world.ledger.forecast(batch, transaction)
    payloads = [version.payload for version in batch]
    form = rng.choice(["jsonb", "text", "lines"])
    if form == "lines":
        payload, kind = "\n".join(to_json(event) for event in payloads) + "\n", "text"
    else:
        payload, kind = to_json(payloads[0] if len(payloads) == 1 and rng.random() < 0.5 else payloads), form
    # from here on the server may hold these keys for this transaction
    transaction.touched.update(version.identity for version in batch if not version.shared and not version.bad)
    transaction.top.sends += [version for version in batch if not version.bad]
    transaction.top.rejected += forecast.rejected
    accepted, duplicates, rejected, errors = attempt.execute(
        f"SELECT * FROM analytics.ingest(%s::{kind})", [payload]).fetchone()
    if len(batch) == accepted == 1 and batch[0].race:
        transaction.top.accepted_races.append(batch[0])
    world.ledger.settle_forecast(forecast)
    world.count("events ingested", accepted)
    world.count("duplicates", duplicates)
    world.report.expect(
        "counts", rejected == forecast.rejected == len(errors) and accepted + duplicates + rejected == len(batch)
        and forecast.at_least <= accepted <= forecast.at_most,
        lambda: f"{attempt.name}: accepted {accepted}, duplicates {duplicates}, rejected {rejected} of {len(batch)};"
                f" expected accepted {forecast.at_least} to {forecast.at_most}, rejected {forecast.rejected};"
                f" errors {errors}\n" + "\n".join(known_of(attempt, version) for version in batch if not version.bad))


def known_of(attempt: Attempt, version: Version) -> str:
    """What ledger and database know of an event, for whoever has to find out why they differ."""
    store, kind, key = version.identity
    lines = attempt.execute(
        "SELECT k.sent_revision, k.updated_at, k.lines, (SELECT string_agg(DISTINCT format('%%s%%s x%%s', "
        " CASE sign WHEN 1 THEN '+' ELSE '-' END, properties ->> 'v', ingest_xid), ' ') FROM analytics.event e"
        " WHERE e.store_id = k.store_id AND e.event_id = coalesce(k.event_id, k.key))"
        " FROM analytics.event_key k WHERE (k.store_id, k.key, k.kind) = (%s, %s, %s)", [store, key, kind]).fetchone()
    current = attempt.world.ledger.current(version.identity, attempt.transaction)
    known = current and (current.token, current.rank)
    return f"{version.identity} {version.token} {version.rank}; ledger {known}; database {lines}"


def direct(attempt: Attempt, batch: list[Version], rng, expected: str | None = None):
    """The same rows by INSERT or COPY straight into the log."""
    transaction = attempt.transaction
    rows = [direct_row(version, i) for version in batch for i in range(len(version.lines))]
    columns = sql.SQL(", ").join(map(sql.Identifier, DIRECT_COLUMNS))
    transaction.touched.update(version.identity for version in batch)
    if rng.random() < 0.5 and expected is None:
        attempt.copy(sql.SQL("COPY analytics.event ({}) FROM STDIN").format(columns), rows)
    else:
        one = "(" + ", ".join(["%s"] * len(DIRECT_COLUMNS)) + ")"
        attempt.execute(sql.SQL("INSERT INTO analytics.event ({}) VALUES {}").format(
            columns, sql.SQL(", ".join([one] * len(rows)))), [value for row in rows for value in row], expected)
    transaction.top.sends += batch
    attempt.world.count("events written directly", len(batch))


def direct_row(version: Version, i: int) -> list:
    line = version.lines[i]
    return [version.store_id, version.event_id, i + 1, version.event_type, version.occurred_at, version.customer_id,
            version.session_id, version.order_id, line.product_id, line.quantity, line.unit_price, line.amount,
            line.discount or None, line.tax or None, line.shipping or None, version.tax_included, line.kind,
            version.excluded, version.currency, version.channel, version.country, json.dumps(version.properties[i])]


def retract(attempt: Attempt, version: Version, event_id: str):
    """analytics.retract() of an event by one of its names; what it took back is entered.

    Of a shared event the server says which version stood: the lines with sign -1 that this transaction wrote. Their
    tokens and number must be those of one version. So nothing of that event may be superseded in the same transaction.
    """
    world, transaction = attempt.world, attempt.transaction
    taken = attempt.execute("SELECT analytics.retract(%s, %s)", [event_id, version.store_id]).fetchone()[0]
    world.count("retractions", 1 if taken else 0)
    if version.shared:
        versions = world.ledger.versions_of(version.identity)
        lines = dict(attempt.execute(
            "SELECT properties ->> 'v', count(*) FROM analytics.event WHERE sign = -1 AND store_id = %s"
            " AND event_id = ANY (%s) AND ingest_xid = pg_current_xact_id() GROUP BY 1",
            [version.store_id, list({other.event_id for other in versions})]).fetchall())
        found = [other for other in versions if other.token in lines]
        transaction.top.retractions += found
        world.report.expect(
            "retractions", len(found) == (1 if taken else 0) and sum(lines.values()) == taken
            and all(len(other.lines) == taken for other in found),
            lambda: f"retract of shared {version.identity} returned {taken}, it wrote {lines}")
    else:
        current = world.ledger.current(version.identity, transaction)
        stood = current is not None and world.ledger.stands(current, transaction)
        transaction.touched.add(version.identity)
        if taken:
            transaction.top.retractions.append(current)
        world.report.equal("retractions", len(current.lines) if stood else 0, taken,
                           f"retract({event_id}) of {version.identity}")


def refresh(attempt: Attempt, wait: bool):
    """A number, or null where another one runs or went first; never an error."""
    merged = attempt.execute(f"SELECT analytics.refresh({str(wait).lower()})").fetchone()[0]
    attempt.world.report.expect("refresh", merged is None or merged >= 0, f"refresh returned {merged}")
    attempt.world.count("refreshes" if merged is not None else "refreshes that left")
    return merged


def left_of(order: Version, refunds: list[Version]) -> tuple[dict, Decimal]:
    """What an order has left after its refunds: by product and kind the units, net value and tax; its shipping."""
    left, shipping = {}, ZERO
    for sign, version in [(1, order)] + [(-1, refund) for refund in refunds]:
        for line in version.lines:
            rest = left.setdefault((line.product_id, line.kind), {"units": 0, "net": ZERO, "tax": ZERO})
            rest["units"] += sign * (line.quantity or 0)
            rest["net"] += sign * ((line.amount or ZERO) - line.discount)
            rest["tax"] += sign * line.tax
            shipping += sign * line.shipping
    return left, shipping


def standing_refunds(ledger: Ledger, refunds: list[Version]) -> list[Version]:
    return [refund for refund in refunds if ledger.current(refund.identity) is refund]


def figures(versions: list[Version]) -> tuple:
    """events, orders, gross_sales and total_sales of purchases."""
    lines = [line for version in versions for line in version.lines]
    sold = [line for line in lines if line.kind != "gift_card"]
    gross = sum((line.amount for line in sold), ZERO)
    rest = sum((line.tax - line.discount for line in sold), ZERO) + sum((line.shipping for line in lines), ZERO)
    return len(versions), len(versions), gross, gross + rest
