-- The rules of money in whole shops, worked out by hand: each case is a store of its own, and its figures are compared in sales
-- (days and months), customers, their months and cohorts: while nothing is merged, after refresh(), and after a rebuild.
-- No transaction around it: what is merged must have been committed.
SELECT plan(260);
SET timezone = 'America/Los_Angeles';  -- of the session: no figure may depend on it

CREATE TEMP TABLE shown (report text PRIMARY KEY, query text NOT NULL);
INSERT INTO shown VALUES
('sales_daily', 'SELECT jsonb_build_array(bucket, currency, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, round(aov, 4), customers) FROM analytics.sales_daily WHERE store_id = $1'),
('sales_monthly', 'SELECT jsonb_build_array(bucket, currency, orders, units, units_returned, gross_sales, discounts, returns, net_sales, taxes, shipping, total_sales, gift_card_sales, round(aov, 4), customers) FROM analytics.sales_monthly WHERE store_id = $1'),
('customer', 'SELECT jsonb_build_array(customer_id, first_order_at AT TIME ZONE ''UTC'', last_order_at AT TIME ZONE ''UTC'', orders, units, gross_sales, discounts, returns, net_sales, round(aov, 4)) FROM analytics.customer WHERE store_id = $1'),
('customer_month', 'SELECT jsonb_build_array(bucket, customer_id, cohort_month, orders, units, gross_sales, discounts, returns, net_sales) FROM analytics.customer_month WHERE store_id = $1'),
('cohort_retention', 'SELECT jsonb_build_array(cohort_month, months_since, cohort_size, customers, retention, net_sales, cumulative_net_sales) FROM analytics.cohort_retention WHERE store_id = $1'),
('product_daily', 'SELECT jsonb_build_array(bucket, product_id, orders, units, units_returned, gross_sales, discounts, returns, net_sales) FROM analytics.product_daily WHERE store_id = $1');

CREATE TEMP TABLE wanted (store text, report text, "row" jsonb);
CREATE FUNCTION pg_temp.rows_of(report text, store text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_agg(r.j ORDER BY r.j), ''[]'') FROM (%s) r(j)', (SELECT s.query FROM shown s WHERE s.report = rows_of.report)) INTO found USING store;
    RETURN found;
