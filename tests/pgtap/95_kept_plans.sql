-- A session keeps the plans of its merges. One made while the tables were as good as empty must not be what a merge into large ones runs by.
SELECT plan(5);
SET client_min_messages = warning;
ANALYZE;
SET statement_timeout = '60s'; -- each takes a second; rows times rows took minutes
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, order_id, amount) SELECT 'a' || n, 'purchase', '2026-03-01', 'c1', 's1', 'a' || n, 5 FROM generate_series(1, 2) n;
SELECT is(analytics.refresh(), 2::bigint, 'plans are made for tables of a row');
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, order_id, amount)
SELECT 'b' || n, 'purchase', '2026-03-02', 'c' || n, 's' || n, 'b' || n, 5 FROM generate_series(1, 20000) n;
SELECT is(analytics.refresh(), 20000::bigint, 'which grow');

-- rows of merged state that a refresh reads, counted in one transaction
CREATE FUNCTION pg_temp.rows_read_by_refresh() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    so_far constant text := 'SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE relid IN (''analytics.rollup_session''::regclass, ''analytics.rollup_customer''::regclass, ''analytics.rollup_customer_daily''::regclass, ''analytics.rollup_customer_month''::regclass)';
    before numeric;
    after numeric;
BEGIN
    EXECUTE so_far INTO before;
    PERFORM analytics.refresh();
    EXECUTE so_far INTO after;
    RETURN after - before;
END
$$;
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, order_id, amount) VALUES ('z', 'purchase', '2026-03-02', 'c7', 's7', 'z', 5);
SELECT cmp_ok(pg_temp.rows_read_by_refresh(), '<', 100::numeric, 'an order of a known session and customer is merged without a look at the others');
SELECT is((SELECT orders FROM analytics.customer WHERE customer_id = 'c7'), 2::bigint, 'the customer has both orders');
SELECT is((SELECT events FROM analytics.session WHERE session_id = 's7'), 2::bigint, 'and so has the session');
SELECT * FROM finish();
