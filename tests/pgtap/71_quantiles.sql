-- Quantiles of order values: by hand, and against percentile_disc() over the raw events, unmerged, merged, half and half, rebuilt.
SELECT plan(61);

-- by hand: order 1 is 2 x 10 + 30 - 5 = 45, its gift card left out; orders 2 to 10 are 100 to 900; order 11 is a gift card alone
SELECT analytics.ingest('[{"event":"purchase","order_id":"1","timestamp":"2026-03-02T09:00:00Z","currency":"EUR","discount":5,
  "items":[{"product_id":"mug","price":10,"quantity":2},{"product_id":"jug","price":30},{"product_id":"card","price":50,"kind":"gift_card"}]},
  {"event":"purchase","order_id":"11","timestamp":"2026-03-02T09:00:00Z","currency":"CHF","items":[{"product_id":"card","price":50,"kind":"gift_card"}]},
  {"event":"refund","order_id":"1","timestamp":"2026-03-02T19:00:00Z","currency":"EUR","items":[{"product_id":"jug","price":30}]}]'::jsonb);
SELECT analytics.ingest(jsonb_build_object('event', 'purchase', 'order_id', i, 'timestamp', '2026-03-02T10:00:00Z', 'currency', 'EUR', 'amount', 100 * (i - 1)))
  FROM generate_series(2, 10) i;
SELECT lives_ok($$SELECT analytics.create_rollup('by_hand', 'day', '{}', '{order_value_p50,order_value_p90,order_value_p99,orders}')$$, 'a rollup of quantiles');
SELECT columns_are('analytics', 'by_hand', '{store_id,bucket,currency,order_value_p50,order_value_p90,order_value_p99,orders}'::name[], 'values are money: by currency');
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid = 'analytics.by_hand'::regclass AND attnum > 0 AND coalesce(col_description(attrelid, attnum), 'as sent; null: not sent') LIKE 'as sent%'$$, 'each column says what it is');
-- of the ten values 45, 100, ..., 900 the 5th, the 9th and the 10th
SELECT bag_eq('SELECT currency, order_value_p50, order_value_p90, order_value_p99, orders FROM analytics.by_hand',
    $$VALUES ('EUR', 400::numeric, 800::numeric, 900::numeric, 10::bigint), ('CHF', 0, 0, 0, 1)$$, 'by hand; refunds take nothing off, gift cards have no value');
SELECT lives_ok($$SELECT analytics.create_rollup('of_products', 'day', '{product_id}', '{order_value_p50}', 'line_kind = ''product'' AND event_type = ''purchase''')$$, 'by product, quantiles alone');
-- 5 off 50 is shared out as 2 and 3
SELECT bag_eq($$SELECT product_id, order_value_p50 FROM analytics.of_products WHERE product_id IS NOT NULL$$, $$VALUES ('mug', 18::numeric), ('jug', 27)$$, 'a product''s part of the order');
SELECT is(analytics.retract(e.event_id), 1::bigint, 'one is taken back') FROM analytics.event e WHERE order_id = '10';
-- of nine the 5th and the 9th
SELECT bag_eq($$SELECT order_value_p50, order_value_p90 FROM analytics.by_hand WHERE currency = 'EUR'$$, $$VALUES (400::numeric, 800::numeric)$$, 'nine are left');

-- three significant digits, halves away from zero
SELECT is(analytics.order_value_quantile(ARRAY[analytics.order_value_count(v, 1)], 0.5), r, v || ' is ' || r)
  FROM (VALUES (0::numeric, 0::numeric), (0.0000004, 0), (0.01, 0.01), (0.12345, 0.123), (9.99, 9.99), (9.995, 10), (19.99, 20), (1.005, 1.01), (1004.9, 1000),
               (999.5, 1000), (123456789, 123000000), (1e32::numeric, 1e32::numeric)) u(v, r);
SELECT is(analytics.order_value_quantile('{}', 0.5), NULL, 'no orders, no quantile');

