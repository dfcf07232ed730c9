-- Without the library, too: quantiles of order values and products bought together, of rows written directly.
SELECT plan(9);
INSERT INTO analytics.event (event_id, line, event_type, occurred_at, order_id, product_id, line_kind, quantity, unit_price, amount, discount, currency)
SELECT 'e' || o, l, 'purchase', '2026-03-01 10:00Z', 'o' || o, p, k, 1, 10 * o, 10 * o, o, 'EUR'
  FROM generate_series(1, 9) o CROSS JOIN (VALUES (1, 'bread', 'product'), (2, 'card', 'gift_card'), (3, 'butter', 'product')) u(l, p, k)
 WHERE l < 3 OR o % 2 = 0;
SELECT lives_ok($$SELECT analytics.create_rollup('values', 'day', '{}', '{orders,order_value_p50,order_value_p90}')$$, 'a rollup of quantiles');
-- 9, 36, 27, 72, 45, 108, 63, 144, 81: the fifth and the ninth
SELECT results_eq('SELECT orders, order_value_p50, order_value_p90 FROM analytics.values', 'VALUES (9::bigint, 63::numeric, 144::numeric)', 'unmerged');
-- bread in nine, butter in four
SELECT results_eq('SELECT product_a, product_b, baskets, lift FROM analytics.product_affinity ORDER BY 1', $$VALUES ('bread', 'butter', 4::bigint, 1::float8), ('butter', 'bread', 4, 1)$$, 'unmerged pairs');
SELECT is(analytics.retract('e8'), 3::bigint, 'one is taken back');
SELECT is(analytics.refresh() > 0, true, 'refreshed');
-- without the 144: of eight the fourth and the eighth
SELECT results_eq('SELECT orders, order_value_p50, order_value_p90 FROM analytics.values', 'VALUES (8::bigint, 45::numeric, 108::numeric)', 'merged');
SELECT results_eq('SELECT product_a, product_b, baskets, lift FROM analytics.product_affinity ORDER BY 1', $$VALUES ('bread', 'butter', 3::bigint, 1::float8), ('butter', 'bread', 3, 1)$$, 'merged pairs');
SELECT is_empty($$SELECT name FROM analytics.rollup_status WHERE status <> 'current'$$, 'all of it');
SELECT is_empty($$SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'$$, 'nothing to reconcile');
SELECT * FROM finish();
