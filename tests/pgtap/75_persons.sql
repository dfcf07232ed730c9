-- Persons: who a visitor turns out to be, and who asks to be forgotten.
-- No transaction around it: what is merged must have been committed.
SELECT plan(76);
SET timezone = 'UTC';

CREATE FUNCTION pg_temp.sent(store text, event text) RETURNS text LANGUAGE sql AS
$$ SELECT accepted || '/' || duplicates || '/' || rejected FROM analytics.ingest(event, store => $1) $$;
-- customer: orders, net_sales, the day of the first order; cohort sizes; buyers of the days
CREATE FUNCTION pg_temp.people(store text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ',
        (SELECT string_agg(format('%s %s %s %s', c.customer_id, c.orders, c.net_sales::float8, (c.first_order_at AT TIME ZONE 'UTC')::date), ', ' ORDER BY c.customer_id) FROM analytics.customer c WHERE c.store_id = $1),
        (SELECT string_agg(format('%s: %s', r.cohort_month, r.cohort_size), ', ' ORDER BY r.cohort_month) FROM analytics.cohort_retention r WHERE r.store_id = $1 AND r.months_since = 0),
        (SELECT string_agg(format('%s: %s of %s', d.bucket, d.customers, d.orders), ', ' ORDER BY d.bucket) FROM analytics.sales_daily d WHERE d.store_id = $1 AND d.orders > 0))
$$;

-- IDENTIFY before the orders, and after them; events that name another customer stay that one's
SELECT throws_ok($$SELECT analytics.identify(NULL, 'c')$$, '22023', NULL, 'a visitor is needed');
SELECT throws_ok($$SELECT analytics.identify('v', '')$$, '22023', NULL, 'a customer, too');
SELECT throws_ok($$SELECT analytics.identify('v', 'c', NULL)$$, '22023', NULL, 'and a store');
SELECT throws_ok($$SELECT analytics.identify(repeat('v', 1025), 'c')$$, '22023', NULL, 'of at most 1,024 bytes');
SELECT lives_ok($$SELECT analytics.identify('v0', 'ann', 'before')$$, 'before anything is known');
SELECT is(pg_temp.sent('before', '[{"event":"purchase","order_id":"1","timestamp":"2026-02-01T10:00:00Z","anonymous_id":"v0","items":[{"price":10}]},
    {"event":"purchase","order_id":"2","timestamp":"2026-03-01T10:00:00Z","anonymous_id":"v0","customer_id":"bob","items":[{"price":20}]},
    {"event":"purchase","order_id":"3","timestamp":"2026-03-02T10:00:00Z","anonymous_id":"v1","items":[{"price":5}]}]'), '3/0/0', 'the visitor buys');
SELECT is(pg_temp.people('before'), 'ann 1 10 2026-02-01, bob 1 20 2026-03-01; 2026-02-01: 1, 2026-03-01: 1; 2026-02-01: 1 of 1, 2026-03-01: 1 of 1, 2026-03-02: 0 of 1', 'as ann, where no other customer is named');
SELECT is(pg_temp.sent('after', '[{"event":"view_item","event_id":"look","timestamp":"2026-01-31T10:00:00Z","anonymous_id":"v"},
    {"event":"purchase","event_id":"e1","order_id":"1","timestamp":"2026-02-01T10:00:00Z","anonymous_id":"v","items":[{"price":10},{"price":3}]},
    {"event":"purchase","event_id":"e2","order_id":"2","timestamp":"2026-02-01T11:00:00Z","customer_id":"cat","items":[{"price":20}]},
    {"event":"refund","event_id":"r1","order_id":"1","timestamp":"2026-02-03T10:00:00Z","anonymous_id":"v","items":[{"price":3}]}]'), '4/0/0', 'a visitor, and a customer');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT is(pg_temp.people('after'), 'cat 1 20 2026-02-01; 2026-02-01: 1; 2026-02-01: 1 of 2', 'one customer is known');
SELECT lives_ok($$SELECT analytics.identify('v', 'cat', 'after')$$, 'the visitor is she');
-- orders 13 and 20, 3 back; first seen when she looked
SELECT is(pg_temp.people('after'), 'cat 2 30 2026-02-01; 2026-02-01: 1; 2026-02-01: 1 of 2', 'all is hers at once');
SELECT is((SELECT first_seen_at FROM analytics.customer WHERE store_id = 'after'), '2026-01-31 10:00Z', 'seen first where she looked');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT is(pg_temp.people('after'), 'cat 2 30 2026-02-01; 2026-02-01: 1; 2026-02-01: 1 of 2', 'and stays');
-- twice; then the same visitor is somebody else: what is hers stays hers
SELECT is((SELECT count(*) FROM analytics.event WHERE store_id = 'after'), 5 + 8::bigint, 'three events of four lines were taken back and written again');
SELECT lives_ok($$SELECT analytics.identify('v', 'cat', 'after')$$, 'said again');
SELECT is((SELECT count(*) FROM analytics.event WHERE store_id = 'after'), 13::bigint, 'it writes nothing');
SELECT lives_ok($$SELECT analytics.identify('v', 'dan', 'after')$$, 'the computer is sold');
SELECT is(pg_temp.sent('after', '{"event":"purchase","event_id":"e3","order_id":"3","timestamp":"2026-02-05T10:00:00Z","anonymous_id":"v","items":[{"price":7}]}'), '1/0/0', 'its new owner buys');
SELECT is(pg_temp.people('after'), 'cat 2 30 2026-02-01, dan 1 7 2026-02-05; 2026-02-01: 2; 2026-02-01: 1 of 2, 2026-02-05: 1 of 1', 'each has their own');
-- the sender corrects order 1, still without a customer, with its own next revision: it finds the corrected one, and the visitor is dan now
SELECT is(pg_temp.sent('after', '{"event":"purchase","event_id":"e1","order_id":"1","revision":2,"timestamp":"2026-02-01T10:00:00Z","anonymous_id":"v","items":[{"price":11},{"price":3}]}'), '1/0/0', 'a revision by the sender');
SELECT results_eq($$SELECT DISTINCT customer_id, sum(amount) OVER () FROM analytics.current_event WHERE store_id = 'after' AND order_id = '1' AND event_type = 'purchase'$$, $$VALUES ('dan', 14::numeric)$$, 'counts once, and names a customer');
SELECT is(pg_temp.sent('after', '{"event":"purchase","event_id":"e1","order_id":"1","revision":2,"timestamp":"2026-02-01T10:00:00Z","anonymous_id":"v","items":[{"price":99}]}'), '0/1/0', 'the same revision again is a duplicate');
SELECT is(analytics.retract('e3', 'after'), 1::bigint, 'what was identified can be taken back');
SELECT is(analytics.retract('look', 'after'), 1::bigint, 'that, too');
-- straight into event
SELECT lives_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, anonymous_id, amount, quantity) VALUES
    ('after', 'd1', 'purchase', '2026-04-01 10:00Z', 'D1', 'v', 9, 1), ('after', 'd2', 'purchase', '2026-04-01 10:00Z', 'D2', 'w', 4, 1), ('before', 'd1', 'view_item', '2026-01-01 10:00Z', NULL, 'v0', NULL, NULL)$$, 'an INSERT of known visitors');
