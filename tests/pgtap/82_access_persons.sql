-- A reader of one store learns nothing of another from the views of customers, cohorts, sessions and funnels, nor from what they are
-- made of: by rows, by functions called directly, by errors, by what a cheap function in a WHERE gets to see, by statistics.
SELECT plan(99);
SET timezone = 'UTC';

-- two stores with the same customers, visitors, sessions and rates; part of it merged, and so committed
CREATE FUNCTION pg_temp.sells(first integer, last integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(i.accepted)::bigint FROM unnest('{a,b}'::text[]) s, generate_series(first, last) n,
           analytics.ingest(jsonb_build_array(
               jsonb_build_object('event', 'add_to_cart', 'event_id', 'c' || n, 'timestamp', '2026-03-0' || n || 'T08:00:00Z', 'customer_id', 'ada', 'session_id', s || n, 'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'price', 7))),
               jsonb_build_object('event', 'purchase', 'event_id', 'p' || n, 'order_id', n::text, 'timestamp', '2026-03-0' || n || 'T09:00:00Z', 'customer_id', 'ada', 'currency', CASE n % 2 WHEN 0 THEN 'EUR' ELSE 'USD' END, 'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'price', CASE s WHEN 'a' THEN 10 ELSE 777 END))),
               jsonb_build_object('event', 'page_view', 'event_id', 'v' || n, 'timestamp', '2026-03-0' || n || 'T10:00:00Z', 'anonymous_id', s || '-visitor')), store => s) i
$$;
SELECT is(pg_temp.sells(1, 4), 24::bigint, 'two stores sell');
SELECT lives_ok($$SELECT analytics.set_exchange_rate('EUR', 2, '2026-01-01', 'a'), analytics.set_exchange_rate('EUR', 3, '2026-01-01', 'b'), analytics.create_rollup('by_customer', 'day', '{customer_id}', '{orders,net_sales,visitors}')$$, 'rates, and a rollup by customer');
SELECT ok(analytics.refresh() > 0, 'merged');
ANALYZE;

BEGIN;
CREATE ROLE persons_reader;
CREATE ROLE persons_writer;
CREATE ROLE persons_admin;
GRANT persons_reader, persons_writer, persons_admin TO CURRENT_USER;
SELECT lives_ok($$SELECT analytics.grant_access('persons_reader', 'reader'), analytics.grant_access('persons_writer', 'writer'), analytics.grant_access('persons_admin', 'admin')$$, 'three levels');
SELECT is(pg_temp.sells(5, 6), 12::bigint, 'and a tail');
SELECT is(analytics.retract('p1', s) + analytics.retract('v2', s), 2::bigint, 'with retractions in store ' || s) FROM unnest('{a,b}'::text[]) s;

CREATE FUNCTION pg_temp.stores_of(relation text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE stores text[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT s.store_id ORDER BY s.store_id) FROM (SELECT store_id, r::text AS whole FROM %s r) s WHERE length(s.whole) > 0', relation) INTO stores;
    RETURN stores;
END $$;
-- what a function that costs nothing is called with before the view has thrown rows away
CREATE TEMP TABLE peeked (what text);
CREATE FUNCTION pg_temp.peek(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO peeked VALUES (what); RETURN true; END $$;
CREATE FUNCTION pg_temp.peeks(relation text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM peeked;
    EXECUTE format('SELECT count(*) FROM %s r WHERE pg_temp.peek(r.store_id)', relation);
    RETURN ARRAY(SELECT DISTINCT what FROM peeked ORDER BY 1);
END $$;
GRANT ALL ON peeked TO persons_reader;
CREATE TEMP TABLE relation AS SELECT unnest('{customer,customer_month,cohort_retention,session,session_daily,funnel_daily,by_customer}'::text[]) AS name;
GRANT SELECT ON relation TO persons_reader;

SET LOCAL ROLE persons_reader;
SELECT is(pg_temp.stores_of('analytics.' || name), '{a,b}', name || ': both stores without a claim') FROM relation;
SET LOCAL request.jwt.claims TO '{"role": "persons_reader", "stores": ["a"]}';
SELECT is(pg_temp.stores_of('analytics.' || name), '{a}', name || ': the claimed store alone') FROM relation;
SELECT is(pg_temp.peeks('analytics.' || name), '{a}', name || ': to a cheap function, too') FROM relation;
SELECT is(pg_temp.stores_of(name), '{a}', name || ' of the claimed store alone')
  FROM unnest('{analytics.tail_customer(),analytics.tail_customer_daily(),analytics.tail_customer_month(),analytics.tail_cohort(),analytics.tail_session(),analytics.tail_session_day(),analytics.tail_by_customer()}'::text[]) name;
-- five orders stand: 2, 3, 4, 5, 6 at 10; 2, 4, 6 in euros at 2: 3 x 20 + 2 x 10
SELECT results_eq('SELECT orders, net_sales FROM analytics.customer', 'VALUES (5::bigint, 80::numeric)', 'the figures are the store''s');
SELECT results_eq('SELECT cohort_size, net_sales FROM analytics.cohort_retention', 'VALUES (1::bigint, 80::numeric)', 'of cohorts, too');
-- six carts in sessions of their own, of 7 each; by the gap rule five of orders and five of page views
SELECT results_eq('SELECT sum(sessions), sum(orders) FROM analytics.session_daily', 'VALUES (16::numeric, 5::numeric)', 'of sessions, too');
SELECT results_eq('SELECT sum(value_lost) FROM analytics.funnel_daily', 'VALUES (42::numeric)', 'and funnels');
SELECT throws_ok($$SELECT analytics.rate_on('b', 'EUR', '2026-03-01')$$, '42501', 'permission denied for this store', 'another store''s rates are its own');
SELECT is(analytics.rate_on('a', 'EUR', '2026-03-01'), 2::numeric, 'the claimed one''s are not');
SET LOCAL request.jwt.claims TO '{"stores": []}';
SELECT is(pg_temp.stores_of('analytics.' || name), NULL, name || ': nothing without a store') FROM relation;
SET LOCAL request.jwt.claims TO 'not json';
SELECT throws_ok(format($$SELECT pg_temp.stores_of('analytics.%s')$$, name), '22P02', NULL, name || ': nor with claims that cannot be read') FROM relation;
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT throws_ok(q, '42501', NULL, 'a reader may not: ' || q)
  FROM unnest(ARRAY['SELECT * FROM analytics.rollup_customer', 'SELECT * FROM analytics.rollup_customer_month', 'SELECT * FROM analytics.rollup_cohort', 'SELECT * FROM analytics.rollup_session', 'SELECT * FROM analytics.rollup_session_day',
      'SELECT * FROM analytics.rollup_customer_daily', 'SELECT * FROM analytics.rollup_by_customer', 'SELECT * FROM analytics.customer_touched', 'SELECT * FROM analytics.identity', 'SELECT * FROM analytics.retired', 'SELECT * FROM analytics.exchange_rate', 'SELECT * FROM analytics.store', 'SELECT * FROM analytics.rollup_status',
      'SELECT * FROM analytics.touched_customer_days()',
      $$SELECT analytics.name_visitor('b', 'b-visitor', 'x')$$, 'SELECT analytics.name_late_visitors()', 'SELECT analytics.merge_sessions()', 'SELECT analytics.refresh_customers()', 'SELECT analytics.forget_sessions()', $$SELECT analytics.build_customers('b')$$, $$SELECT analytics.build_session_days('b')$$,
      $$SELECT analytics.erase_from_sessions('b', 'ada', '{}', '{}')$$, $$SELECT analytics.erase_customer('a', 'ada')$$, 'SELECT analytics.apply_retention()', $$SELECT analytics.identify('a-visitor', 'x', 'a')$$, $$SELECT analytics.set_exchange_rate('EUR', 1, '2026-01-01', 'a')$$,
      $$SELECT * FROM analytics.reconcile('a')$$, $$SELECT * FROM analytics.reconcile_customers('b', NULL, NULL)$$, $$SELECT * FROM analytics.reconcile_sessions('b')$$]) q;
SELECT is((SELECT count(*) FROM pg_stats WHERE schemaname = 'analytics' AND tablename NOT IN ('product', 'segment_rule')), 0::bigint, 'nor see statistics of anybody''s rows');
SELECT throws_ok($$SELECT 1 / (orders - 5) FROM analytics.customer$$, '22012', 'division by zero', 'an error tells of one''s own row');
SELECT lives_ok($$SELECT 1 / (net_sales - 2000) FROM analytics.customer WHERE 1 / (net_sales - 777 * (1 + 3) - 777 * 3) < 9$$, 'and of no other''s');

SET LOCAL ROLE persons_writer;
SELECT lives_ok($$SELECT analytics.identify('a-visitor', 'ada', 'a')$$, 'a writer identifies in its store');
SELECT throws_ok($$SELECT analytics.identify('b-visitor', 'ada', 'b')$$, '42501', 'permission denied for this store', 'in no other');
SELECT throws_ok($$SELECT analytics.erase_customer('a', 'ada')$$, '42501', NULL, 'and forgets nobody');
SELECT throws_ok('SELECT * FROM analytics.customer', '42501', NULL, 'nor sees customers');
SET LOCAL ROLE persons_admin;
SELECT throws_ok($$SELECT analytics.erase_customer('b', 'ada')$$, '42501', 'permission denied for this store', 'an admin with a claim forgets in its store alone');
SELECT throws_ok($$SELECT analytics.set_exchange_rate('EUR', 1, '2026-01-01', 'b')$$, '42501', 'permission denied for this store', 'sets rates for it alone');
SELECT throws_ok($$SELECT analytics.set_exchange_rate('EUR', 1, '2026-01-01')$$, '42501', 'permission denied for this store', 'not for all');
SELECT throws_ok($$SELECT * FROM analytics.reconcile('b')$$, '42501', 'permission denied for this store', 'reconciles it alone');
SELECT is_empty($$SELECT * FROM analytics.reconcile('a')$$, 'without a difference');
SELECT lives_ok($$SELECT analytics.erase_customer('a', 'ada')$$, 'and forgets');
SELECT is(pg_temp.stores_of('analytics.customer'), NULL, 'who is gone');
RESET ROLE;
SET LOCAL request.jwt.claims TO '';
SELECT results_eq('SELECT store_id, customer_id, orders FROM analytics.customer', $$VALUES ('b', 'ada', 5::bigint)$$, 'in this store alone');
SELECT * FROM finish();
ROLLBACK;
