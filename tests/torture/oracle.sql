-- Every view once more, from the raw log and the contract alone: nothing here is the engine's.
-- torture.zone holds what the stores were set to, torture.shop_product what the shop's own upserts said.

CREATE SCHEMA torture;

CREATE TABLE torture.zone (store_id text PRIMARY KEY, zone text NOT NULL, currency text NOT NULL, week_start text NOT NULL);

CREATE TABLE torture.shop_product (
    store_id text NOT NULL, product_id text NOT NULL, name text, category text, brand text,
    PRIMARY KEY (store_id, product_id)
);

-- One row for each transaction of the test that committed.
CREATE TABLE torture.marker (number bigint PRIMARY KEY);

-- Rows with `excluded` count in nothing; a line with sign -1 takes one back. Hours are those of the store's wall clock.
CREATE VIEW torture.line AS
SELECT e.*, coalesce(e.currency, z.currency) AS in_currency,
       date_trunc('hour', e.occurred_at, z.zone) AS hour,
       w.day, date_trunc('month', w.day::timestamp)::date AS month,
       date_trunc('week', (w.day + w.shift)::timestamp)::date - w.shift AS week,
       e.event_type = 'purchase' AS bought, e.event_type = 'refund' AS refunded,
       e.line_kind = 'gift_card' AS gift_card,
       coalesce(e.order_id, e.event_id) AS order_key
  FROM analytics.event e
  JOIN torture.zone z USING (store_id)
 CROSS JOIN LATERAL (SELECT (e.occurred_at AT TIME ZONE z.zone)::date AS day,
                            CASE z.week_start WHEN 'sunday' THEN 1 WHEN 'saturday' THEN 2 ELSE 0 END AS shift) w
 WHERE e.excluded IS NULL;

-- What a product is called now: the shop's word where it has spoken, else that of the latest item that names it.
CREATE VIEW torture.product AS
SELECT coalesce(s.store_id, i.store_id) AS store_id, coalesce(s.product_id, i.product_id) AS product_id,
       coalesce(s.name, i.name) AS name, coalesce(s.category, i.category) AS category, coalesce(s.brand, i.brand) AS brand
  FROM torture.shop_product s
  FULL JOIN (SELECT DISTINCT ON (e.store_id, e.product_id) e.store_id, e.product_id, e.properties ->> 'name' AS name,
                    e.properties ->> 'category' AS category, e.properties ->> 'brand' AS brand
               FROM analytics.event e
              WHERE e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL AND e.sign = 1
                AND e.properties ? 'name'
              ORDER BY e.store_id, e.product_id, e.occurred_at DESC) i USING (store_id, product_id);