SELECT results_eq($$SELECT event_id, store_id, customer_id FROM analytics.current_event WHERE event_id IN ('d1', 'd2') ORDER BY 1, 2$$, $$VALUES ('d1', 'after', 'dan'), ('d1', 'before', 'ann'), ('d2', 'after', NULL)$$, 'is theirs');
SELECT throws_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, anonymous_id) VALUES ('after', 'd1', 'purchase', now(), 'D1', 'v')$$, '23505', NULL, 'and known');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() > 0, 'merged');
-- cat: 20; dan: 14 - 3 (the refund is still cat's: it named nobody else when she was identified), 9
SELECT is(pg_temp.people('after'), 'cat 1 17 2026-02-01, dan 2 23 2026-02-01; 2026-02-01: 2; 2026-02-01: 2 of 2, 2026-04-01: 1 of 2', 'each has their own');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT throws_ok($$SELECT analytics.identify('v', 'eve', 'after')$$, '42501', 'permission denied for this store', 'not with a claim for other stores') FROM set_config('request.jwt.claims', '{"stores":["before"]}', false);
SELECT throws_ok($$SELECT analytics.erase_customer('after', 'cat')$$, '42501', 'permission denied for this store', 'nor is anybody forgotten there');
SELECT lives_ok($$SELECT analytics.identify('v9', 'ann', 'before')$$, 'in the claimed store it is allowed');
SELECT set_config('request.jwt.claims', '', false) \g /dev/null

-- FORGET ZOE-1@SHOP, who is also the visitors VISIT-Z1 (by her own event) and VISIT-Z2 (by identify), in sessions SITTING-Z*; her name
-- is in properties, in rejected events, in rollups of the shop's own; she has a namesake in another store.
SELECT lives_ok($$SELECT analytics.create_rollup('by_person', 'day', '{customer_id}', '{orders,net_sales,events}'), analytics.create_rollup('by_visit', 'month', '{session_id,anonymous_id}', '{orders,events}'),
    analytics.create_rollup('by_mail', 'week', '{properties->>mail}', '{orders,net_sales,customers,visitors}'), analytics.create_rollup('by_city', 'hour', '{properties->address->>city}', '{orders,visitors}'),
    analytics.create_rollup('by_channel', 'day', '{channel}', '{orders,net_sales,customers,sessions,visitors}'), analytics.create_rollup('known_ones', 'day', '{channel}', '{orders,net_sales}', 'customer_id IS NOT NULL')$$, 'rollups by persons and others');
SELECT is(pg_temp.sent('shop', '[{"event":"view_item","event_id":"z0","timestamp":"2026-01-05T09:00:00Z","anonymous_id":"VISIT-Z1","session_id":"SITTING-Z1","channel":"web","properties":{"mail":"ZOE-1@SHOP"},"items":[{"product_id":"mug","name":"Mug","category":"Mugs"}]},
    {"event":"add_to_cart","event_id":"z1","timestamp":"2026-01-05T09:10:00Z","customer_id":"ZOE-1@SHOP","anonymous_id":"VISIT-Z1","session_id":"SITTING-Z1","channel":"web","items":[{"product_id":"mug","price":20}]},
    {"event":"purchase","event_id":"z2","order_id":"Z2","timestamp":"2026-01-05T09:20:00Z","customer_id":"ZOE-1@SHOP","session_id":"SITTING-Z1","channel":"web","country":"DE","tax":3,"shipping":4,"properties":{"mail":"ZOE-1@SHOP","address":{"city":"VISIT-Z1 Street"}},"items":[{"product_id":"mug","price":20,"quantity":2}]},
    {"event":"refund","event_id":"z3","order_id":"Z2","timestamp":"2026-02-05T09:20:00Z","items":[{"product_id":"mug","price":20}]},
    {"event":"page_view","event_id":"z4","timestamp":"2026-02-06T09:00:00Z","anonymous_id":"VISIT-Z2"},
    {"event":"page_view","event_id":"z5","timestamp":"2026-02-06T09:05:00Z","customer_id":"ZOE-1@SHOP"},
    {"event":"purchase","event_id":"z6","order_id":"Z6","timestamp":"2026-03-06T09:05:00Z","anonymous_id":"VISIT-Z2","session_id":"SITTING-Z6","items":[{"product_id":"jug","price":8}]},
    {"event":"purchase","event_id":"z7","order_id":"Z7","revision":1,"timestamp":"2026-03-07T09:05:00Z","customer_id":"ZOE-1@SHOP","test":true,"items":[{"product_id":"jug","price":8}]},
    {"event":"purchase","event_id":"y1","order_id":"Y1","timestamp":"2026-01-05T12:00:00Z","customer_id":"yan","session_id":"SITTING-Y1","channel":"web","country":"DE","properties":{"mail":"yan@shop"},"items":[{"product_id":"mug","price":20}]},
    {"event":"purchase","event_id":"y2","order_id":"Y2","timestamp":"2026-03-06T12:00:00Z","customer_id":"yan","items":[{"product_id":"mug","price":20}]}]'), '10/0/0', 'zoe and yan');
SELECT is(pg_temp.sent('shop2', '{"event":"purchase","order_id":"Z1","timestamp":"2026-01-05T09:20:00Z","customer_id":"zoe","items":[{"product_id":"mug","price":5}]}'), '1/0/0', 'another store');
SELECT lives_ok($$SELECT analytics.identify('VISIT-Z2', 'ZOE-1@SHOP', 'shop'), analytics.identify('VISIT-Z3', 'ZOE-1@SHOP', 'shop')$$, 'visitors are zoe');
SELECT is(pg_temp.sent('shop', '[{"event":"purchase","order_id":"bad","customer_id":"ZOE-1@SHOP","items":[{"price":"NaN"}]}, {"event":"NO","anonymous_id":"VISIT-Z3"}, {"event":"NO","user":{"ids":["ZOE-1@SHOP"]}}, {"event":"purchase","customer_id":"yan","order_id":"bad2","items":[{"price":-1}]}]'), '0/0/4', 'rejected events');
SELECT is(pg_temp.sent('shop', E'{"event":"login","customer_id":"ZOE-1@SHOP","timestamp":"2026-01-01T00:00:00Z"\n{"event":"login","event_id":"ok","timestamp":"2026-01-01T00:00:00Z"}'), '1/0/1', 'one that is no JSON');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT is(pg_temp.sent('shop', '{"event":"purchase","event_id":"z2","order_id":"Z2","revision":2,"timestamp":"2026-01-05T09:20:00Z","customer_id":"ZOE-1@SHOP","session_id":"SITTING-Z1","channel":"web","country":"DE","tax":3,"shipping":4,"properties":{"mail":"ZOE-1@SHOP"},"items":[{"product_id":"mug","price":20,"quantity":2}]}'), '1/0/0', 'and a revision that is not');

CREATE TEMP TABLE sales_before AS SELECT 'd' AS grain, store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_daily
    UNION ALL SELECT 'm', store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_monthly
    UNION ALL SELECT 'w', store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_weekly
    UNION ALL SELECT 'h', store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_hourly
    UNION ALL SELECT 'p', store_id, bucket::text, currency, product_id, name || category, orders, units, units_returned, gross_sales, discounts, returns, net_sales, views, add_to_carts, NULL, NULL, NULL, NULL FROM analytics.product_daily;

-- every column of every table of the schema, partitions included, read as text (views show nothing else)
CREATE FUNCTION pg_temp.traces(pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    place record;
    found bigint;
BEGIN
    FOR place IN SELECT c.relname, a.attname, a.atttypid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'r' ORDER BY 1, 2 LOOP
        EXECUTE format('SELECT count(*) FROM analytics.%I t WHERE (CASE WHEN %L THEN encode(t.%I::text::bytea, ''escape'') ELSE t.%3$I::text END) ~ $1', place.relname, place.atttypid = 'bytea'::regtype, place.attname) INTO found USING pattern;
        IF place.atttypid = 'bytea'::regtype THEN
            EXECUTE format('SELECT count(*) FROM analytics.%I t WHERE position(convert_to($1, ''UTF8'') IN t.%I) > 0', place.relname, place.attname) INTO found USING 'ZOE-1@SHOP';
        END IF;
        IF found > 0 THEN
            RETURN NEXT place.relname || '.' || place.attname;
        END IF;
    END LOOP;
END $$;
SELECT ok((SELECT count(*) > 12 FROM pg_temp.traces('ZOE-1@SHOP|VISIT-Z|SITTING-Z')), 'she has left traces');
SELECT throws_ok($$SELECT analytics.erase_customer(NULL, 'x')$$, '22023', NULL, 'a store is needed');
SELECT throws_ok($$SELECT analytics.erase_customer('shop', '')$$, '22023', NULL, 'and a customer');
SELECT is(analytics.erase_customer('shop', 'nobody'), 0::bigint, 'nobody is touched by nobody');
-- z0 to z7: eight events, whatever their revisions
SELECT is(analytics.erase_customer('shop', 'ZOE-1@SHOP'), 8::bigint, 'zoe is forgotten');
SELECT is_empty($$SELECT * FROM pg_temp.traces('ZOE-1@SHOP|VISIT-Z|SITTING-Z')$$, 'nothing of her is left anywhere');
SELECT is(pg_temp.people('shop'), 'yan 2 40 2026-01-05; 2026-01-01: 1; 2026-01-05: 1 of 2, 2026-03-06: 1 of 2', 'figures of persons are yan''s');
SELECT is(pg_temp.people('shop2'), 'zoe 1 5 2026-01-05; 2026-01-01: 1; 2026-01-05: 1 of 1', 'the other store is as it was');
CREATE TEMP VIEW sales_after AS SELECT 'd' AS grain, store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_daily
    UNION ALL SELECT 'm', store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_monthly
    UNION ALL SELECT 'w', store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_weekly
    UNION ALL SELECT 'h', store_id, bucket::text, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, aov, events FROM analytics.sales_hourly
    UNION ALL SELECT 'p', store_id, bucket::text, currency, product_id, name || category, orders, units, units_returned, gross_sales, discounts, returns, net_sales, views, add_to_carts, NULL, NULL, NULL, NULL FROM analytics.product_daily;
SELECT bag_eq('SELECT * FROM sales_after', 'SELECT * FROM sales_before', 'sales are to the cent what they were');
-- yan's visits: Y1 by its session, Y2 by the gap rule; the login names nobody
SELECT results_eq($$SELECT sum(sessions), sum(orders) FROM analytics.session_daily WHERE store_id = 'shop'$$, 'VALUES (2::numeric, 2::numeric)', 'visits are yan''s');
SELECT results_eq($$SELECT customer_id, sum(orders), sum(net_sales) FROM analytics.by_person WHERE store_id = 'shop' GROUP BY 1 ORDER BY 1$$, $$VALUES ('yan', 2::numeric, 40::numeric), (NULL, 2, 28)$$, 'a rollup of one''s own has her orders with nobody''s');  -- 40 - 20 + 8
SELECT results_eq($$SELECT sum(orders), sum(net_sales) FROM analytics.known_ones WHERE store_id = 'shop'$$, $$VALUES (2::numeric, 40::numeric)$$, 'one of known customers is without them');
SELECT results_eq($$SELECT sum(orders), sum(customers), sum(sessions), sum(visitors) FROM analytics.by_channel WHERE store_id = 'shop'$$, $$VALUES (4::numeric, 2::numeric, 1::numeric, 2::numeric)$$, 'distinct counts are without her');
SELECT results_eq($$SELECT code, payload ->> 'customer_id' FROM analytics.rejected_event WHERE store_id = 'shop'$$, $$VALUES ('out_of_range', 'yan')$$, 'of the rejected events yan''s is left');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() >= 0, 'a refresh');
SELECT is_empty($$SELECT * FROM pg_temp.traces('ZOE-1@SHOP|VISIT-Z|SITTING-Z')$$, 'brings nothing back');
SELECT bag_eq('SELECT * FROM sales_after', 'SELECT * FROM sales_before', 'nor changes sales');
SELECT lives_ok($$SELECT analytics.rebuild(name) FROM unnest('{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,customer,session_daily,by_person,by_visit,by_mail,by_city,by_channel,known_ones}'::text[]) name$$, 'all built anew');
SELECT bag_eq('SELECT * FROM sales_after', 'SELECT * FROM sales_before', 'says the same');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT is(analytics.erase_customer('shop', 'ZOE-1@SHOP'), 0::bigint, 'there is nobody left to forget');
-- what she sent is known, forgotten or not; and it can still be taken back or refunded
SELECT is(pg_temp.sent('shop', '{"event":"purchase","event_id":"z2","order_id":"Z2","revision":2,"timestamp":"2026-01-05T09:20:00Z","items":[{"price":1}]}'), '0/1/0', 'her order is a duplicate');
SELECT is(pg_temp.sent('shop', '{"event":"refund","event_id":"z8","order_id":"Z2","timestamp":"2026-04-05T09:20:00Z","full":true}'), '1/0/0', 'and can be refunded');
SELECT results_eq($$SELECT returns, taxes, shipping, customers FROM analytics.sales_daily WHERE store_id = 'shop' AND bucket = '2026-04-05'$$, 'VALUES (20::numeric, -3::numeric, -4::numeric, 0::bigint)', 'for what was left of it');
SELECT is(analytics.retract('z6', 'shop'), 1::bigint, 'or taken back');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');

-- in a visit of hers, what names nobody is hers; another customer's is not
SELECT is(pg_temp.sent('visit', '[{"event":"page_view","event_id":"w1","session_id":"W","timestamp":"2026-01-05T09:00:00Z","properties":{"q":"a gift for my aunt"}},
    {"event":"purchase","event_id":"w2","order_id":"W2","customer_id":"wilma","session_id":"W","timestamp":"2026-01-05T09:05:00Z","items":[{"price":1}]},
    {"event":"page_view","event_id":"w3","customer_id":"walter","session_id":"W","timestamp":"2026-01-05T09:10:00Z","properties":{"q":"tea"}}]'), '3/0/0', 'two share a visit');
SELECT is(analytics.erase_customer('visit', 'wilma'), 2::bigint, 'one goes, with what named nobody');
SELECT results_eq($$SELECT event_id, customer_id, session_id, properties ->> 'q' FROM analytics.current_event WHERE store_id = 'visit' ORDER BY event_id$$,
                  $$VALUES ('w1', NULL, NULL, NULL), ('w2', NULL, NULL, NULL), ('w3', 'walter', 'W', 'tea')$$, 'and nothing of the other');
SELECT * FROM finish();
