-- Baskets in the portable edition: pairs and trends are plain SQL, rules of larger sets are not there.
BEGIN;
SELECT plan(6);
INSERT INTO analytics.event (event_id, line, event_type, occurred_at, order_id, product_id, quantity, unit_price, amount)
SELECT o, l, 'purchase', now() - d * interval '1 day', o, p, 1, 2, 2
  FROM (VALUES ('o1', 1, 'tea', 1), ('o1', 2, 'cup', 1), ('o2', 1, 'tea', 9), ('o2', 2, 'cup', 9), ('o3', 1, 'tea', 2)) v(o, l, p, d);
SELECT results_eq($$SELECT rank, product_id, baskets, round(confidence::numeric, 3), lift FROM analytics.bought_together('{tea}')$$, $$VALUES (1, 'cup', 2::bigint, 0.667, 1::float8)$$, 'what is bought together');
SELECT results_eq($$SELECT rank, product_id, units, previous_units FROM analytics.trending_products()$$, $$VALUES (1, 'tea', 2::bigint, 1::bigint), (2, 'cup', 1, 1)$$, 'what sells more than before');
SELECT analytics.refresh() AS refreshed;
SELECT results_eq($$SELECT product_id, baskets FROM analytics.bought_together('{cup}')$$, $$VALUES ('tea', 2::bigint)$$, 'merged');
SELECT throws_ok('SELECT * FROM analytics.basket_rules(0.1, 0.5)', '0A000', 'basket_rules() needs the analytics library', 'no rules');
SELECT throws_ok('SELECT * FROM analytics.trending_products(0)', '22023', 'n is out of range', 'arguments are looked at');
SELECT throws_ok($$SELECT * FROM analytics.bought_together('{tea}', 0)$$, '22023', 'n is out of range', 'of both');
SELECT * FROM finish();
ROLLBACK;
