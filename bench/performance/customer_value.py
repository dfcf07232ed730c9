"""BG/NBD and Gamma-Gamma on all of CDNOW (23,570 customers of 39 weeks), against lifetimes, which brings these data along.

Both begin with the same numbers in memory: lifetimes with arrays, the extension with arrays in a table, so that its time is a
statement's. They must end at the same likelihood; lifetimes' time is its fit() alone. And, without a match, the whole of
fit_customer_value() on a million customers, from events that are merged.
"""

import pathlib
import time

import lifetimes
import numpy
import pandas

import cancelling
from database import Measurement, create_database, drop_database, run
from report import Row

DATABASE = "bench_customer_value"
MASTER = pathlib.Path(lifetimes.__file__).parent / "datasets/CDNOW_master.txt"
END = pandas.Timestamp("1997-09-30")


def customers():
    """x, t_x, T in weeks, and the mean worth of a repeat purchase: purchases are days."""
    lines = pandas.read_csv(MASTER, sep=r"\s+", header=None, skiprows=1, names=["customer", "date", "units", "worth"], dtype={"customer": str})
    lines["date"] = pandas.to_datetime(lines["date"].astype(str))
    days = lines[lines["date"] <= END].groupby(["customer", "date"], as_index=False)["worth"].sum().sort_values(["customer", "date"])
    days["nth"] = days.groupby("customer").cumcount()
    each = days.groupby("customer").agg(x=("nth", "max"), first=("date", "min"), last=("date", "max"))
    each["t_x"] = (each["last"] - each["first"]).dt.days / 7
    each["T"] = (END - each["first"]).dt.days / 7
    each["mean"] = days[days["nth"] > 0].groupby("customer")["worth"].mean()
    return each.fillna({"mean": 0.0})


def measure_fit(bench, connection, what, sql, fitter, arguments, likelihood):
    """likelihood(fitter): lifetimes keeps its mean."""
    ours, theirs = Measurement(), Measurement()
    repetitions = min(bench.options.repetitions, 7)
    for _ in range(repetitions + 1):
        found = ours.take(connection, run(sql))[0][0]
        model = fitter()
        started, cpu = time.perf_counter(), time.process_time()
        model.fit(*arguments)
        theirs.waited.append((time.perf_counter() - started) * 1000)
        theirs.cpu.append((time.process_time() - cpu) * 1000)
    if abs(found / likelihood(model) - 1) > 1e-5:
        raise RuntimeError(f"{what}: log-likelihood {found} against {likelihood(model)}")
    ours.forget_first()
    del theirs.waited[:1], theirs.cpu[:1]
    ours.cpu.clear()  # its threads' is not the connection's
    bench.add(Row(what, f"lifetimes {lifetimes.__version__}, fit()", f"{len(arguments[0]):,} customers of CDNOW; the same likelihood ({found:.1f})", ours, theirs, True,
                  "> 1", lambda ratio, _: ratio > 1))


def measure_whole(bench, connection):
    size = 100_000 if bench.options.quick else 1_000_000
    connection.execute("SELECT setseed(0.5)")
    # a rate of its own for each, and a share that stops
    connection.execute(f"""INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
        SELECT c || '-' || d, 1, 'purchase', timestamptz '2025-01-01 00:00Z' + make_interval(secs => 3600 * (c % 2000) + d * gap), 'c' || c, c || '-' || d, 'p', 1, worth, worth, 'USD'
          FROM (SELECT c, 86400 * (7 - 40 * ln(1 - random())) AS gap, (5 + 40 * random())::numeric(10, 2) AS worth, least((-3 * ln(1 - random()))::int, 12) AS times FROM generate_series(1, {size}) c) k
         CROSS JOIN LATERAL generate_series(0, times) d WHERE d * gap < 86400 * 300""")
    bench.progress("merging the days of customers")
    connection.execute("SELECT analytics.refresh()")
    connection.execute("VACUUM ANALYZE")
    status, rows, duration, metrics = connection.execute(
        "SELECT status, rows, extract(epoch FROM duration)::float8, metrics -> 'bgnbd' FROM analytics.fit_customer_value(as_of => '2026-01-01Z')").fetchone()
    bench.facts.append(("fit_customer_value(), events merged to predictions stored", f"{rows:,} customers in {duration:.1f} s ({status}, {metrics['iterations']} steps)"))
    cancelling.measure(bench, connection, f"fit_customer_value(), {rows:,} customers", "SELECT analytics.fit_customer_value(as_of => '2026-01-01Z')")
    cancelling.measure(bench, connection, f"fit_clusters(), {rows:,} customers", "SELECT analytics.fit_clusters('cancelled', k => 8)")


def measure(bench):
    each = customers()
    connection = create_database(DATABASE)
    connection.execute("CREATE TABLE cdnow (x float8[], t_x float8[], t float8[], mean float8[])")
    connection.execute("INSERT INTO cdnow VALUES (%s, %s, %s, %s)", [each[name].astype(float).tolist() for name in ("x", "t_x", "T", "mean")])
    measure_fit(bench, connection, "BG/NBD", "SELECT (analytics.bgnbd_fit(x, t_x, t) ->> 'log_likelihood')::float8 FROM cdnow", lifetimes.BetaGeoFitter,
                (each["x"], each["t_x"], each["T"]),
                lambda model: -model._negative_log_likelihood(numpy.log(model.params_[["r", "alpha", "a", "b"]].to_numpy()), each["x"].to_numpy(), each["t_x"].to_numpy(),
                                                              each["T"].to_numpy(), numpy.ones(len(each)), 0) * len(each))
    cancelling.measure(bench, connection, f"bgnbd_fit(), {len(each):,} customers", "SELECT analytics.bgnbd_fit(x, t_x, t) FROM cdnow")
    paying = each[(each["x"] > 0) & (each["mean"] > 0)]
    measure_fit(bench, connection, "Gamma-Gamma", "SELECT (analytics.gamma_gamma_fit(x, mean) ->> 'log_likelihood')::float8 FROM cdnow", lifetimes.GammaGammaFitter,
                (paying["x"], paying["mean"]),
                lambda model: -model._negative_log_likelihood(numpy.log(model.params_[["p", "q", "v"]].to_numpy()), paying["x"].to_numpy(), paying["mean"].to_numpy(),
                                                              numpy.ones(len(paying)), 0) * len(paying))
    measure_whole(bench, connection)
    connection.close()
    drop_database(DATABASE)