END $$;
CREATE FUNCTION pg_temp.compared(moment text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is(pg_temp.rows_of(w.report, w.store), w.rows, format('%s: %s (%s)', w.store, w.report, moment))
      FROM (SELECT store, report, coalesce(jsonb_agg("row" ORDER BY "row") FILTER (WHERE "row" IS NOT NULL), '[]') AS rows FROM wanted GROUP BY 1, 2 ORDER BY 1, 2 OFFSET 0) w
$$;
CREATE FUNCTION pg_temp.sent(store text, event text) RETURNS text LANGUAGE sql AS
$$ SELECT accepted || '/' || duplicates || '/' || rejected FROM analytics.ingest(event, store => $1) $$;

-- PARTIAL REFUND. Ada buys 2 a (20.00) and 1 b (30.00), 5.00 off, 7.00 of tax, 4.95 shipping, and brings one a back.
--   the 500 cents by 40 : 30 are 285.71 and 214.29, so 2.86 and 2.14; the tax by 37.14 : 27.86 is 399.97 and 300.03, so 4.00 and 3.00
SELECT is(pg_temp.sent('partial', '{"event":"purchase","order_id":"1","timestamp":"2026-03-05T10:00:00Z","customer_id":"ada","discount":5,"tax":7,"shipping":4.95,"items":[{"product_id":"a","price":20,"quantity":2},{"product_id":"b","price":30}]}'), '1/0/0', 'an order');
-- (the refund names no customer: its order does)
SELECT is(pg_temp.sent('partial', '{"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-03-20T10:00:00Z","items":[{"product_id":"a","price":20,"discount":1.43,"tax":2}]}'), '1/0/0', 'one piece back');
INSERT INTO wanted VALUES
-- gross 2 x 20 + 30; net 70 - 5; total 65 + 7 + 4.95; aov 65 / 1
('partial', 'sales_daily', '["2026-03-05","USD",1,3,0,70,5,0,65,7,4.95,76.95,0,65,1]'),
-- returns 20 - 1.43; total -18.57 - 2; no aov without orders
('partial', 'sales_daily', '["2026-03-20","USD",0,0,1,0,0,18.57,-18.57,-2,0,-20.57,0,null,0]'),
-- net 70 - 5 - 18.57; taxes 7 - 2; total 46.43 + 5 + 4.95; the refund leaves aov alone
('partial', 'sales_monthly', '["2026-03-01","USD",1,3,1,70,5,18.57,46.43,5,4.95,56.38,0,65,1]'),
('partial', 'customer', '["ada","2026-03-05T10:00:00","2026-03-05T10:00:00",1,3,70,5,18.57,46.43,65]'),
('partial', 'customer_month', '["2026-03-01","ada","2026-03-01",1,3,70,5,18.57,46.43]'),
('partial', 'cohort_retention', '["2026-03-01",0,1,1,1,46.43,46.43]'),
('partial', 'product_daily', '["2026-03-05","a",1,2,0,40,2.86,0,37.14]'),
('partial', 'product_daily', '["2026-03-05","b",1,1,0,30,2.14,0,27.86]'),
('partial', 'product_daily', '["2026-03-20","a",0,0,1,0,0,18.57,-18.57]');

-- MONEY-ONLY REFUND, of the month after. Ben: 1 c (100), tax 19, shipping 6; 25 given back, and 4.75 of tax.
SELECT is(pg_temp.sent('money', '{"event":"purchase","order_id":"1","timestamp":"2026-03-31T20:00:00Z","customer_id":"ben","tax":19,"shipping":6,"items":[{"product_id":"c","price":100}]}'), '1/0/0', 'an order');
SELECT is(pg_temp.sent('money', '{"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-04-02T10:00:00Z","customer_id":"ben","amount":25,"tax":4.75}'), '1/0/0', 'money back');
INSERT INTO wanted VALUES
('money', 'sales_daily', '["2026-03-31","USD",1,1,0,100,0,0,100,19,6,125,0,100,1]'),
('money', 'sales_daily', '["2026-04-02","USD",0,0,0,0,0,25,-25,-4.75,0,-29.75,0,null,0]'),
('money', 'sales_monthly', '["2026-03-01","USD",1,1,0,100,0,0,100,19,6,125,0,100,1]'),
('money', 'sales_monthly', '["2026-04-01","USD",0,0,0,0,0,25,-25,-4.75,0,-29.75,0,null,0]'),
('money', 'customer', '["ben","2026-03-31T20:00:00","2026-03-31T20:00:00",1,1,100,0,25,75,100]'),
('money', 'customer_month', '["2026-03-01","ben","2026-03-01",1,1,100,0,0,100]'),
('money', 'customer_month', '["2026-04-01","ben","2026-03-01",0,0,0,0,25,-25]'),
('money', 'cohort_retention', '["2026-03-01",0,1,1,1,100,100]'),
('money', 'cohort_retention', '["2026-03-01",1,1,0,0,-25,75]'),  -- nobody bought: retention 0 / 1
('money', 'product_daily', '["2026-03-31","c",1,1,0,100,0,0,100]');  -- money without a product is off no product

-- FULL REFUND OF AN EDITED ORDER. Cy's 2 a (10) became 1 a (10) and 1 d (15), 1.50 off, tax 2.50, shipping 3; then all of it went back.
SELECT is(pg_temp.sent('edited', '{"event":"purchase","order_id":"1","timestamp":"2026-04-10T10:00:00Z","customer_id":"cy","tax":2,"shipping":3,"items":[{"product_id":"a","price":10,"quantity":2}]}'), '1/0/0', 'an order');
SELECT is(pg_temp.sent('edited', '{"event":"purchase","order_id":"1","revision":2,"timestamp":"2026-04-10T10:00:00Z","customer_id":"cy","tax":2.5,"discount":1.5,"shipping":3,"items":[{"product_id":"a","price":10},{"product_id":"d","price":15}]}'), '1/0/0', 'edited');
SELECT is(pg_temp.sent('edited', '{"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-04-12T10:00:00Z","full":true}'), '1/0/0', 'and given back whole');
INSERT INTO wanted VALUES
-- gross 10 + 15; 150 cents by 10 : 15 are 60 and 90; total 23.5 + 2.5 + 3
('edited', 'sales_daily', '["2026-04-10","USD",1,2,0,25,1.5,0,23.5,2.5,3,29,0,23.5,1]'),
('edited', 'sales_daily', '["2026-04-12","USD",0,0,2,0,0,23.5,-23.5,-2.5,-3,-29,0,null,0]'),
('edited', 'sales_monthly', '["2026-04-01","USD",1,2,2,25,1.5,23.5,0,0,0,0,0,23.5,1]'),
('edited', 'customer', '["cy","2026-04-10T10:00:00","2026-04-10T10:00:00",1,2,25,1.5,23.5,0,23.5]'),
('edited', 'customer_month', '["2026-04-01","cy","2026-04-01",1,2,25,1.5,23.5,0]'),
('edited', 'cohort_retention', '["2026-04-01",0,1,1,1,0,0]'),
('edited', 'product_daily', '["2026-04-10","a",1,1,0,10,0.6,0,9.4]'),
('edited', 'product_daily', '["2026-04-10","d",1,1,0,15,0.9,0,14.1]'),
('edited', 'product_daily', '["2026-04-12","a",0,0,1,0,0,9.4,-9.4]'),
('edited', 'product_daily', '["2026-04-12","d",0,0,1,0,0,14.1,-14.1]');

-- CANCELLED AFTER THE MONTH CLOSED. Dee's 2 x 40 of January, tax 8, shipping 5, are cancelled in February: January stands.
SELECT is(pg_temp.sent('closed', '{"event":"purchase","order_id":"1","timestamp":"2026-01-30T10:00:00Z","customer_id":"dee","tax":8,"shipping":5,"items":[{"product_id":"a","price":40,"quantity":2}]}'), '1/0/0', 'an order');
SELECT is(pg_temp.sent('closed', '{"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-02-03T10:00:00Z","full":true}'), '1/0/0', 'cancelled');
INSERT INTO wanted VALUES
('closed', 'sales_daily', '["2026-01-30","USD",1,2,0,80,0,0,80,8,5,93,0,80,1]'),
('closed', 'sales_daily', '["2026-02-03","USD",0,0,2,0,0,80,-80,-8,-5,-93,0,null,0]'),
('closed', 'sales_monthly', '["2026-01-01","USD",1,2,0,80,0,0,80,8,5,93,0,80,1]'),
('closed', 'sales_monthly', '["2026-02-01","USD",0,0,2,0,0,80,-80,-8,-5,-93,0,null,0]'),
('closed', 'customer', '["dee","2026-01-30T10:00:00","2026-01-30T10:00:00",1,2,80,0,80,0,80]'),
('closed', 'customer_month', '["2026-01-01","dee","2026-01-01",1,2,80,0,0,80]'),
('closed', 'customer_month', '["2026-02-01","dee","2026-01-01",0,0,0,0,80,-80]'),
('closed', 'cohort_retention', '["2026-01-01",0,1,1,1,80,80]'),
('closed', 'cohort_retention', '["2026-01-01",1,1,0,0,-80,0]');

-- GIFT CARDS. Eve: a card (50, on line 1), a mug (10), wrapping (2, a fee), 6 off, tax 1.20; then the card goes back.
--   6 by 10 : 2 are 5 and 1, the card takes no part; tax by 5 : 1 is 1.00 and 0.20
SELECT is(pg_temp.sent('gift', '{"event":"purchase","order_id":"1","timestamp":"2026-03-10T10:00:00Z","customer_id":"eve","discount":6,"tax":1.2,"items":[{"product_id":"card","price":50,"kind":"gift_card"},{"product_id":"mug","price":10},{"product_id":"wrap","price":2,"kind":"fee"}]}'), '1/0/0', 'a card among other things');
SELECT is(pg_temp.sent('gift', '{"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-03-11T10:00:00Z","items":[{"product_id":"card","price":50,"kind":"gift_card"}]}'), '1/0/0', 'the card back');
INSERT INTO wanted VALUES
-- gross 10 + 2; net 12 - 6; total 6 + 1.2; one unit: the mug
('gift', 'sales_daily', '["2026-03-10","USD",1,1,0,12,6,0,6,1.2,0,7.2,50,6,1]'),
('gift', 'sales_daily', '["2026-03-11","USD",0,0,0,0,0,0,0,0,0,0,-50,null,0]'),
('gift', 'sales_monthly', '["2026-03-01","USD",1,1,0,12,6,0,6,1.2,0,7.2,0,6,1]'),
('gift', 'customer', '["eve","2026-03-10T10:00:00","2026-03-10T10:00:00",1,1,12,6,0,6,6]'),
('gift', 'customer_month', '["2026-03-01","eve","2026-03-01",1,1,12,6,0,6]'),
('gift', 'cohort_retention', '["2026-03-01",0,1,1,1,6,6]'),
('gift', 'product_daily', '["2026-03-10","mug",1,1,0,10,5,0,5]');

-- PRICES WITH TAX, an order's discount and odd cents. Fay: 3 x 3.33, 7.77, 2.25 = 20.01, 1.00 off, tax 3.03, shipping 4.90; then all back.
--   100 cents by 999 : 777 : 225 are 49.9, 38.8, 11.2 -> 50, 39, 11                      paid 9.49, 7.38, 2.14 = 19.01
--   303 cents by 949 : 738 : 214 are 151.26, 117.63, 34.11 -> 151, 118, 34               net  7.98, 6.20, 1.80 = 15.98
--   amount 9.99 x 7.98 / 9.49 = 8.4004, 7.77 x 6.20 / 7.38 = 6.5276, 2.25 x 1.80 / 2.14 = 1.8925 -> 8.40, 6.53, 1.89 = 16.82
--   discount 8.40 - 7.98, 6.53 - 6.20, 1.89 - 1.80 = 0.42, 0.33, 0.09 = 0.84;  15.98 + 3.03 = 19.01 = 20.01 - 1.00
SELECT lives_ok($$SELECT analytics.set_setting('tax_included', 'true', 'taxed'), analytics.set_setting('currency', 'EUR', 'taxed')$$, 'a store with tax in its prices');
SELECT is(pg_temp.sent('taxed', '{"event":"purchase","order_id":"1","timestamp":"2026-05-02T10:00:00Z","customer_id":"fay","discount":1,"tax":3.03,"shipping":4.9,"items":[{"product_id":"a","price":3.33,"quantity":3},{"product_id":"b","price":7.77},{"product_id":"c","price":2.25}]}'), '1/0/0', 'an order');
SELECT is(pg_temp.sent('taxed', '{"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-05-03T10:00:00Z","full":true}'), '1/0/0', 'given back whole');
INSERT INTO wanted VALUES
-- total 15.98 + 3.03 + 4.90
('taxed', 'sales_daily', '["2026-05-02","EUR",1,5,0,16.82,0.84,0,15.98,3.03,4.9,23.91,0,15.98,1]'),
('taxed', 'sales_daily', '["2026-05-03","EUR",0,0,5,0,0,15.98,-15.98,-3.03,-4.9,-23.91,0,null,0]'),
('taxed', 'sales_monthly', '["2026-05-01","EUR",1,5,5,16.82,0.84,15.98,0,0,0,0,0,15.98,1]'),
('taxed', 'customer', '["fay","2026-05-02T10:00:00","2026-05-02T10:00:00",1,5,16.82,0.84,15.98,0,15.98]'),
('taxed', 'customer_month', '["2026-05-01","fay","2026-05-01",1,5,16.82,0.84,15.98,0]'),
('taxed', 'cohort_retention', '["2026-05-01",0,1,1,1,0,0]'),
('taxed', 'product_daily', '["2026-05-02","a",1,3,0,8.4,0.42,0,7.98]'),
('taxed', 'product_daily', '["2026-05-02","b",1,1,0,6.53,0.33,0,6.2]'),
('taxed', 'product_daily', '["2026-05-02","c",1,1,0,1.89,0.09,0,1.8]'),
('taxed', 'product_daily', '["2026-05-03","a",0,0,3,0,0,7.98,-7.98]'),
('taxed', 'product_daily', '["2026-05-03","b",0,0,1,0,0,6.2,-6.2]'),
('taxed', 'product_daily', '["2026-05-03","c",0,0,1,0,0,1.8,-1.8]');

-- TWO CURRENCIES in Auckland (UTC+13), which reports in USD: a euro is 1.10 from 1 March, 1.20 from 15 March. Gus pays 100 - 10 EUR on
-- 10 March, gets 20 EUR back on 15 March (14 March 12:00 in UTC), pays 30 USD on 20 March.
SELECT lives_ok($$SELECT analytics.set_setting('timezone', 'Pacific/Auckland', 'two'), analytics.set_exchange_rate('EUR', 1.10, '2026-03-01', 'two'), analytics.set_exchange_rate('eur', 1.20, '2026-03-15', 'two'),
    analytics.set_exchange_rate('EUR', 9, '2026-03-18')$$, 'rates; a store''s own go before those of all');
SELECT is(pg_temp.sent('two', '[{"event":"purchase","order_id":"1","timestamp":"2026-03-09T20:00:00Z","customer_id":"gus","currency":"EUR","discount":10,"items":[{"product_id":"a","price":100}]},
    {"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-03-14T12:00:00Z","customer_id":"gus","currency":"EUR","amount":20},
    {"event":"purchase","order_id":"2","timestamp":"2026-03-19T20:00:00Z","customer_id":"gus","items":[{"product_id":"a","price":30}]}]'), '3/0/0', 'euros and dollars');
INSERT INTO wanted VALUES
('two', 'sales_daily', '["2026-03-10","EUR",1,1,0,100,10,0,90,0,0,90,0,90,1]'),
('two', 'sales_daily', '["2026-03-15","EUR",0,0,0,0,0,20,-20,0,0,-20,0,null,0]'),
('two', 'sales_daily', '["2026-03-20","USD",1,1,0,30,0,0,30,0,0,30,0,30,1]'),
('two', 'sales_monthly', '["2026-03-01","EUR",1,1,0,100,10,20,70,0,0,70,0,90,1]'),
('two', 'sales_monthly', '["2026-03-01","USD",1,1,0,30,0,0,30,0,0,30,0,30,1]'),
-- gross 100 x 1.10 + 30 = 140, discounts 10 x 1.10, returns 20 x 1.20 (the refund's day), net 140 - 11 - 24, aov (140 - 11) / 2
('two', 'customer', '["gus","2026-03-09T20:00:00","2026-03-19T20:00:00",2,2,140,11,24,105,64.5]'),
('two', 'customer_month', '["2026-03-01","gus","2026-03-01",2,2,140,11,24,105]'),
('two', 'cohort_retention', '["2026-03-01",0,1,1,1,105,105]');

-- WITHOUT A RATE. Hal pays 5000 JPY on 1 April and 8 USD on 2 April; there is no rate for the yen.
SELECT is(pg_temp.sent('rateless', '[{"event":"purchase","order_id":"1","timestamp":"2026-04-01T10:00:00Z","customer_id":"hal","currency":"JPY","discount":500,"items":[{"product_id":"a","price":5000}]},
    {"event":"purchase","order_id":"2","timestamp":"2026-04-02T10:00:00Z","customer_id":"hal","items":[{"product_id":"a","price":8}]}]'), '2/0/0', 'yen and dollars');
INSERT INTO wanted VALUES
('rateless', 'sales_daily', '["2026-04-01","JPY",1,1,0,5000,500,0,4500,0,0,4500,0,4500,1]'),
('rateless', 'sales_daily', '["2026-04-02","USD",1,1,0,8,0,0,8,0,0,8,0,8,1]');
INSERT INTO shown VALUES ('converted', 'SELECT jsonb_build_array(customer_id, gross_sales, discounts, returns, net_sales) FROM analytics.customer WHERE store_id = $1 UNION ALL SELECT jsonb_build_array(bucket, gross_sales, discounts, returns, net_sales) FROM analytics.customer_month WHERE store_id = $1 UNION ALL SELECT jsonb_build_array(cohort_month, months_since, net_sales) FROM analytics.cohort_retention WHERE store_id = $1');
INSERT INTO wanted VALUES ('rateless', 'converted', '["hal",8,0,0,8]'), ('rateless', 'converted', '["2026-04-01",8,0,0,8]'), ('rateless', 'converted', '["2026-04-01",0,8]');

-- TEST ORDERS, bots and the shop's own people count in nothing, not in what is given back of them either.
SELECT is(pg_temp.sent('test', '[{"event":"purchase","order_id":"1","test":true,"timestamp":"2026-03-01T10:00:00Z","customer_id":"ian","session_id":"s","shipping":3,"items":[{"product_id":"a","price":10}]},
    {"event":"refund","event_id":"r","order_id":"1","timestamp":"2026-03-02T10:00:00Z","full":true}]'), '2/0/0', 'a test order and its refund');
SELECT lives_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, customer_id, product_id, quantity, unit_price, excluded) VALUES
    ('test', 'b', 'purchase', '2026-03-01 10:00Z', 'b', 'ian', 'a', 1, 10, 'bot'), ('test', 'i', 'view_item', '2026-03-01 10:00Z', NULL, 'ian', 'a', NULL, NULL, 'internal')$$, 'a bot''s and an employee''s');
INSERT INTO wanted SELECT 'test', s.report, NULL FROM shown s WHERE s.report <> 'converted';

-- ONE ORDER from browser and webhook. The browser says 40 without a name, the webhook the same, then names Joy and one more thing (5).
SELECT is(pg_temp.sent('once', '{"event":"purchase","event_id":"browser","order_id":"1","timestamp":"2026-03-07T10:00:00Z","anonymous_id":"v","session_id":"s","items":[{"product_id":"a","price":40}]}'), '1/0/0', 'from the browser');
SELECT is(pg_temp.sent('once', '{"event":"purchase","event_id":"webhook","order_id":"1","timestamp":"2026-03-07T10:00:03Z","customer_id":"joy","items":[{"product_id":"a","price":40}]}'), '0/1/0', 'and again from the webhook');
SELECT is(pg_temp.sent('once', '{"event":"purchase","event_id":"webhook","order_id":"1","updated_at":"2026-03-07T11:00:00Z","timestamp":"2026-03-07T10:00:03Z","customer_id":"joy","items":[{"product_id":"a","price":40},{"product_id":"b","price":5}]}'), '1/0/0', 'which knows more');
INSERT INTO wanted VALUES
('once', 'sales_daily', '["2026-03-07","USD",1,2,0,45,0,0,45,0,0,45,0,45,1]'),
('once', 'sales_monthly', '["2026-03-01","USD",1,2,0,45,0,0,45,0,0,45,0,45,1]'),
('once', 'customer', '["joy","2026-03-07T10:00:03","2026-03-07T10:00:03",1,2,45,0,0,45,45]'),
('once', 'customer_month', '["2026-03-01","joy","2026-03-01",1,2,45,0,0,45]'),
('once', 'cohort_retention', '["2026-03-01",0,1,1,1,45,45]');

-- A VISITOR WHO BECOMES A CUSTOMER. A guest buys for 40 in February; in March Kim logs in there and buys for 60.
SELECT is(pg_temp.sent('guest', '[{"event":"purchase","order_id":"1","timestamp":"2026-02-10T10:00:00Z","anonymous_id":"v","items":[{"product_id":"a","price":40}]},
    {"event":"purchase","order_id":"2","timestamp":"2026-03-10T10:00:00Z","anonymous_id":"v","customer_id":"kim","items":[{"product_id":"a","price":60}]}]'), '2/0/0', 'a guest''s and a customer''s orders');
INSERT INTO wanted VALUES
('guest', 'sales_daily', '["2026-02-10","USD",1,1,0,40,0,0,40,0,0,40,0,40,0]'),  -- no known customer yet
('guest', 'sales_daily', '["2026-03-10","USD",1,1,0,60,0,0,60,0,0,60,0,60,1]'),
('guest', 'customer', '["kim","2026-03-10T10:00:00","2026-03-10T10:00:00",1,1,60,0,0,60,60]'),
('guest', 'customer_month', '["2026-03-01","kim","2026-03-01",1,1,60,0,0,60]'),
('guest', 'cohort_retention', '["2026-03-01",0,1,1,1,60,60]');

SELECT pg_temp.compared('nothing merged');
SELECT is_empty($$SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'$$, 'the books balance');
SELECT ok(analytics.refresh() > 0, 'refresh');
SELECT pg_temp.compared('merged');
SELECT results_eq($$SELECT DISTINCT store_id, check_name FROM analytics.reconcile()$$, $$VALUES ('rateless', 'missing_rate')$$, 'the books balance, but for the yen');

-- the visitor is named and the yen has a rate, with all the rest merged
SELECT lives_ok($$SELECT analytics.identify('v', 'kim', 'guest'), analytics.set_exchange_rate('JPY', 0.0067, '2026-04-01', 'rateless')$$, 'identify; a rate');
DELETE FROM wanted WHERE store IN ('guest', 'rateless');
INSERT INTO wanted VALUES
('guest', 'sales_daily', '["2026-02-10","USD",1,1,0,40,0,0,40,0,0,40,0,40,1]'),
('guest', 'sales_daily', '["2026-03-10","USD",1,1,0,60,0,0,60,0,0,60,0,60,1]'),
('guest', 'customer', '["kim","2026-02-10T10:00:00","2026-03-10T10:00:00",2,2,100,0,0,100,50]'),  -- aov 100 / 2
('guest', 'customer_month', '["2026-02-01","kim","2026-02-01",1,1,40,0,0,40]'),
('guest', 'customer_month', '["2026-03-01","kim","2026-02-01",1,1,60,0,0,60]'),
('guest', 'cohort_retention', '["2026-02-01",0,1,1,1,40,40]'),
('guest', 'cohort_retention', '["2026-02-01",1,1,1,1,60,100]'),
-- 5000 x 0.0067 = 33.5 and 8; 500 x 0.0067 = 3.35 off; net 41.5 - 3.35; aov 38.15 / 2
('rateless', 'customer', '["hal","2026-04-01T10:00:00","2026-04-02T10:00:00",2,2,41.5,3.35,0,38.15,19.075]'),
('rateless', 'cohort_retention', '["2026-04-01",0,1,1,1,38.15,38.15]');
SELECT pg_temp.compared('corrections not merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() > 0, 'refresh');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'they still do');
SELECT lives_ok($$SELECT analytics.rebuild(name) FROM unnest('{sales_daily,sales_monthly,product_daily,customer}'::text[]) name$$, 'all built anew');
SELECT pg_temp.compared('built anew');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'nothing has changed');

SELECT * FROM finish();
