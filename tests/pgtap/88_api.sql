-- Schema analytics_api: the same rows, rights, comments and stores as in schema analytics.
BEGIN;
SELECT plan(61);
CREATE ROLE api_reader;
CREATE ROLE api_writer;
CREATE ROLE api_admin;
CREATE ROLE api_stranger;
GRANT api_reader, api_writer, api_admin, api_stranger TO CURRENT_USER;
SELECT analytics.grant_access('api_reader', 'reader'), analytics.grant_access('api_writer', 'writer'), analytics.grant_access('api_admin', 'admin');

SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relnamespace = 'analytics_api'::regnamespace AND col_description(c.oid, a.attnum) IS NULL$$, 'every column has a comment');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'analytics_api'::regnamespace AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every view has a comment');
SELECT is_empty($$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'analytics_api'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT matches(obj_description('analytics_api'::regnamespace, 'pg_namespace'), E'^Shop analytics\n.', 'the schema has a title and a description');
SELECT results_eq($$SELECT c.relname::text COLLATE "C", c.relkind::text FROM pg_class c WHERE c.relnamespace = 'analytics_api'::regnamespace ORDER BY 1$$,
    $$SELECT u.name COLLATE "C", 'v' FROM unnest(analytics.api_relations() || 'rejected_event'::text) u(name) ORDER BY 1$$, 'it has the views that it lists, and rejected events');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'analytics_api'::regnamespace AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)$$,
    'all of them read as the caller');
SELECT is_empty($$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'analytics_api'::regnamespace AND p.prosecdef$$, 'all functions run as the caller');
SELECT results_eq($$SELECT p.proname::text COLLATE "C" FROM pg_proc p WHERE p.pronamespace = 'analytics_api'::regnamespace ORDER BY 1$$,
    $$SELECT u.name COLLATE "C" FROM unnest(analytics.api_functions('admin')) u(name) ORDER BY 1$$, 'each function that it lists once');
