-- What ingest(), validate(), retract() and replay_rejected() promise; money worked out by hand.
BEGIN;
SELECT plan(51);
SET LOCAL timezone = 'UTC';

CREATE FUNCTION pg_temp.outcome(payload text, store text DEFAULT 'main') RETURNS text LANGUAGE sql AS
$$ SELECT format('%s/%s/%s', accepted, duplicates, rejected) FROM analytics.ingest(payload, store => store) $$;
CREATE FUNCTION pg_temp.code(payload text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', code, pointer), ', ' ORDER BY index) FROM analytics.validate(payload) WHERE outcome = 'rejected' $$;

-- shapes of a payload
SELECT is(pg_temp.outcome('{"event":"login"}'), '1/0/0', 'one object');
SELECT is(pg_temp.outcome('[{"event":"login"},{"event":"sign_up"}]'), '2/0/0', 'an array');
SELECT is(pg_temp.outcome(E'{"event":"login"}\n\n{"event":"sign_up"}\n'), '2/0/0', 'NDJSON with a blank line');
SELECT is((SELECT accepted FROM analytics.ingest('{"event":"login"}'::jsonb)), 1::bigint, 'jsonb');
SELECT results_eq($$SELECT * FROM analytics.ingest('[]')$$, $$VALUES (0::bigint, 0::bigint, 0::bigint, '[]'::jsonb)$$, 'an empty array');
SELECT throws_ok($$SELECT analytics.ingest('no json')$$, '22P02', NULL, 'text that is no JSON at all');
SELECT throws_ok($$SELECT analytics.ingest('{}', 'shoplift')$$, '22023', NULL, 'an unknown format');
SELECT throws_ok($$SELECT analytics.ingest('{}', store => '')$$, '22023', NULL, 'an empty store');

-- once, whatever the retry looks like
SELECT is(pg_temp.outcome('{"event":"view_item","event_id":"v1","timestamp":"2026-05-01T10:00:00Z"}'), '1/0/0', 'an event');
SELECT is(pg_temp.outcome('{"event":"view_item","event_id":"v1","timestamp":"2026-05-02T10:00:00Z"}'), '0/1/0', 'with another timestamp');
SELECT is(pg_temp.outcome('{"event":"view_item","event_id":"v1"}'), '0/1/0', 'with none');
SELECT is(pg_temp.outcome('[{"event":"view_item","event_id":"v2"},{"event":"view_item","event_id":"v2"}]'), '1/1/0', 'twice in one batch');
SELECT is(pg_temp.outcome('{"event":"view_item","event_id":"v1","revision":2}'), '1/0/0', 'a higher revision supersedes');
SELECT is(pg_temp.outcome('{"event":"view_item","event_id":"v1","revision":2}'), '0/1/0', 'once');
SELECT is(pg_temp.outcome('{"event":"view_item","event_id":"v1"}', 'other'), '1/0/0', 'the same id in another store is another event');
SELECT results_eq($$SELECT revision, count(*) FROM analytics.current_event WHERE store_id = 'main' AND event_id = 'v1' GROUP BY 1$$, $$VALUES (2, 1::bigint)$$, 'the highest stands, once');

-- one order once, whoever reports it
SELECT is(pg_temp.outcome('{"event":"purchase","event_id":"browser-1","order_id":"A","timestamp":"2026-05-01T10:00:00Z","items":[{"product_id":"p","price":10}]}'), '1/0/0', 'an order from the browser');
SELECT is(pg_temp.outcome('{"event":"purchase","event_id":"webhook-1","order_id":"A","items":[{"product_id":"p","price":10}]}'), '0/1/0', 'and from a webhook');
SELECT is(pg_temp.outcome('{"event":"purchase","event_id":"webhook-1","order_id":"A","timestamp":"2026-05-01T10:00:00Z","updated_at":"2026-05-01T10:05:00Z","items":[{"product_id":"p","price":11}]}'), '1/0/0', 'a later updated_at supersedes');
SELECT is((SELECT orders || ' ' || gross_sales FROM analytics.sales_daily WHERE store_id = 'main' AND bucket = '2026-05-01' AND orders > 0), '1 11', 'the order counts once, as last said');
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"A"}'), '0/0/1', 'a purchase needs items or an amount');

