-- k-means and clusters in SQL: what they answer, by hand; what they refuse; who may read what; what stays of a forgotten person.
-- (That k-means finds what it should is tested in tests/unit/kmeans_test.cpp.)
BEGIN;
SELECT plan(93);

-- KMEANS. By hand: {0,1} and {10,11,12} have means 0.5 and 11; 2 x 0.25 + 1 + 0 + 1 = 2.5.
SELECT is(analytics.kmeans('{{10},{0},{11},{1},{12}}', 2) - 'iterations',
    '{"assignments": [1, 0, 1, 0, 1], "centroids": [[0.5], [11]], "inertia": 2.5, "converged": true}'::jsonb, 'two groups on a line');
SELECT is(analytics.kmeans('{{1,2},{3,4},{5,9}}', 1) - 'iterations',
    '{"assignments": [0, 0, 0], "centroids": [[3, 5]], "inertia": 34, "converged": true}'::jsonb, 'one group: its mean, and the squares around it (4+9 + 0+1 + 4+16)');
SELECT is(analytics.kmeans('{{1,1},{2,2},{1,1},{2,2}}', 2) - 'iterations',
    '{"assignments": [0, 1, 0, 1], "centroids": [[1, 1], [2, 2]], "inertia": 0, "converged": true}'::jsonb, 'equal points stay together');
SELECT is(pg_get_function_arguments('analytics.kmeans'::regproc), 'points double precision[], k integer, seed bigint DEFAULT 42, restarts integer DEFAULT 10, max_iterations integer DEFAULT 300', 'kmeans()');

-- 9,000 points: three portions for threads
CREATE TEMP TABLE cloud AS SELECT array_agg(ARRAY[(i * 7919 % 1009) / 10.0, (i * 104729 % 2003) / 10.0, (i % 7)::float8] ORDER BY i) AS points FROM generate_series(1, 9000) i;
CREATE TEMP TABLE answer (threads integer, found jsonb);
SET LOCAL analytics.max_threads = 1;
INSERT INTO answer SELECT 1, analytics.kmeans(points, 7, seed => 5, restarts => 2) FROM cloud;
SET LOCAL analytics.max_threads = 2;
INSERT INTO answer SELECT 2, analytics.kmeans(points, 7, seed => 5, restarts => 2) FROM cloud;
SET LOCAL analytics.max_threads = 4;
INSERT INTO answer SELECT 4, analytics.kmeans(points, 7, seed => 5, restarts => 2) FROM cloud;
SELECT is((SELECT count(DISTINCT found) FROM answer), 1::bigint, 'the answer is the same on 1, 2 and 4 threads');
SELECT is((SELECT found FROM answer LIMIT 1), analytics.kmeans(points, 7, seed => 5, restarts => 2), 'and the same again') FROM cloud;
SELECT isnt((SELECT found -> 'centroids' FROM answer LIMIT 1), analytics.kmeans(points, 7, seed => 6, restarts => 1, max_iterations => 1) -> 'centroids', 'not with another seed and one step') FROM cloud;
SELECT is((SELECT jsonb_array_length(found -> 'assignments') FROM answer LIMIT 1), 9000, 'each point is somewhere');
-- worked out anew in SQL: each point's nearest centroid, the sum of squares
SELECT results_eq($$
    WITH f AS (SELECT found FROM answer LIMIT 1),
         a AS MATERIALIZED (SELECT translate(f.found ->> 'assignments', '[]', '{}')::integer[] AS a FROM f),
         c AS MATERIALIZED (SELECT u.n - 1 AS n, (u.c ->> 0)::float8 AS x, (u.c ->> 1)::float8 AS y, (u.c ->> 2)::float8 AS z FROM f, jsonb_array_elements(f.found -> 'centroids') WITH ORDINALITY u(c, n)),
         p AS MATERIALIZED (SELECT (o - 1) / 3 + 1 AS i, max(v) FILTER (WHERE o % 3 = 1) AS x, max(v) FILTER (WHERE o % 3 = 2) AS y, max(v) FILTER (WHERE o % 3 = 0) AS z
                              FROM cloud, unnest(points) WITH ORDINALITY u(v, o) GROUP BY 1)
    SELECT count(*), round(sum(d.least)::numeric, 3)
      FROM p CROSS JOIN a CROSS JOIN LATERAL (SELECT power(p.x - c.x, 2) + power(p.y - c.y, 2) + power(p.z - c.z, 2) AS least, c.n FROM c ORDER BY 1 LIMIT 1) d
     WHERE d.n = a.a[p.i] $$,
    $$SELECT 9000::bigint, round((found ->> 'inertia')::numeric, 3) FROM answer LIMIT 1$$, 'to the nearest, and the squares add up to the inertia');

