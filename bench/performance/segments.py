"""RFM scores of a shop's customers, beside the same told by rank() from the view `customer`, and from the raw events."""

from database import Measurement, run, value_of

MONTHS = 12
ORDERS_A_CUSTOMER = 2

# Half of the orders are everybody's first, half are regulars'; prices in steps of 25 cents, so that there are equals.
ORDERS = """
    INSERT INTO analytics.event_m{month} (event_id, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency, channel, country)
    SELECT 'e{month}-' || k, 'purchase', timestamptz '{first} 00:00+00' + random() * (timestamptz '{after} 00:00+00' - timestamptz '{first} 00:00+00'),
           'customer-' || CASE WHEN k % 2 = 0 THEN ({place} * {orders} / 2 + k / 2) % {customers} ELSE floor({customers} * random() ^ 3)::integer END, 'o{month}-' || k, 'p' || k % 1000, 1,
           round((20 + k % 400) / 4.0, 2), round((20 + k % 400) / 4.0, 2), 'USD', 'web', 'DE'
      FROM generate_series(1, {orders}) k"""

SCORES = """
    SELECT store_id, customer_id, orders, net_sales, 1 + 5 * (rank() OVER (PARTITION BY store_id ORDER BY last_order_at) - 1) / count(*) OVER (PARTITION BY store_id) AS r_score,
           1 + 5 * (rank() OVER (PARTITION BY store_id ORDER BY orders) - 1) / count(*) OVER (PARTITION BY store_id) AS f_score,
           1 + 5 * (rank() OVER (PARTITION BY store_id ORDER BY net_sales) - 1) / count(*) OVER (PARTITION BY store_id) AS m_score
      FROM ({customers}) c WHERE orders > 0"""
FROM_VIEW = SCORES.format(customers="SELECT * FROM analytics.customer")
FROM_EVENTS = SCORES.format(customers="""
    SELECT e.store_id, e.customer_id, max(e.occurred_at) FILTER (WHERE e.event_type = 'purchase' AND e.sign = 1) AS last_order_at,
           sum(e.sign) FILTER (WHERE e.event_type = 'purchase' AND e.line = 1) AS orders,
           coalesce(sum(e.sign * (e.amount - coalesce(e.discount, 0))) FILTER (WHERE e.event_type = 'purchase' AND e.line_kind <> 'gift_card'), 0)
               - coalesce(sum(e.sign * (e.amount - coalesce(e.discount, 0))) FILTER (WHERE e.event_type = 'refund' AND e.line_kind <> 'gift_card'), 0) AS net_sales
      FROM analytics.event e WHERE e.customer_id IS NOT NULL AND e.excluded IS NULL GROUP BY 1, 2""")
OURS = "SELECT store_id, customer_id, frequency, monetary, r_score, f_score, m_score FROM analytics.rfm WHERE frequency > 0"
ALL = "SELECT count(*), sum(r_score), sum(f_score), sum(m_score) FROM ({}) s"


def fill(connection, customers, progress):
    connection.execute("SELECT setseed(0.5)")
    months = connection.execute("""
        SELECT d::date, (d + interval '1 month')::date FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => %s),
               date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month', '1 month') d""", (MONTHS,)).fetchall()
    for place, (first, after) in enumerate(months):
        connection.execute(ORDERS.format(month=f"{first:%Y_%m}", first=first, after=after, place=place, customers=customers, orders=-(-ORDERS_A_CUSTOMER * customers // MONTHS)))
    connection.execute("SELECT analytics.refresh()")
    connection.execute("VACUUM ANALYZE")
    known, buyers = connection.execute("SELECT count(*), count(*) FILTER (WHERE orders > 0) FROM analytics.rollup_customer").fetchone()
    progress(f"{known:,} customers, {buyers:,} of them with orders")
    return known


def measure(connection, repetitions, progress):
    """The view, rank() over `customer`, rank() over the events; and rfm_at() of 100 days ago. All give the same scores."""
    differ = f"SELECT count(*) FROM (({OURS}) EXCEPT ALL ({FROM_VIEW}) UNION ALL (({FROM_EVENTS}) EXCEPT ALL ({OURS}))) d"
    if value_of(connection, differ) != 0:
        raise RuntimeError("rfm and rank() differ")
    queries = {"view": ALL.format(OURS), "rank": ALL.format(FROM_VIEW), "events": ALL.format(FROM_EVENTS)}
    found = {name: Measurement() for name in queries}
    for repetition in range(repetitions + 1):
        for name, query in queries.items():
            found[name].take(connection, run(query))
        progress(f"rfm: {found['view'].waited[-1]:,.0f} ms; rank(): {found['rank'].waited[-1]:,.0f}; from events: {found['events'].waited[-1]:,.0f}")
    for measurement in found.values():
        measurement.forget_first()
    found["past"] = Measurement()
    found["past"].take(connection, run("SELECT count(*) FROM analytics.rfm_at((now() - interval '100 days')::date)"))
    return found