-- a shop of three months
CREATE FUNCTION pg_temp.shop(first integer, last integer, revision integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'event_id', 'e' || i, 'order_id', 'o' || i, 'revision', revision, 'timestamp', timestamptz '2026-04-01 00:00Z' + i * interval '7 hours 7 minutes',
               'currency', CASE WHEN i % 5 = 0 THEN 'JPY' ELSE 'USD' END, 'channel', (ARRAY['web', 'app', NULL])[1 + i % 3], 'discount', CASE WHEN i % 4 = 0 THEN 1 ELSE 0 END,
               'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'p' || (i * 7 + n * revision) % 6, 'price', 1 + (i * 7919 + n * 104729 * revision) % 3000 / CASE WHEN i % 5 = 0 THEN 1 ELSE 20 END, 'quantity', 1 + (i + n) % 3,
                                  'kind', CASE WHEN (i + n) % 11 = 0 THEN 'gift_card' WHEN (i + n) % 13 = 0 THEN 'fee' ELSE 'product' END)) FROM generate_series(1, 1 + i % 4) n)))
      FROM generate_series(first, last) i
$$;
SELECT is((SELECT rejected FROM analytics.ingest(pg_temp.shop(1, 200, 1))), 0::bigint, 'a shop');
SELECT analytics.create_rollup('q_hour', 'hour', '{channel}', '{orders,order_value_p50,order_value_p90,order_value_p99}'), analytics.create_rollup('q_day', 'day', '{channel}', '{orders,order_value_p50,order_value_p90,order_value_p99}'),
       analytics.create_rollup('q_week', 'week', '{channel}', '{orders,order_value_p50,order_value_p90,order_value_p99}'), analytics.create_rollup('q_month', 'month', '{channel}', '{orders,order_value_p50,order_value_p90,order_value_p99}'),
       analytics.create_rollup('q_product', 'month', '{product_id}', '{orders,order_value_p50,order_value_p90,order_value_p99}'),
       analytics.create_rollup('q_some', 'week', '{}', '{orders,order_value_p50,order_value_p90,order_value_p99}', 'quantity >= 2 AND line_kind <> ''fee''');

-- The same from the events that stand: each order's lines in the cell added up, percentile_disc() over these, three significant digits.
CREATE FUNCTION pg_temp.quantiles_differ(rollup text, bucket text, dimension text, condition text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH line AS (
            SELECT e.*, occurred_at AT TIME ZONE 'UTC' AS wall FROM analytics.event e
             WHERE sign = 1 AND NOT EXISTS (SELECT FROM analytics.event t WHERE t.sign = -1 AND (t.store_id, t.event_id, t.revision) = (e.store_id, e.event_id, e.revision))
        ), ordered AS (
            SELECT store_id, date_trunc(%2$L, wall) AS bucket, currency, %3$s AS dimension, event_id,
                   coalesce(sum(amount - coalesce(discount, 0)) FILTER (WHERE line_kind <> 'gift_card'), 0) AS value
              FROM line WHERE event_type = 'purchase' AND (%4$s) GROUP BY 1, 2, 3, 4, 5
        ), rounded AS (
            SELECT *, CASE WHEN value = 0 THEN 0 ELSE round(value, (2 - floor(log(value)))::integer) END AS r FROM ordered
        ), expected AS (
            SELECT store_id, bucket, currency, dimension, count(*) AS orders, percentile_disc(0.5) WITHIN GROUP (ORDER BY r) AS p50,
                   percentile_disc(0.9) WITHIN GROUP (ORDER BY r) AS p90, percentile_disc(0.99) WITHIN GROUP (ORDER BY r) AS p99,
                   bool_and(abs(r - value) <= 0.005 * value) AS within
              FROM rounded GROUP BY 1, 2, 3, 4
        ), shown AS (
            SELECT store_id, %5$s AS bucket, currency, %6$s AS dimension, orders, order_value_p50 AS p50, order_value_p90 AS p90, order_value_p99 AS p99, true AS within
              FROM analytics.%1$I WHERE orders <> 0
        )
        (SELECT format('view %%s', v) FROM (TABLE shown EXCEPT ALL TABLE expected) v UNION ALL SELECT format('events %%s', v) FROM (TABLE expected EXCEPT ALL TABLE shown) v)
        UNION ALL SELECT 'no orders at all' WHERE NOT EXISTS (TABLE expected)$query$,
        rollup, bucket, coalesce(dimension, 'NULL::text'), condition, CASE bucket WHEN 'hour' THEN 'bucket AT TIME ZONE ''UTC''' ELSE 'bucket::timestamp' END,
        coalesce(dimension, 'NULL::text'));