SELECT throws_ok($$SELECT analytics.kmeans('{}', 1)$$, '22023', 'there are no points', 'no points');
SELECT throws_ok($$SELECT analytics.kmeans('{1,2}', 1)$$, '22023', 'points is no matrix', 'a list');
SELECT throws_ok($$SELECT analytics.kmeans('{{{1}}}', 1)$$, '22023', 'points is no matrix', 'a cube');
SELECT throws_ok($$SELECT analytics.kmeans('{{1,null}}', 1)$$, '22023', 'points holds nulls', 'a null');
SELECT throws_ok($$SELECT analytics.kmeans('{{1,NaN}}', 1)$$, '22023', 'a coordinate is not finite, or beyond 1e100', 'NaN');
SELECT throws_ok($$SELECT analytics.kmeans('{{1,-Infinity}}', 1)$$, '22023', 'a coordinate is not finite, or beyond 1e100', 'an infinity');
SELECT throws_ok($$SELECT analytics.kmeans('{{1},{1},{2}}', 3)$$, '22023', 'there are fewer different points than clusters', 'more groups than different points');
SELECT throws_ok($$SELECT analytics.kmeans('{{1}}', 0)$$, '22023', 'k is out of range', 'no groups');
SELECT throws_ok($$SELECT analytics.kmeans('{{1}}', 1, restarts => 0)$$, '22023', 'restarts is out of range', 'no restarts');
SELECT throws_ok($$SELECT analytics.kmeans('{{1}}', 1, max_iterations => 0)$$, '22023', 'max_iterations is out of range', 'no iterations');
SELECT is(analytics.kmeans(NULL, 1), NULL, 'null of null');
SET LOCAL analytics.work_mem = '64kB';
SELECT throws_ok($$SELECT analytics.kmeans(points, 7) FROM cloud$$, '53200', 'the model needs more memory than it may take', 'more memory than it may take');
RESET analytics.work_mem;
SELECT throws_ok($$SET analytics.max_threads = 0$$, '22023', NULL, 'at least one thread');
SELECT throws_ok($$SET analytics.max_threads = 65$$, '22023', NULL, 'at most 64');

-- CLUSTERS of a table of the caller's. Three groups; by hand, without scaling:
--   a1 (1, 10), a2 (3, 10)        mean (2, 10)
--   b1 (50, -4), b2 (52, -8)      mean (51, -6)
--   c1 (100, 0), c2 (100, 0), c3 (106, 3)  mean (102, 1), median (100, 0)
CREATE TABLE "we""ird" ("the key" text, "Spent, net" numeric, visits integer, note text, ratio real, store_id text);
INSERT INTO "we""ird" VALUES ('c3', 106, 3, 'x', 0, 'a'), ('a1', 1, 10, 'x', 0, 'a'), ('b1', 50, -4, 'x', 0, 'a'), ('c1', 100, 0, 'x', 0, 'a'), ('a2', 3, 10, 'x', 0, 'a'),
    ('b2', 52, -8, 'x', 0, 'a'), ('c2', 100, 0, 'x', 0, 'a'),
    ('n1', NULL, 1, 'x', 0, 'a'), ('n2', 1, NULL, 'x', 0, 'a'), (NULL, 1, 1, 'x', 0, 'a'), ('nan', 'NaN', 1, 'x', 0, 'a'), ('inf', 'Infinity', 1, 'x', 0, 'a'), ('neg', '-Infinity', 1, 'x', 0, 'a'), ('big', 1e101, 1, 'x', 0, 'a'),
    ('other', 5, 5, 'x', 0, 'b');
