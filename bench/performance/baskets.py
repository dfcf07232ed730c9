"""Rules of a year of real orders (Online Retail, demo/online_retail.csv.xz), against mlxtend: FP-growth, then association_rules().

Orders of at most 100 products, since larger ones are sampled here and not there. The core alone (bench/core/basket_rules_bench.cpp) against
fpgrowth() on a ready table of booleans, both of processor time; and basket_rules() in SQL, which reads the events, against both of its steps: its rules have
consequents of any length, of which those of one product are held against ours. Numbers of itemsets and rules must agree, and so must every measure.
And, without a match, what a page waits for: bought_together() and trending_products().
"""

import csv
import lzma
import pathlib
import subprocess
import tempfile
import time

import numpy
import pandas
from mlxtend.frequent_patterns import association_rules, fpgrowth

from database import Measurement, create_database, drop_database, run, value_of
from report import Row

DATABASE = "bench_baskets"
ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = ROOT / "build/release/basket_rules_bench"
MIN_CONFIDENCE, MAX_LENGTH = 0.3, 5
MEASURES = ("support", "confidence", "lift", "leverage", "conviction", "zhangs_metric")


def read_baskets():
    """{invoice: its products}, and the time of each."""
    baskets, times = {}, {}
    with lzma.open(ROOT / "demo/online_retail.csv.xz", "rt", encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["InvoiceNo"][0] not in "CA" and int(line["Quantity"]) > 0:
                baskets.setdefault(line["InvoiceNo"], set()).add(line["StockCode"])
                times.setdefault(line["InvoiceNo"], line["InvoiceDate"])
    return {invoice: products for invoice, products in baskets.items() if len(products) <= 100}, times


def one_hot(baskets, products):
    numbers = {product: number for number, product in enumerate(products)}
    table = numpy.zeros((len(baskets), len(products)), dtype=bool)
    for row, basket in enumerate(baskets.values()):
        table[row, [numbers[product] for product in basket]] = True
    return pandas.DataFrame(table, columns=products)


def timed(work):
    """(what it returns, milliseconds waited, of processor time)."""
    started, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, (time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000


def measure_core(bench, baskets, products, table, min_support):
    numbers = {product: number for number, product in enumerate(products)}
    ours, theirs = Measurement(), Measurement()
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(" ".join(str(numbers[product]) for product in basket) + "\n" for basket in baskets.values())
        file.flush()
        for _ in range(min(bench.options.repetitions, 3)):
            said = subprocess.run([PROGRAM, file.name, str(min_support), str(MIN_CONFIDENCE), str(MAX_LENGTH)], check=True, capture_output=True, text=True).stdout
            count, milliseconds = said.split()[1:3]
            sets, _, cpu = timed(lambda: fpgrowth(table, min_support=min_support, max_len=MAX_LENGTH))
            if int(count) != len(sets):
                raise RuntimeError(f"{count} itemsets against {len(sets)}")
            ours.waited.append(float(milliseconds))  # both are of processor time, on one thread
            theirs.waited.append(cpu)
            bench.progress(f"FP-growth, support {min_support}: {len(sets):,} itemsets")
    bench.add(Row("FP-growth, the core", "mlxtend, fpgrowth()", f"{len(baskets):,} orders, {len(products):,} products, support {min_support}: {len(sets):,} itemsets; processor time",
                  ours, theirs, True, "> 1", lambda ratio, _: ratio > 1))


def measure_sql(bench, connection, table, min_support):
    ours, theirs = Measurement(), Measurement()
    query = f"SELECT array_to_string(antecedent, '+'), consequent, support, confidence, lift, leverage, conviction, zhang FROM analytics.basket_rules({min_support}, {MIN_CONFIDENCE}, {MAX_LENGTH})"
    for _ in range(min(bench.options.repetitions, 3) + 1):
        found = ours.take(connection, run(query))
        rules, waited, _ = timed(lambda: association_rules(fpgrowth(table, min_support=min_support, max_len=MAX_LENGTH, use_colnames=True),
                                                           metric="confidence", min_threshold=MIN_CONFIDENCE))
        theirs.waited.append(waited)
    ours.forget_first()
    del theirs.waited[:1]
    ours.cpu.clear()  # its thread's is not the connection's
    expected = {("+".join(sorted(rule.antecedents)), *rule.consequents): [getattr(rule, measure) for measure in MEASURES] for rule in rules.itertuples() if len(rule.consequents) == 1}
    if len(found) != len(expected) or not all(numpy.allclose(row[2:], expected[row[:2]], rtol=1e-9, atol=1e-12) for row in found):
        raise RuntimeError(f"{len(found)} rules against {len(expected)}, or other measures")
    bench.add(Row("basket_rules() in SQL, from the events", "mlxtend, fpgrowth() and association_rules() on a ready table",
                  f"support {min_support}, confidence {MIN_CONFIDENCE}: {len(found):,} rules, the same measures", ours, theirs, True, "> 1", lambda ratio, _: ratio > 1))


def load(bench, connection, baskets, times):
    with connection.cursor() as cursor, cursor.copy(
            "COPY analytics.event (event_id, line, event_type, occurred_at, order_id, product_id, quantity, unit_price, amount, currency) FROM STDIN") as copy:
        for invoice, products in baskets.items():
            for line, product in enumerate(sorted(products), 1):
                copy.write_row((invoice, line, "purchase", times[invoice] + "Z", invoice, product, 1, 1, 1, "GBP"))
    bench.progress("merging pairs of products")
    connection.execute("SELECT analytics.refresh()")
    connection.execute("VACUUM ANALYZE")
    connection.execute("SELECT analytics.set_setting('clock', 'data', 'main')")


def measure_pages(bench, connection):
    popular = [row[0] for row in connection.execute("SELECT product_id FROM analytics.product_basket WHERE product_id <> '' ORDER BY baskets DESC, product_id LIMIT 5").fetchall()]
    for what, query in (("bought_together(), a product of the middle", "SELECT * FROM analytics.bought_together((SELECT array_agg(product_id) FROM (SELECT product_id FROM analytics.product_basket "
                         "WHERE product_id <> '' ORDER BY baskets DESC, product_id OFFSET 1000 LIMIT 1) p))"),
                        ("bought_together(), the best seller", f"SELECT * FROM analytics.bought_together(ARRAY['{popular[0]}'])"),
                        ("bought_together(), a cart of the five best sellers", f"SELECT * FROM analytics.bought_together('{{{','.join(popular)}}}')"),
                        ("trending_products(), 7 days", "SELECT * FROM analytics.trending_products()")):
        found = Measurement()
        for _ in range(max(bench.options.repetitions, 5) * 4 + 1):
            found.take(connection, run(query))
        found.forget_first()
        bench.facts.append((f"{what}: median of {len(found.waited)}", f"{numpy.median(found.waited):.1f} ms"))


def measure(bench):
    baskets, times = read_baskets()
    products = sorted(set().union(*baskets.values()))
    table = one_hot(baskets, products)
    for min_support in (0.01, 0.004):
        measure_core(bench, baskets, products, table, min_support)
    connection = create_database(DATABASE)
    load(bench, connection, baskets, times)
    bench.facts.append(("rows of product_pair of these orders", f"{value_of(connection, 'SELECT count(*) FROM analytics.product_pair'):,}"))
    for min_support in (0.01, 0.004):
        measure_sql(bench, connection, table, min_support)
    measure_pages(bench, connection)
    connection.close()
    drop_database(DATABASE)
