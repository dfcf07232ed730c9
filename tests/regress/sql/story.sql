-- One shop's story, as the README tells it.
\set ECHO queries
\pset null '-'
SET client_min_messages = warning;
SET datestyle = ISO;
CREATE EXTENSION analytics CASCADE;
SELECT analytics.set_setting('currency', 'EUR');

-- Two orders arrive, one of them twice, and something that is no order at all.
SELECT * FROM analytics.ingest('
{"event":"purchase","order_id":"1001","timestamp":"2026-03-02T09:30:00Z","customer_id":"ada","channel":"web","country":"DE","shipping":4.90,"discount":5,"items":[{"product_id":"mug","name":"Mug","category":"Kitchen","price":"12.50","quantity":4},{"product_id":"jug","name":"Jug","category":"Kitchen","price":"29.99"}]}
{"event":"purchase","order_id":"1002","timestamp":"2026-03-02T11:10:00Z","customer_id":"ben","channel":"app","country":"AT","items":[{"product_id":"mug","price":"12.50"}]}
{"event":"purchase","order_id":"1002","timestamp":"2026-03-02T11:10:03Z","customer_id":"ben","channel":"app","country":"AT","items":[{"product_id":"mug","price":"12.50"}]}
{"event":"purchase","order_id":"1003","timestamp":"2026-03-02T12:00:00Z","items":[{"product_id":"pot","price":"19,90"}]}');

-- Right after COMMIT every view shows them, whether or not a refresh ran.
SELECT bucket, channel, country, orders, units, gross_sales, discounts, net_sales, total_sales, aov FROM analytics.sales_daily ORDER BY channel DESC;

-- The rejected order is mended and replayed.
UPDATE analytics.rejected_event SET payload = jsonb_set(payload, '{items,0,price}', '19.90')
 WHERE status = 'open' AND payload ->> 'order_id' = '1003';
SELECT accepted, rejected FROM analytics.replay_rejected();

-- Ada changes her order and sends a mug back a month later: a higher revision supersedes, a refund counts on its own day.
SELECT accepted, duplicates FROM analytics.ingest('[
 {"event":"purchase","order_id":"1001","revision":2,"timestamp":"2026-03-02T09:30:00Z","customer_id":"ada","channel":"web","country":"DE","shipping":4.90,"items":[{"product_id":"mug","name":"Mug","category":"Kitchen","price":"12.50","quantity":4}]},
 {"event":"refund","event_id":"return-1001","order_id":"1001","timestamp":"2026-04-01T08:00:00Z","customer_id":"ada","channel":"web","country":"DE","items":[{"product_id":"mug","price":"12.50"}]}]');
SELECT bucket, sum(orders) AS orders, sum(units) AS units, sum(net_sales) AS net_sales, sum(returns) AS returns FROM analytics.sales_monthly GROUP BY bucket ORDER BY bucket;
SELECT bucket, category, orders, units, units_returned, net_sales, customers FROM analytics.category_daily ORDER BY 1, 2;

-- The books balance: no rows.
SELECT * FROM analytics.reconcile();
SELECT analytics.refresh() > 0 AS merged;
SELECT * FROM analytics.reconcile();
