"""How long a client waits for a cancel: from pg_cancel_backend() to the error, at moments spread over a statement's whole run."""

import statistics
import threading
import time

import psycopg

from database import connect

AIM = 100  # ms


def cancel_after(connection, delay, query, canceller):
    """Milliseconds from the cancel to the error; None where the statement had ended before."""
    sent = []

    def cancel():
        time.sleep(delay)
        sent.append(time.perf_counter())
        canceller.execute("SELECT pg_cancel_backend(%s)", (connection.info.backend_pid,))

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        connection.execute(query)
        waited = None
    except psycopg.errors.QueryCanceled:
        waited = (time.perf_counter() - sent[0]) * 1000
    thread.join()
    try:  # a cancel that came too late for the statement may meet this one
        connection.execute("SELECT")
    except psycopg.errors.QueryCanceled:
        pass
    return waited


def measure(bench, connection, what, query, times=10):
    """A fact: median and longest wait, cancelled at `times` moments from the beginning of the statement to its end."""
    started = time.perf_counter()
    connection.execute(query)
    whole = time.perf_counter() - started
    with connect(connection.info.dbname) as canceller:
        waits = [cancel_after(connection, whole * (nth + 0.5) / times, query, canceller) for nth in range(times)]
    waits = [wait for wait in waits if wait is not None]
    bench.progress(f"cancel of {what}: {max(waits):.0f} ms at most")
    bench.facts.append((f"cancel of {what}, from pg_cancel_backend() to the error", f"median {statistics.median(waits):.0f} ms, longest {max(waits):.0f} ms "
                        f"({len(waits)} moments of a run of {whole:.1f} s; aim {AIM} ms)"))
