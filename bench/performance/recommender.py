"""recommend() for one customer among 100,000 products, 64 factors: what a client waits for, the whole chain included.

Beside it what the arithmetic alone takes where nothing is left out: NumPy's inner products of the same factors with all products, and the
best ten of them. And, without a match, where the answer comes from other sources, and what fit_recommender() takes, from events that are merged.
"""

import statistics
import time

import numpy

from database import Measurement, create_database, drop_database
from report import Row

DATABASE = "bench_recommender"
PRODUCTS, GROUPS, ASKED = 100_000, 50, 1000
CALL = "SELECT * FROM analytics.recommend(%s, 10)"


def fill(connection, customers, events):
    """Customers of fifty tastes; within a taste a few products are what most look at. A fourth of the events are purchases."""
    connection.execute("SELECT setseed(0.5)")
    connection.execute(f"""INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
        SELECT 'e' || c || '-' || e, 1, CASE WHEN bought THEN 'purchase' ELSE 'view_item' END, timestamptz '2026-01-01 00:00Z' + make_interval(secs => 86400 * 200 * random()), 'c' || c,
               CASE WHEN bought THEN c || '-' || e END, 'p' || product, 1, 10, 10, 'USD'
          FROM (SELECT c, e, random() < 0.25 AS bought, CASE WHEN random() < 0.8 THEN floor({PRODUCTS // GROUPS} * power(random(), 3))::int * {GROUPS} + c % {GROUPS}
                                                             ELSE floor({PRODUCTS} * random())::int END AS product
                  FROM generate_series(1, {customers}) c, generate_series(1, {events}) e) d""")
    # every product is known
    connection.execute(f"""INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, product_id, quantity)
        SELECT 'a' || p, 1, 'view_item', '2026-01-01 00:00Z', 'c' || p % {customers} + 1, 'p' || p, 1 FROM generate_series(0, {PRODUCTS - 1}) p""")
    connection.execute("SELECT analytics.refresh()")
    connection.execute("VACUUM ANALYZE")


def factors(connection):
    rows = connection.execute("SELECT r.factors FROM analytics.recommender_product r WHERE r.model_id = analytics.serving_model('main', 'recommender') ORDER BY r.first_number").fetchall()
    products = numpy.concatenate([numpy.array(row[0], dtype=numpy.float32) for row in rows]).reshape(-1, 64)
    return numpy.ascontiguousarray(products)


def times(connection, customers):
    waited = []
    for customer in customers:
        started = time.perf_counter()
        found = connection.execute(CALL, (customer,)).fetchall()
        waited.append((time.perf_counter() - started) * 1000)
        if len(found) != 10:
            raise RuntimeError(f"{len(found)} products for {customer}")
    return waited


def summary(waited):
    return f"p50 {statistics.median(waited):.2f} ms, p99 {statistics.quantiles(waited, n=100)[98]:.2f} ms"


def measure(bench):
    customers, events = (10_000, 20) if bench.options.quick else (50_000, 40)
    connection = create_database(DATABASE)
    bench.progress(f"events of {customers:,} customers with {PRODUCTS:,} products")
    fill(connection, customers, events)
    bench.progress("fit_recommender()")
    status, rows, seconds, judged = connection.execute(
        "SELECT status, rows, extract(epoch FROM duration)::float8, metrics -> 'evaluation' FROM analytics.fit_recommender(force => true)").fetchone()
    bench.facts.append(("fit_recommender(), events to factors stored, judged before", f"{customers:,} customers, {PRODUCTS:,} products, {rows:,} pairs in {seconds:.1f} s ({status}; "
                        f"NDCG@10 {judged['model']['ndcg_at_k']:.3f}, popularity {judged['popularity']['ndcg_at_k']:.3f})"))
    products = factors(connection)
    asked = [f"c{1 + 37 * i % customers}" for i in range(ASKED)]
    of_customer = dict(connection.execute("SELECT c.customer_id, c.factors FROM analytics.recommender_customer c WHERE c.customer_id = ANY (%s)", (asked,)).fetchall())
    times(connection, asked[:20])  # warms up
    ours, theirs = Measurement(), Measurement()
    for customer in asked:
        ours.waited += times(connection, [customer])
        own = numpy.array(of_customer[customer], dtype=numpy.float32)
        started = time.perf_counter()
        scores = products @ own
        best = numpy.argpartition(-scores, 10)[:10]
        best[numpy.argsort(-scores[best])]
        theirs.waited.append((time.perf_counter() - started) * 1000)
    bench.add(Row("recommend(), one customer", "NumPy, products @ customer, argpartition", f"{len(products):,} products, 64 factors, 10 asked for, warm", ours, theirs, True,
                  "median < 2 ms", lambda _, median: median < 2))
    bench.facts.append(("recommend(), factors", summary(ours.waited)))
    # a look at a product since the fit: solved anew
    looked = [(f"l{i}", f"c{1 + 41 * i % customers}", f"p{i % PRODUCTS}") for i in range(ASKED // 4)]
    connection.cursor().executemany("INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, product_id) VALUES (%s, 'view_item', '2026-07-20 12:00Z', %s, %s)", looked)
    bench.facts.append(("recommend(), fold_in, news not merged yet", summary(times(connection, [customer for _, customer, _ in looked]))))
    connection.execute("SELECT analytics.refresh()")
    bench.facts.append(("recommend(), fold_in, news merged", summary(times(connection, [customer for _, customer, _ in looked]))))
    bench.facts.append(("recommend(), a customer whom nobody knows (trending, popular)", summary(times(connection, [f"nobody{i}" for i in range(50)]))))
    connection.close()
    drop_database(DATABASE)
