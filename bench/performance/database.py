"""Connections and measurements.

Statements go over a kept connection and are never prepared: each is parsed and planned anew, as psql sends it, and its
time is what a client waits for, commit included.
"""

import time

import psycopg
from psycopg import sql


def connect(database="postgres"):
    """An autocommitting connection to the cluster that the environment names."""
    connection = psycopg.connect(dbname=database, autocommit=True, prepare_threshold=None)
    connection.execute("SET client_min_messages = warning")
    return connection


def create_database(name):
    """A connection to a new database with the extension, its partitions made and no worker in it."""
    drop_database(name)
    with connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    connection = connect(name)
    connection.execute("CREATE EXTENSION analytics CASCADE")
    # every refresh is one that a measurement asked for
    connection.execute("SELECT analytics.stop_workers()")
    connection.execute("SELECT analytics.maintain_partitions()")
    return connection


def drop_database(name):
    with connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def value_of(connection, query):
    return connection.execute(query).fetchone()[0]


def run(query, parameters=None):
    """Work for a Measurement: a statement and its whole answer; several statements make one transaction."""
    def work(connection):
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description is not None else None
    return work


def cpu_milliseconds(connection):
    """Processor time that the connection's server process has used: what other programs on the machine take is not in it,
    nor what parallel workers and the disk take. None where the server is not on this machine or the kernel does not say."""
    try:
        with open(f"/proc/{connection.info.backend_pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e6
    except (OSError, ValueError):
        return None


def wal_position(connection):
    return value_of(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'")


class Measurement:
    """Repetitions of one kind of work: milliseconds that the client waited, milliseconds of processor, bytes of WAL."""

    def __init__(self):
        self.waited, self.cpu, self.wal = [], [], []

    def take(self, connection, work):
        """Measures work(connection) once, and returns what it returns."""
        wal, cpu = wal_position(connection), cpu_milliseconds(connection)
        started = time.perf_counter()
        answer = work(connection)
        self.waited.append((time.perf_counter() - started) * 1000)
        if cpu is not None:
            self.cpu.append(cpu_milliseconds(connection) - cpu)
        self.wal.append(float(wal_position(connection) - wal))
        return answer

    def forget_first(self):
        for values in (self.waited, self.cpu, self.wal):
            del values[:1]


def ratios(these, others):
    """Ratios of what was measured next to each other, which a busy machine slows alike."""
    return [this / other for this, other in zip(these, others, strict=True)]