CREATE FUNCTION pg_temp.fit(name text, features text[] DEFAULT '{"Spent, net",visits}', k integer DEFAULT 3, scaling text DEFAULT 'none', log1p boolean DEFAULT false, store text DEFAULT 'a',
    k_min integer DEFAULT 2, k_max integer DEFAULT 6) RETURNS analytics.model LANGUAGE sql AS $$
    SELECT analytics.fit_clusters($1, $2, $3, k_min, k_max, scaling => $4, log1p => $5, source => '"we""ird"', key => 'the key', store => $6)
$$;
SELECT results_eq($$SELECT status, promoted, rows, version, error, kind, name, store_id FROM pg_temp.fit('by hand')$$,
    $$VALUES ('ready', true, 7::bigint, 1, NULL::text, 'clusters', 'by hand', 'a')$$, 'a fit returns its row of model');
SELECT results_eq($$SELECT store_id, customer_id, cluster, model_version FROM analytics.customer_cluster WHERE name = 'by hand' ORDER BY customer_id$$,
    $$VALUES ('a', 'a1', 0, 1), ('a', 'a2', 0, 1), ('a', 'b1', 1, 1), ('a', 'b2', 1, 1), ('a', 'c1', 2, 1), ('a', 'c2', 2, 1), ('a', 'c3', 2, 1)$$, 'who is where, numbered by the first feature');
SELECT results_eq($$SELECT cluster, size, round(share::numeric, 4), position, feature, mean, median, centroid FROM analytics.cluster_profile WHERE name = 'by hand' ORDER BY cluster, position$$,
    $$VALUES (0, 2::bigint, 0.2857, 1, 'Spent, net', 2::float8, 2::float8, 2::float8), (0, 2, 0.2857, 2, 'visits', 10, 10, 10),
             (1, 2, 0.2857, 1, 'Spent, net', 51, 51, 51), (1, 2, 0.2857, 2, 'visits', -6, -6, -6),
             (2, 3, 0.4286, 1, 'Spent, net', 102, 100, 102), (2, 3, 0.4286, 2, 'visits', 1, 0, 1)$$, 'what the clusters are like');
SELECT is((SELECT metrics -> 'left_out' FROM analytics.model WHERE name = 'by hand'), '{"null": 3, "not_finite": 4}'::jsonb, 'rows without a feature or a key are left out and counted, and those that are not finite');
-- 2 x 1 + (1 + 4) x 2 + 4+1 + 4+1 + 16+4 = 2 + 10 + 30
SELECT is((SELECT (metrics ->> 'inertia')::numeric FROM analytics.model WHERE name = 'by hand'), 42::numeric, 'inertia');
SELECT is((SELECT parameters - 'seed' - 'k_min' - 'k_max' - 'restarts' FROM analytics.model WHERE name = 'by hand'),
    '{"features": ["Spent, net", "visits"], "k": 3, "scaling": "none", "log1p": false, "source": "public.\"we\"\"ird\"", "key": "the key"}'::jsonb, 'what was asked for');
