"""k-means of a million rows of eight features in eight clusters, against scikit-learn's.

Two measurements. The core alone (bench/core/kmeans_bench.cpp) and KMeans(algorithm="lloyd") begin with the same centroids, the
first eight rows, and go on until no row moves, on as many threads: they must end with the same inertia. And kmeans() in SQL,
arrays and JSON included, against KMeans with its own k-means++: one start each, so that either may end better.
"""

import os
import pathlib
import subprocess
import tempfile
import time

ROWS, COLUMNS, K = 1_000_000, 8, 8
MOST_STEPS = 1000
PROGRAM = pathlib.Path(__file__).parents[2] / "build/release/kmeans_bench"

# NumPy and scikit-learn choose their own loops for this processor; a choice that the caller's environment makes for them stays out of it.
os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

import cancelling  # noqa: E402
from database import Measurement, create_database, drop_database, run  # noqa: E402
from report import Row  # noqa: E402

DATABASE = "bench_kmeans"
GROUPS = {"eight groups": 8, "thirty groups that overlap": 30}


def rows_around(centres):
    """Rows of normal noise around random centres, twice as far spread as the noise."""
    random = numpy.random.default_rng(centres)
    middles = random.normal(size=(centres, COLUMNS)) * 2
    return numpy.ascontiguousarray(middles[random.integers(0, centres, ROWS)] + random.normal(size=(ROWS, COLUMNS)))


def fit(rows, threads, **options):
    """(milliseconds waited, of processor time, the model)."""
    with threadpool_limits(limits=threads):
        started, cpu = time.perf_counter(), time.process_time()
        model = KMeans(K, n_init=1, max_iter=MOST_STEPS, tol=0, algorithm="lloyd", **options).fit(rows)
        return (time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000, model


def measure_core(bench, what, rows):
    with tempfile.NamedTemporaryFile() as file:
        rows.tofile(file.name)
        for threads in sorted({1, min(os.cpu_count(), 4)}):
            ours, theirs = Measurement(), Measurement()
            for repetition in range(-1, min(bench.options.repetitions, 5)):
                printed = subprocess.run([PROGRAM, file.name, str(ROWS), str(COLUMNS), str(K), str(threads)],
                                         check=True, capture_output=True, text=True).stdout.split()
                waited, cpu, model = fit(rows, threads, init=rows[:K].copy())
                if abs(float(printed[2]) / model.inertia_ - 1) > 1e-9:
                    raise RuntimeError(f"inertia {printed[2]} against {model.inertia_}")
                if repetition >= 0:  # the first warms up
                    ours.waited.append(float(printed[0]))
                    ours.cpu.append(float(printed[1]))
                    theirs.waited.append(waited)
                    theirs.cpu.append(cpu)
                bench.progress(f"k-means, {what}, {threads} threads: {repetition + 1} of {min(bench.options.repetitions, 5)}")
            bench.add(Row("k-means, the core", f"scikit-learn, lloyd, same start, same inertia ({model.n_iter_} steps)",
                          f"1 M rows of {COLUMNS} features, k = {K}, {what}; {threads} thread{'s' if threads > 1 else ''}", ours, theirs, True,
                          "> 1", lambda ratio, _: ratio > 1))


def measure_sql(bench, what, rows):
    """Measures the server's side by its wait alone: its threads' processor time is not the connection's."""
    connection = create_database(DATABASE)
    connection.execute("CREATE TABLE cloud (points double precision[])")
    with connection.cursor() as cursor, cursor.copy("COPY cloud (points) FROM STDIN") as copy:
        copy.write_row(["{" + ",".join("{" + ",".join(map(repr, row)) + "}" for row in rows.tolist()) + "}"])
    threads = min(os.cpu_count(), 4)
    connection.execute(f"SET analytics.max_threads = {threads}")
    ours, theirs, inertia = Measurement(), Measurement(), []
    kmeans = f"SELECT (analytics.kmeans(points, {K}, restarts => 1, max_iterations => {MOST_STEPS}) ->> 'inertia')::float8 FROM cloud"
    for repetition in range(-1, min(bench.options.repetitions, 5)):
        found = ours.take(connection, run(kmeans))[0][0]
        waited, _, model = fit(rows, threads, random_state=repetition + 1)
        theirs.waited.append(waited)
        inertia.append(found / model.inertia_)
        bench.progress(f"kmeans(), {what}: {repetition + 1} of {min(bench.options.repetitions, 5)}")
    ours.forget_first()
    theirs.waited.pop(0)
    ours.cpu.clear()
    bench.add(Row("kmeans() in SQL, arrays and JSON included", "scikit-learn, lloyd, its own k-means++",
                  f"1 M rows of {COLUMNS} features, k = {K}, {what}; one start, {threads} threads", ours, theirs, True, "", None))
    bench.facts.append((f"inertia of kmeans() / of scikit-learn, one start each, {what}", f"{min(inertia):.4f} to {max(inertia):.4f}"))
    cancelling.measure(bench, connection, f"kmeans(), 1 M rows, {what}", kmeans)
    connection.close()
    drop_database(DATABASE)


def measure(bench):
    for what, centres in GROUPS.items():
        rows = rows_around(centres)
        measure_core(bench, what, rows)
        measure_sql(bench, what, rows)