END
$$;
CREATE FUNCTION pg_temp.right_quantiles(stage text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is_empty(format('SELECT * FROM pg_temp.quantiles_differ(%L, %L, %L, %L)', rollup, grain, dimension, condition), stage || ': ' || rollup)
      FROM (VALUES ('q_hour', 'hour', 'channel', 'true'), ('q_day', 'day', 'channel', 'true'), ('q_week', 'week', 'channel', 'true'), ('q_month', 'month', 'channel', 'true'),
                   ('q_product', 'month', 'product_id', 'true'), ('q_some', 'week', NULL, 'quantity >= 2 AND line_kind <> ''fee''')) u(rollup, grain, dimension, condition)
$$;
SELECT pg_temp.right_quantiles('unmerged');
SELECT analytics.refresh() > 0 AS refreshed;
SELECT is_empty($$SELECT name FROM analytics.rollup_status WHERE status <> 'current'$$, 'all is merged');
SELECT pg_temp.right_quantiles('merged');
SELECT sum(analytics.retract('e' || i)) AS taken_back FROM generate_series(3, 200, 7) i;
SELECT is((SELECT accepted FROM analytics.ingest(pg_temp.shop(50, 80, 2))), 31::bigint, 'some are revised');
SELECT is((SELECT accepted FROM analytics.ingest(pg_temp.shop(201, 240, 1))), 40::bigint, 'some are new');
SELECT pg_temp.right_quantiles('merged and tail');
SELECT analytics.refresh() > 0 AS refreshed;
SELECT pg_temp.right_quantiles('merged again');
SELECT is_empty($$SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'$$, 'nothing to reconcile');
-- what is stored is one count a value
SELECT is_empty($$SELECT 1 FROM analytics.rollup_q_month m WHERE cardinality(m.order_values) <> (SELECT count(DISTINCT v & 65535) FROM unnest(m.order_values) v)
    OR m.orders <> (SELECT coalesce(sum(v >> 16), 0) FROM unnest(m.order_values) v)$$, 'one count a value, as many as orders');
UPDATE analytics.rollup_q_day SET order_values = order_values || order_values[1] WHERE bucket = (SELECT max(bucket) FROM analytics.rollup_q_day) AND order_values <> '{}';
UPDATE analytics.rollup_q_month SET order_values = ARRAY[analytics.order_value_count(1, 1)];
SELECT isnt_empty($$SELECT * FROM analytics.reconcile() WHERE check_name = 'q_month.order_value_p50'$$, 'reconcile() finds a figure that is wrong');
SELECT count(*) AS rebuilt FROM unnest('{q_hour,q_day,q_week,q_month,q_product,q_some}'::text[]) r, analytics.rebuild(r);
SELECT pg_temp.right_quantiles('rebuilt');
SELECT analytics.set_setting('timezone', 'UTC');
SELECT is_empty($$SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'$$, 'nor after all stores are built anew');
SELECT lives_ok($$SELECT analytics.drop_rollup('q_month')$$, 'a rollup of quantiles can be dropped');

-- a reader may ask for them
CREATE ROLE reader_of_quantiles;
SELECT analytics.grant_access('reader_of_quantiles', 'reader');
SET ROLE reader_of_quantiles;
SELECT isnt_empty('SELECT order_value_p99 FROM analytics.q_week', 'a reader may ask for them');
RESET ROLE;
DROP OWNED BY reader_of_quantiles;
DROP ROLE reader_of_quantiles;
SELECT * FROM finish();
