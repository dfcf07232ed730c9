-- visualize(): a shop's figures worked by hand, while nothing is merged, while a merged order is taken back, and when all is merged.
-- London, in pounds: 1 EUR is 0.80 until 27 March 2026 and 0.90 from the 28th on, there is no rate for CHF; summer time begins on the 29th.
--
--   o0  2025-03-28  zoe  web       7.00  mug
--   o1  2026-03-20  ada  web  GB  20.00 (2 mugs, 2.00 off, tax 3.60) + 30.00 (jug, tax 6.00), shipping 5.00
--   o2  27th 23:30  ben  app  DE  EUR 20.00 = 16.00   mug
--   o3  28th 00:30  ben  web  DE  EUR 50.00 = 45.00   2 jugs
--   o4  28th 12:00  cyd  web  CH  CHF 40.00 = ?       mug
--   o8  28th 09:00  eve  web  GB  25.00 gift card
--   r1  28th 15:00  of o1: a mug, 10.00 (1.00 off, tax 1.80), shipping 2.00
--   o5  29th 00:30  ada  web  GB  15.00  cup
--   o6  29th 02:30  dan  app  GB  10.00  mug, and a fee of 3.00
--   r2  29th 13:00  of an order that nobody knows: 4.00
--   o7  30th 00:15  ada  web  GB  30.00  jug
-- and two visitors without a name on the 28th. Sales of the 27th to the 30th: 16; 45 - 9 = 36; 15 + 13 - 4 = 24; 30; together 106.
SELECT plan(257);
SET client_min_messages = warning;

SELECT analytics.set_setting('timezone', 'Europe/London', 'main'), analytics.set_setting('currency', 'GBP', 'main');
SELECT analytics.set_exchange_rate('EUR', 0.80, '2026-03-01', 'main'), analytics.set_exchange_rate('EUR', 0.90, '2026-03-28', 'main');
SELECT analytics.set_setting('timezone', 'America/New_York', 'sun'), analytics.set_setting('week_start', 'sunday', 'sun');
SELECT analytics.set_setting('timezone', 'Australia/Lord_Howe', 'howe');
INSERT INTO analytics.product (product_id, name, category, brand) VALUES ('mug', 'Mug', 'crockery', 'Acme'), ('jug', 'Jug', 'crockery', 'Bolt'), ('cup', 'Cup', NULL, NULL);

INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, anonymous_id, session_id, order_id, product_id, quantity, unit_price, amount, discount, tax, shipping,
                             line_kind, currency, channel, country, device, campaign)