SELECT is_empty($$SELECT p.proname FROM pg_proc p JOIN pg_proc o ON o.pronamespace = 'analytics'::regnamespace AND o.proname = p.proname AND o.proargtypes = p.proargtypes
     WHERE p.pronamespace = 'analytics_api'::regnamespace AND (pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc'))
           IS DISTINCT FROM (pg_get_function_arguments(o.oid), pg_get_function_result(o.oid), obj_description(o.oid, 'pg_proc'))$$,
    'with the arguments, the result and the comment of the original');
SELECT is_empty($$SELECT n.nspname FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x WHERE n.nspname = 'analytics_api' AND x.grantee = 0
    UNION ALL SELECT c.relname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x WHERE c.relnamespace = 'analytics_api'::regnamespace AND x.grantee = 0
    UNION ALL SELECT p.proname FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
               WHERE p.pronamespace = 'analytics_api'::regnamespace AND x.grantee = 0$$, 'PUBLIC has nothing');
SELECT is_empty($$SELECT r.role, v FROM unnest('{api_reader,api_writer,api_admin}'::text[]) r(role), unnest(analytics.api_relations() || 'rejected_event'::text) v
     WHERE has_table_privilege(r.role, 'analytics_api.' || v, 'SELECT') <> has_table_privilege(r.role, 'analytics.' || v, 'SELECT')$$, 'who may read the original may read it');
SELECT is_empty($$SELECT r.role, p.oid::regprocedure FROM unnest('{api_reader,api_writer,api_admin}'::text[]) r(role), pg_proc p
      JOIN pg_proc o ON o.pronamespace = 'analytics'::regnamespace AND o.proname = p.proname AND o.proargtypes = p.proargtypes
     WHERE p.pronamespace = 'analytics_api'::regnamespace AND has_function_privilege(r.role, p.oid, 'EXECUTE') <> has_function_privilege(r.role, o.oid, 'EXECUTE')$$,
    'who may call the original may call it');
SELECT is_empty($$SELECT v FROM unnest(analytics.api_relations()) v WHERE has_table_privilege('api_reader', 'analytics_api.' || v, 'INSERT, UPDATE, DELETE')$$, 'nobody writes');
SELECT is_empty($$SELECT relation FROM analytics.data_dictionary GROUP BY relation, column_name HAVING count(*) > 1$$, 'the dictionary has each column once');

SELECT analytics.ingest(jsonb_build_array(
    jsonb_build_object('event', 'purchase', 'order_id', s || '-1', 'event_id', s || '-e', 'timestamp', '2026-03-02T09:00:00Z', 'customer_id', s || '-ada', 'session_id', s || '-s',
        'items', jsonb_build_array(jsonb_build_object('product_id', s || '-mug', 'name', 'Mug', 'price', 10), jsonb_build_object('product_id', s || '-cup', 'price', 7)))), store => s)
  FROM unnest('{a,b}'::text[]) s;

CREATE FUNCTION pg_temp.is_the_same(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN set_eq(format('SELECT v::text FROM analytics_api.%I v', name), format('SELECT v::text FROM analytics.%I v', name), name || ': the rows of the original');
END $$;
CREATE FUNCTION pg_temp.stores_of(name text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE stores text[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT store_id ORDER BY store_id) FROM analytics_api.%I', name) INTO stores;
    RETURN stores;
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.is_the_same(text), pg_temp.stores_of(text) TO api_reader, api_writer;

SET LOCAL ROLE api_reader;
SELECT pg_temp.is_the_same(v) FROM unnest('{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,product_affinity,customer,customer_month,cohort_retention,funnel_daily,session_daily,rfm,segment_summary,segment_history,store_profile,data_dictionary}'::text[]) v;
SELECT is(pg_temp.stores_of('sales_daily'), '{a,b}', 'all stores without a claim');
SELECT is(analytics_api.visualize('gross_sales', 'day', "from" => '2026-03-01', "to" => '2026-03-08', store => 'a') -> 'totals' ->> 'value', '17', 'visualize() is called by name');
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT is(pg_temp.stores_of(v), '{a}', v || ': another store''s rows are not seen')
  FROM unnest('{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,funnel_daily,session_daily,rfm,segment_summary,store_profile}'::text[]) v;
SELECT throws_ok($$SELECT analytics_api.visualize('orders', store => 'b')$$, '42501', NULL, 'nor charted');
SELECT results_eq($$SELECT store_id, customer_id, frequency FROM analytics_api.rfm_at(as_of => '2026-03-02')$$, $$VALUES ('a', 'a-ada', 1::bigint)$$, 'rfm_at() is called by name');
SELECT results_eq($$SELECT from_segment, customers FROM analytics_api.segment_movement("from" => '2026-03-01', "to" => '2026-03-02', store => 'a')$$, $$VALUES ('(new)', 1::bigint)$$, 'so is segment_movement()');
SELECT throws_ok($$SELECT * FROM analytics_api.rfm_at(store => 'b')$$, '42501', NULL, 'of no other store');
SELECT throws_ok($$SELECT * FROM analytics_api.ingest('[]'::jsonb)$$, '42501', 'permission denied for function ingest', 'a reader sends nothing');
SET LOCAL request.jwt.claims TO '';

SET LOCAL ROLE api_writer;
SELECT results_eq($$SELECT accepted, rejected FROM analytics_api.ingest('{"event": "login", "event_id": "l1"}'::jsonb)$$, 'VALUES (1::bigint, 0::bigint)', 'a writer does');
SELECT results_eq($$SELECT outcome FROM analytics_api.validate('{"event": "login", "event_id": "l2"}'::jsonb)$$, $$VALUES ('accepted')$$, 'or tries');
SELECT throws_ok($$SELECT * FROM analytics_api.sales_daily$$, '42501', 'permission denied for view sales_daily', 'and reads no figures');

SET LOCAL ROLE api_admin;
SELECT lives_ok($$SELECT analytics_api.set_setting('currency', 'EUR', 'a')$$, 'an admin sets');
SET LOCAL ROLE api_stranger;
SELECT throws_ok($$SELECT * FROM analytics_api.sales_daily$$, '42501', 'permission denied for schema analytics_api', 'a stranger is kept out');
RESET ROLE;

-- rollups of one's own
SELECT analytics.create_rollup('by_device', 'day', '{device}', '{orders,net_sales}');
SELECT is((SELECT array_agg(col_description(a.attrelid, a.attnum) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = 'analytics_api.by_device'::regclass AND a.attnum > 0),
          (SELECT array_agg(col_description(a.attrelid, a.attnum) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = 'analytics.by_device'::regclass AND a.attnum > 0),
          'a rollup of one''s own is there, with its comments');
SET LOCAL ROLE api_reader;
SET LOCAL request.jwt.claims = '{"stores": []}';
SELECT is_empty('SELECT * FROM analytics_api.by_device', 'who reads reports reads it, of his stores');
SET LOCAL request.jwt.claims = '';
SELECT results_eq('SELECT * FROM analytics_api.by_device ORDER BY store_id, bucket, device', 'SELECT * FROM analytics.by_device ORDER BY store_id, bucket, device', 'the same rows');
SET LOCAL ROLE api_writer;
SELECT throws_ok('SELECT * FROM analytics_api.by_device', '42501', NULL, 'who only sends does not');
RESET ROLE;
SELECT analytics.grant_access('api_stranger', 'reader');
SET LOCAL ROLE api_stranger;
SELECT lives_ok('SELECT * FROM analytics_api.by_device', 'who is given access later does');
RESET ROLE;
SELECT throws_ok($$SELECT analytics.create_rollup('by_device', 'day')$$, '42P07', NULL, 'its name is taken');
SELECT analytics.drop_rollup('by_device');
SELECT is(to_regclass('analytics_api.by_device'), NULL, 'it goes with its rollup');
SELECT * FROM finish();
ROLLBACK;