SELECT is(analytics.assign_cluster('by hand', '{0,0}', 'a'), 0, 'a new row goes to the nearest centroid: 2^2 + 10^2 of (2, 10), not 51^2 + 6^2');
SELECT is(analytics.assign_cluster('by hand', '{76,-2}', 'a'), 1, '25^2 + 4^2 of (51, -6), 26^2 + 3^2 of (102, 1)');
SELECT is(analytics.assign_cluster('by hand', '{77,-2}', 'a'), 2, '26^2 + 4^2, 25^2 + 3^2');
SELECT is(analytics.assign_cluster('by hand', f, 'a'), NULL, 'nothing for ' || coalesce(f::text, 'null')) FROM unnest(ARRAY['{null,1}', '{NaN,1}', '{1,Infinity}', NULL]) u(t), LATERAL (SELECT t::float8[]) v(f);
SELECT throws_ok($$SELECT analytics.assign_cluster('by hand', '{1}', 'a')$$, '22023', 'another number of features', 'one feature of two');
SELECT throws_ok($$SELECT analytics.assign_cluster('by hand', '{1,2}')$$, '22023', 'no such clusters', 'another store has none');
SELECT throws_ok($$SELECT analytics.assign_cluster('nobody', '{1,2}', 'a')$$, '22023', 'no such clusters', 'no such name');
SELECT throws_ok($$SELECT analytics.assign_cluster(NULL, '{1,2}', 'a')$$, '22023', NULL, 'no name');

-- how many clusters there are
SELECT is((SELECT (metrics ->> 'k')::integer FROM pg_temp.fit('how many', '{"Spent, net"}', NULL)), 3, 'three of 2 .. 6 stand apart best');
SELECT is((SELECT array_agg(s::integer ORDER BY s::integer) FROM analytics.model m, jsonb_object_keys(m.metrics -> 'silhouettes') s WHERE m.name = 'how many'), '{2,3,4,5}'::integer[], 'tried: less than the six different rows');
-- of (0, 1 | 9): a = 1, b = 9 and 8: (9-1)/9, (8-1)/8; the single one 0
CREATE TEMP TABLE few (id text, x integer);
INSERT INTO few VALUES ('p', 0), ('q', 1), ('r', 9);
SELECT is((SELECT round((metrics ->> 'silhouette')::numeric, 6) FROM analytics.fit_clusters('silhouette', '{x}', 2, scaling => 'none', log1p => false, source => 'few', key => 'id')),
    round((8 / 9.0 + 7 / 8.0 + 0) / 3, 6), 'the silhouette, by hand');

