"""Connections, timed statements and medians.

Statements go by the simple query protocol on a kept connection, without a parameter and never prepared: each is parsed
and planned anew, as psql sends it, and its time is what a client waits for, commit included.
"""

import statistics
import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

SETTINGS = ("shared_buffers", "max_wal_size", "checkpoint_timeout", "fsync", "synchronous_commit", "wal_compression",
            "autovacuum", "work_mem", "jit", "max_parallel_workers_per_gather")


def connect(database="postgres"):
    """An autocommitting connection to the cluster that the environment names."""
    connection = psycopg.connect(dbname=database, autocommit=True, prepare_threshold=None)
    connection.execute("SET client_min_messages = warning")
    return connection


def create_database(name):
    """A new database with the extension, its partitions made."""
    drop_database(name)
    with connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with connect(name) as connection:
        connection.execute("CREATE EXTENSION analytics CASCADE")
        connection.execute("SELECT analytics.maintain_partitions()")


def drop_database(name):
    with connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def value_of(connection, query):
    return connection.execute(query).fetchone()[0]


def milliseconds(connection, query):
    """How long the client waits for the whole answer; several statements make one transaction."""
    started = time.perf_counter()
    cursor = connection.execute(query)
    if cursor.description is not None:
        cursor.fetchall()
    return (time.perf_counter() - started) * 1000


def wal_position(connection):
    return value_of(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'")


@dataclass
class Sample:
    """Repetitions of one measurement."""

    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    def per(self, other):
        """Ratios of what was measured next to each other, which a busy machine slows alike."""
        return Sample([a / b for a, b in zip(self.values, other.values, strict=True)])
