-- Where all is merged no view and no report of whole days looks at an event: what they cost does not grow with the events there are.
SELECT plan(18);
SET client_min_messages = warning;
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, order_id, product_id, quantity, amount, channel)
SELECT 'e' || n, 'purchase', timestamptz '2026-03-01 00:00Z' + n * interval '1 minute', 'c' || n % 997, 's' || n / 3, 'o' || n, 'p' || n % 101, 1, 5, 'web' FROM generate_series(1, 20000) n;
SELECT analytics.refresh();
ANALYZE;

-- rows of events that the query reads, in this transaction
CREATE FUNCTION pg_temp.events_read(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    so_far constant text := 'SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE schemaname = ''analytics'' AND relid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = ''analytics.event''::regclass)';
    before numeric;
    after numeric;
BEGIN
    EXECUTE so_far INTO before;
    EXECUTE format('SELECT count(*) FROM (SELECT v::text FROM (%s) v) w WHERE w IS NOT NULL', query);
    EXECUTE so_far INTO after;
    RETURN after - before;
END
$$;
SELECT ok(pg_temp.events_read('TABLE analytics.current_event') > 0, 'reading events is noticed');
SELECT is(pg_temp.events_read('TABLE analytics.' || v), 0::numeric, v)
  FROM unnest('{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,customer,customer_month,cohort_retention,rfm,segment_summary,session_daily,funnel_daily,product_affinity}'::text[]) v;
SELECT is(pg_temp.events_read(format('SELECT analytics.visualize(%s "from" => ''2026-03-01'', "to" => ''2026-03-15'', compare => ''previous_period'')', m)), 0::numeric, concat('visualize ', m))
  FROM unnest(ARRAY['', '''net_sales'', by => ''product'',', '''new_customers'', ''week'',']) m;
SELECT * FROM finish();
