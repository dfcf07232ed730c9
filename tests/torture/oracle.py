"""Each view against its recomputation, in one statement: no row may be in one and not in the other."""

import psycopg

GRAINS = {"sales_hourly": "hour", "sales_daily": "day", "sales_weekly": "week", "sales_monthly": "month"}

# Sums over a cell's lines; the sign takes back what was taken back.
SUMS = {
    "orders": "sum(sign) FILTER (WHERE bought AND line = 1)",
    "units": "sum(sign * quantity) FILTER (WHERE bought AND line_kind = 'product')",
    "units_returned": "sum(sign * quantity) FILTER (WHERE refunded AND line_kind = 'product')",
    "gross_sales": "sum(sign * amount) FILTER (WHERE bought AND NOT gift_card)",
    "discounts": "sum(sign * discount) FILTER (WHERE bought AND NOT gift_card)",
    "returns": "sum(sign * (amount - coalesce(discount, 0))) FILTER (WHERE refunded AND NOT gift_card)",
    "taxes": "sum(CASE WHEN bought THEN sign ELSE -sign END * tax)"
             " FILTER (WHERE (bought OR refunded) AND NOT gift_card)",
    "shipping": "sum(CASE WHEN bought THEN sign ELSE -sign END * shipping) FILTER (WHERE bought OR refunded)",
    "gift_card_sales": "sum(CASE WHEN bought THEN sign ELSE -sign END * (amount - coalesce(discount, 0)))"
                       " FILTER (WHERE (bought OR refunded) AND gift_card)",
    "events": "sum(sign) FILTER (WHERE line = 1)",
    "views": "sum(sign) FILTER (WHERE event_type = 'view_item')",
    "add_to_carts": "sum(sign) FILTER (WHERE event_type = 'add_to_cart')",
}
MONEY = {"gross_sales", "discounts", "returns", "taxes", "shipping", "gift_card_sales"}
# Distinct keys of which a line stands in the cell.
DISTINCT = {"customers": "CASE WHEN bought THEN customer_id END", "sessions": "session_id",
            "orders": "CASE WHEN bought THEN order_key END"}
DERIVED = {"net_sales": "gross_sales - discounts - returns",
           "total_sales": "gross_sales - discounts - returns + taxes + shipping",
           "aov": "(gross_sales - discounts) / nullif(orders, 0)"}

SALES = ["orders", "units", "units_returned", "gross_sales", "discounts", "returns", "net_sales", "taxes", "shipping",
         "total_sales", "gift_card_sales", "aov", "customers", "sessions", "events"]
PRODUCTS = ["views", "add_to_carts", "orders", "units", "units_returned", "gross_sales", "discounts", "returns",
            "net_sales", "customers"]


def recomputed(source: str, keys: list[str], shown_keys: list[str], measures: list[str], distinct: list[str],
               names: str = "") -> str:
    """SQL of a view's rows from `source`, lines with their bucket and keys; keys have '' for null."""
    by = ", ".join(["store_id", "bucket", *keys])
    sums = [name for name in SUMS if name in measures and name not in distinct]
    columns = [f"coalesce({SUMS[name]}, 0)::{'numeric' if name in MONEY else 'bigint'} AS {name}" for name in sums]
    parts = [f"source AS MATERIALIZED ({source})",
             f"summed AS (SELECT {by}, {', '.join(columns)} FROM source GROUP BY {by} HAVING sum(sign) <> 0)"]
    joins = ""
    for name in distinct:
        standing = f"SELECT {by}, {DISTINCT[name]} AS key FROM source GROUP BY {by}, key HAVING sum(sign) > 0"
        parts.append(f"{name} AS (SELECT {by}, count(key) AS {name} FROM ({standing}) k GROUP BY {by})")
        joins += f" LEFT JOIN {name} USING ({by})"
    shown = ["store_id", "bucket", *shown_keys]
    shown += [f"{DERIVED.get(name, f'coalesce({name}, 0)')} AS {name}" for name in measures]
    return f"WITH {', '.join(parts)} SELECT {', '.join(shown)} FROM summed{joins}{names}"


def source(bucket: str, keys: str, lines: str = "torture.line l") -> str:
    return f"SELECT l.*, l.{bucket} AS bucket, l.in_currency AS cell_currency, {keys} FROM {lines}"