VALUES ('o0', 1, 'purchase', '2025-03-28 10:00Z', 'zoe', NULL, 's0', 'o0', 'mug', 1, 7, 7, NULL, NULL, NULL, 'product', 'GBP', 'web', 'GB', 'mobile', NULL),
       ('o1', 1, 'purchase', '2026-03-20 10:00Z', 'ada', NULL, 's1', 'o1', 'mug', 2, 10, 20, 2, 3.60, 5, 'product', 'GBP', 'web', 'GB', 'mobile', 'spring'),
       ('o1', 2, 'purchase', '2026-03-20 10:00Z', 'ada', NULL, 's1', 'o1', 'jug', 1, 30, 30, NULL, 6, NULL, 'product', 'GBP', 'web', 'GB', 'mobile', 'spring'),
       ('o2', 1, 'purchase', '2026-03-27 23:30Z', 'ben', NULL, 's2', 'o2', 'mug', 1, 20, 20, NULL, NULL, NULL, 'product', 'EUR', 'app', 'DE', 'desktop', NULL),
       ('o3', 1, 'purchase', '2026-03-28 00:30Z', 'ben', NULL, 's3', 'o3', 'jug', 2, 25, 50, NULL, NULL, NULL, 'product', 'EUR', 'web', 'DE', NULL, NULL),
       ('o4', 1, 'purchase', '2026-03-28 12:00Z', 'cyd', NULL, 's4', 'o4', 'mug', 1, 40, 40, NULL, NULL, NULL, 'product', 'CHF', 'web', 'CH', 'desktop', NULL),
       ('o8', 1, 'purchase', '2026-03-28 09:00Z', 'eve', NULL, 's10', 'o8', 'gift', 1, 25, 25, NULL, NULL, NULL, 'gift_card', 'GBP', 'web', 'GB', 'mobile', NULL),
       ('r1', 1, 'refund', '2026-03-28 15:00Z', 'ada', NULL, NULL, 'o1', 'mug', 1, 10, 10, 1, 1.80, 2, 'product', 'GBP', 'web', 'GB', 'mobile', NULL),
       ('v1', 1, 'page_view', '2026-03-28 10:00Z', NULL, 'who', 's8', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'product', NULL, 'web', 'GB', 'mobile', NULL),
       ('v2', 1, 'view_item', '2026-03-28 11:00Z', NULL, 'whe', 's9', NULL, 'mug', NULL, NULL, NULL, NULL, NULL, NULL, 'product', NULL, 'web', 'DE', 'mobile', NULL),
       ('o5', 1, 'purchase', '2026-03-29 00:30Z', 'ada', NULL, 's5', 'o5', 'cup', 1, 15, 15, NULL, NULL, NULL, 'product', 'GBP', 'web', 'GB', 'mobile', NULL),
       ('o6', 1, 'purchase', '2026-03-29 01:30Z', 'dan', NULL, 's6', 'o6', 'mug', 1, 10, 10, NULL, NULL, NULL, 'product', 'GBP', 'app', 'GB', 'mobile', NULL),
       ('o6', 2, 'purchase', '2026-03-29 01:30Z', 'dan', NULL, 's6', 'o6', NULL, NULL, NULL, 3, NULL, NULL, NULL, 'fee', 'GBP', 'app', 'GB', 'mobile', NULL),
       ('r2', 1, 'refund', '2026-03-29 12:00Z', NULL, NULL, NULL, 'ox', NULL, NULL, NULL, 4, NULL, NULL, NULL, 'product', 'GBP', NULL, NULL, NULL, NULL),
       ('o7', 1, 'purchase', '2026-03-29 23:15Z', 'ada', NULL, 's7', 'o7', 'jug', 1, 30, 30, NULL, NULL, NULL, 'product', 'GBP', 'web', 'GB', 'mobile', NULL);
-- what counts in nothing
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, order_id, amount, excluded) VALUES ('t1', 'purchase', '2026-03-28 10:00Z', 'tim', 's11', 't1', 999, 'test');
-- New York: clocks go back at 2:00 on 2 November 2025, so that there are two hours from 1:00. Lord Howe: forward by half an hour at 2:00 on
-- 5 October 2025, back by half an hour at 2:00 on 5 April 2026.
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, amount)
VALUES ('sun', 'n1', 'purchase', '2025-11-02 05:30Z', 'n1', 5), ('sun', 'n2', 'purchase', '2025-11-02 06:30Z', 'n2', 6), ('sun', 'n3', 'purchase', '2025-11-02 07:30Z', 'n3', 7),
       ('howe', 'h1', 'purchase', '2025-10-04 15:15Z', 'h1', 1), ('howe', 'h2', 'purchase', '2025-10-04 15:45Z', 'h2', 2), ('howe', 'h3', 'purchase', '2025-10-04 16:15Z', 'h3', 4),
       ('howe', 'h4', 'purchase', '2026-04-04 14:45Z', 'h4', 1), ('howe', 'h5', 'purchase', '2026-04-04 15:15Z', 'h5', 2), ('howe', 'h6', 'purchase', '2026-04-04 15:45Z', 'h6', 4);

-- [[key, [values], total], ..]
CREATE FUNCTION pg_temp.series(report jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_array(s.value -> 'key', (SELECT coalesce(jsonb_agg(p.value -> 1 ORDER BY p.o), '[]') FROM jsonb_array_elements(s.value -> 'points') WITH ORDINALITY p(value, o)),
                                       s.value -> 'total') ORDER BY s.o)
      FROM jsonb_array_elements(report -> 'series') WITH ORDINALITY s(value, o)
