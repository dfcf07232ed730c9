-- The recommender: what it learns and answers in shops whose answer is plain to see, strengths and reports by hand, what it never shows, what it
-- refuses. (That factors minimise their loss is tested in tests/unit/implicit_als_test.cpp, metrics in recommender_test.cpp.) Each step commits:
-- what came after a fit is told by transactions.
SELECT plan(126);

SELECT is(pg_get_function_arguments(('analytics.' || f)::regproc), a, f || '()') FROM (VALUES
    ('fit_recommender', 'name text DEFAULT ''default''::text, factors integer DEFAULT 64, regularization double precision DEFAULT 0.01, alpha double precision DEFAULT 1, iterations integer DEFAULT 15, weights jsonb DEFAULT ''{"purchase": 5, "view_item": 1, "add_to_cart": 3}''::jsonb, half_life interval DEFAULT ''90 days''::interval, force boolean DEFAULT false, store text DEFAULT ''main''::text, seed bigint DEFAULT 42'),
    ('recommend', 'customer text, n integer DEFAULT 10, store text DEFAULT ''main''::text, session text DEFAULT NULL::text, exclude text[] DEFAULT ''{}''::text[], filter jsonb DEFAULT ''{}''::jsonb, include_bought boolean DEFAULT false, max_per_category integer DEFAULT NULL::integer'),
    ('similar_products', 'product text, n integer DEFAULT 10, store text DEFAULT ''main''::text, method text DEFAULT ''factors''::text'),
    ('evaluate_recommender', 'split timestamp with time zone DEFAULT NULL::timestamp with time zone, k integer DEFAULT 10, store text DEFAULT ''main''::text'),
    ('recommendation_report', '"from" timestamp without time zone DEFAULT NULL::timestamp without time zone, "to" timestamp without time zone DEFAULT NULL::timestamp without time zone, store text DEFAULT ''main''::text, attribution interval DEFAULT ''7 days''::interval')) v(f, a);

-- BOARD: 40 customers, 30 products. Customers take products of their own colour, even or odd; of ten squares two are never bought, two late.
CREATE FUNCTION pg_temp.square(u integer, i integer) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN (u + i) % 2 = 1 THEN 'other' ELSE coalesce((ARRAY['never', 'never', 'late', 'late'])[h.h + 1], 'early') END FROM (SELECT ('x' || substr(md5(u || ' ' || i), 1, 4))::bit(16)::int % 10 AS h) h
$$;
CREATE FUNCTION pg_temp.product(i integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('product_id', 'p' || to_char(i, 'FM00'), 'category', 'c' || i % 3, 'brand', 'b' || i % 5, 'price', i + 1)
$$;
SELECT is((analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', format('%s-%s', u, i), 'customer_id', 'u' || to_char(u, 'FM00'), 'country', CASE WHEN u < 20 THEN 'DE' ELSE 'FR' END,
        'timestamp', timestamptz '2026-01-01 12:00Z' + make_interval(days => CASE pg_temp.square(u, i) WHEN 'late' THEN 85 + (u + i) % 15 ELSE (u * 3 + i) % 76 END), 'items', jsonb_build_array(pg_temp.product(i))))
    FROM generate_series(0, 39) u, generate_series(0, 29) i WHERE pg_temp.square(u, i) IN ('early', 'late')), store => 'board')).rejected, 0::bigint, 'a shop of two colours');
SELECT analytics.set_setting('clock', 'data', 'board');

