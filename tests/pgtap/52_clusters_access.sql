-- Who may fit, read and assign clusters, of which stores, and with whose rights the source is read.
BEGIN;
SELECT plan(37);
CREATE ROLE c_reader;
CREATE ROLE c_writer;
CREATE ROLE c_admin;
CREATE ROLE c_stranger;
GRANT c_reader, c_writer, c_admin, c_stranger TO CURRENT_USER;
SELECT analytics.grant_access('c_reader', 'reader'), analytics.grant_access('c_writer', 'writer'), analytics.grant_access('c_admin', 'admin');
CREATE FUNCTION pg_temp.claim(stores text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('request.jwt.claims', stores, true) $$;
GRANT EXECUTE ON FUNCTION pg_temp.claim(text) TO PUBLIC;

-- two shops of three buyers each, and a table that only its owner may read
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'timestamp', '2026-01-05T12:00:00Z', 'customer_id', s || i, 'order_id', s || i,
    'items', jsonb_build_array(jsonb_build_object('product_id', 'p', 'price', i * i)))) FROM generate_series(1, 3) i), store => s) FROM unnest('{a,b}'::text[]) s;
CREATE TABLE secret (id integer, salary integer);
INSERT INTO secret VALUES (1, 10), (2, 20), (3, 90);
CREATE SCHEMA hers AUTHORIZATION c_admin;

SET LOCAL ROLE c_stranger;
SELECT throws_ok('SELECT analytics.kmeans(''{{1}}'', 1)', '42501', NULL, 'a stranger computes nothing');
SELECT throws_ok('SELECT * FROM analytics.customer_cluster', '42501', NULL, 'and reads nothing');