$$;
-- of the 27th to the 30th
CREATE FUNCTION pg_temp.days(metric text, by text, more jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.series(analytics.visualize(metric, 'day', by, '2026-03-27', '2026-03-31', filters => coalesce(more -> 'filters', '{}'), "limit" => coalesce((more -> 'limit')::integer, 10),
                                              currency => more ->> 'currency', basis => coalesce(more ->> 'basis', 'refund')))
$$;

CREATE FUNCTION pg_temp.figures(stage text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r record;
    v jsonb;
BEGIN
    FOR r IN SELECT * FROM (VALUES
        ('net_sales', NULL, '{}', '[[null, [16, 36, 24, 30], 106]]'),
        ('gross_sales', NULL, '{}', '[[null, [16, 45, 28, 30], 119]]'),
        ('gross_sales', NULL, '{"currency": "EUR"}', '[[null, [20, 50, 0, 0], 70]]'),
        ('gross_sales', NULL, '{"currency": "CHF"}', '[[null, [0, 40, 0, 0], 40]]'),
        ('orders', NULL, '{}', '[[null, [1, 3, 2, 1], 7]]'),
        ('orders', NULL, '{"currency": "EUR"}', '[[null, [1, 1, 0, 0], 2]]'),
        ('units', NULL, '{}', '[[null, [1, 3, 2, 1], 7]]'),
        ('units_returned', NULL, '{}', '[[null, [0, 1, 0, 0], 1]]'),
        ('discounts', NULL, '{}', '[[null, [0, 0, 0, 0], 0]]'),
        ('returns', NULL, '{}', '[[null, [0, 9, 4, 0], 13]]'),
        ('taxes', NULL, '{}', '[[null, [0, -1.80, 0, 0], -1.80]]'),
        ('shipping', NULL, '{}', '[[null, [0, -2, 0, 0], -2]]'),
        ('total_sales', NULL, '{}', '[[null, [16, 32.20, 24, 30], 102.20]]'),
        ('gift_card_sales', NULL, '{}', '[[null, [0, 25, 0, 0], 25]]'),
        ('events', NULL, '{}', '[[null, [1, 6, 3, 1], 11]]'),
        ('customers', NULL, '{}', '[[null, [1, 3, 2, 1], 5]]'),
        ('sessions', NULL, '{}', '[[null, [1, 5, 2, 1], 9]]'),
        ('visitors', NULL, '{}', '[[null, [1, 6, 2, 1], 7]]'),
        -- o4's money has no rate: neither has its order a part in the average; o8 sold a gift card alone
        ('aov', NULL, '{}', '[[null, [16, 22.5, 14, 30], 19.8333]]'),
        -- of 0 (a gift card), 13, 15, 16, 30 and 45 the third and the last
        ('order_value_p50', NULL, '{}', '[[null, [16, 0, 13, 30], 15]]'),
        ('order_value_p90', NULL, '{}', '[[null, [16, 45, 15, 30], 45]]'),
        ('order_value_p50', 'channel', '{"currency": "GBP"}', '[["web", [null, 0, 15, 30], 15], ["app", [null, null, 13, null], 13]]'),
        ('new_customers', NULL, '{}', '[[null, [1, 2, 1, 0], 4]]'),
        ('returning_rate', NULL, '{}', '[[null, [0, 0.333333, 0.5, 1], 0.2]]'),
        ('net_sales', 'channel', '{}', '[["web", [0, 36, 15, 30], 81], ["app", [16, 0, 13, 0], 29], ["(none)", [0, 0, -4, 0], -4]]'),
        ('net_sales', 'channel', '{"limit": 1}', '[["web", [0, 36, 15, 30], 81], ["(other)", [16, 0, 9, 0], 25]]'),
        -- Switzerland's money has no rate
        ('net_sales', 'country', '{}', '[["DE", [16, 45, 0, 0], 61], ["GB", [0, -9, 28, 30], 49], ["(none)", [0, 0, -4, 0], -4]]'),
        ('net_sales', 'device', '{}', '[["mobile", [0, -9, 28, 30], 49], ["(none)", [0, 45, -4, 0], 41], ["desktop", [16, 0, 0, 0], 16]]'),
        ('net_sales', 'currency', '{}', '[["EUR", [16, 45, 0, 0], 61], ["GBP", [0, -9, 24, 30], 45]]'),
        ('net_sales', 'store', '{}', '[["main", [16, 36, 24, 30], 106]]'),
        ('net_sales', 'product', '{}', '[["jug", [0, 45, 0, 30], 75], ["mug", [16, -9, 10, 0], 17], ["cup", [0, 0, 15, 0], 15]]'),
        ('net_sales', 'category', '{}', '[["crockery", [16, 36, 10, 30], 92], ["(none)", [0, 0, 15, 0], 15]]'),
        ('net_sales', 'brand', '{}', '[["Bolt", [0, 45, 0, 30], 75], ["Acme", [16, -9, 10, 0], 17], ["(none)", [0, 0, 15, 0], 15]]'),
        ('orders', 'category', '{}', '[["crockery", [1, 2, 1, 1], 5], ["(none)", [0, 0, 1, 0], 1]]'),
        ('orders', 'product', '{"limit": 1}', '[["mug", [1, 1, 1, 0], 3], ["(other)", [0, 1, 1, 1], 3]]'),
        ('customers', 'channel', '{}', '[["web", [0, 3, 1, 1], 4], ["app", [1, 0, 1, 0], 2]]'),
        ('customers', 'channel', '{"limit": 1}', '[["web", [0, 3, 1, 1], 4], ["(other)", [1, 0, 1, 0], 2]]'),
        ('customers', 'product', '{}', '[["mug", [1, 1, 1, 0], 3], ["jug", [0, 1, 0, 1], 2], ["cup", [0, 0, 1, 0], 1]]'),
        ('new_customers', 'channel', '{}', '[["web", [0, 2, 0, 0], 3], ["app", [1, 0, 1, 0], 2]]'),
        ('net_sales', NULL, '{"filters": {"country": ["GB"]}}', '[[null, [0, -9, 28, 30], 49]]'),
        ('net_sales', NULL, '{"filters": {"country": "GB", "channel": ["web", "pigeon"]}}', '[[null, [0, -9, 15, 30], 36]]'),
        ('net_sales', NULL, '{"filters": {"country": [null]}}', '[[null, [0, 0, -4, 0], -4]]'),
        ('net_sales', NULL, '{"filters": {"category": ["(none)"]}}', '[[null, [0, 0, 15, 0], 15]]'),
        ('net_sales', 'country', '{"filters": {"product": ["mug"]}}', '[["DE", [16, 0, 0, 0], 16], ["GB", [0, -9, 10, 0], 1]]'),
        ('customers', NULL, '{"filters": {"device": ["desktop"]}}', '[[null, [1, 1, 0, 0], 2]]'),
        ('net_sales', NULL, '{"basis": "order"}', '[[null, [16, 45, 24, 30], 115]]'),
        ('returns', NULL, '{"basis": "order"}', '[[null, [0, 0, 4, 0], 4]]')) u(metric, dimension, more, wanted) LOOP
        RETURN NEXT is(pg_temp.days(r.metric, r.dimension, r.more::jsonb), r.wanted::jsonb, concat_ws(' ', stage || ':', r.metric, 'by ' || r.dimension, nullif(r.more, '{}')));
    END LOOP;
    -- the day of the order that r1 gave money back for
    RETURN NEXT is((SELECT jsonb_agg(analytics.visualize(m, "from" => '2026-03-20', "to" => '2026-03-21', basis => b) #> '{totals,value}' ORDER BY o)
                      FROM (VALUES (1, 'net_sales', 'refund'), (2, 'net_sales', 'order'), (3, 'taxes', 'order'), (4, 'shipping', 'order'), (5, 'units_returned', 'order'), (6, 'total_sales', 'order')) u(o, m, b)),
                   '[48, 39, 7.80, 3, 1, 49.80]', stage || ': an order''s day with its refunds');
    -- ranges that begin and end in the middle
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', "from" => '2026-03-28 12:00', "to" => '2026-03-29 02:00')), '[[null, [-9, 15], 6]]', stage || ': from noon to two in the night');
    RETURN NEXT is(pg_temp.series(analytics.visualize('orders', by => 'channel', "from" => '2026-03-28 12:00', "to" => '2026-03-29 02:30:00.000001')), '[["web", [1, 1], 2], ["app", [0, 1], 1]]', stage || ': its beginning is in it');
    RETURN NEXT is(pg_temp.series(analytics.visualize('customers', "from" => '2026-03-28 12:00:01', "to" => '2026-03-29 02:30')), '[[null, [0, 1], 1]]', stage || ': its end is not');
    RETURN NEXT is(pg_temp.series(analytics.visualize('new_customers', "from" => '2026-03-28 10:00', "to" => '2026-03-31')), '[[null, [1, 1, 0], 2]]', stage || ': who was new after ten');
    -- months and weeks; where there is foreign money, by the rates of days
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'month', "from" => '2026-02-15 12:00', "to" => '2026-04-10')), '[[null, [0, 154, 0], 154]]', stage || ': months');
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'month', "from" => '2026-02-15 12:00', "to" => '2026-04-10', currency => 'GBP')), '[[null, [0, 93, 0], 93]]', stage || ': months in pounds');
    RETURN NEXT is(pg_temp.series(analytics.visualize('customers', 'month', "from" => '2025-03-01', "to" => '2025-04-01', compare => 'previous_period')), '[[null, [1], 1]]', stage || ': a month''s customers');
    RETURN NEXT is(analytics.visualize('net_sales', 'week', "from" => '2026-03-18', "to" => '2026-04-01') #> '{series,0,points}', '[["2026-03-16", 48], ["2026-03-23", 76], ["2026-03-30", 30]]', stage || ': weeks from Monday');
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'week', "from" => '2026-03-16', "to" => '2026-04-06', currency => 'GBP')), '[[null, [48, 15, 30], 93]]', stage || ': weeks in pounds');
    RETURN NEXT is(analytics.visualize('net_sales', 'week', "from" => '2025-10-30', "to" => '2025-11-09', store => 'sun') #> '{series,0,points}', '[["2025-10-26", 0], ["2025-11-02", 18]]', stage || ': weeks from Sunday');
    -- hours, where clocks jump
    RETURN NEXT is(analytics.visualize('net_sales', 'hour', "from" => '2026-03-29', "to" => '2026-03-29 04:00') #> '{series,0,points}',
        '[["2026-03-29T00:00:00", 15], ["2026-03-29T01:00:00", 0], ["2026-03-29T02:00:00", 13], ["2026-03-29T03:00:00", 0]]', stage || ': London skips an hour');
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'hour', "from" => '2025-11-02', "to" => '2025-11-02 04:00', store => 'sun')), '[[null, [0, 11, 7, 0], 18]]', stage || ': New York has one twice');
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'hour', "from" => '2025-10-05 01:00', "to" => '2025-10-05 04:00', store => 'howe')), '[[null, [1, 2, 4], 7]]', stage || ': Lord Howe skips half an hour');
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'hour', "from" => '2026-04-05 01:00', "to" => '2026-04-05 03:00', store => 'howe')), '[[null, [3, 4], 7]]', stage || ': and has half of one twice');
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', "from" => '2026-04-05', "to" => '2026-04-06', store => 'howe')), '[[null, [7], 7]]', stage || ': in a day of 24 and a half');
    -- all stores: in the default currency, at the rates of all stores; each in its own zone
    RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', by => 'store', "from" => '2026-03-30', "to" => '2026-04-06', store => NULL)), '[["main", [37.5, 0, 0, 0, 0, 0, 0], 37.5], ["howe", [0, 0, 0, 0, 0, 0, 7], 7]]', stage || ': all stores');
    -- the overview
    v := analytics.visualize("from" => '2026-03-27', "to" => '2026-03-31', compare => 'previous_period');
    RETURN NEXT is((SELECT jsonb_object_agg(c.key, c.value -> 'value') FROM jsonb_each(v -> 'cards') c WHERE c.key <> 'conversion'),
                   '{"total_sales": 102.20, "orders": 7, "aov": 19.8333, "customers": 5, "returning_rate": 0.2}', stage || ': cards');
    RETURN NEXT is(v #> '{cards,returning_rate,spark}', '[["2026-03-27", 0], ["2026-03-28", 0.333333], ["2026-03-29", 0.5], ["2026-03-30", 1]]', stage || ': a card''s spark');
    RETURN NEXT is(v -> 'top', '{"product": [{"key": "jug", "name": "Jug", "value": 75}, {"key": "mug", "name": "Mug", "value": 17}, {"key": "cup", "name": "Cup", "value": 15}],
        "channel": [{"key": "web", "name": "web", "value": 81}, {"key": "app", "name": "app", "value": 29}, {"key": "(none)", "name": "(none)", "value": -4}],
        "country": [{"key": "DE", "name": "DE", "value": 61}, {"key": "GB", "name": "GB", "value": 49}, {"key": "(none)", "name": "(none)", "value": -4}],
        "category": [{"key": "crockery", "name": "crockery", "value": 92}, {"key": "(none)", "name": "(none)", "value": 15}]}', stage || ': what sold best');
    -- conversion is what the sessions' view says
    RETURN NEXT is((v #>> '{cards,conversion,value}')::numeric, (SELECT round(sum(orders) / sum(sessions), 6) FROM analytics.session_daily WHERE store_id = 'main' AND bucket BETWEEN '2026-03-27' AND '2026-03-30'), stage || ': conversion');
    RETURN NEXT is(pg_temp.days('conversion', 'device', '{}'),
        (SELECT jsonb_agg(jsonb_build_array(d.device, d.days, d.whole) ORDER BY d.whole DESC, d.device)
           FROM (SELECT k.device, jsonb_agg(round(s.orders / s.sessions, 6) ORDER BY b.day) AS days, round(sum(s.orders) / sum(s.sessions), 6) AS whole
                   FROM (VALUES ('mobile'), ('desktop'), ('(none)')) k(device) CROSS JOIN generate_series(timestamp '2026-03-27', '2026-03-30', '1 day') b(day)
                   LEFT JOIN (SELECT bucket, coalesce(device, '(none)') AS device, sum(orders) AS orders, sum(sessions) AS sessions FROM analytics.session_daily WHERE store_id = 'main' GROUP BY 1, 2) s
                     ON s.device = k.device AND s.bucket = b.day GROUP BY k.device HAVING sum(s.sessions) > 0) d), stage || ': conversion by device');
END
$$;

-- the default of all stores knows pounds, which are main's own
SELECT analytics.set_exchange_rate('GBP', 1.25, '2026-01-01');
SELECT * FROM pg_temp.figures('nothing merged');

-- an order that is merged, then taken back
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, order_id, product_id, quantity, unit_price, amount, currency, channel, country, device)
VALUES ('o9', 'purchase', '2026-03-28 13:00Z', 'fay', 's99', 'o9', 'jug', 3, 100, 300, 'GBP', 'app', 'FR', 'tablet');
SELECT analytics.refresh();
SELECT is(pg_temp.days('customers', 'country', '{}'), '[["GB", [0, 1, 2, 1], 3], ["CH", [0, 1, 0, 0], 1], ["DE", [1, 1, 0, 0], 1], ["FR", [0, 1, 0, 0], 1]]', 'what is merged counts');
SELECT is(analytics.visualize('orders') -> 'pending_rows', '0', 'nothing is waiting');
SELECT is(analytics.retract('o9'), 1::bigint, 'taken back');
SELECT is(analytics.visualize('orders') -> 'pending_rows', '1', 'one line is waiting');
SELECT is(analytics.visualize('orders', store => 'sun') -> 'pending_rows', '0', 'not of another store');
SELECT * FROM pg_temp.figures('a merged order taken back');
SELECT analytics.refresh();
SELECT * FROM pg_temp.figures('all merged');

-- anybody's own rollup answers, too: what its table says is what is shown
SELECT analytics.create_rollup('by_device', 'day', '{device}', '{net_sales,orders}');
SELECT is(pg_temp.days('net_sales', 'device', '{}'), '[["mobile", [0, -9, 28, 30], 49], ["(none)", [0, 45, -4, 0], 41], ["desktop", [16, 0, 0, 0], 16]]', 'a rollup that is not built');
SELECT analytics.refresh();
SELECT is(pg_temp.days('net_sales', 'device', '{}'), '[["mobile", [0, -9, 28, 30], 49], ["(none)", [0, 45, -4, 0], 41], ["desktop", [16, 0, 0, 0], 16]]', 'one that is');
UPDATE analytics.rollup_by_device SET gross_sales = gross_sales + 1000 WHERE device = 'desktop' AND currency = 'EUR';
SELECT is(pg_temp.days('net_sales', 'device', '{}'), '[["desktop", [816, 0, 0, 0], 816], ["mobile", [0, -9, 28, 30], 49], ["(none)", [0, 45, -4, 0], 41]]', 'is read');
SELECT analytics.drop_rollup('by_device');
SELECT analytics.create_rollup('order_sizes', 'day', '{channel}', '{order_value_p50}');
SELECT analytics.refresh();
SELECT is(pg_temp.days('order_value_p50', NULL, '{}'), '[[null, [16, 0, 13, 30], 15]]', 'counted values in two currencies are converted order by order');
SELECT is(pg_temp.days('order_value_p50', NULL, '{"currency": "GBP"}'), '[[null, [null, 0, 13, 30], 13]]', 'in one they are counted');
UPDATE analytics.rollup_order_sizes SET order_values = analytics.add_order_values(order_values, ARRAY[analytics.order_value_count(99, 9)]) WHERE bucket = '2026-03-30';
SELECT is(pg_temp.days('order_value_p50', NULL, '{"currency": "GBP"}'), '[[null, [null, 0, 13, 99], 99]]', 'by a rollup that has them');
SELECT is(pg_temp.days('order_value_p99', 'channel', '{"currency": "GBP", "limit": 1}'), '[["web", [null, 0, 15, 99], 99], ["(other)", [null, null, 13, null], 13]]', 'which add over its cells');
SELECT analytics.drop_rollup('order_sizes');
-- and the coarsest of the built-in ones
UPDATE analytics.rollup_sales_monthly SET orders = orders + 1000 WHERE bucket = '2026-03-01' AND country = 'CH';
SELECT is(pg_temp.series(analytics.visualize('orders', 'month', "from" => '2026-02-01', "to" => '2026-04-02')), '[[null, [0, 1008, 0], 1008]]', 'months are read from months');
SELECT is(pg_temp.series(analytics.visualize('orders', 'month', "from" => '2026-03-02', "to" => '2026-04-01')), '[[null, [8], 8]]', 'parts of them from days');
UPDATE analytics.rollup_sales_monthly SET orders = orders - 1000 WHERE bucket = '2026-03-01' AND country = 'CH';

-- shape, comparison, empty ranges
SELECT is(analytics.visualize('net_sales', by => 'channel', "from" => '2026-03-29', "to" => '2026-03-31', compare => 'previous_period', "limit" => 1) - 'as_of',
    '{"metric": "net_sales", "grain": "day", "by": "channel", "from": "2026-03-29T00:00:00", "to": "2026-03-31T00:00:00", "timezone": "Europe/London", "currency": "GBP", "basis": "refund",
      "series": [{"key": "web", "points": [["2026-03-29", 15], ["2026-03-30", 30]], "previous": [["2026-03-27", 0], ["2026-03-28", 36]], "total": 45},
                 {"key": "(other)", "points": [["2026-03-29", 9], ["2026-03-30", 0]], "previous": [["2026-03-27", 16], ["2026-03-28", 0]], "total": 9}],
      "totals": {"value": 54, "previous": 52, "delta": 2, "percent": 3.85}, "compare": {"from": "2026-03-27T00:00:00", "to": "2026-03-29T00:00:00"}, "pending_rows": 0, "truncated": true}', 'all of it');
SELECT is(analytics.visualize('net_sales', "from" => '2026-03-28', "to" => '2026-03-29', compare => '8 days') -> 'totals', '{"value": 36, "previous": 48, "delta": -12, "percent": -25}', 'an interval before');
SELECT is(analytics.visualize('net_sales', "from" => '2026-03-28', "to" => '2026-03-30', compare => '1 day') #> '{series,0,previous}', '[["2026-03-27", 16], ["2026-03-28", 36]]', 'periods may overlap');
SELECT throws_ok($$SELECT analytics.visualize('net_sales', compare => '290000 years')$$, '22023', NULL, 'nor may it be before all time');
SELECT is(analytics.visualize('net_sales', "from" => '2026-03-27', "to" => '2026-03-28', compare => 'previous_year') #> '{series,0,previous}', '[["2025-03-28", 7]]', 'the same weekday a year before');
SELECT is(analytics.visualize('net_sales', 'month', "from" => '2026-03-01', "to" => '2026-04-01', compare => 'previous_year') #> '{series,0,previous}', '[["2025-03-01", 7]]', 'the same month a year before');
SELECT is(analytics.visualize('net_sales', 'month', "from" => '2026-03-01', "to" => '2026-05-01', compare => 'previous_period') -> 'compare', '{"from": "2026-01-01T00:00:00", "to": "2026-03-01T00:00:00"}', 'the two months before');
SELECT is(analytics.visualize('net_sales', "from" => '2026-03-27', "to" => '2026-03-28', compare => 'previous_period') -> 'totals', '{"value": 16, "previous": 0, "delta": 16, "percent": null}', 'of nothing there is no percentage');
SELECT is(analytics.visualize('aov', "from" => '2024-01-01', "to" => '2024-01-03') -> 'series', '[{"key": null, "points": [["2024-01-01", null], ["2024-01-02", null]], "previous": null, "total": null}]', 'a ratio of nothing is null');
SELECT is(analytics.visualize('orders', by => 'country', "from" => '2024-01-01', "to" => '2024-01-03') #> '{series}', '[]', 'no series of nothing');
SELECT is(analytics.visualize('orders', by => 'country', "from" => '2024-01-01', "to" => '2024-01-03') #> '{totals}', '{"value": 0, "previous": null, "delta": null, "percent": null}', 'its total is 0');
SELECT is(analytics.visualize('customers', "from" => '2026-03-28', "to" => '2026-03-28', compare => 'previous_period') -> 'series', '[{"key": null, "points": [], "previous": [], "total": 0}]', 'a range of no length');
SELECT is(analytics.visualize('orders', store => 'nobody') #> '{totals,value}', '0', 'a store that nobody knows has no orders');

-- the last 30 days, by the data's clock: its newest event is of 30 March, summer time
SELECT analytics.set_setting('clock', 'data', 'main');
SELECT is(analytics.visualize('orders') - '{series,totals}'::text[], '{"metric": "orders", "grain": "day", "by": null, "from": "2026-03-01T00:00:00", "to": "2026-03-31T00:00:00", "timezone": "Europe/London", "currency": "GBP",
    "basis": "refund", "compare": null, "as_of": "2026-03-29T23:15:00Z", "pending_rows": 0, "truncated": false}', 'the last 30 days');

-- what is refused
SELECT throws_ok(format('SELECT analytics.visualize(%s)', sent), '22023', message, sent)
  FROM (VALUES ($$'profit'$$, 'invalid metric'), ($$'orders', 'year'$$, 'invalid grain'), ($$'orders', NULL$$, 'invalid grain'), ($$'orders', by => 'customer_id'$$, 'invalid dimension'),
               ($$'orders', "from" => '2026-03-02', "to" => '2026-03-01'$$, 'invalid range'), ($$'orders', "from" => '-infinity'$$, 'invalid range'), ($$'orders', 'hour', "from" => '1990-01-01'$$, 'invalid range'),
               ($$'orders', compare => 'last_week'$$, 'invalid comparison'), ($$'orders', compare => '-1 day'$$, 'invalid comparison'),
               ($$'orders', filters => '[]'$$, 'invalid filters'), ($$'orders', filters => '{"colour": "red"}'$$, 'invalid filter'), ($$'orders', filters => '{"country": [["GB"]]}'$$, 'invalid filter'),
               ($$'orders', "limit" => 0$$, 'invalid limit'), ($$'orders', currency => 'ZZZ'$$, 'invalid currency'), ($$'orders', basis => 'day'$$, 'invalid basis'), ($$'orders', store => ''$$, 'invalid store'),
               ($$'shipping', by => 'product'$$, 'invalid metric'), ($$'gift_card_sales', filters => '{"category": "a"}'$$, 'invalid metric')) u(sent, message);
-- nothing of what was sent is run
SELECT is(pg_temp.days('net_sales', NULL, jsonb_build_object('filters', jsonb_build_object('country', $$x' OR true --%s$$, 'category', '\'';%L'))), '[[null, [0, 0, 0, 0], 0]]', 'quotes stay quotes');

-- money without a rate is told
SELECT results_eq($$SELECT store_id, check_name, bucket, key, expected, actual FROM analytics.reconcile('main')$$, $$VALUES ('main', 'missing_rate', date '2026-03-28', 'CHF', 40::numeric, 0::numeric)$$, 'money without a rate');
SELECT analytics.set_exchange_rate('CHF', 1.1, '2026-03-28', 'main');
SELECT is_empty($$SELECT * FROM analytics.reconcile('main')$$, 'no more');
SELECT is(pg_temp.days('net_sales', 'country', '{}') #> '{2}', '["CH", [0, 44, 0, 0], 44]', 'with a rate it counts');
SELECT * FROM finish();
