-- Levels of access, and the claim "stores" within them.
BEGIN;
SELECT plan(63);
CREATE ROLE a_reader;
CREATE ROLE a_writer;
CREATE ROLE an_admin;
GRANT a_reader, a_writer, an_admin TO CURRENT_USER;

SELECT throws_ok($$SELECT analytics.grant_access('a_reader', 'owner')$$, '22023', 'unknown level of access', 'an unknown level');
SELECT throws_ok($$SELECT analytics.grant_access('nobody', 'reader')$$, '42704', 'role does not exist', 'an unknown role');
SELECT throws_ok($$SELECT analytics.grant_access('public', 'reader')$$, '42704', 'role does not exist', 'PUBLIC is no role');
SELECT lives_ok($$SELECT analytics.grant_access('a_reader', 'reader'), analytics.grant_access('a_writer', 'writer'), analytics.grant_access('an_admin', 'admin')$$, 'the three levels');
SELECT lives_ok($$SELECT analytics.grant_access('a_reader', 'reader')$$, 'again');

-- two stores; part of the events merged would need a commit, so that all is tail here (tests/tap has the rest)
SELECT analytics.ingest(jsonb_build_array(jsonb_build_object('event', 'purchase', 'order_id', s || '-1', 'event_id', s || '-e', 'timestamp', '2026-03-02T09:00:00Z', 'customer_id', s || '-ada', 'session_id', s || '-s',
    'items', jsonb_build_array(jsonb_build_object('product_id', s || '-mug', 'name', 'Mug of ' || s, 'category', 'of ' || s, 'price', 10)))), store => s)
  FROM unnest('{a,b,main}'::text[]) s;
SELECT analytics.retract('a-e', 'a'), analytics.retract('b-e', 'b');
SELECT analytics.ingest(jsonb_build_array(jsonb_build_object('event', 'purchase', 'order_id', s || '-2', 'event_id', s || '-f', 'timestamp', '2026-03-02T09:00:00Z', 'customer_id', s || '-ben', 'session_id', s || '-s',
    'items', jsonb_build_array(jsonb_build_object('product_id', s || '-mug', 'price', 20)))), store => s) FROM unnest('{a,b}'::text[]) s;
SELECT analytics.ingest('{"event": "?"}'::jsonb, store => s) FROM unnest('{a,b}'::text[]) s;
SELECT analytics.create_rollup('later', 'day', '{product_id}', '{orders,customers}');

