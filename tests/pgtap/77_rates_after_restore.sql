-- A rate that is set when customers are built and sales are not, as after a restore: customers' days follow it all the same.
SELECT plan(5);
SELECT is(accepted, 2::bigint, 'two orders') FROM analytics.ingest('[
    {"event": "purchase", "event_id": "1", "order_id": "1", "timestamp": "2026-03-01T10:00:00Z", "customer_id": "ann", "currency": "EUR", "items": [{"product_id": "x", "price": 10}]},
    {"event": "purchase", "event_id": "2", "order_id": "2", "timestamp": "2026-05-01T10:00:00Z", "customer_id": "ann", "currency": "EUR", "items": [{"product_id": "x", "price": 100}]}]'::jsonb);
DO $$ BEGIN PERFORM analytics.set_exchange_rate('EUR', 2, '2026-01-01'); PERFORM analytics.refresh(); END $$;
-- what a restore leaves: no state, empty tables
DELETE FROM analytics.rollup_state;
TRUNCATE analytics.rollup_sales_daily, analytics.rollup_customer_daily, analytics.rollup_customer, analytics.rollup_customer_month, analytics.rollup_cohort;
SELECT lives_ok($$SELECT analytics.rebuild('customer')$$, 'customers are built first');
DO $$ BEGIN PERFORM analytics.set_exchange_rate('EUR', 5, '2026-04-01'); PERFORM analytics.set_exchange_rate('EUR', 3, '2026-02-01'); END $$;
SELECT lives_ok($$SELECT analytics.set_exchange_rate('EUR', 7, d) FROM unnest('{4714-11-24 BC,5874897-12-31}'::date[]) d$$, 'rates of days that no event can have');
SELECT results_eq('SELECT net_sales FROM analytics.customer', 'VALUES (530::numeric)', '10 at 3, 100 at 5');
SELECT results_eq('SELECT analytics.refresh() > 0, (SELECT net_sales FROM analytics.customer)', 'VALUES (true, 530::numeric)', 'and so it stays when sales are built');
SELECT * FROM finish();
