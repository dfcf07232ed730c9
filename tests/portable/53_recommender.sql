-- Recommendations in the portable edition: what is bought together and what is popular; factors say that they are not there.
BEGIN;
SELECT plan(8);
INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount)
SELECT 'e' || o, i, 'purchase', '2026-01-05T12:00:00Z', 'c' || o, 'o' || o, p, 1, 1, 1
  FROM unnest(ARRAY['bread butter', 'bread butter', 'bread', 'bread jam', 'butter', 'tea']) WITH ORDINALITY x(b, o) CROSS JOIN LATERAL unnest(string_to_array(b, ' ')) WITH ORDINALITY y(p, i);
SELECT results_eq($$SELECT product_id, source FROM analytics.recommend('c1', 5)$$, $$VALUES ('jam', 'item_item'), ('tea', 'popular')$$, 'bought together, then popular');
SELECT results_eq($$SELECT product_id FROM analytics.recommend('nobody', 2)$$, $$VALUES ('bread'), ('butter')$$, 'popular');
SELECT results_eq($$SELECT product_id, round(score::numeric, 4), source FROM analytics.similar_products('bread')$$, $$VALUES ('butter', 0.5774, 'item_item'), ('jam', 0.5, 'item_item')$$, 'similar by what is bought together');
SELECT throws_ok('SELECT analytics.fit_recommender()', '0A000', 'fit_recommender() needs the analytics library', 'no factors');
SELECT throws_ok('SELECT analytics.evaluate_recommender()', '0A000', 'fit_recommender() needs the analytics library', 'nothing to judge');
SELECT throws_ok('SELECT analytics.fit_recommender(factors => 0)', '22023', 'factors is out of range', 'arguments are looked at before');
SELECT is_empty('SELECT * FROM analytics.model', 'no model is there');
SELECT is((SELECT count(*) FROM analytics.recommendation_report()), 0::bigint, 'and no list was shown');
SELECT * FROM finish();
ROLLBACK;
