-- A reader of one store learns nothing of another from what a dashboard reads; rejected events are mended by writers, of their stores.
SELECT plan(46);
SET client_min_messages = warning;
SET timezone = 'UTC';

-- two stores with the same customer and product, of which b's are worth more; part of it merged
CREATE FUNCTION pg_temp.sells(first integer, last integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(i.accepted)::bigint FROM unnest('{a,b}'::text[]) s, generate_series(first, last) n,
           analytics.ingest(jsonb_build_array(jsonb_build_object('event', 'purchase', 'order_id', n::text, 'timestamp', now() - interval '30 seconds', 'customer_id', s || '-ada',
               'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'name', s || '''s mug', 'price', CASE s WHEN 'a' THEN 10 ELSE 777 END)))), store => s) i
$$;
SELECT is(pg_temp.sells(1, 3), 6::bigint, 'two stores sell');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT is(pg_temp.sells(4, 4), 2::bigint, 'and a tail');
SELECT is(rejected, 2::bigint, 'what store ' || s || ' sent in vain') FROM unnest('{a,b}'::text[]) s CROSS JOIN LATERAL analytics.ingest('[{"event": "x y"}, {"event": "x z"}]'::jsonb, store => s);
SELECT analytics.end_model(analytics.begin_model(s, 'default', 'customer_value'), 'insufficient_data', error => s || ' has too little') FROM unnest('{a,b}'::text[]) s;

BEGIN;
CREATE ROLE dash_reader;
CREATE ROLE dash_writer;
GRANT dash_reader, dash_writer TO CURRENT_USER;
SELECT lives_ok($$SELECT analytics.grant_access('dash_reader', 'reader'), analytics.grant_access('dash_writer', 'writer')$$, 'two levels');

SET LOCAL ROLE dash_reader;
SELECT is((SELECT sum(net_sales) FROM analytics_api.product_report(store => NULL)), 4 * 787::numeric, 'all stores without a claim');
SELECT is((SELECT array_agg(store_id) FROM analytics_api.store_profile), '{a,b}', 'store by store');
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT is((SELECT array_agg(store_id) FROM analytics_api.store_profile), '{a}', 'the claimed store alone');
SELECT results_eq($$SELECT product_id, name, net_sales, spark[30] FROM analytics_api.product_report(store => NULL)$$, $$VALUES ('mug', 'a''s mug', 40::numeric, 40::numeric)$$, 'its products');
SELECT is_empty($$SELECT FROM analytics_api.product_report(store => NULL, search => 'b''s')$$, 'not found by another''s names');
SELECT is(analytics_api.customer_profile('a-ada', 'a') #>> '{customer,net_sales}', '40', 'its customer');
SELECT is(analytics_api.customer_profile('b-ada', 'a'), NULL, 'no other');
SELECT is((SELECT sum(net_sales) FROM analytics_api.value_distribution('a')), 40::numeric, 'its values');
SELECT results_eq($$SELECT sum(events), sum(purchases), sum(visitors), sum(total_sales) FROM analytics_api.activity(10)$$, 'VALUES (4::numeric, 4::numeric, 1::numeric, 40::numeric)', 'its minutes');
SELECT results_eq($$SELECT DISTINCT store_id, value FROM analytics_api.recent_events(100)$$, $$VALUES ('a', 10::numeric)$$, 'its events');
SELECT results_eq($$SELECT sum(events), sum(rejected) FROM analytics_api.ingest_activity()$$, 'VALUES (4::numeric, 2::numeric)', 'what it took in');
SELECT is((analytics_api.health() ->> 'pending_rows')::bigint, 1::bigint, 'its lines that are not merged');
SELECT results_eq($$SELECT m ->> 'error' FROM jsonb_array_elements(analytics_api.health() -> 'models') m$$, $$VALUES ('a has too little')$$, 'its models');
SELECT results_eq($$SELECT DISTINCT r -> 'size_bytes', r -> 'last_refresh', r -> 'last_duration' FROM jsonb_array_elements(analytics_api.health() -> 'rollups') r$$, $$VALUES ('null'::jsonb, 'null'::jsonb, 'null'::jsonb)$$, 'nothing that tells how much there is of others');
SELECT unalike(h, '%has too little%b has%', 'nor elsewhere') FROM (SELECT analytics_api.health()::text AS h) x;
SELECT throws_ok(q, '42501', 'permission denied for this store', 'not asked by name: ' || q)
  FROM unnest(ARRAY[$$SELECT analytics_api.product_report(store => 'b')$$, $$SELECT analytics_api.customer_profile('b-ada', 'b')$$, $$SELECT analytics_api.customer_profile('a-ada')$$, $$SELECT analytics_api.value_distribution('b')$$,
                    $$SELECT analytics_api.activity(store => 'b')$$, $$SELECT analytics_api.recent_events(store => 'b')$$, $$SELECT analytics_api.ingest_activity(store => 'b')$$]) q;
SELECT throws_ok(q, '42501', NULL, 'a reader may not: ' || q)
  FROM unnest(ARRAY['SELECT * FROM analytics_api.rejected_event', $$SELECT analytics.customer_orders('b-ada', 'b', 50)$$, $$SELECT analytics.oldest_event('b')$$, 'SELECT analytics.http_health()',
                    $$SELECT * FROM analytics.unmerged_lines('1:1:', '{b}')$$, $$SELECT analytics.activity_stores('b')$$, 'SELECT analytics.job_runs()']) q;
SET LOCAL request.jwt.claims TO '{"stores": []}';
SELECT is_empty(q, 'nothing without a store: ' || q) FROM unnest(ARRAY['SELECT FROM analytics_api.store_profile', 'SELECT FROM analytics_api.product_report(store => NULL)', 'SELECT FROM analytics_api.recent_events()']) q;
SELECT is((SELECT sum(events + visitors) + sum(total_sales) FROM analytics_api.activity()), 0::numeric, 'nor any minute');

SET LOCAL ROLE dash_writer;
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT results_eq('SELECT DISTINCT store_id, status FROM analytics_api.rejected_event', $$VALUES ('a', 'open')$$, 'a writer sees what his store sent in vain');
WITH mended AS (UPDATE analytics_api.rejected_event SET payload = '{"event": "login", "event_id": "mended"}' WHERE payload ->> 'event' = 'x y' RETURNING store_id)
SELECT is(string_agg(store_id, ', '), 'a', 'one is mended') FROM mended;
UPDATE analytics_api.rejected_event SET status = 'discarded' WHERE payload ->> 'event' = 'x z';
SELECT results_eq('SELECT accepted, rejected FROM analytics_api.replay_rejected(store => ''a'')', 'VALUES (1::bigint, 0::bigint)', 'and taken in');
SELECT throws_ok($$UPDATE analytics_api.rejected_event SET code = 'missing'$$, '42501', NULL, 'what it was is not rewritten');
SELECT throws_ok('DELETE FROM analytics_api.rejected_event', '42501', NULL, 'nor removed');
SELECT throws_ok('SELECT * FROM analytics_api.store_profile', '42501', NULL, 'and a writer reads no reports');
RESET ROLE;
SET LOCAL request.jwt.claims TO '';
SELECT results_eq('SELECT store_id, status, count(*) FROM analytics.rejected_event GROUP BY 1, 2 ORDER BY 1, 2', $$VALUES ('a', 'discarded', 1::bigint), ('a', 'replayed', 1), ('b', 'open', 2)$$, 'the other store''s are as they were');
SELECT * FROM finish();
ROLLBACK;
