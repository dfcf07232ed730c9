-- What a dashboard's pages read beside visualize(): products, a customer, spread of values, the last minutes, stores. Figures worked by hand, while
-- nothing is merged, when all is, and with a tail.
--
-- In dollars, UTC; 1 EUR is 1.20. March 2026:
--   o0  20 Feb        zoe  mug 7, cup 5
--   o1  2nd 10:00     ada  2 mugs 20 (2 off, tax 3.60), jug 30 (tax 6), shipping 5
--   o2  3rd 11:00     ben  mug 10, and another line of a mug 10
--   g1  4th           eve  gift card 25
--   o3  5th 12:00     ada  2 jugs 60, a fee of 3; app
--   r1  6th           of o1: a mug 10 (1 off, tax 1.80), shipping 2
--   o5  7th 12:00     dan  cup EUR 10 = 12
--   o6  1 May         ada  cup 15
-- and on the 2nd three views of the mug and one of the jug, on the 3rd a mug put into a cart.
-- 1st to 10th: mug 40 - 2 - 9 = 29; jug 90; cup 12; together 131, and the fee.
SELECT plan(103);
SET client_min_messages = warning;
SET timezone = 'UTC';

SELECT analytics.set_exchange_rate('EUR', 1.20, '2026-01-01', 'main');
INSERT INTO analytics.product (product_id, name, category, brand) VALUES ('mug', 'Mug', 'crockery', 'Acme'), ('jug', 'Jug', 'crockery', 'Bolt'), ('cup', 'Cup', NULL, NULL);
INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, session_id, order_id, product_id, quantity, unit_price, amount, discount, tax, shipping, line_kind, currency, channel, country)
VALUES ('o0', 1, 'purchase', '2026-02-20 10:00Z', 'zoe', NULL, 'o0', 'mug', 1, 7, 7, NULL, NULL, NULL, 'product', 'USD', 'web', 'GB'),
       ('o0', 2, 'purchase', '2026-02-20 10:00Z', 'zoe', NULL, 'o0', 'cup', 1, 5, 5, NULL, NULL, NULL, 'product', 'USD', 'web', 'GB'),
       ('o1', 1, 'purchase', '2026-03-02 10:00Z', 'ada', NULL, 'o1', 'mug', 2, 10, 20, 2, 3.60, 5, 'product', 'USD', 'web', 'GB'),
       ('o1', 2, 'purchase', '2026-03-02 10:00Z', 'ada', NULL, 'o1', 'jug', 1, 30, 30, NULL, 6, NULL, 'product', 'USD', 'web', 'GB'),
       ('o2', 1, 'purchase', '2026-03-03 11:00Z', 'ben', NULL, 'o2', 'mug', 1, 10, 10, NULL, NULL, NULL, 'product', 'USD', 'web', 'DE'),
       ('o2', 2, 'purchase', '2026-03-03 11:00Z', 'ben', NULL, 'o2', 'mug', 1, 10, 10, NULL, NULL, NULL, 'product', 'USD', 'web', 'DE'),
       ('g1', 1, 'purchase', '2026-03-04 09:00Z', 'eve', NULL, 'g1', 'gift', 1, 25, 25, NULL, NULL, NULL, 'gift_card', 'USD', 'web', 'GB'),
       ('o3', 1, 'purchase', '2026-03-05 12:00Z', 'ada', NULL, 'o3', 'jug', 2, 30, 60, NULL, NULL, NULL, 'product', 'USD', 'app', 'GB'),
       ('o3', 2, 'purchase', '2026-03-05 12:00Z', 'ada', NULL, 'o3', NULL, NULL, NULL, 3, NULL, NULL, NULL, 'fee', 'USD', 'app', 'GB'),
       ('r1', 1, 'refund', '2026-03-06 09:00Z', 'ada', NULL, 'o1', 'mug', 1, 10, 10, 1, 1.80, 2, 'product', 'USD', 'web', 'GB'),
       ('o5', 1, 'purchase', '2026-03-07 12:00Z', 'dan', NULL, 'o5', 'cup', 1, 10, 10, NULL, NULL, NULL, 'product', 'EUR', 'web', 'DE'),
       ('o6', 1, 'purchase', '2026-05-01 12:00Z', 'ada', NULL, 'o6', 'cup', 1, 15, 15, NULL, NULL, NULL, 'product', 'USD', 'web', 'GB'),
       ('v1', 1, 'view_item', '2026-03-02 09:00Z', NULL, 's1', NULL, 'mug', NULL, NULL, NULL, NULL, NULL, NULL, 'product', NULL, 'web', 'GB'),
       ('v2', 1, 'view_item', '2026-03-02 09:01Z', NULL, 's1', NULL, 'mug', NULL, NULL, NULL, NULL, NULL, NULL, 'product', NULL, 'web', 'GB'),
       ('v3', 1, 'view_item', '2026-03-02 09:02Z', NULL, 's2', NULL, 'mug', NULL, NULL, NULL, NULL, NULL, NULL, 'product', NULL, 'web', 'GB'),
       ('v4', 1, 'view_item', '2026-03-02 09:03Z', NULL, 's2', NULL, 'jug', NULL, NULL, NULL, NULL, NULL, NULL, 'product', NULL, 'web', 'GB'),
       ('c1', 1, 'add_to_cart', '2026-03-03 09:00Z', NULL, 's3', NULL, 'mug', 1, 10, NULL, NULL, NULL, NULL, 'product', 'USD', 'web', 'GB');