-- every view, without a claim and with one
CREATE FUNCTION pg_temp.stores_of(relation text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE stores text[];
BEGIN
    -- all of the row, so that every count is made
    EXECUTE format('SELECT array_agg(DISTINCT s.store_id ORDER BY s.store_id) FROM (SELECT store_id, r::text AS whole FROM %s r) s WHERE length(s.whole) > 0', relation) INTO stores;
    RETURN stores;
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.stores_of(text) TO a_reader, a_writer, an_admin;
SET LOCAL ROLE a_reader;
SELECT is(pg_temp.stores_of(v), '{a,b,main}', v || ': all stores without a claim')
  FROM unnest('{analytics.sales_hourly,analytics.sales_daily,analytics.sales_weekly,analytics.sales_monthly,analytics.product_daily,analytics.category_daily,analytics.current_event,analytics.event,analytics.later}'::text[]) v;
SET LOCAL request.jwt.claims TO '{"role": "a_reader", "stores": ["a"]}';
SELECT is(pg_temp.stores_of(v), '{a}', v || ': the claimed store alone')
  FROM unnest('{analytics.sales_hourly,analytics.sales_daily,analytics.sales_weekly,analytics.sales_monthly,analytics.product_daily,analytics.category_daily,analytics.current_event,analytics.event,analytics.later,analytics.tail_sales_daily(),analytics.tail_product()}'::text[]) v;
SELECT results_eq('SELECT orders, gross_sales, customers, sessions FROM analytics.sales_daily', $$VALUES (1::bigint, 20::numeric, 1::bigint, 1::bigint)$$, 'with its figures, those counted anew included');
SELECT throws_ok($$SELECT analytics.get_setting('currency', 'b')$$, '42501', 'permission denied for this store', 'another store''s settings are none of its business');
SELECT is(analytics.get_setting('currency', 'a') || analytics.get_setting('timezone', ''), 'USDUTC', 'its own are, and the default of all');
SELECT throws_ok($$SELECT analytics.recount_sales_daily('customers', 'b', '2026-03-02', '{USD,"",""}')$$, '42501', 'permission denied for this store', 'what counts anew counts no other store');
SELECT is((SELECT analytics.recount_category('customers', 'b', '2026-03-02', 'USD', 'of b')), 0::bigint, 'by category neither');
SET LOCAL request.jwt.claims TO '{"stores": "b"}';
SELECT is(pg_temp.stores_of('analytics.sales_daily'), '{b}', 'one store as a text');
SET LOCAL request.jwt.claims TO '{"stores": []}';
SELECT is(pg_temp.stores_of('analytics.sales_daily'), NULL, 'none');
SET LOCAL request.jwt.claims TO '{"stores": {"a": 1}}';
SELECT is(pg_temp.stores_of('analytics.sales_daily'), NULL, 'a claim of another kind allows none');
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT results_eq('SELECT DISTINCT store_id FROM analytics.event', $$VALUES ('a')$$, 'a parallel query, too');
SET LOCAL request.jwt.claims TO 'not json';
SELECT throws_ok($$SELECT pg_temp.stores_of('analytics.event')$$, '22P02', NULL, 'unreadable claims allow none');
SET LOCAL request.jwt.claims TO '{"sub": "me"}';
SELECT is(analytics.allowed_stores(), NULL, 'claims without stores: all');
SET LOCAL request.jwt.claims TO '';
SELECT throws_ok($$SELECT analytics.ingest('[]'::jsonb)$$, '42501', NULL, 'a reader ingests nothing');
SELECT throws_ok($$SELECT analytics.set_setting('currency', 'EUR')$$, '42501', NULL, 'nor sets anything');
SELECT throws_ok($$SELECT * FROM analytics.event_default$$, '42501', NULL, 'nor reads a partition');
SELECT throws_ok($$SELECT * FROM analytics.counted_line$$, '42501', NULL, 'nor what has no stores');
SELECT throws_ok($$SELECT * FROM analytics.latest_product_news()$$, '42501', NULL, 'nor calls what does not look at the claim');

SET LOCAL ROLE a_writer;
SELECT is((SELECT accepted FROM analytics.ingest('{"event": "login", "event_id": "w1"}'::jsonb)), 1::bigint, 'a writer ingests');
SELECT lives_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at) VALUES ('b', 'w2', 'login', now())$$, 'and inserts');
SELECT throws_ok('SELECT * FROM analytics.sales_daily', '42501', NULL, 'but reads no reports');
SELECT throws_ok('SELECT * FROM analytics.event', '42501', NULL, 'nor events');
SELECT throws_ok('SELECT analytics.refresh()', '42501', NULL, 'nor refreshes');
SET LOCAL request.jwt.claims TO '{"stores": ["a", "main"]}';
SELECT is(pg_temp.stores_of('analytics.rejected_event'), '{a}', 'its stores'' rejected events');
SELECT is((SELECT accepted FROM analytics.ingest('{"event": "login", "event_id": "w3"}'::jsonb, store => 'a')), 1::bigint, 'ingests for a claimed store');
SELECT throws_ok($$SELECT * FROM analytics.ingest('{"event": "login"}'::jsonb, store => 'b')$$, '42501', 'permission denied for this store', 'for no other');
SELECT is((SELECT errors #>> '{0,code}' FROM analytics.ingest('{"event": "login", "store": "b"}'::jsonb)), 'store_mismatch', 'an event of another store is rejected');
SELECT throws_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at) VALUES ('b', 'w4', 'login', now())$$, '42501', NULL, 'inserts for no other');
SELECT throws_ok($$SELECT analytics.retract('b-f', 'b')$$, '42501', 'permission denied for this store', 'retracts for no other');
SELECT is((SELECT rejected FROM analytics.replay_rejected(ARRAY(SELECT rejected_id FROM analytics.rejected_event))), 2::bigint, 'replays what it sees');
SELECT throws_ok($$SELECT analytics.replay_rejected()$$, '42501', 'permission denied for this store', 'and not what it does not see');
SET LOCAL request.jwt.claims TO '';

SET LOCAL ROLE an_admin;
SELECT lives_ok($$SELECT analytics.set_setting('currency', 'EUR', 'a'), analytics.refresh(), analytics.maintain()$$, 'an admin sets and refreshes');
SELECT lives_ok($$SELECT analytics.create_rollup('admins', 'day'), analytics.drop_rollup('later')$$, 'makes and drops rollups');
SELECT ok((SELECT count(*) > 5 FROM analytics.rollup_status), 'reads the status');
SELECT is_empty($$SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'$$, 'reconciles');
SELECT lives_ok($$SELECT analytics.grant_access('a_writer', 'reader')$$, 'and grants');
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT throws_ok($$SELECT analytics.set_setting('currency', 'EUR')$$, '42501', 'permission denied for this store', 'with a claim it sets nothing for all stores');
SELECT throws_ok('SELECT * FROM analytics.reconcile()', '42501', 'permission denied for this store', 'nor reconciles all');
SELECT is_empty($$SELECT * FROM analytics.reconcile('a') WHERE check_name <> 'missing_rate'$$, 'but its own');
SET LOCAL request.jwt.claims TO '';
SET LOCAL ROLE a_writer;
SELECT lives_ok('SELECT * FROM analytics.admins', 'readers read a rollup that was made before they were');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