def views() -> dict[str, str]:
    result = {}
    for view, grain in GRAINS.items():
        result[view] = recomputed(
            source(grain, "coalesce(l.channel, '') AS cell_channel, coalesce(l.country, '') AS cell_country"),
            ["cell_currency", "cell_channel", "cell_country"],
            ["cell_currency AS currency", "nullif(cell_channel, '') AS channel", "nullif(cell_country, '') AS country"],
            SALES, ["customers", "sessions"])
    of_products = "WHERE l.product_id IS NOT NULL AND l.line_kind = 'product'"
    result["product_daily"] = recomputed(
        source("day", "l.product_id AS cell_product", f"torture.line l {of_products}"),
        ["cell_currency", "cell_product"],
        ["cell_currency AS currency", "cell_product AS product_id", "name", "category", "brand"],
        PRODUCTS, ["orders", "customers"],
        " LEFT JOIN (SELECT store_id, product_id AS cell_product, name, category, brand FROM torture.product) p"
        " USING (store_id, cell_product)")
    result["category_daily"] = recomputed(
        source("day", "coalesce(p.category, '(none)') AS cell_category",
               f"torture.line l LEFT JOIN torture.product p USING (store_id, product_id) {of_products}"),
        ["cell_currency", "cell_category"], ["cell_currency AS currency", "cell_category AS category"],
        PRODUCTS, ["orders", "customers"])
    return result


# Of persons and visits: recomputed by the oracle of all tests, tests/oracle.sql. Quotients are compared to twelve digits.
PERSONS = {
    "customer": "store_id, customer_id, first_seen_at, last_seen_at, first_order_at, last_order_at, orders, units,"
                " gross_sales, discounts, returns, net_sales, round(aov, 12) AS aov, country, channel",
    "customer_month": "store_id, bucket, customer_id, cohort_month, orders, units, gross_sales, discounts, returns,"
                      " net_sales",
    "cohort_retention": "store_id, cohort_month, months_since, cohort_size, customers, round(retention, 12) AS retention,"
                        " net_sales, cumulative_net_sales",
    "session_daily": "store_id, bucket, channel, country, device, sessions, bounces, events, orders,"
                     " round(conversion, 12) AS conversion, round(extract(epoch FROM avg_duration), 3) AS avg_duration",
    "funnel_daily": "store_id, bucket, channel, device, sessions, view_item, add_to_cart, begin_checkout, purchase,"
                    " round(conversion, 12) AS conversion, value_lost, currency",
}
AFFINITY = ("store_id, product_a, product_b, baskets, round(support::numeric, 9) AS support,"
            " round(confidence::numeric, 9) AS confidence, round(lift::numeric, 6) AS lift")
RECOMPUTED = views() | {view: f"SELECT {columns} FROM oracle.{view}" for view, columns in PERSONS.items()} | {
    "product_affinity": f"SELECT {AFFINITY} FROM (SELECT store_id, product_a, product_b, baskets, baskets::float8 / n AS support,"
                        " baskets::float8 / n_a AS confidence, baskets::float8 * n / (n_a::float8 * n_b) AS lift"
                        " FROM oracle.product_affinity) a"}


def columns(view: str) -> str:
    if view == "product_affinity":
        return AFFINITY
    if view in PERSONS:
        return PERSONS[view]
    keys = {"product_daily": "product_id, name, category, brand", "category_daily": "category"}
    measures = SALES if view in GRAINS else PRODUCTS
    return f"store_id, bucket, currency, {keys.get(view, 'channel, country')}, {', '.join(measures)}"


def differences(connection: psycopg.Connection, view: str) -> list[tuple]:
    """Rows that the view or its recomputation has alone, in one snapshot; at most three of each."""
    return connection.execute(f"""
        WITH shown AS MATERIALIZED (SELECT {columns(view)} FROM analytics.{view}),
             wanted AS MATERIALIZED ({RECOMPUTED[view]})
        (SELECT 'the view alone has', * FROM (TABLE shown EXCEPT ALL TABLE wanted) v LIMIT 3)
        UNION ALL
        (SELECT 'recomputed alone has', * FROM (TABLE wanted EXCEPT ALL TABLE shown) r LIMIT 3)""").fetchall()


def check_views(connection: psycopg.Connection, report, key: str) -> bool:
    """All views in one snapshot."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute("SET LOCAL enable_nestloop = off; SET LOCAL jit = off")  # estimates are far off, tables small
    try:
        good = True
        for view in RECOMPUTED:
            found = differences(connection, view)
            good &= report.expect(key, not found, lambda: describe(connection, view, found))
        return good
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")


def describe(connection: psycopg.Connection, view: str, found: list[tuple]) -> str:
    state = connection.execute("SELECT pg_current_snapshot()::text, (SELECT string_agg(s.name || ' ' || s.merged, ', ')"
                               " FROM analytics.rollup_state s)").fetchone()
    rows = "\n".join(" ".join(str(value) for value in row) for row in found)
    return f"{view} ({columns(view)}):\n{rows}\nsnapshot {state[0]}; merged {state[1]}"