-- scaling: centre and scale, by hand. x is 0, 1, 9: mean 10/3, variance (100/9 + 49/9 + 289/9) / 3 = 438/27; median 1, quartiles 0.5 and 5
SELECT results_eq($$SELECT round((metrics #>> '{center,0}')::numeric, 9), round((metrics #>> '{scale,0}')::numeric, 9) FROM analytics.fit_clusters('standard', '{x}', 2, log1p => false, source => 'few', key => 'id')$$,
    $$VALUES (round(10 / 3.0, 9), round(sqrt(438 / 27.0), 9))$$, 'standard: mean and deviation');
SELECT results_eq($$SELECT metrics #>> '{center,0}', metrics #>> '{scale,0}' FROM analytics.fit_clusters('robust', '{x}', 2, scaling => 'robust', log1p => false, source => 'few', key => 'id')$$,
    $$VALUES ('1', '4.5')$$, 'robust: median and the distance of the quartiles');
SELECT results_eq($$SELECT round((metrics #>> '{center,0}')::numeric, 9) FROM analytics.fit_clusters('logs', '{x}', 2, source => 'few', key => 'id')$$,
    $$VALUES (round((ln(2.0) + ln(10.0)) / 3, 9))$$, 'log1p comes first');
SELECT results_eq($$SELECT metrics #>> '{scale,1}' FROM pg_temp.fit('constant', '{"Spent, net",ratio}', scaling => 'standard')$$, $$VALUES ('1')$$, 'a feature that is the same everywhere has scale 1');
SELECT results_eq($$SELECT customer_id, cluster FROM analytics.customer_cluster WHERE name = 'constant' AND customer_id <> 'n2' ORDER BY 1$$, $$SELECT customer_id, cluster FROM analytics.customer_cluster WHERE name = 'by hand' ORDER BY 1$$, 'and tells nobody apart');
SELECT is((SELECT status FROM pg_temp.fit('negative', log1p => true, scaling => 'standard')), 'ready', 'log1p takes negative values');
SELECT results_eq($$SELECT round(centroid::numeric, 9) FROM analytics.cluster_profile WHERE name = 'negative' AND feature = 'visits' AND mean = -6$$, $$VALUES (round(1 - sqrt(45.0), 9))$$,
    'by their size: of -4 and -8 the centre is 1 - sqrt(5 x 9)');

-- everybody is where assign_cluster() says
CREATE TEMP TABLE many AS SELECT i AS id, (i * 7919 % 1009)::numeric AS a, (i % 13) - 6 AS b, power(1.001, i)::real AS c FROM generate_series(1, 3000) i;
SELECT lives_ok($$SELECT analytics.fit_clusters('many', '{a,b,c}', source => 'many', key => 'id')$$, 'a fit with all defaults');
SELECT is_empty($$SELECT * FROM many m LEFT JOIN analytics.customer_cluster c ON c.customer_id = m.id::text AND c.name = 'many'
     WHERE c.cluster IS DISTINCT FROM analytics.assign_cluster('many', ARRAY[m.a, m.b, m.c])$$, 'each row is where assign_cluster() puts it');
SELECT is((SELECT sum(size) FROM (SELECT DISTINCT cluster, size FROM analytics.cluster_profile WHERE name = 'many') s), 3000::numeric, 'sizes add up');
SELECT is_empty($$SELECT p.cluster, p.feature, p.mean, v.mean, p.median, v.median
      FROM analytics.cluster_profile p JOIN (SELECT c.cluster, f.feature, avg(f.value) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY f.value) AS median
             FROM many m JOIN analytics.customer_cluster c ON c.customer_id = m.id::text AND c.name = 'many', LATERAL (VALUES ('a', m.a::float8), ('b', m.b), ('c', m.c)) f(feature, value) GROUP BY 1, 2) v USING (cluster, feature)
     WHERE p.name = 'many' AND (abs(p.mean - v.mean) > 1e-9 OR abs(p.median - v.median) > 1e-9)$$, 'means and medians are those of PostgreSQL');
SELECT is((SELECT metrics FROM analytics.fit_clusters('again', '{a,b,c}', source => 'many', key => 'id')), (SELECT metrics FROM analytics.model WHERE name = 'many'), 'the same seed gives the same model');

-- too little
SELECT results_eq($$SELECT status, promoted, rows, error FROM pg_temp.fit('too little', k => 7)$$, $$VALUES ('insufficient_data', false, 7::bigint, '7 rows, 6 of them different; 7 different ones are needed')$$, 'seven clusters of six different rows');
SELECT results_eq($$SELECT status, rows FROM pg_temp.fit('nothing', store => 'nowhere')$$, $$VALUES ('insufficient_data', 0::bigint)$$, 'a store without rows');
SELECT results_eq($$SELECT status, rows FROM pg_temp.fit('one', NULL::text[] || '{visits}', store => 'b', k => NULL)$$, $$VALUES ('insufficient_data', 1::bigint)$$, 'one row, whatever k');
SELECT results_eq($$SELECT status, version FROM pg_temp.fit('by hand', k => 7)$$, $$VALUES ('insufficient_data', 2)$$, 'a later fit that comes to nothing');
SELECT is((SELECT count(*) FROM analytics.customer_cluster WHERE name = 'by hand' AND model_version = 1), 7::bigint, 'leaves what served');
SELECT results_eq($$SELECT status, version FROM pg_temp.fit('by hand', k => 2)$$, $$VALUES ('ready', 3)$$, 'one that is ready');
SELECT results_eq($$SELECT DISTINCT model_version, cluster FROM analytics.customer_cluster WHERE name = 'by hand' ORDER BY 2$$, $$VALUES (3, 0), (3, 1)$$, 'takes its place');
SELECT is(analytics.assign_cluster('by hand', '{77,-2}', 'a'), 1, 'for new rows too');
SELECT is((analytics.promote_model(m.model_id)).version, 1, 'and back') FROM analytics.model m WHERE m.name = 'by hand' AND m.version = 1;
SELECT is(analytics.assign_cluster('by hand', '{77,-2}', 'a'), 2, 'serves again');

-- arguments
SELECT throws_ok($$SELECT pg_temp.fit('x', '{nope}')$$, '22023', 'no such feature', 'a column that is not there');
SELECT throws_ok($$SELECT pg_temp.fit('x', '{note}')$$, '22023', 'a feature is no number', 'a text');
SELECT throws_ok($$SELECT pg_temp.fit('x', '{ctid}')$$, '22023', 'no such feature', 'a system column');
SELECT throws_ok($$SELECT pg_temp.fit('x', '{visits,visits}')$$, '22023', 'features are no list of columns', 'a feature twice');
SELECT throws_ok($$SELECT pg_temp.fit('x', '{}')$$, '22023', 'features are no list of columns', 'no features');
SELECT throws_ok($$SELECT pg_temp.fit('x', scaling => 'other')$$, '22023', 'unknown scaling', 'another scaling');
SELECT throws_ok($$SELECT pg_temp.fit('x', k => 0)$$, '22023', 'k is out of range', 'no clusters');
SELECT throws_ok($$SELECT pg_temp.fit('x', k => NULL, k_min => 3, k_max => 2)$$, '22023', 'k_min and k_max are no range to choose k from', 'an empty range');
SELECT throws_ok($$SELECT pg_temp.fit('x', k => NULL, k_min => 1)$$, '22023', 'k_min and k_max are no range to choose k from', 'one cluster is no choice');
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{visits}', source => '"we""ird"', key => 'nope', store => 'a')$$, '22023', 'no such key', 'no such key');
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{visits}', 2, source => '"we""ird"', key => 'note', store => 'a')$$, '22023', 'the key does not tell the rows apart', 'a key that occurs twice');
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{visits}', source => 'cluster_member_key', key => 'id')$$, '42P01', NULL, 'not in the search path');
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{visits}', source => 'analytics.cluster_member_key', key => 'key')$$, '22023', 'the source is no table or view', 'an index');
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{x}', NULL, NULL, NULL, source => 'few', key => 'id')$$, '22023', 'arguments must not be null', 'nulls');
SELECT throws_ok($$SELECT analytics.fit_clusters('', '{x}', 2, source => 'few', key => 'id')$$, '22023', 'invalid name of a model', 'no name');
SET LOCAL analytics.work_mem = '64kB';  -- 910 rows of three features
SELECT throws_ok($$SELECT analytics.fit_clusters('x', '{a,b,c}', source => 'many', key => 'id')$$, '53200', 'the model needs more memory than it may take', 'more rows than memory');
RESET analytics.work_mem;
SELECT is((SELECT count(*) FROM analytics.model WHERE name IN ('x', '')), 0::bigint, 'nothing of these is recorded');

-- THE CUSTOMERS. Kim last bought on the 7th, in Apia's calendar (UTC+13 then); the newest event is on the 11th there.
SELECT analytics.set_setting('timezone', 'Pacific/Apia', 'shop'), analytics.set_setting('clock', 'data', 'shop');
SELECT is((SELECT accepted || '/' || rejected FROM analytics.ingest('[
    {"event":"purchase","timestamp":"2026-01-06T12:00:00Z","customer_id":"kim","order_id":"1","items":[{"product_id":"p","price":30,"quantity":2}]},
    {"event":"purchase","timestamp":"2026-01-01T09:00:00Z","customer_id":"lee","order_id":"2","items":[{"product_id":"p","price":10}]},
    {"event":"purchase","timestamp":"2026-01-10T09:00:00Z","customer_id":"lee","order_id":"3","items":[{"product_id":"p","price":10}]},
    {"event":"purchase","timestamp":"2026-01-03T10:30:00Z","customer_id":"max","order_id":"4","items":[{"product_id":"p","price":500}]},
    {"event":"view_item","timestamp":"2026-01-10T12:00:00Z","customer_id":"ona","items":[{"product_id":"p"}]}]'::jsonb, store => 'shop')), '5/0', 'four customers, three of them buyers');
SELECT results_eq($$SELECT status, rows, metrics -> 'left_out' FROM analytics.fit_clusters('default', k => 3, store => 'shop')$$, $$VALUES ('ready', 3::bigint, '{"null": 1, "not_finite": 0}'::jsonb)$$, 'who never bought has no recency and is left out');
SELECT results_eq($$SELECT c.customer_id, c.cluster, string_agg(p.feature || ' ' || p.mean, ', ' ORDER BY p.position)
      FROM analytics.customer_cluster c JOIN analytics.cluster_profile p USING (store_id, name, cluster) WHERE c.store_id = 'shop' GROUP BY 1, 2 ORDER BY 2$$,
    $$VALUES ('lee', 0, 'recency_days 1, orders 2, net_sales 20'), ('kim', 1, 'recency_days 4, orders 1, net_sales 60'), ('max', 2, 'recency_days 8, orders 1, net_sales 500')$$,
    'days of the store''s calendar since the last order: from the 10th, 7th and 3rd to the 11th');
SELECT analytics.fit_clusters('default', k => 2, store => 'shop');
SELECT analytics.fit_clusters('auto', k_max => 2, scaling => 'robust', log1p => false, seed => 7, store => 'shop');
CREATE VIEW mine AS SELECT * FROM analytics.customer;
SELECT analytics.fit_clusters('of a view', k => 2, source => 'mine', store => 'shop');
SELECT is(analytics.refit_clusters('shop'), 2, 'the night fits anew what is of customers themselves');
SELECT results_eq($$SELECT n.name, n.version, n.status, n.parameters = o.parameters, n.metrics = o.metrics FROM analytics.model n JOIN analytics.model o USING (store_id, name)
     WHERE n.store_id = 'shop' AND n.version = o.version + 1 AND NOT EXISTS (SELECT FROM analytics.model l WHERE l.store_id = 'shop' AND l.name = n.name AND l.version > n.version) ORDER BY 1$$,
    $$VALUES ('auto', 2, 'ready', true, true), ('default', 3, 'ready', true, true)$$, 'as they were asked for');
SET LOCAL analytics.work_mem = '64kB';
SELECT is((SELECT accepted FROM analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'timestamp', '2026-01-05T12:00:00Z', 'customer_id', 'c' || i, 'order_id', 'many' || i,
    'items', jsonb_build_array(jsonb_build_object('product_id', 'p', 'price', i)))) FROM generate_series(1, 1000) i), store => 'shop')), 1000::bigint, 'a thousand more');
SELECT is(analytics.refit_clusters('shop'), 0, 'too many for the memory');
RESET analytics.work_mem;
SELECT results_eq($$SELECT name, version, error FROM analytics.model WHERE status = 'failed' ORDER BY name$$,
    $$VALUES ('auto', 3, 'the model needs more memory than it may take'), ('default', 4, 'the model needs more memory than it may take')$$, 'is a run that failed');
SELECT lives_ok($$SELECT analytics.erase_customer('shop', 'kim')$$, 'Kim is forgotten');
SELECT is_empty($$SELECT * FROM analytics.cluster_member m WHERE m.store_id = 'shop' AND m.key = 'kim'$$, 'in every version');
SELECT is((SELECT count(*) FROM analytics.cluster_member m WHERE m.store_id = 'shop' AND m.model_id IN (SELECT model_id FROM analytics.model WHERE name = 'default')), 6::bigint, 'the others stay');

SELECT * FROM finish();
ROLLBACK;
