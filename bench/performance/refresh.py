"""Row 4: a refresh of 10,000 new rows, 5 % late, against a hand-written INSERT .. ON CONFLICT of the same rows.

Both sides keep tables of their own, equal at the start. Each repetition commits 10,000 new rows, then both merge them, in
turns first and second, each in a transaction of its own; at the end the tables must still be equal, cell by cell. The
hand-written side knows its rows beforehand, in an analysed temporary table; refresh() finds its own.
"""

import pathlib

import base
from database import Measurement, run, value_of

NEW_ROWS = 10000
LATE_ROWS = 500
FRESH_SECONDS = 7200
GRAINS = {
    "sales_hourly": "date_trunc('hour', occurred_at)",
    "sales_daily": "(occurred_at AT TIME ZONE 'UTC')::date",
    "sales_weekly": "date_trunc('week', occurred_at AT TIME ZONE 'UTC')::date",
    "sales_monthly": "date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date",
}
SQL = pathlib.Path(__file__).parent / "sql"
MERGE = (SQL / "hand_written_merge.sql").read_text()
COMPARE = (SQL / "compare_cells.sql").read_text()


def make_hand_written_tables(connection):
    """Gives the hand-written side the cells that the engine holds now."""
    connection.execute("DROP SCHEMA IF EXISTS hand_written CASCADE")
    connection.execute((SQL / "hand_written_tables.sql").read_text())
    # the first change of a page after a checkpoint logs all of it: both sides start alike
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


def commit_new_rows(connection, mix, number, hours_ago=0):
    """Commits the new rows of one repetition, and leaves a copy in the temporary table `delta`. The fresh ones are of two
    hours that ended `hours_ago`, the late ones spread over the past year; each number makes other ones."""
    own_keys = base.COLUMNS
    for column in ("event_id", "session_id", "order_id"):
        own_keys = own_keys.replace(column, f"{column} || '-new-{number}'")
    fresh = own_keys.replace("occurred_at", f"now() - interval '{hours_ago} hours' "
                             f"- ({base.FRESH} - n + line) * {FRESH_SECONDS} / {base.FRESH}.0 * interval '1 second'")
    step = value_of(connection, f"SELECT (max(n) - {base.FRESH}) / {LATE_ROWS} FROM bench.line WHERE mix = '{mix}'")
    connection.execute(f"""
        DROP TABLE IF EXISTS delta;
        CREATE TEMPORARY TABLE delta (LIKE analytics.event INCLUDING DEFAULTS);
        INSERT INTO delta ({base.COLUMNS}) SELECT {fresh} FROM bench.line WHERE mix = '{mix}' AND n <= {NEW_ROWS - LATE_ROWS};
        INSERT INTO delta ({base.COLUMNS}) SELECT {own_keys} FROM bench.line
         WHERE mix = '{mix}' AND n > {base.FRESH} AND n % {step} = {number} % {step} ORDER BY n LIMIT {LATE_ROWS}""")
    if value_of(connection, "SELECT count(*) FROM delta") != NEW_ROWS:
        raise RuntimeError("the generator gave too few lines to make new rows of")
    # past the trigger that claims keys: it belongs to row 1, and is not what is measured
    connection.execute(f"""
        SET LOCAL session_replication_role = replica;
        INSERT INTO analytics.event ({base.COLUMNS}) SELECT {base.COLUMNS} FROM delta""")
    connection.execute("ANALYZE delta")


def hand_written_merge():
    return "".join(MERGE.format(grain=grain, bucket=bucket, delta="delta") for grain, bucket in GRAINS.items())


def measure(connection, mix, repetitions, first_number, hours_ago, progress):
    """Merges repetition after repetition, by refresh() and by hand: a Measurement of each."""
    statements = {"engine": run("SELECT analytics.refresh()"), "hand_written": run(hand_written_merge())}
    found = {side: Measurement() for side in statements}
    for repetition in range(-1, repetitions):  # the first warms caches up and does not count
        commit_new_rows(connection, mix, first_number + repetition, hours_ago)
        for side in sorted(statements, reverse=repetition % 2 == 1):
            found[side].take(connection, statements[side])
        progress(f"refresh of {mix}: {repetition + 1} of {repetitions}")
    for measurement in found.values():
        measurement.forget_first()
    return found["engine"], found["hand_written"]


def check_equal(connection):
    """Both sides have merged the same rows: every cell must agree."""
    for grain in GRAINS:
        differing = value_of(connection, COMPARE.replace("{grain}", grain))
        if differing:
            raise RuntimeError(f"{differing} cells of {grain} differ between refresh() and the hand-written merge")


def leave_sales_alone(connection):
    """From here on refresh() has no target in this database but the sales rollups: its pass is generated for them alone,
    the others are no rollups any more, and the state of what is no rollup says that it has merged all that will ever come."""
    connection.execute("SELECT analytics.make_pass('merge_builtin_rollups', %s)", [[*GRAINS]])
    connection.execute("DELETE FROM analytics.rollup_state WHERE name IN (SELECT name FROM analytics.rollup WHERE NOT name = ANY (%s))", [[*GRAINS]])
    connection.execute("DELETE FROM analytics.rollup WHERE NOT name = ANY (%s)", [[*GRAINS]])
    connection.execute("UPDATE analytics.rollup_state SET merged = '9000000000000000000:9000000000000000000:'"
                       " WHERE name NOT IN (SELECT name FROM analytics.rollup)")


def forget_sales(connection):
    """Takes the sales rollups' cells and state away, as a restore does: the next refresh() builds them."""
    names = ", ".join(f"'{grain}'" for grain in GRAINS)
    tables = ", ".join(f"analytics.rollup_{grain}" for grain in GRAINS)
    connection.execute(f"TRUNCATE {tables}; DELETE FROM analytics.rollup_state WHERE name IN ({names})")
