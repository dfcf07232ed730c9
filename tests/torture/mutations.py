"""Ways to break the engine, to see that a run notices: functions of the extension with a piece of them replaced.

mutations.py CONNECTION tries each of them in a database that is called shop, undone at once, and says 'ok NAME' or why it no longer
fits: the engine has changed, and the mutation has to follow it.
"""

import sys

import psycopg

MOVED = "SET merged = analytics.merging_snapshot()"
# where merge_cells() would not come by what is broken: it declines, and the pass is one statement of SQL
BY_SQL = ("merge_builtin_rollups", "merged_lines bigint := analytics.merge_cells(", "merged_lines bigint; declined text := concat(")
LOST_SESSIONS = "bool_or((e.n < 0 OR e.priced < 0) AND NOT e.kept)"

# name: replacements of (function, what it says, what it says instead); without a function, a statement
MUTATIONS = {
    "own_transaction_not_running": [
        ("merging_snapshot", "UNION SELECT s.own WHERE s.own < pg_snapshot_xmax(s.now)", "")],
    "running_ids_forgotten": [
        ("merge_builtin_rollups", "p.stamp = ANY ($2)", "false"),
        ("tail_lines_sql", "p.stamp = ANY (%s)", "false AND %s IS NULL")],
    "running_ids_forgotten_in_tail": [
        ("tail_sales_daily", "p.stamp = ANY (running)", "false")],
    "running_ids_forgotten_by_has_tail": [
        ("has_tail", "OR EXISTS (SELECT FROM analytics.event e WHERE e.stamp = ANY (running) AND e.stamp <> own)", "")],
    "snapshot_of_an_earlier_statement": [
        BY_SQL,
        ("refresh_rollups", "    FOR pass IN SELECT s.merged::pg_snapshot",
         "    PERFORM set_config('torture.earlier', analytics.merging_snapshot()::text, true);\n"
         "    FOR pass IN SELECT s.merged::pg_snapshot"),
        ("merge_builtin_rollups", MOVED, "SET merged = current_setting('torture.earlier')::pg_snapshot"),
        ("merge_pass_sql", MOVED, "SET merged = current_setting(''torture.earlier'')::pg_snapshot")],
    "snapshot_of_a_later_statement": [
        BY_SQL,
        ("merge_builtin_rollups", MOVED, "SET merged = merged"), ("merge_pass_sql", MOVED, "SET merged = merged"),
        ("refresh_rollups", "SET duration =", "SET merged = analytics.merging_snapshot(), duration =")],
    "own_lines_merged": [
        ("merge_builtin_rollups", "WHERE l.stamp <> pg_current_xact_id()", ""),
        ("merge_pass_sql", "WHERE l.stamp <> pg_current_xact_id()", "")],
    "no_engine_lock": [
        ("lock_engine", "IN EXCLUSIVE MODE", "IN ACCESS SHARE MODE")],
    "lost_counts_not_made_anew": [
        ("refresh_rollups", "PERFORM analytics.recount_lost_cells()", "DELETE FROM analytics.rollup_recount")],
    "retract_without_lock": [
        ("retract", "FOR UPDATE", "")],
    "refresh_passes_on_serialization_failures": [
        ("refresh_rollups", "EXCEPTION WHEN serialization_failure", "EXCEPTION WHEN division_by_zero")],
    "products_forget_running_ids": [
        ("latest_product_news", "b.stamp = ANY (running)", "false")],
    "customers_are_not_added_up": [
        ("refresh_customers", "FROM analytics.customer_touched k\n", "FROM analytics.customer_touched k WHERE false\n")],
    "first_orders_are_not_made_anew": [
        ("touched_customer_days", "HAVING sum(l.sign) > 0) u", ") u")],
    "sessions_forget_running_ids": [
        ("tail_session_day", "p.stamp = ANY (running)", "false")],
    "lost_sessions_are_not_put_together_anew": [
        ("merge_lost_sessions", "true OR " + LOST_SESSIONS, "bool_or(false)")],
    "lost_sessions_are_not_put_together_anew_by_sql": [
        BY_SQL, ("merge_sessions", LOST_SESSIONS, "bool_or(false)")],
    "lost_cells_are_not_noted": [
        ("merge_builtin_rollups", " WHERE lost", " WHERE false")],
    "customers_are_not_noted": [
        ("merge_builtin_rollups", "customer_id FROM c_customer_daily", "customer_id FROM c_customer_daily WHERE false")],
    "second_lines_are_counted_as_orders": [
        ("merge_builtin_rollups", '"first": true', '"first": false')],
    "merged_sessions_that_grow_stay_as_they_were": [
        ("merge_builtin_rollups", "c.sign = 1 AND c.known", "false AND c.known")],
    "merged_sessions_are_looked_up_too_late": [
        ("merge_builtin_rollups", "s.ended_at >= p.from_at", "s.ended_at >= p.to_at")],
    "news_of_products_are_forgotten": [
        ("learn_news", "ORDER BY n.store_id", "WHERE n.product_id IS NULL ORDER BY n.store_id")],
    "pairs_forget_running_ids": [
        ("tail_product_pair", "p.stamp = ANY (running)", "false")],
    "direct_writes_are_not_checked": [
        ("claim_direct_events", "ELSIF found.known THEN", "ELSIF false THEN")],
    "acknowledged_before_durable": [
        (None, "ALTER DATABASE shop SET synchronous_commit = off", None)],
}


def mutate(connection: psycopg.Connection, name: str):
    for function, old, new in MUTATIONS[name]:
        if function is None:
            connection.execute(old)
            continue
        definition = connection.execute("SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.proname = %s"
                                        " AND p.pronamespace = 'analytics'::regnamespace", [function]).fetchone()[0]
        if old not in definition:
            raise RuntimeError(f"{function} does not say {old!r}: the mutation has to follow the engine")
        connection.execute(definition.replace(old, new))


def try_all(connection: psycopg.Connection):
    for name in MUTATIONS:
        try:
            with connection.transaction(force_rollback=True):
                mutate(connection, name)
            print(f"ok {name}")
        except Exception as error:  # of any kind: the others are tried all the same
            print(f"{name}: {' '.join(str(error).split())}")


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as shop:
        try_all(shop)
