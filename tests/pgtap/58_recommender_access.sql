-- Who may fit, judge and ask the recommender, of which stores.
BEGIN;
SELECT plan(22);
CREATE ROLE r_reader;
CREATE ROLE r_writer;
CREATE ROLE r_admin;
CREATE ROLE r_stranger;
GRANT r_reader, r_writer, r_admin, r_stranger TO CURRENT_USER;
SELECT analytics.grant_access('r_reader', 'reader'), analytics.grant_access('r_writer', 'writer'), analytics.grant_access('r_admin', 'admin');
CREATE FUNCTION pg_temp.claim(stores text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('request.jwt.claims', stores, true) $$;
GRANT EXECUTE ON FUNCTION pg_temp.claim(text) TO PUBLIC;
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'timestamp', timestamptz '2026-01-05T12:00:00Z' + make_interval(days => i), 'customer_id', s || u, 'order_id', format('%s-%s-%s', s, u, i),
    'items', jsonb_build_array(jsonb_build_object('product_id', s || '-p' || i, 'price', 1)))) FROM generate_series(1, 20) u, generate_series(1, 12) i WHERE (u + i) % 3 > 0), store => s) FROM unnest('{a,b}'::text[]) s;

SET LOCAL ROLE r_stranger;
SELECT throws_ok($$SELECT analytics.recommend('a1', store => 'a')$$, '42501', NULL, 'a stranger is recommended nothing');
SELECT throws_ok($$SELECT analytics.similar_products('a-p1', store => 'a')$$, '42501', NULL, 'nor what is like it');

SET LOCAL ROLE r_admin;
SELECT is((SELECT status FROM analytics.fit_recommender(store => s, factors => 4, force => true)), 'ready', 'an admin fits store ' || s) FROM unnest('{a,b}'::text[]) s;
SELECT lives_ok($$SELECT analytics.evaluate_recommender(store => 'a')$$, 'and judges');
SELECT throws_ok($$SELECT * FROM analytics.recommender_customer$$, '42501', NULL, 'nobody reads factors');
SELECT throws_ok($$SELECT analytics.train_recommender(1, 'a', '{purchase}', '{1}', NULL, now(), NULL, 1, 1, 1, 1, 1, 1, true)$$, '42501', NULL, 'or trains in parts');
SELECT throws_ok($$SELECT * FROM analytics.factor_candidates(1, now(), 'a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1)$$, '42501', NULL, 'or asks in parts');
SELECT throws_ok($$SELECT * FROM analytics.customer_lines('a', 'a1', NULL, NULL)$$, '42501', NULL, 'what does not look at the claim');
SELECT pg_temp.claim('{"stores": ["a"]}');
SELECT throws_ok(call, '42501', 'permission denied for this store', 'an admin of one store: ' || call)
  FROM unnest(ARRAY[$$SELECT analytics.fit_recommender(store => 'b')$$, $$SELECT analytics.evaluate_recommender(store => 'b')$$, $$SELECT analytics.refit_recommenders('b')$$]) call;
SELECT pg_temp.claim('');

SET LOCAL ROLE r_reader;
SELECT is((SELECT count(*) FROM analytics.recommend('a1', 3, 'a')), 3::bigint, 'a reader asks');
SELECT throws_ok($$SELECT analytics.fit_recommender(store => 'a')$$, '42501', NULL, 'but does not fit');
SELECT throws_ok($$SELECT analytics.evaluate_recommender(store => 'a')$$, '42501', NULL, 'nor judges');
SELECT pg_temp.claim('{"stores": ["a"]}');
SELECT throws_ok(call, '42501', 'permission denied for this store', 'a reader of one store: ' || call)
  FROM unnest(ARRAY[$$SELECT analytics.recommend('b1', store => 'b')$$, $$SELECT analytics.similar_products('b-p1', store => 'b')$$, $$SELECT analytics.recommendation_report(store => 'b')$$, $$SELECT analytics_api.recommend('b1', store => 'b')$$]) call;
SELECT is((SELECT count(*) FROM analytics.recommend('b1', 1000, 'a') r WHERE r.product_id LIKE 'b%'), 0::bigint, 'learns nothing of another''s products');
SELECT is((SELECT array_agg(r.product_id) FROM analytics_api.recommend('a1', 3, 'a') r), (SELECT array_agg(r.product_id) FROM analytics.recommend('a1', 3, 'a') r), 'its own over HTTP, too');
SELECT pg_temp.claim('');

SET LOCAL ROLE r_writer;
SELECT throws_ok($$SELECT analytics.recommend('a1', store => 'a')$$, '42501', NULL, 'a writer is recommended nothing');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
