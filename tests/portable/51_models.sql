-- Models in the portable edition: the register is there, what is C++ says that it is not.
BEGIN;
SELECT plan(8);
SELECT throws_ok($$SELECT analytics.bgnbd_fit('{1,2}', '{1,2}', '{3,3}')$$, '0A000', 'bgnbd_fit() needs the analytics library', 'no fits');
SELECT throws_ok($$SELECT analytics.bgnbd_p_alive('{}', 1, 1, 2)$$, '0A000', 'bgnbd_p_alive() needs the analytics library', 'nor what they predict');
INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT c || '-' || d, 1, 'purchase', timestamptz '2025-01-01 12:00Z' + make_interval(days => c + d * 9), 'c' || c, c || '-' || d, 'p', 1, c, c, 'USD'
  FROM generate_series(1, 40) c, generate_series(0, c % 5) d;
SELECT throws_ok('SELECT analytics.fit_customer_value()', '0A000', 'bgnbd_fit() needs the analytics library', 'not even recorded as a failure');
SELECT is_empty('SELECT * FROM analytics.model', 'so that no model is there');
SELECT is_empty('SELECT * FROM analytics.customer_value', 'and nothing predicted');
SELECT results_eq('SELECT count(*), sum(frequency) FROM analytics.customer_purchases(''main'', ''2026-01-01'')', 'VALUES (40::bigint, 80::bigint)', 'what would be learned from is');
SELECT is((analytics.end_model(analytics.begin_model('main', 'default', 'toy'), 'ready')).promoted, true, 'the register works');
SELECT isnt(analytics.serving_model('main', 'toy'), NULL, 'and serves');
SELECT * FROM finish();
ROLLBACK;
