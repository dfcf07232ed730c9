-- Without the library, too: segments of rows written directly, their summary, movement and history.
SELECT plan(14);
-- Five customers, k of whom has k orders of 10, the last one on March k: scores 1 to 5 each, all three alike. Zoe only looks.
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT format('e%s-%s', k, n), 'purchase', timestamptz '2026-03-01 10:00Z' + (k - 1) * interval '1 day' - (n - 1) * interval '60 days', 'c' || k, format('o%s-%s', k, n), 'p', 1, 10, 10, 'USD'
  FROM generate_series(1, 5) k, generate_series(1, k) n;
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id) VALUES ('z', 'view_item', '2026-03-04 10:00Z', 'zoe');
CREATE FUNCTION pg_temp.as_worked_out(moment text) RETURNS text LANGUAGE sql AS $$
    SELECT results_eq($q$SELECT customer_id, recency_days, frequency, monetary::integer, r_score::integer, f_score::integer, m_score::integer, segment FROM analytics.rfm_at('2026-03-05') ORDER BY 1$q$,
        $q$VALUES ('c1', 4, 1::bigint, 10, 1, 1, 1, 'dormant'), ('c2', 3, 2::bigint, 20, 2, 2, 2, 'at_risk'), ('c3', 2, 3::bigint, 30, 3, 3, 3, 'needs_attention'),
                  ('c4', 1, 4::bigint, 40, 4, 4, 4, 'loyal'), ('c5', 0, 5::bigint, 50, 5, 5, 5, 'champions'), ('zoe', NULL, 0::bigint, 0, NULL, NULL, NULL, 'prospects')$q$, moment)
$$;
SELECT pg_temp.as_worked_out('nothing merged');
SELECT is(analytics.refresh() > 0, true, 'refreshed');
SELECT pg_temp.as_worked_out('merged');
SELECT results_eq($$SELECT count(*), sum(customers), sum(orders), sum(net_sales) FROM analytics.segment_summary$$, 'VALUES (11::bigint, 6::numeric, 15::numeric, 150::numeric)', 'a summary');
-- as of February 28 c2 to c5 have an order less (c1 is not known): scores 1 + 5 x 0 to 3 / 4 = 1 2 3 4
SELECT results_eq($$SELECT * FROM analytics.segment_movement('2026-02-28', '2026-03-05')$$,
    $$VALUES ('(new)', 'dormant', 1::bigint, 10::numeric), ('(new)', 'prospects', 1::bigint, 0::numeric), ('at_risk', 'needs_attention', 1::bigint, 30::numeric), ('dormant', 'at_risk', 1::bigint, 20::numeric),
             ('loyal', 'champions', 1::bigint, 50::numeric), ('needs_attention', 'loyal', 1::bigint, 40::numeric)$$, 'movement');
SELECT is(analytics.record_segments('2026-02-28') + analytics.record_segments('2026-03-05'), 4 + 6::bigint, 'recorded');
SELECT is((SELECT count(*) FROM analytics.segment_history), 10::bigint, 'history');
SELECT throws_ok($$DELETE FROM analytics.segment_rule WHERE priority = 100; SET CONSTRAINTS ALL IMMEDIATE$$, '23514', 'no segment rule fits some customers', 'rules have no hole');
SELECT lives_ok($$UPDATE analytics.segment_rule SET segment = 'best' WHERE priority = 10$$, 'but other names');
SELECT is((SELECT segment FROM analytics.rfm_at('2026-03-05') WHERE customer_id = 'c5'), 'best', 'at once');
SELECT lives_ok('SELECT analytics.reset_segment_rules()', 'until they are reset');
SELECT is((SELECT segment FROM analytics.rfm_at('2026-03-05') WHERE customer_id = 'c5'), 'champions', 'to those that the extension brings');
SELECT cmp_ok(analytics.erase_customer('main', 'c5'), '>', 0::bigint, 'who is forgotten');
SELECT is_empty($$SELECT FROM analytics.segment_history WHERE customer_id = 'c5'$$, 'is gone from the history');
SELECT * FROM finish();
