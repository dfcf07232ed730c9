"""Ways to break the engine, to see that the run notices: a function of the extension with one piece of it replaced."""

import psycopg

# name: (function, what it says, what it says instead)
MUTATIONS = {
    "own_transaction_not_running": (
        "merging_snapshot()", "UNION SELECT s.own WHERE s.own < pg_snapshot_xmax(s.now)", ""),
}


def mutate(connection: psycopg.Connection, name: str):
    function, old, new = MUTATIONS[name]
    definition = connection.execute("SELECT pg_get_functiondef(%s::regprocedure)", [f"analytics.{function}"]).fetchone()[0]
    if definition.count(old) != 1:
        raise RuntimeError(f"{function} does not say {old!r} once: the mutation has to follow the engine")
    connection.execute(definition.replace(old, new))