SET LOCAL ROLE c_admin;
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{salary}', 2, source => 'public.secret', key => 'id')$$, '42501', 'permission denied for table secret', 'the source is read with the caller''s rights, never the owner''s');
SELECT is((SELECT count(*) FROM analytics.model), 0::bigint, 'and nothing is recorded of the attempt');
SELECT is((SELECT status FROM analytics.fit_clusters('buyers', k => 2, store => s)), 'ready', 'an admin fits store ' || s) FROM unnest('{a,b}'::text[]) s;
SELECT is((SELECT count(*) FROM analytics.customer_cluster), 6::bigint, 'and reads who is where');
-- a view with a function that looks who it runs as
CREATE TABLE hers.said (who text);
CREATE FUNCTION hers.who(x integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hers.said VALUES (current_user); RETURN x; END $$;
CREATE VIEW hers.looks AS SELECT i AS id, hers.who(i * i) AS x FROM generate_series(1, 3) i;
SELECT is((SELECT status FROM analytics.fit_clusters('looks', '{x}', 2, source => 'hers.looks', key => 'id', store => 'a')), 'ready', 'a view of the caller''s own');
SELECT results_eq('SELECT DISTINCT who FROM hers.said', $$VALUES ('c_admin')$$, 'runs as the caller');
SELECT throws_ok($$INSERT INTO analytics.cluster_member SELECT model_id, 'a', 'new', 0 FROM analytics.model LIMIT 1$$, '42501', NULL, 'nobody writes members by hand');
SELECT throws_ok('SELECT * FROM analytics.cluster_member', '42501', NULL, 'or reads those of versions that do not serve');
SELECT lives_ok($$SELECT analytics.write_clusters(m.model_id, '{new}', '{0}') FROM analytics.model m$$, 'write_clusters()');
SELECT is((SELECT count(*) FROM analytics.customer_cluster WHERE customer_id = 'new'), 0::bigint, 'adds to no model whose run has ended');

-- an admin of one store
SELECT pg_temp.claim('{"stores": ["a"]}');
SELECT throws_ok($$SELECT analytics.fit_clusters('buyers', k => 2, store => 'b')$$, '42501', 'permission denied for this store', 'fits no other store');
SELECT throws_ok($$SELECT analytics.refit_clusters('b')$$, '42501', 'permission denied for this store', 'nor anew');
SELECT throws_ok($$SELECT analytics.store_today('b')$$, '42501', 'permission denied for this store', 'nor learns its day');
SELECT is((SELECT status FROM analytics.fit_clusters('buyers', k => 2, store => 'a')), 'ready', 'but its own');
SELECT is((SELECT count(*) FROM analytics.customer_cluster WHERE store_id <> 'a'), 0::bigint, 'and sees its own');
SELECT pg_temp.claim('{"stores": []}');
SELECT is((SELECT count(*) FROM analytics.customer_cluster), 0::bigint, 'no stores, no customers');
SELECT is((SELECT count(*) FROM analytics.cluster_profile), 0::bigint, 'no profiles');
SELECT pg_temp.claim('');

SET LOCAL ROLE c_reader;
SELECT is((SELECT count(*) FROM analytics.customer_cluster WHERE name = 'buyers'), 6::bigint, 'a reader reads who is where');
SELECT is((SELECT count(*) FROM analytics.cluster_profile WHERE name = 'buyers'), 12::bigint, 'and what the clusters are like');
SELECT is(analytics.assign_cluster('buyers', '{0,1,1}', 'b'), (SELECT cluster FROM analytics.customer_cluster WHERE store_id = 'b' AND name = 'buyers' AND customer_id = 'b1'), 'and assigns');
SELECT is(analytics.kmeans('{{1},{2}}', 2) -> 'assignments', '[0, 1]'::jsonb, 'and computes');
SELECT throws_ok($$SELECT analytics.fit_clusters('x', k => 2)$$, '42501', NULL, 'but does not fit');
SELECT throws_ok($$SELECT analytics.fit_points('{{1}}', '{x}', 1, 2, 3, 'none', false, 1, 1)$$, '42501', NULL, 'nor in parts');
SELECT throws_ok($$SELECT analytics.write_clusters(1, '{}', '{}')$$, '42501', NULL, 'nor writes');
SELECT pg_temp.claim('{"stores": ["a"]}');
SELECT results_eq($$SELECT DISTINCT store_id FROM analytics.customer_cluster$$, $$VALUES ('a')$$, 'a reader of one store sees its customers');
SELECT results_eq($$SELECT DISTINCT store_id FROM analytics.cluster_profile$$, $$VALUES ('a')$$, 'and its profiles');
SELECT results_eq($$SELECT DISTINCT store_id FROM analytics_api.customer_cluster$$, $$VALUES ('a')$$, 'over HTTP too');
SELECT results_eq($$SELECT DISTINCT store_id FROM analytics_api.cluster_profile$$, $$VALUES ('a')$$, 'and profiles');
SELECT throws_ok($$SELECT analytics.assign_cluster('buyers', '{0,1,1}', 'b')$$, '42501', 'permission denied for this store', 'assigns to no other''s');
SELECT throws_ok($$SELECT analytics.assign_cluster('nobody', '{0,1,1}', 'b')$$, '42501', 'permission denied for this store', 'nor learns what others have');
SELECT is(analytics_api.assign_cluster('buyers', '{0,1,1}', 'a'), analytics.assign_cluster('buyers', '{0,1,1}', 'a'), 'its own, over HTTP too');
-- (a leaky function may not look behind the view)
CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF t LIKE 'b%' THEN RAISE EXCEPTION 'seen: %', t; END IF; RETURN true; END $$;
SELECT lives_ok($$SELECT * FROM analytics.customer_cluster WHERE pg_temp.leak(customer_id)$$, 'a condition is not shown what the view hides');
SELECT pg_temp.claim('');

SET LOCAL ROLE c_writer;
SELECT throws_ok('SELECT * FROM analytics.customer_cluster', '42501', NULL, 'a writer reads none');
SELECT throws_ok($$SELECT analytics.assign_cluster('buyers', '{0,1,1}', 'a')$$, '42501', NULL, 'and assigns none');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