-- 22 digits, never through a double
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"big","currency":"JPY","items":[{"product_id":"p","price":1234567890123456789.123,"quantity":3}]}'), '1/0/0', 'a price of 22 digits');
SELECT is((SELECT amount::text FROM analytics.current_event WHERE order_id = 'big'), '3703703670370370367.369', 'is multiplied exactly');
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"str","items":[{"product_id":"p","price":"0.10","quantity":"3"}]}'), '1/0/0', 'numbers as strings');

-- tax included, order discount, odd cents: 2 x 9.99 + 1 x 5.00 = 24.98 with 3.99 tax, discount 2.50
--   shares of 2.50 by value 19.98 : 5.00 -> 1.9996, 0.5004 -> 2.00 + 0.50; of tax by 17.98 : 4.50 (of 22.48) -> 3.1913, 0.7987 -> 3.19 + 0.80
--   net 19.98 - 2.00 - 3.19 = 14.79, amount round(19.98 x 14.79 / 17.98) = 16.44 (16.4351...), discount 1.65
--   net  5.00 - 0.50 - 0.80 =  3.70, amount round( 5.00 x  3.70 /  4.50) =  4.11 ( 4.1111...), discount 0.41
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"T","timestamp":"2026-05-03T10:00:00Z","currency":"EUR","tax_included":true,"tax":3.99,"discount":2.50,"items":[{"product_id":"a","price":9.99,"quantity":2},{"product_id":"b","price":5.00}]}'), '1/0/0', 'tax included, order discount');
SELECT results_eq($$SELECT product_id, amount, discount, tax FROM analytics.current_event WHERE order_id = 'T' ORDER BY line$$,
    $$VALUES ('a', 16.44, 1.65, 3.19), ('b', 4.11, 0.41, 0.80)$$, 'is split to the cent');
SELECT results_eq($$SELECT gross_sales, discounts, net_sales, taxes, total_sales FROM analytics.sales_daily WHERE bucket = '2026-05-03'$$,
    $$VALUES (20.55, 2.06, 18.49, 3.99, 22.48)$$, 'and adds up to what was paid');

-- gift cards and fees: mug 10, gift card 50, wrapping 2
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"G","timestamp":"2026-05-04T10:00:00Z","currency":"EUR","items":[{"product_id":"mug","price":10},{"product_id":"card","price":50,"kind":"gift_card"},{"product_id":"wrap","price":2,"kind":"fee"}]}'), '1/0/0', 'a gift card and a fee');
SELECT results_eq($$SELECT orders, units, gross_sales, gift_card_sales FROM analytics.sales_daily WHERE bucket = '2026-05-04'$$, $$VALUES (1::bigint, 1::bigint, 12::numeric, 50::numeric)$$, 'a gift card is no sale, a fee no unit');
SELECT results_eq($$SELECT product_id FROM analytics.product_daily WHERE bucket = '2026-05-04'$$, $$VALUES ('mug')$$, 'and neither a product');

-- refunds: partial, money alone, then full: whatever is left of 3 x 10 + 5 shipping + 2 tax
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"R","timestamp":"2026-05-05T10:00:00Z","currency":"EUR","shipping":5,"tax":2,"items":[{"product_id":"r","price":10,"quantity":3}]}'), '1/0/0', 'an order');
SELECT is(pg_temp.outcome('{"event":"refund","event_id":"r1","order_id":"R","timestamp":"2026-05-06T10:00:00Z","currency":"EUR","items":[{"product_id":"r","price":10}]}'), '1/0/0', 'one piece back');
SELECT is(pg_temp.outcome('{"event":"refund","event_id":"r2","order_id":"R","timestamp":"2026-05-06T11:00:00Z","currency":"EUR","amount":4}'), '1/0/0', 'money alone');
SELECT is(pg_temp.outcome('{"event":"refund","event_id":"r3","order_id":"R","timestamp":"2026-05-07T10:00:00Z","full":true}'), '1/0/0', 'the rest');
SELECT results_eq($$SELECT bucket, sum(orders), sum(gross_sales), sum(units_returned), sum(returns), sum(taxes), sum(shipping), sum(total_sales) FROM analytics.sales_daily WHERE bucket BETWEEN '2026-05-05' AND '2026-05-07' GROUP BY 1 ORDER BY 1$$,
    $$VALUES (date '2026-05-05', 1::numeric, 30::numeric, 0::numeric, 0::numeric, 2::numeric, 5::numeric, 37::numeric), ('2026-05-06', 0, 0, 1, 14, 0, 0, -14), ('2026-05-07', 0, 0, 2, 16, -2, -5, -23)$$,
    'each on its day; nothing of the order is left');
