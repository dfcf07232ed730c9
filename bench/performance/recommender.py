"""recommend() for one customer among 100,000 products, 64 factors: what a client waits for, the whole chain included.

Beside it what the arithmetic alone takes where nothing is left out: NumPy's inner products of the same factors with all products, and the
best ten of them. And, without a match, where the answer comes from other sources, what similar_products() takes, and what fit_recommender()
takes, from events that are merged.

Before that its arithmetic alone (bench/core/als_bench.cpp) against the package implicit: from the same factors, with the same parameters, on
as many threads, both must end with the same loss.
"""

import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
from implicit.cpu import _als
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import coo_matrix
from threadpoolctl import threadpool_limits

from database import Measurement, cpu_milliseconds, create_database, drop_database
from report import Row

DATABASE = "bench_recommender"
PRODUCTS, GROUPS, ASKED = 100_000, 50, 1000
CALL = "SELECT * FROM analytics.recommend(%s, 10)"
SIMILAR = "SELECT * FROM analytics.similar_products(%s, 10)"
PROGRAM = pathlib.Path(__file__).parents[2] / "build/release/als_bench"
FACTORS, ITERATIONS, REGULARIZATION = 64, 15, 0.01


def strengths(customers, products, events):
    """Customers of fifty tastes, as in fill(): how strongly each is drawn to the products it met."""
    random = numpy.random.default_rng(1)
    customer = numpy.repeat(numpy.arange(customers), events)
    taste = products // GROUPS * random.random(customer.size) ** 3
    product = numpy.where(random.random(customer.size) < 0.8, taste.astype(int) * GROUPS + customer % GROUPS, random.integers(0, products, customer.size))
    matrix = coo_matrix((random.choice([1, 5], customer.size).astype(numpy.float32), (customer, product)), (customers, products)).tocsr()
    matrix.sum_duplicates()
    return matrix


def measure_core(bench):
    customers, products, events = (10_000, 10_000, 20) if bench.options.quick else (50_000, 20_000, 40)
    matrix = strengths(customers, products, events)
    random = numpy.random.default_rng(2)
    start = [(random.random((rows, FACTORS), dtype=numpy.float32) * 0.01) for rows in (customers, products)]
    entries = matrix.tocoo()
    triples = numpy.empty(entries.nnz, dtype=[("customer", "<u4"), ("product", "<u4"), ("value", "<f4")])
    triples["customer"], triples["product"], triples["value"] = entries.row, entries.col, entries.data
    confidence = matrix.copy()
    confidence.data += 1  # which is what implicit takes, with alpha 1
    with tempfile.NamedTemporaryFile() as file, threadpool_limits(limits=1, user_api="blas"):  # implicit's threads are its own
        for part in (triples, *start):
            file.write(part.tobytes())
        file.flush()
        for threads in sorted({1, min(os.cpu_count(), 4)}):
            ours, theirs = Measurement(), Measurement()
            for repetition in range(min(bench.options.repetitions, 5)):
                printed = subprocess.run([PROGRAM, file.name, *map(str, (customers, products, entries.nnz, FACTORS, ITERATIONS, threads))],
                                         check=True, capture_output=True, text=True).stdout.split()
                model = AlternatingLeastSquares(FACTORS, REGULARIZATION, alpha=1, iterations=ITERATIONS, num_threads=threads)
                model.user_factors, model.item_factors = (factors.copy() for factors in start)
                started, cpu = time.perf_counter(), time.process_time()
                model.fit(confidence, show_progress=False)
                theirs.waited.append((time.perf_counter() - started) * 1000)
                theirs.cpu.append((time.process_time() - cpu) * 1000)
                ours.waited.append(float(printed[0]))
                ours.cpu.append(float(printed[1]))
                loss = _als.calculate_loss(confidence, model.user_factors, model.item_factors, REGULARIZATION, num_threads=threads)
                if abs(float(printed[2]) / loss - 1) > 0.01:
                    raise RuntimeError(f"loss {printed[2]} against {loss}")
                bench.progress(f"ALS, {threads} threads: {repetition + 1} of {min(bench.options.repetitions, 5)}")
            bench.add(Row("implicit ALS, the core", f"implicit, same start (loss {float(printed[2]):.6g}, theirs {loss:.6g})",
                          f"{entries.nnz:,} pairs of {customers:,} customers and {products:,} products, {FACTORS} factors, {ITERATIONS} iterations; "
                          f"{threads} thread{'s' if threads > 1 else ''}", ours, theirs, True, "> 1", lambda ratio, _: ratio > 1))


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


def ask(connection, those, call=CALL, measurement=None):
    """How long a list of ten takes for each of those."""
    measurement = measurement or Measurement()
    for one in those:
        started, cpu = time.perf_counter(), cpu_milliseconds(connection)
        found = connection.execute(call, (one,)).fetchall()
        measurement.waited.append((time.perf_counter() - started) * 1000)
        if cpu is not None:
            measurement.cpu.append(cpu_milliseconds(connection) - cpu)
        if len(found) != 10:
            raise RuntimeError(f"{len(found)} products for {one}")
    return measurement


def summary(found):
    processor = f", {statistics.mean(found.cpu):.2f} ms of processor" if found.cpu else ""
    return f"p50 {statistics.median(found.waited):.2f} ms, p99 {statistics.quantiles(found.waited, n=100)[98]:.2f} ms{processor}"


def measure(bench):
    measure_core(bench)
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
    ask(connection, asked[:20])  # warms up
    ours, theirs = Measurement(), Measurement()
    for customer in asked:
        ask(connection, [customer], measurement=ours)
        own = numpy.array(of_customer[customer], dtype=numpy.float32)
        started, cpu = time.perf_counter(), time.process_time()
        scores = products @ own
        best = numpy.argpartition(-scores, 10)[:10]
        best[numpy.argsort(-scores[best])]
        theirs.waited.append((time.perf_counter() - started) * 1000)
        theirs.cpu.append((time.process_time() - cpu) * 1000)
    bench.add(Row("recommend(), one customer", "NumPy, products @ customer, argpartition", f"{len(products):,} products, 64 factors, 10 asked for, warm", ours, theirs, True,
                  "median < 2 ms", lambda _, median: median < 2))
    bench.facts.append(("recommend(), factors", summary(ours)))
    # a look at a product since the fit: solved anew
    looked = [(f"l{i}", f"c{1 + 41 * i % customers}", f"p{i % PRODUCTS}") for i in range(ASKED // 4)]
    connection.cursor().executemany("INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, product_id) VALUES (%s, 'view_item', '2026-07-20 12:00Z', %s, %s)", looked)
    bench.facts.append(("recommend(), fold_in, news not merged yet", summary(ask(connection, [customer for _, customer, _ in looked]))))
    connection.execute("SELECT analytics.refresh()")
    bench.facts.append(("recommend(), fold_in, news merged", summary(ask(connection, [customer for _, customer, _ in looked]))))
    bench.facts.append(("recommend(), a customer whom nobody knows (trending, popular)", summary(ask(connection, [f"nobody{i}" for i in range(50)]))))
    bench.facts.append(("similar_products(), factors", summary(ask(connection, [f"p{37 * i % PRODUCTS}" for i in range(ASKED)], SIMILAR))))
    connection.close()
    drop_database(DATABASE)