SELECT is((SELECT count(*) FROM analytics.recommend('u00', store => 'board')), 10::bigint, 'before any fit there are products');
SELECT is_empty($$SELECT * FROM analytics.recommend('u00', store => 'board') r WHERE r.source IN ('factors', 'fold_in')$$, 'that are no factors''');
CREATE TEMP TABLE fitted AS SELECT * FROM analytics.fit_recommender(store => 'board', factors => 2);
SELECT is(status || coalesce(error, ''), 'ready', 'it is fitted') FROM fitted;
SELECT is((metrics ->> 'customers')::int * 1000 + (metrics ->> 'products')::int, 40030, 'of all customers and products') FROM fitted;
SELECT is(rows, (SELECT count(*) FROM generate_series(0, 39) u, generate_series(0, 29) i WHERE pg_temp.square(u, i) IN ('early', 'late')), 'from each pair of them') FROM fitted;
SELECT cmp_ok((metrics #>> '{evaluation,model,ndcg_at_k}')::float8, '>', 1.3 * (metrics #>> '{evaluation,popularity,ndcg_at_k}')::float8, 'it foretells better than popularity, which knows no colours') FROM fitted;
SELECT is(r.model_id, f.model_id, 'and serves') FROM fitted f, analytics.serving_model('board', 'recommender') r(model_id);

-- the squares that are missing, of all customers
SELECT is_empty($$
    SELECT u, m.products, ARRAY(SELECT r.product_id FROM analytics.recommend('u' || to_char(u, 'FM00'), m.n, 'board') r ORDER BY 1)
      FROM generate_series(0, 39) u
     CROSS JOIN LATERAL (SELECT array_agg('p' || to_char(i, 'FM00') ORDER BY i) AS products, count(*)::int AS n FROM generate_series(0, 29) i WHERE pg_temp.square(u, i) = 'never') m
     WHERE m.n > 0 AND m.products IS DISTINCT FROM ARRAY(SELECT r.product_id FROM analytics.recommend('u' || to_char(u, 'FM00'), m.n, 'board') r ORDER BY 1)$$,
    'each customer is shown the products of the own colour that are missing');
SELECT results_eq($$SELECT DISTINCT source, reason ->> 'measure', (reason ->> 'value')::float8 BETWEEN 0.5 AND 1 FROM analytics.recommend('u01', 2, 'board')$$, $$VALUES ('factors', 'cosine', true)$$, 'by factors, because of products that are like them');
SELECT results_eq($$SELECT rank, rank = row_number() OVER (ORDER BY score DESC) FROM analytics.recommend('u01', 3, 'board')$$, $$VALUES (1, true), (2, true), (3, true)$$, 'the best first');
SELECT is_empty($$SELECT r.reason FROM analytics.recommend('u01', 2, 'board') r WHERE NOT EXISTS (SELECT FROM analytics.current_event e WHERE e.store_id = 'board' AND e.customer_id = 'u01' AND e.product_id = r.reason ->> 'because')$$, 'which the customer has');
SELECT is((SELECT array_agg(r ORDER BY r.rank)::text FROM analytics.recommend('u07', 20, 'board') r), (SELECT array_agg(r ORDER BY r.rank)::text FROM analytics.recommend('u07', 20, 'board') r), 'the same question has the same answer');
SELECT is((SELECT count(DISTINCT recommendation_id) FROM analytics.recommend('u07', 20, 'board')), 1::bigint, 'a list has an id');
SELECT matches((SELECT min(recommendation_id) FROM analytics.recommend('u07', 20, 'board')), '^[0-9a-f]{32}$', 'a hash');
SELECT isnt((SELECT min(recommendation_id) FROM analytics.recommend('u07', 3, 'board')), (SELECT min(recommendation_id) FROM analytics.recommend('u09', 3, 'board')), 'another customer''s is another');

-- all there is, whatever the sources: each product once, none that was bought
SELECT is((SELECT count(*) FROM analytics.recommend('u00', 1000, 'board')), 30 - (SELECT count(*) FROM generate_series(0, 29) i WHERE pg_temp.square(0, i) IN ('early', 'late')), 'all that was not bought');
SELECT is((SELECT count(DISTINCT product_id) FROM analytics.recommend('u00', 1000, 'board', include_bought => true)), 30::bigint, 'all, if bought ones may be');
SELECT is((SELECT count(*) FROM analytics.recommend('u00', 1000, 'board', include_bought => true)), 30::bigint, 'each once');

-- SETTINGS: a cache of nothing, another number of threads, the same seed
CREATE TEMP TABLE before AS SELECT r.* FROM generate_series(0, 39) u, analytics.recommend('u' || to_char(u, 'FM00'), 5, 'board') r;
SET analytics.model_cache = 0;
SELECT results_eq($$SELECT r.product_id, r.score FROM generate_series(0, 39) u, analytics.recommend('u' || to_char(u, 'FM00'), 5, 'board') r$$, 'SELECT product_id, score FROM before', 'without a cache the same');
RESET analytics.model_cache;
SET analytics.max_threads = 1;
SELECT is((SELECT version || status FROM analytics.fit_recommender(store => 'board', factors => 2)), '2ready', 'fitted anew, on one thread');
RESET analytics.max_threads;
SELECT results_eq($$SELECT r.product_id, r.score FROM generate_series(0, 39) u, analytics.recommend('u' || to_char(u, 'FM00'), 5, 'board') r$$, 'SELECT product_id, score FROM before', 'the same model, bit by bit');
SELECT isnt((SELECT min(recommendation_id) FROM analytics.recommend('u00', 5, 'board')), (SELECT min(recommendation_id) FROM before), 'its lists are another version''s');
SELECT is((SELECT count(DISTINCT model_id) FROM analytics.recommender_customer), 2::bigint, 'two versions are kept');
SELECT is((SELECT version FROM analytics.promote_model((SELECT model_id FROM fitted))), 1, 'back to the first');
SELECT is((SELECT min(recommendation_id) FROM analytics.recommend('u00', 5, 'board')), (SELECT recommendation_id FROM before LIMIT 1), 'which serves at once');

-- WHAT IS NEVER SHOWN
SELECT analytics.refresh();
CREATE TEMP TABLE best AS SELECT product_id FROM analytics.recommend('u00', 1, 'board');
UPDATE analytics.product p SET active = false FROM best b WHERE p.store_id = 'board' AND p.product_id = b.product_id;
SELECT is_empty($$SELECT FROM analytics.recommend('u00', 1000, 'board', include_bought => true) JOIN best USING (product_id)$$, 'a product that is not active');
SELECT is_empty($$SELECT FROM analytics.similar_products('p02', 1000, 'board') JOIN best USING (product_id)$$, 'is like none');
CREATE TEMP TABLE nearest AS SELECT rank, product_id FROM analytics.similar_products('p02', 12, 'board');
UPDATE analytics.product p SET active = false FROM nearest s WHERE p.store_id = 'board' AND p.product_id = s.product_id AND s.rank < 12;
SELECT results_eq($$SELECT rank, product_id, source FROM analytics.similar_products('p02', 1, 'board')$$, $$SELECT 1, product_id, 'factors' FROM nearest WHERE rank = 12$$, 'where the eleven nearest are not active, the twelfth is');
UPDATE analytics.product p SET active = true FROM nearest s WHERE p.store_id = 'board' AND p.product_id = s.product_id;
SELECT is_empty($$SELECT FROM analytics.similar_products('p02', 1000, 'board', 'cosine') JOIN best USING (product_id)$$, 'by any method');
SELECT is_empty($$SELECT FROM analytics.recommend('nobody', 1000, 'board') JOIN best USING (product_id)$$, 'and popular with nobody');
UPDATE analytics.product p SET active = true WHERE p.store_id = 'board';
SELECT is((SELECT product_id FROM analytics.recommend('u00', 1, 'board')), (SELECT product_id FROM best), 'until it is again');
SELECT is_empty($$SELECT FROM analytics.recommend('u00', 1000, 'board', exclude => ARRAY[(SELECT product_id FROM best), NULL], include_bought => true) JOIN best USING (product_id)$$, 'an excluded one');

-- FILTERS
SELECT is((SELECT array_agg(DISTINCT p.category) FROM analytics.recommend('u00', 1000, 'board', filter => '{"category": ["c1", "c2"]}') r JOIN analytics.product p ON p.store_id = 'board' AND p.product_id = r.product_id), '{c1,c2}', 'of these categories');
SELECT is((SELECT array_agg(DISTINCT p.brand) FROM analytics.recommend('u00', 1000, 'board', filter => '{"brand": ["b3"]}') r JOIN analytics.product p ON p.store_id = 'board' AND p.product_id = r.product_id), '{b3}', 'of this brand');
SELECT is((SELECT array_agg(r.product_id ORDER BY r.product_id) FROM analytics.recommend('u00', 1000, 'board', filter => '{"price_min": 4, "price_max": 6}', include_bought => true) r), '{p03,p04,p05}', 'at these prices, both included');
SELECT is((SELECT source FROM analytics.recommend('u00', 1, 'board', filter => '{"category": ["c1"]}')), 'factors', 'by factors');
SELECT is_empty($$SELECT FROM analytics.recommend('u00', 10, 'board', filter => '{"category": ["none"]}')$$, 'of a category without products there are none');
SELECT is((SELECT max(c) FROM (SELECT count(*) AS c FROM analytics.recommend('u00', 6, 'board', max_per_category => 2) r JOIN analytics.product p ON p.store_id = 'board' AND p.product_id = r.product_id GROUP BY p.category) k), 2::bigint, 'two of a category at most');
SELECT is((SELECT count(*) FROM analytics.recommend('u00', 10, 'board', max_per_category => 2)), 6::bigint, 'which are six of three');
SELECT throws_ok(format($$SELECT analytics.recommend('u00', filter => %L)$$, f), '22023', 'invalid filter', 'a filter: ' || f)
  FROM unnest(ARRAY['[]', '{"colour": ["red"]}', '{"category": "c1"}', '{"category": [1]}', '{"price_min": "1"}', '{"brand": null}']) f;
SELECT throws_ok($$SELECT analytics.recommend('u00', filter => '{"category": ["x'') OR true --"]}', n => 0)$$, '22023', 'n is out of range', 'n = 0');
SELECT throws_ok($$SELECT analytics.recommend('u00', 1001)$$, '22023', 'n is out of range', 'n = 1001');
SELECT throws_ok($$SELECT analytics.recommend('u00', max_per_category => 0)$$, '22023', 'max_per_category is out of range', 'none of a category');
SELECT throws_ok($$SELECT analytics.recommend('u00', store => NULL)$$, '22023', 'invalid store', 'no store');
SELECT lives_ok($$SELECT analytics.recommend('u''); DROP TABLE x; --', store => 'board', exclude => '{"'' OR 1=1"}', session => ''';')$$, 'names are names');

-- NEWS. Somebody new looks at three even products; u01 buys what was best.
CREATE TEMP TABLE wanted AS SELECT product_id FROM analytics.recommend('u01', 1, 'board');
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'view_item', 'event_id', 'n' || i, 'customer_id', 'new', 'timestamp', timestamptz '2026-04-11 12:00Z' + make_interval(mins => i), 'items', jsonb_build_array(pg_temp.product(i)))) FROM unnest('{0,4,8}'::int[]) i), store => 'board');
SELECT analytics.ingest(jsonb_build_object('event', 'purchase', 'order_id', 'o', 'customer_id', 'u01', 'timestamp', '2026-04-11T13:00:00Z', 'items', jsonb_build_array(jsonb_build_object('product_id', product_id, 'price', 1))), store => 'board') FROM wanted;
CREATE FUNCTION pg_temp.news() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT is((SELECT array_agg(DISTINCT r.source || ' ' || substr(r.product_id, 2)::int % 2) FROM analytics.recommend('new', 8, 'board') r), '{"fold_in 0"}', 'who is new is shown the same colour');
    RETURN NEXT is((SELECT array_agg(DISTINCT r.reason ->> 'because') <@ '{p00,p04,p08}' FROM analytics.recommend('new', 8, 'board') r), true, 'because of what the new one saw');
    RETURN NEXT is((SELECT array_agg(DISTINCT r.source) FROM analytics.recommend('u01', 2, 'board') r), '{fold_in}', 'who has bought since is solved anew');
    RETURN NEXT is_empty('SELECT FROM analytics.recommend(''u01'', 1000, ''board'') JOIN wanted USING (product_id)', 'and not shown it again');
    RETURN NEXT is((SELECT array_agg(DISTINCT r.source) FROM analytics.recommend('u03', 2, 'board') r), '{factors}', 'nobody else is');
END $$;
SELECT pg_temp.news();
SELECT analytics.refresh();
SELECT pg_temp.news();
-- fold-in is the full system's solution: u01 as the fit would have it, with the products' factors held
SELECT analytics.ingest(jsonb_build_object('event', 'view_item', 'event_id', 'again', 'customer_id', 'u01', 'timestamp', '2026-04-11T13:01:00Z', 'items', jsonb_build_array(jsonb_build_object('product_id', 'p01'))), store => 'board');
SELECT analytics.refresh();
SELECT is((SELECT array_agg(DISTINCT r.source) FROM analytics.recommend('u01', 2, 'board') r), '{fold_in}', 'one more event');
-- a session, of nobody who is known: what is bought together with it
SELECT analytics.ingest(jsonb_build_object('event', 'view_item', 'event_id', 's1', 'session_id', 'visit', 'timestamp', '2026-04-11T14:00:00Z', 'items', jsonb_build_array(pg_temp.product(3))), store => 'board');
SELECT is((SELECT array_agg(DISTINCT r.source) FROM analytics.recommend('u03', 2, 'board', 'visit') r), '{fold_in}', 'a visit''s products count for a customer, too');
SELECT is((SELECT product_id FROM analytics.recommend('u03', 2, 'board') WHERE false), NULL, 'without it they do not');
-- in a shop of baskets, by hand: bread in 4, butter in 3, both in 2, of 6; jam with bread once
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', o, 'timestamp', '2026-01-05T12:00:00Z', 'customer_id', 'c' || o, 'items', (SELECT jsonb_agg(jsonb_build_object('product_id', i, 'price', 1)) FROM unnest(string_to_array(b, ' ')) i)))
    FROM unnest(ARRAY['bread butter', 'bread butter', 'bread', 'bread jam', 'butter', 'tea']) WITH ORDINALITY x(b, o)), store => 'baskets');
SELECT analytics.ingest('{"event": "view_item", "event_id": "v", "session_id": "visit", "timestamp": "2026-01-06T12:00:00Z", "items": [{"product_id": "bread"}]}'::jsonb, store => 'baskets');
SELECT results_eq($$SELECT product_id, round(score::numeric, 4), source, reason FROM analytics.recommend(NULL, 2, 'baskets', 'visit')$$,
    $$VALUES ('butter', 0.5774, 'item_item', '{"because": "bread", "value": 0.577350, "measure": "cosine"}'::jsonb), ('jam', 0.5, 'item_item', '{"because": "bread", "value": 0.5, "measure": "cosine"}')$$, 'bought together with what the visit looked at');
SELECT results_eq($$SELECT product_id FROM analytics.recommend(NULL, 9, 'baskets', 'visit') WHERE rank > 2$$, $$VALUES ('bread'), ('tea')$$, 'then what is popular');
SELECT results_eq($$SELECT product_id, source, reason FROM analytics.recommend('c1', 9, 'baskets')$$,
    $$VALUES ('jam', 'item_item', '{"because": "bread", "value": 0.5, "measure": "cosine"}'::jsonb), ('tea', 'popular', '{"because": null, "value": 1, "measure": "orders"}')$$, 'a customer''s own baskets count where there is no model');
SELECT results_eq(format($$SELECT product_id, round(score::numeric, 4), source, reason ->> 'measure' FROM analytics.similar_products('bread', 10, 'baskets', %L)$$, m), w, 'similar by ' || m)
  FROM (VALUES ('cosine', $$VALUES ('butter', 0.5774, 'item_item', 'cosine'), ('jam', 0.5, 'item_item', 'cosine')$$), ('jaccard', $$VALUES ('butter', 0.4, 'item_item', 'jaccard'), ('jam', 0.25, 'item_item', 'jaccard')$$),
               ('factors', $$VALUES ('butter', 0.5774, 'item_item', 'cosine'), ('jam', 0.5, 'item_item', 'cosine')$$)) x(m, w);
SELECT results_eq($$SELECT product_id FROM analytics.similar_products('bread', 10, 'baskets', 'llr')$$, $$VALUES ('jam')$$, 'llr: jam goes with bread, butter is independent of it');
SELECT is_empty($$SELECT FROM analytics.similar_products('bread', 10, 'baskets', 'lift')$$, 'lift: two orders are too few to tell');
SELECT is_empty($$SELECT FROM analytics.similar_products('unknown', 10, 'baskets')$$, 'an unknown product is like none');
SELECT results_eq($$SELECT DISTINCT source, substr(product_id, 2)::int % 2 FROM analytics.similar_products('p05', 14, 'board')$$, $$VALUES ('factors', 1)$$, 'by factors: of the same colour');
SELECT throws_ok($$SELECT analytics.similar_products('bread', method => 'x')$$, '22023', 'unknown method', 'an unknown method');
SELECT throws_ok($$SELECT analytics.similar_products(NULL)$$, '22023', 'product and store must not be null', 'no product');
SELECT throws_ok($$SELECT analytics.similar_products('bread', 0)$$, '22023', 'n is out of range', 'none');

-- trending: from one order of each a week to ten of lamps, in Germany of candles
SELECT analytics.set_setting('clock', 'data', 'trend');
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', format('%s-%s-%s', p, week, i), 'customer_id', format('%s-%s-%s', c, week, i), 'country', c, 'timestamp', timestamptz '2026-03-01 12:00Z' + make_interval(days => 8 * week, mins => i),
        'items', jsonb_build_array(jsonb_build_object('product_id', p, 'price', 1))))
    FROM (VALUES ('lamp', 'FR', 0, 1), ('lamp', 'FR', 1, 12), ('candle', 'DE', 0, 1), ('candle', 'DE', 1, 9), ('broom', 'FR', 0, 30), ('broom', 'FR', 1, 15)) v(p, c, week, times), generate_series(1, times) i), store => 'trend');
SELECT analytics.refresh();
SELECT results_eq($$SELECT product_id, source FROM analytics.recommend('nobody', 3, 'trend')$$, $$VALUES ('lamp', 'trending'), ('candle', 'trending'), ('broom', 'popular')$$, 'trending, then popular');
SELECT results_eq($$SELECT product_id, source, reason ->> 'because', reason ->> 'value' FROM analytics.recommend('DE-1-1', 3, 'trend', include_bought => true)$$, $$VALUES ('candle', 'trending', 'DE', '9'), ('lamp', 'trending', NULL, '12'), ('broom', 'popular', NULL, '45')$$, 'in the customer''s country first');

-- EDGES of shops
SELECT is_empty($$SELECT FROM analytics.recommend('anybody', store => 'empty')$$, 'an empty shop has nothing to offer');
SELECT is((SELECT status || ': ' || error FROM analytics.fit_recommender(store => 'empty')), 'insufficient_data: too little to learn from: 0 customers and 0 products; it takes 20 and 10', 'nor to learn');
SELECT is((SELECT status FROM analytics.fit_recommender(store => 'baskets')), 'insufficient_data', 'six orders are too few');
SELECT is_empty($$SELECT FROM analytics.evaluate_recommender(store => 'baskets')$$, 'and nothing to judge by');
SELECT analytics.ingest('{"event": "purchase", "order_id": "1", "customer_id": "one", "items": [{"product_id": "only", "price": 1}]}'::jsonb, store => 'one');
SELECT is_empty($$SELECT FROM analytics.recommend('one', store => 'one')$$, 'who has bought all there is has nothing left');
SELECT results_eq($$SELECT product_id, source FROM analytics.recommend('another', store => 'one')$$, $$VALUES ('only', 'popular')$$, 'another may');
-- one product is in each order, and what all come to late is what most had: popularity is as good as can be
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', format('%s-%s', u, t), 'customer_id', 'v' || u, 'timestamp', timestamptz '2026-01-01Z' + make_interval(days => 10 * t),
        'items', jsonb_build_array(jsonb_build_object('product_id', 'bag', 'price', 1), jsonb_build_object('product_id', CASE WHEN t = 10 OR t = 0 AND u < 15 THEN 'hit' ELSE 'x' || (u * 5 + t) % 11 END, 'price', 1))))
    FROM generate_series(0, 29) u, unnest('{0,5,10}'::int[]) t), store => 'hits');
SELECT is((SELECT status || promoted FROM analytics.fit_recommender(store => 'hits', factors => 4)), 'not_promotedfalse', 'what is no better than popularity does not serve');
SELECT is((SELECT source FROM analytics.recommend('v20', 1, 'hits') WHERE source = 'factors'), NULL, 'so there are no factors');
SELECT results_eq($$SELECT method, customers, round(ndcg_at_k::numeric, 3) FROM analytics.evaluate_recommender(k => 1, store => 'hits') WHERE method = 'popularity'$$, $$VALUES ('popularity', 15::bigint, 1.000)$$, 'popularity foretells all, of the 15 who came to it');
SELECT is((SELECT status || promoted FROM analytics.fit_recommender(store => 'hits', factors => 4, force => true)), 'readytrue', 'unless it is forced');
SELECT is_empty($$SELECT FROM analytics.recommend('v20', 1000, 'hits') WHERE product_id = 'bag'$$, 'a product of each order is bought already');

-- STRENGTHS by hand: 90 days before the newest event a view counts 1/2, a purchase 5/2; of 4 units 1 came back
SELECT analytics.ingest((SELECT jsonb_agg(e) FROM (
    SELECT jsonb_build_object('event', t, 'event_id', 'e' || o, 'order_id', CASE WHEN t IN ('purchase', 'refund') THEN oid END, 'customer_id', 'ada', 'timestamp', timestamptz '2026-06-01 12:00Z' - make_interval(days => age),
        'items', jsonb_build_array(jsonb_build_object('product_id', p, 'price', 1, 'quantity', q))) AS e
      FROM (VALUES (1, 'view_item', NULL, 90, 'mug', 1), (2, 'purchase', 'm', 90, 'cup', 4), (3, 'refund', 'm', 0, 'cup', 1), (4, 'purchase', 'n', 0, 'pot', 2), (5, 'refund', 'n', 0, 'pot', 2), (6, 'search', NULL, 0, 'mug', 1), (7, 'add_to_cart', NULL, 0, 'mug', 1)) v(o, t, oid, age, p, q)
    UNION ALL SELECT jsonb_build_object('event', 'purchase', 'order_id', format('f%s-%s', u, i), 'customer_id', 'f' || u, 'timestamp', timestamptz '2026-05-01Z' + make_interval(days => i), 'items', jsonb_build_array(jsonb_build_object('product_id', 'q' || i, 'price', 1)))
      FROM generate_series(1, 20) u, generate_series(1, 10) i WHERE (u + i) % 3 > 0) a), store => 'hand');
SELECT is((SELECT status FROM analytics.fit_recommender(store => 'hand', factors => 4, force => true)), 'ready', 'a shop by hand');
SELECT results_eq($$SELECT (SELECT r.product_ids[u.number + 1] FROM analytics.recommender_product r WHERE r.model_id = c.model_id), round(u.strength::numeric, 4)
      FROM analytics.recommender_customer c CROSS JOIN LATERAL unnest(c.products, c.strengths) u(number, strength) WHERE c.customer_id = 'ada' ORDER BY 1$$,
    $$VALUES ('cup', 1.875), ('mug', 3.5)$$, 'strengths: 5/2 of which 3/4 stayed; 1/2 of a view and 3 of a cart; nothing of what came back whole');
SELECT is((SELECT bought FROM analytics.recommender_customer WHERE customer_id = 'ada'), '{cup,pot}', 'bought is what was bought, come back or not');
SELECT is((SELECT status FROM analytics.fit_recommender(store => 'hand', factors => 4, force => true, half_life => NULL)), 'ready', 'without ageing');
SELECT results_eq($$SELECT round(u.strength::numeric, 4) FROM analytics.recommender_customer c CROSS JOIN LATERAL unnest(c.strengths) u(strength)
     WHERE c.customer_id = 'ada' AND c.model_id = analytics.serving_model('hand', 'recommender') ORDER BY 1$$, $$VALUES (3.75), (4)$$, '5 of which 3/4 stayed; a view and a cart');

-- ERASURE
SELECT is((SELECT count(*) FROM analytics.recommender_customer c JOIN analytics.model m USING (model_id) WHERE m.store_id = 'board' AND c.customer_id = 'u05'), 2::bigint, 'u05 is known to both versions');
SELECT analytics.erase_customer('board', 'u05');
SELECT is_empty($$SELECT FROM analytics.recommender_customer c JOIN analytics.model m USING (model_id) WHERE m.store_id = 'board' AND c.customer_id = 'u05'$$, 'a forgotten customer to none');

-- WHAT IT REFUSES
SELECT throws_ok(format('SELECT analytics.fit_recommender(%s)', a), '22023', NULL, 'refused: ' || a)
  FROM unnest(ARRAY['factors => 0', 'factors => 513', 'regularization => 0', 'alpha => -1', 'iterations => 0', 'half_life => ''0''', 'weights => ''[]''', 'weights => ''{"purchase": 0}''', 'weights => ''{"purchase": -1}''', 'weights => ''{"refund": 1}''', 'seed => NULL', 'name => ''''']) a;
SELECT throws_ok($$SELECT analytics.evaluate_recommender(k => 0)$$, '22023', 'k is out of range', 'k = 0');
SELECT throws_ok($$SELECT analytics.evaluate_recommender('infinity')$$, '22023', 'invalid split', 'no moment');
SET analytics.work_mem = '64kB';
SELECT matches((SELECT error FROM analytics.fit_recommender('small', store => 'board')), 'Raise analytics\.work_mem', 'too little memory: the error names the setting');
RESET analytics.work_mem;

-- THE REPORT, by hand: a list of three is shown to ada, two of it to bob; ada clicks p1 and buys p1 and p2; bob buys p1 on the ninth day; eve, who saw nothing, buys p2
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('event', t, 'event_id', 'r' || o, 'order_id', CASE t WHEN 'purchase' THEN 'r' || o END, 'customer_id', c, 'timestamp', timestamptz '2026-02-01 12:00Z' + make_interval(days => d),
        'properties', CASE WHEN l IS NOT NULL THEN jsonb_build_object('recommendation_id', l) END,
        'items', (SELECT jsonb_agg(jsonb_build_object('product_id', i, 'price', 10, 'source', CASE i WHEN 'p3' THEN 'popular' ELSE 'factors' END)) FROM unnest(string_to_array(ps, ' ')) i))))
    FROM (VALUES (1, 'view_item_list', 'ada', 0, 'L1', 'p1 p2 p3'), (2, 'view_item_list', 'bob', 0, 'L2', 'p1 p2'), (3, 'select_item', 'ada', 0, 'L1', 'p1'), (4, 'purchase', 'ada', 1, NULL, 'p1 p2'),
                 (5, 'purchase', 'bob', 9, NULL, 'p1'), (6, 'purchase', 'eve', 1, NULL, 'p2'), (7, 'view_item', 'eve', 0, NULL, 'p3')) v(o, t, c, d, l, ps)), store => 'report');
SELECT results_eq($$SELECT source, lists, shown, clicked, bought, units, revenue, currency, click_rate, purchase_rate FROM analytics.recommendation_report('2026-02-01', '2026-02-02', 'report')$$,
    $$VALUES ('factors', 2::bigint, 4::bigint, 1::bigint, 2::bigint, 2::bigint, 20::numeric, 'USD', 0.25, 0.5), ('popular', 1, 1, 0, 0, 0, 0, 'USD', 0, 0)$$, 'shown, clicked, bought, revenue');
SELECT is((SELECT sum(bought) FROM analytics.recommendation_report('2026-02-01', '2026-02-02', 'report', '10 days')), 3::numeric, 'within ten days bob''s too');
SELECT analytics.retract('r4', 'report');
SELECT is((SELECT sum(revenue) FROM analytics.recommendation_report('2026-02-01', '2026-02-02', 'report')), 0::numeric, 'what is taken back earns nothing');
SELECT is_empty($$SELECT FROM analytics.recommendation_report('2026-03-01', '2026-03-02', 'report')$$, 'no lists, no rows');
SELECT throws_ok($$SELECT analytics.recommendation_report('2026-03-02', '2026-03-01')$$, '22023', 'invalid range', 'a range backwards');
SELECT throws_ok($$SELECT analytics.recommendation_report(attribution => '-1 day')$$, '22023', 'invalid attribution', 'no time to attribute in');

-- THE NIGHT
SELECT is(analytics.refit_recommenders('baskets'), 0, 'too few buyers to try');
SELECT is(analytics.refit_recommenders('hits'), 1, 'a shop that has one is fitted anew');
SELECT is((SELECT parameters ->> 'factors' || status FROM analytics.model WHERE store_id = 'hits' ORDER BY version DESC LIMIT 1), '4ready', 'with what it was asked for');
SELECT * FROM finish();