-- product, views, carts, orders, units, returned, gross, discounts, returns, net of each row, in order
CREATE FUNCTION pg_temp.figures(report text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT concat_ws('' '', r.product_id, r.views, r.add_to_carts, r.orders, r.units, r.units_returned, trim_scale(r.gross_sales), trim_scale(r.discounts),
                                           trim_scale(r.returns), trim_scale(r.net_sales), trim_scale(r.previous_net_sales)) FROM analytics.product_report(' || report || ') r';
END $$;
CREATE FUNCTION pg_temp.products(moment text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    march constant text := $q$'2026-03-01', '2026-03-11'$q$;
BEGIN
    RETURN NEXT results_eq(format('SELECT * FROM pg_temp.figures(%L)', march || $q$, 'previous_period'$q$),
        $q$VALUES ('jug 1 0 2 3 0 90 0 0 90 0'), ('mug 3 1 2 4 1 40 2 9 29 7'), ('cup 0 0 1 1 0 12 0 0 12 5')$q$, moment || ': what each product did, the best first');
    RETURN NEXT is((SELECT sum(net_sales) FROM analytics.product_report('2026-03-01', '2026-03-11')), (analytics.visualize('net_sales', 'day', 'product', '2026-03-01', '2026-03-11') #>> '{totals,value}')::numeric,
        moment || ': they add up to what visualize() shows by product');
    RETURN NEXT results_eq($q$SELECT DISTINCT ON (product_id) product_id, orders, net_sales FROM (SELECT product_id, sum(orders)::bigint AS orders, sum(net_sales) AS net_sales FROM analytics.product_daily
                                WHERE bucket BETWEEN '2026-03-01' AND '2026-03-10' AND currency = 'USD' AND product_id <> 'cup' GROUP BY 1) d ORDER BY 1$q$,
                           $q$SELECT product_id, orders, net_sales FROM analytics.product_report('2026-03-01', '2026-03-11', sort => '-product_id') WHERE product_id <> 'cup'$q$, moment || ': and to product_daily');
    RETURN NEXT results_eq($q$SELECT product_id, spark, total_rows, currency FROM analytics.product_report('2026-03-01', '2026-03-11')$q$,
        $q$VALUES ('jug', '{0,30,0,0,60,0,0,0,0,0}'::numeric[], 3::bigint, 'USD'), ('mug', '{0,18,20,0,0,-9,0,0,0,0}', 3, 'USD'), ('cup', '{0,0,0,0,0,0,12.0,0,0,0}', 3, 'USD')$q$, moment || ': sparks by day');
    -- 35 days in runs of two, the last of one
    RETURN NEXT results_eq($q$SELECT cardinality(spark), spark[1:3], (SELECT sum(s) FROM unnest(spark) s) FROM analytics.product_report('2026-03-01', '2026-04-05') WHERE product_id = 'mug'$q$,
        $q$VALUES (18, '{18,20,-9}'::numeric[], 29::numeric)$q$, moment || ': sparks of longer ranges by runs of days');
    RETURN NEXT results_eq(format('SELECT * FROM pg_temp.figures(%L)', $q$'2026-03-02 12:00', '2026-03-05 12:30'$q$), $q$VALUES ('jug 0 0 1 2 0 60 0 0 60'), ('mug 0 1 1 2 0 20 0 0 20')$q$, moment || ': from hour to hour');
    RETURN NEXT results_eq(format('SELECT * FROM pg_temp.figures(%L)', $q$'2026-03-03 10:00', '2026-03-03 12:00'$q$), $q$VALUES ('mug 0 0 1 2 0 20 0 0 20')$q$, moment || ': an order with two lines of a product is one');
    RETURN NEXT results_eq(format('SELECT * FROM pg_temp.figures(%L)', march || $q$, filters => '{"channel": "app"}'$q$), $q$VALUES ('jug 0 0 1 2 0 60 0 0 60')$q$, moment || ': filtered');
    RETURN NEXT results_eq(format('SELECT * FROM pg_temp.figures(%L)', march || $q$, filters => '{"brand": ["Acme", "Bolt"]}', sort => '-net_sales'$q$),
        $q$VALUES ('mug 3 1 2 4 1 40 2 9 29'), ('jug 1 0 2 3 0 90 0 0 90')$q$, moment || ': of some brands, the worst first');
    RETURN NEXT results_eq($q$SELECT product_id, currency, net_sales, orders FROM analytics.product_report('2026-03-01', '2026-03-11', currency => 'eur')$q$, $q$VALUES ('cup', 'EUR', 10::numeric, 1::bigint)$q$,
        moment || ': of one currency');
    RETURN NEXT results_eq($q$SELECT product_id, name, category, brand, total_rows FROM analytics.product_report('2026-03-01', '2026-03-11', sort => 'views', "limit" => 1, "offset" => 1)$q$,
        $q$VALUES ('jug', 'Jug', 'crockery', 'Bolt', 3::bigint)$q$, moment || ': a page');
    RETURN QUERY SELECT results_eq(format('SELECT product_id, name, total_rows FROM analytics.product_report(%s, search => %L, sort => %L)', march, s, 'name'), format('VALUES %s', f), format('%s: search for "%s"', moment, s))
      FROM (VALUES ('MU', $v$('mug', 'Mug', 1::bigint)$v$), ('acme', $v$('mug', 'Mug', 1::bigint)$v$), ('crock', $v$('mug', 'Mug', 2::bigint), ('jug', 'Jug', 2)$v$), ('', $v$('mug', 'Mug', 3::bigint), ('jug', 'Jug', 3), ('cup', 'Cup', 3)$v$)) u(s, f);
    RETURN QUERY SELECT is_empty(format('SELECT FROM analytics.product_report(%s, search => %L)', march, s), format('%s: "%s" is no pattern', moment, s)) FROM unnest('{%,m_g}'::text[]) s;
END $$;

CREATE FUNCTION pg_temp.customers(moment text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    ada jsonb := analytics.customer_profile('ada');
BEGIN
    RETURN NEXT is(ada #>> '{customer,net_sales}', '117', moment || ': a customer is worth 20 + 30 - 2 + 63 - 9 + 15');
    RETURN NEXT is((SELECT jsonb_agg(o - 'items') FROM jsonb_array_elements(ada -> 'orders') o),
        '[{"order_id": "o6", "placed_at": "2026-05-01T12:00:00Z", "currency": "USD", "units": 1, "net_sales": 15, "returns": 0, "total_sales": 15},
          {"order_id": "o3", "placed_at": "2026-03-05T12:00:00Z", "currency": "USD", "units": 2, "net_sales": 63, "returns": 0, "total_sales": 63},
          {"order_id": "o1", "placed_at": "2026-03-02T10:00:00Z", "currency": "USD", "units": 3, "net_sales": 39, "returns": 9, "total_sales": 49.80}]', moment || ': the orders, refunds taken off');
    RETURN NEXT is(ada #> '{orders,2,items}', '[{"product_id": "mug", "name": "Mug", "kind": "product", "quantity": 2, "amount": 20, "discount": 2},
                                               {"product_id": "jug", "name": "Jug", "kind": "product", "quantity": 1, "amount": 30, "discount": null}]', moment || ': with their items');
    RETURN NEXT is(ada -> 'months', '[["2026-03-01", 102], ["2026-04-01", 0], ["2026-05-01", 15]]', moment || ': month by month');
    RETURN NEXT is(ada -> 'rfm', (SELECT to_jsonb(r) FROM analytics.rfm_at(store => 'main') r WHERE r.customer_id = 'ada'), moment || ': the scores');
    RETURN NEXT is(jsonb_build_array(ada -> 'value', ada -> 'clusters'), '[null, []]', moment || ': no model, nothing expected');
    RETURN NEXT is(analytics.customer_profile('nobody'), NULL, moment || ': nobody');
END $$;

SELECT pg_temp.products('nothing merged');
SELECT pg_temp.customers('nothing merged');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT pg_temp.products('merged');
SELECT pg_temp.customers('merged');

-- a tail: o2 never was, o3 is corrected, ada buys once more
SELECT is(analytics.retract('o2'), 2::bigint, 'taken back');
SELECT results_eq($$SELECT accepted, rejected FROM analytics.ingest('[{"event": "purchase", "order_id": "o3", "revision": 2, "timestamp": "2026-03-05T13:00:00Z", "customer_id": "ada",
        "items": [{"product_id": "jug", "quantity": 1, "price": 30}]},
    {"event": "purchase", "order_id": "o7", "timestamp": "2026-05-02T08:00:00Z", "customer_id": "ada", "items": [{"product_id": "pot", "name": "Pot", "quantity": 1, "price": 8}]}]'::jsonb)$$,
    'VALUES (2::bigint, 0::bigint)', 'corrected, and another order');
CREATE FUNCTION pg_temp.corrected(moment text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT results_eq($q$SELECT * FROM pg_temp.figures($r$'2026-03-01', '2026-03-11'$r$)$q$, $q$VALUES ('jug 1 0 2 2 0 60 0 0 60'), ('cup 0 0 1 1 0 12 0 0 12'), ('mug 3 1 1 2 1 20 2 9 9')$q$, moment || ': products');
    RETURN NEXT results_eq($q$SELECT product_id, name, spark FROM analytics.product_report('2026-05-01', '2026-05-03', search => 'pot')$q$, $q$VALUES ('pot', 'Pot', '{0,8}'::numeric[])$q$, moment || ': a new product has its name');
    RETURN NEXT is((SELECT jsonb_agg(jsonb_build_array(o -> 'order_id', o -> 'placed_at', o -> 'net_sales', o #> '{items,0,name}') - 'items') FROM jsonb_array_elements(analytics.customer_profile('ada') -> 'orders') o),
        '[["o7", "2026-05-02T08:00:00Z", 8, "Pot"], ["o6", "2026-05-01T12:00:00Z", 15, "Cup"], ["o3", "2026-03-05T13:00:00Z", 30, "Jug"], ["o1", "2026-03-02T10:00:00Z", 39, "Mug"]]', moment || ': orders');
    RETURN NEXT is(analytics.customer_profile('ben'), NULL, moment || ': of whom nothing is left is nobody');
END $$;
SELECT pg_temp.corrected('a tail');
SELECT ok(analytics.refresh() > 0, 'merged again');
SELECT pg_temp.corrected('merged again');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books are right');

-- 60 orders on as many days: the newest 50
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, order_id, amount)
SELECT 'many', 'm' || n, 'purchase', timestamptz '2026-01-01 10:00Z' + n * interval '1 day', 'max', 'm' || n, n FROM generate_series(1, 60) n;
SELECT results_eq($$SELECT count(*), max(o ->> 'placed_at'), min(o ->> 'placed_at') FROM jsonb_array_elements(analytics.customer_profile('max', 'many') -> 'orders') o$$,
    $$VALUES (50::bigint, '2026-03-02T10:00:00Z', '2026-01-12T10:00:00Z')$$, 'the newest 50 orders');

-- customers worth 1 to 100: 95 of them within 19 buckets of 5, or 10 of 10
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, order_id, amount)
SELECT 'spread', 's' || n, 'purchase', '2026-01-01 10:00Z', 'c' || n, 's' || n, n FROM generate_series(1, 100) n;
SELECT results_eq($$SELECT lower, upper, customers, net_sales FROM analytics.value_distribution('spread') WHERE lower IN (0, 5, 95)$$,
    $$VALUES (0::numeric, 5::numeric, 4::bigint, 10::numeric), (5, 10, 5, 35), (95, NULL, 6, 585)$$, 'values spread over buckets of 5');
SELECT results_eq($$SELECT count(*), sum(customers), sum(net_sales), count(*) FILTER (WHERE upper IS NULL) FROM analytics.value_distribution('spread')$$, $$VALUES (20::bigint, 100::numeric, 5050::numeric, 1::bigint)$$, 'all of them');
SELECT results_eq($$SELECT lower, upper, customers, net_sales FROM analytics.value_distribution('spread', 11) WHERE lower IN (0, 100)$$, $$VALUES (0::numeric, 10::numeric, 9::bigint, 45::numeric), (100, NULL, 1, 100)$$, 'or of 10');
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, amount) VALUES ('spread', 'back', 'refund', '2026-01-02 10:00Z', 'c1', 3);
SELECT results_eq($$SELECT lower, upper, customers, net_sales FROM analytics.value_distribution('spread', 12) WHERE lower IS NULL OR lower = 0$$, $$VALUES (NULL::numeric, 0::numeric, 1::bigint, -2::numeric), (0, 10, 8, 44)$$,
    'who returned more than was bought is below');
SELECT is_empty($$SELECT FROM analytics.value_distribution('nowhere')$$, 'nobody bought');
SELECT is(ARRAY(SELECT analytics.readable_width(w) FROM unnest('{0.02,0.3,1,1.01,20,21,51,0,-5}'::numeric[]) w)::text, '{0.02,0.5,1,2,20,50,100,1,1}', 'widths are 1, 2 or 5 times a power of ten');

-- minutes, by a clock that stands still
SELECT analytics.set_setting('clock', 'data', 'tick'), analytics.set_setting('timezone', 'Europe/Berlin', 'tick'), analytics.set_setting('currency', 'EUR', 'tick');
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, anonymous_id, order_id, product_id, quantity, amount, discount, tax, shipping, channel, country, device, excluded)
VALUES ('tick', 't1', 1, 'purchase', '2026-03-10 23:01:10Z', 'ada', NULL, 't1', 'mug', 1, 10, 1, 1, 2, 'web', 'DE', 'mobile', NULL),
       ('tick', 't1', 2, 'purchase', '2026-03-10 23:01:10Z', 'ada', NULL, 't1', 'jug', 2, 5, NULL, NULL, NULL, 'web', 'DE', 'mobile', NULL),
       ('tick', 't2', 1, 'view_item', '2026-03-10 23:01:20Z', NULL, 'who', NULL, 'mug', NULL, NULL, NULL, NULL, NULL, 'web', NULL, NULL, NULL),
       ('tick', 't3', 1, 'refund', '2026-03-10 23:03:00Z', 'ada', NULL, 't1', 'mug', 1, 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('tick', 't4', 1, 'page_view', '2026-03-10 23:04:00Z', NULL, 'bot', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'web', NULL, NULL, 'bot'),
       ('tick', 't5', 1, 'page_view', '2026-03-10 23:05:30Z', NULL, 'who', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'web', NULL, NULL, NULL),
       ('tick', 't6', 1, 'page_view', '2026-03-10 22:59:59Z', NULL, 'who', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'web', NULL, NULL, NULL);
SELECT results_eq($$SELECT to_char(minute, 'HH24:MI'), events, purchases, visitors, trim_scale(total_sales), currency FROM analytics.activity(6, 'tick')$$,
    $$VALUES ('23:00', 0::bigint, 0::bigint, 0::bigint, 0::numeric, 'EUR'), ('23:01', 2, 1, 2, 17, 'EUR'), ('23:02', 0, 0, 0, 0, 'EUR'), ('23:03', 1, 0, 1, -4, 'EUR'), ('23:04', 0, 0, 0, 0, 'EUR'), ('23:05', 1, 0, 1, 0, 'EUR')$$,
    'the last minutes, empty ones too');
SELECT results_eq($$SELECT event_type, to_char(occurred_at, 'HH24:MI:SS'), store_id, order_id, product_id, quantity, value, currency, channel, country, device FROM analytics.recent_events(4, 'tick')$$,
    $$VALUES ('page_view', '23:05:30', 'tick', NULL, NULL, NULL::bigint, NULL::numeric, 'EUR', 'web', NULL, NULL), ('refund', '23:03:00', 'tick', 't1', 'mug', 1, 4, 'EUR', NULL, NULL, NULL),
             ('view_item', '23:01:20', 'tick', NULL, 'mug', NULL, NULL, 'EUR', 'web', NULL, NULL), ('purchase', '23:01:10', 'tick', 't1', NULL, 3, 14, 'EUR', 'web', 'DE', 'mobile')$$,
    'the newest events, each once, without what is excluded');
SELECT results_eq($$SELECT store_id, order_id FROM analytics.recent_events(3)$$, $$VALUES ('main', 'o7'), ('main', 'o6'), ('tick', NULL)$$, 'of all stores');
SELECT is(analytics.retract('t1', 'tick'), 2::bigint, 'one of them never was');
SELECT is_empty($$SELECT FROM analytics.recent_events(10, 'tick') WHERE event_type = 'purchase'$$, 'then it is not shown');
SELECT results_eq($$SELECT events, purchases, visitors, trim_scale(total_sales) FROM analytics.activity(6, 'tick') WHERE to_char(minute, 'MI') = '01'$$, 'VALUES (1::bigint, 0::bigint, 1::bigint, 0::numeric)', 'nor counted');
SELECT results_eq('SELECT count(*), max(minute) - min(minute), bool_and(minute <= clock_timestamp()) FROM analytics.activity()', $$VALUES (30::bigint, interval '29 minutes', true)$$, 'up to now');

-- what came in: each event once, corrections again; two hours ago, by hand, not
INSERT INTO analytics.event_default (store_id, event_id, event_type, occurred_at, ingested_at) VALUES ('spread', 'old', 'login', '2299-01-01', now() - interval '2 hours');
INSERT INTO analytics.rejected_event (store_id, received_at, format, payload, index, code, pointer, message)
VALUES ('tick', now(), 'native', '{"event": "x y"}', 0, 'invalid_event_type', '/event', 'no'), ('tick', now() - interval '2 hours', 'native', '{}', 0, 'missing', '/event', 'no');
SELECT results_eq($$SELECT count(*), sum(events), sum(rejected) FROM analytics.ingest_activity(60, 'tick')$$, 'VALUES (60::bigint, 6::numeric, 1::numeric)', 'what came in');
SELECT results_eq($$SELECT sum(events), sum(rejected) FROM analytics.ingest_activity(store => 'spread')$$, 'VALUES (101::numeric, 0::numeric)', 'of another store');
SELECT is((SELECT sum(events) FROM analytics.ingest_activity()), (SELECT count(*)::numeric FROM analytics.event e WHERE e.line = 1 AND e.sign = 1 AND e.event_id <> 'old'), 'of all stores');

SELECT results_eq($$SELECT store_id, currency, timezone, week_start, clock, today, first_event_at, last_event_at FROM analytics.store_profile WHERE store_id = 'tick'$$,
    $$VALUES ('tick', 'EUR', 'Europe/Berlin', 'monday', 'data', '2026-03-11'::date, timestamptz '2026-03-10 22:59:59Z', timestamptz '2026-03-10 23:05:30Z')$$, 'a store, its present day by its clock and zone');
SELECT analytics.set_setting('currency', 'CHF', 'new');
SELECT results_eq('SELECT store_id, today = (now() AT TIME ZONE timezone)::date, last_event_at IS NULL FROM analytics.store_profile', $$VALUES ('main', true, false), ('many', true, false), ('new', true, true), ('spread', true, false), ('tick', false, false)$$,
    'all stores, those that have settings alone, too');

-- how it stands
SELECT results_eq($$SELECT jsonb_object_keys(analytics.health()) ORDER BY 1$$, $$SELECT unnest('{as_of,capabilities,jobs,lag_seconds,models,pending_rows,problems,rollups,version}'::text[])$$, 'health has its members');
SELECT results_eq($$SELECT r ->> 'name', r ->> 'status', (r ->> 'tail_rows')::bigint, (r ->> 'size_bytes')::bigint FROM jsonb_array_elements(analytics.health() -> 'rollups') r ORDER BY 1$$,
    'SELECT name, status, tail_rows, size_bytes FROM analytics.rollup_status ORDER BY name COLLATE "default"', 'rollups as rollup_status has them');
SELECT is((analytics.health() ->> 'pending_rows')::bigint, (SELECT max(tail_rows) FROM analytics.rollup_status), 'what is not merged');
SELECT is(analytics.health() -> 'jobs', '[]', 'no jobs without pg_cron');
SELECT analytics.end_model(analytics.begin_model('main', 'default', 'customer_value'), 'insufficient_data', error => 'too few');
SELECT analytics.end_model(analytics.begin_model('main', 'default', 'customer_value'), 'failed', error => 'no luck');
SELECT results_eq($$SELECT m ->> 'kind', m ->> 'status', m ->> 'error' FROM jsonb_array_elements(analytics.health() -> 'models') m$$, $$VALUES ('customer_value', 'failed', 'no luck')$$, 'of a model the newest run');

SELECT throws_ok(q, '22023', NULL, 'refused: ' || q)
  FROM unnest(ARRAY[$$SELECT analytics.product_report(sort => 'price')$$, $$SELECT analytics.product_report(sort => '--units')$$, $$SELECT analytics.product_report("limit" => 0)$$, $$SELECT analytics.product_report("offset" => -1)$$,
                    $$SELECT analytics.product_report('2026-03-02', '2026-03-01')$$, $$SELECT analytics.product_report(filters => '{"size": "L"}')$$, $$SELECT analytics.product_report(compare => 'never')$$,
                    $$SELECT analytics.product_report(currency => 'XYZ')$$, $$SELECT analytics.product_report(store => '')$$,
                    $$SELECT analytics.customer_profile(NULL)$$, $$SELECT analytics.customer_profile('ada', NULL)$$, $$SELECT analytics.value_distribution(NULL)$$, $$SELECT analytics.value_distribution(buckets => 1)$$,
                    $$SELECT analytics.activity(0)$$, $$SELECT analytics.activity(1441)$$, $$SELECT analytics.recent_events(0)$$, $$SELECT analytics.ingest_activity(NULL)$$, $$SELECT analytics.recent_events(store => '')$$]) q;
SELECT * FROM finish();
