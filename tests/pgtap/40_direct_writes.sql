-- COPY and INSERT straight into event count like ingest, pay for their keys, and cannot say what the server says.
BEGIN;
SELECT plan(28);
DO $$ BEGIN PERFORM analytics.maintain_partitions(); END $$;

SELECT lives_ok($$
    INSERT INTO analytics.event (event_id, line, event_type, occurred_at, order_id, customer_id, product_id, quantity, unit_price, amount, discount, tax, shipping, currency, channel, country) VALUES
        ('e1', 1, 'purchase', '2026-03-01 10:00Z', 'o1', 'c1', 'mug', 2, 10, 20, 1, 1.9, 4.9, 'EUR', 'web', 'DE'),
        ('e1', 2, 'purchase', '2026-03-01 10:00Z', 'o1', 'c1', 'jug', 1, 30, 30, NULL, 3, NULL, 'EUR', 'web', 'DE'),
        ('e2', 1, 'view_item', '2026-03-01 09:00Z', NULL, NULL, 'mug', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'web', 'DE') $$,
    'lines of two events');
-- gross 50, discount 1, net 49, taxes 4.9, shipping 4.9, total 58.8
SELECT results_eq($$ SELECT orders, units, gross_sales, discounts, net_sales, taxes, shipping, total_sales, customers, events FROM analytics.sales_daily WHERE currency = 'EUR' $$,
    $$ VALUES (1::bigint, 3::bigint, 50::numeric, 1::numeric, 49::numeric, 4.9::numeric, 4.9::numeric, 58.8::numeric, 1::bigint, 1::bigint) $$, 'they count at once');
SELECT results_eq($$ SELECT currency, orders, events FROM analytics.sales_daily WHERE currency <> 'EUR' $$, $$ VALUES ('USD', 0::bigint, 1::bigint) $$,
    'an event without a currency has the store''s');

SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('e2', 'view_item', now())$$, '23505', 'event is known already', 'a known event_id');
SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id) VALUES ('e9', 'purchase', now(), 'o1')$$, '23505', 'event is known already', 'a known order under another event_id');
SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('n1', 'login', now()), ('e2', 'login', now())$$, '23505', NULL, 'one known event fails the statement');
SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id) VALUES ('n1', 'purchase', now(), 'o7'), ('n2', 'purchase', now(), 'o7')$$, '23505', NULL, 'an order twice in one statement');
SELECT is((SELECT count(*) FROM analytics.event WHERE event_id = 'n1'), 0::bigint, 'of which nothing is kept');
SELECT lives_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at) VALUES ('other', 'e2', 'login', now())$$, 'the same id in another store is another event');

SELECT throws_ok(format($$INSERT INTO analytics.event (event_id, event_type, occurred_at, %s) VALUES ('x', 'purchase', now(), %s)$$, c, v), '42501',
    'a column that the server sets was named', c || ' is the server''s')
  FROM (VALUES ('sign', '-1'), ('revision', '2'), ('ingested_at', '''2020-01-01'''), ('ingest_xid', '''3''')) u(c, v);
SELECT throws_ok(format($$INSERT INTO analytics.event (event_id, event_type, occurred_at, %s) VALUES ('x', 'purchase', now(), %s)$$, c, v), '23514', NULL, c || ' may not be ' || v)
  FROM (VALUES ('amount', '''NaN'''), ('amount', '''Infinity'''), ('amount', '-1'), ('unit_price', '''NaN'''), ('tax', '''NaN'''), ('shipping', '''-Infinity'''), ('quantity', '0'), ('line_kind', '''thing'''), ('currency', '''XYZ''')) u(c, v);
SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('x', 'Purchase!', now())$$, '23514', NULL, 'an event type is a lower-case word');
SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('x', 'purchase', now() + interval '2 days')$$, '23514', NULL, 'nothing happens the day after tomorrow');
SELECT throws_ok($$INSERT INTO analytics.event (event_id, line, event_type, occurred_at) VALUES ('x', 2, 'purchase', now())$$, '23514', 'lines of an event do not belong together', 'lines are numbered from 1');
SELECT throws_ok($$UPDATE analytics.event SET amount = 1$$, '42501', 'events are append-only', 'no UPDATE');
SELECT throws_ok($$DELETE FROM analytics.event$$, '42501', 'events are append-only', 'no DELETE');

-- the shop says again what is there: its word is of now, and an item of before does not take it back
DO $$ BEGIN
    INSERT INTO analytics.product (store_id, product_id, category, category_at) VALUES ('main', 'word', 'mugs', '2026-01-01');  -- as a restore does
    UPDATE analytics.product SET category = 'mugs' WHERE product_id = 'word';
    INSERT INTO analytics.event (event_id, event_type, occurred_at, product_id, properties) VALUES ('word2', 'view_item', '2026-02-01', 'word', '{"category": "lamps"}');
END $$;
SELECT results_eq($$SELECT DISTINCT category FROM analytics.product_daily WHERE product_id = 'word'$$, $$VALUES ('mugs')$$, 'the shop''s word holds, though it changed nothing');
SELECT * FROM finish();
ROLLBACK;