SELECT is(pg_temp.code('{"event":"refund","order_id":"nobody","full":true}'), 'unknown_order /order_id', 'a full refund needs its order');

-- what counts in nothing, and what never was
SELECT is(pg_temp.outcome('{"event":"purchase","order_id":"X","test":true,"timestamp":"2026-05-08T10:00:00Z","items":[{"product_id":"x","price":1}]}'), '1/0/0', 'a test order');
SELECT is_empty($$SELECT * FROM analytics.sales_daily WHERE bucket = '2026-05-08'$$, 'counts in nothing');
SELECT is(analytics.retract('webhook-1'), 1::bigint, 'retract by the event_id of either sender');
SELECT is(analytics.retract('webhook-1'), 0::bigint, 'once');
SELECT is_empty($$SELECT * FROM analytics.current_event WHERE order_id = 'A'$$, 'what is retracted does not stand');
SELECT is(analytics.retract('never heard of'), 0::bigint, 'nothing of an unknown event');

-- rejects: the good are stored, the bad are kept whole and can be mended
SELECT is(pg_temp.outcome('[{"event":"login"},{"event":"purchase","event_id":"bad","order_id":"bad","items":[{"product_id":"p","price":"NaN"}]},{"event":7}]'), '1/0/2', 'one bad event does not spoil its batch');
SELECT is(pg_temp.code('[{"event":"purchase","order_id":"z","items":[{"price":"NaN"}]},{"event":"No Word"},{},{"event":"login","timestamp":"yesterday"},{"event":"login","timestamp":"1989-12-31T23:59:59Z"},{"event":"login","currency":"XYZ"},{"event":"login","country":"UK"},7,{"event":"purchase","items":[{"product_id":"p"}]},{"event":"purchase","order_id":"n","items":[{"price":1,"quantity":-1}]}]'),
    'invalid_number /items/0/price, invalid_event_type /event, missing /event, invalid_timestamp /timestamp, timestamp_out_of_range /timestamp, unknown_currency /currency, invalid_country /country, not_an_object , missing /items/0/price, out_of_range /items/0/quantity', 'each says what is wrong and where');
SELECT results_eq($$SELECT index, code, pointer, status, payload ->> 'event_id' FROM analytics.rejected_event WHERE code = 'invalid_number'$$, $$VALUES (1, 'invalid_number', '/items/0/price', 'open', 'bad')$$, 'a reject is kept whole');
UPDATE analytics.rejected_event SET payload = jsonb_set(payload, '{items,0,price}', '5') WHERE code = 'invalid_number';
SELECT results_eq($$SELECT accepted, duplicates, rejected FROM analytics.replay_rejected()$$, $$VALUES (1::bigint, 0::bigint, 2::bigint)$$, 'mended and replayed');
SELECT results_eq($$SELECT status, count(*) FROM analytics.rejected_event GROUP BY 1 ORDER BY 1$$, $$VALUES ('open', 2::bigint), ('replayed', 1::bigint)$$, 'the others stay open');
SELECT is_empty($$SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'$$, 'the books balance');


-- a refund that names no currency is in its order's, whatever the store's is
DO $$ BEGIN PERFORM analytics.ingest('{"event":"purchase","order_id":"P","event_id":"p","timestamp":"2026-05-06T09:00:00Z","currency":"GBP","items":[{"product_id":"r","quantity":2,"price":10}]}'::jsonb),
    analytics.ingest('{"event":"refund","event_id":"p1","order_id":"P","timestamp":"2026-05-06T10:00:00Z","items":[{"product_id":"r","price":10}]}'::jsonb),
    analytics.ingest('{"event":"refund","event_id":"p2","order_id":"P","timestamp":"2026-05-06T11:00:00Z","full":true}'::jsonb); END $$;
SELECT results_eq($$SELECT event_id, currency, quantity, amount FROM analytics.event WHERE event_id IN ('p1', 'p2') ORDER BY 1$$, $$VALUES ('p1', 'GBP', 1, 10::numeric), ('p2', 'GBP', 1, 10)$$, 'and the full refund takes the rest in it');
SELECT is((SELECT event_id FROM analytics.validate('{"event":"purchase"}'::jsonb)), NULL, 'an id that was made up is not shown');
SELECT is((SELECT errors #> '{0,event_id}' FROM analytics.ingest('{"event":"purchase"}'::jsonb)), NULL, 'in no rejection either');
SELECT * FROM finish();
ROLLBACK;
