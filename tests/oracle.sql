-- The oracle of all tests: every figure once more, from the raw events and the money rules alone, exactly and slowly.
--
-- It shares nothing with the engine: not counted_line, not signs as factors, no HyperLogLog, no snapshots. What is taken
-- back is struck out of the log first, and the lines that stand are counted. Load it with psql -f (or \i) as a role that
-- may read the tables of schema analytics; it replaces an oracle that is there already. Then
--
--     SELECT * FROM oracle.differences();
--
-- gives no rows, at any moment, in any transaction, on any server. One call is one snapshot: other sessions may go on.
-- Distinct counts are compared exactly, so keep cells below a thousand customers and sessions. Two items that name one
-- product differently at the same moment leave open which one holds: no test should do that.

SET client_min_messages = warning;
DROP SCHEMA IF EXISTS oracle CASCADE;
RESET client_min_messages;
CREATE SCHEMA oracle;

-- The lines that stand: each line that is taken back strikes out one line that says the same in every column.
CREATE VIEW oracle.standing_line AS
SELECT store_id, event_id, line, revision, event_type, occurred_at, customer_id, anonymous_id, session_id, order_id,
       product_id, quantity, unit_price, amount, discount, tax, shipping, tax_included, line_kind, excluded, currency,
       channel, country, device, campaign, properties
  FROM analytics.event WHERE sign = 1
EXCEPT ALL
SELECT store_id, event_id, line, revision, event_type, occurred_at, customer_id, anonymous_id, session_id, order_id,
       product_id, quantity, unit_price, amount, discount, tax, shipping, tax_included, line_kind, excluded, currency,
       channel, country, device, campaign, properties
  FROM analytics.event WHERE sign = -1;

-- Those that count, with the store's settings applied.
CREATE VIEW oracle.line AS
SELECT l.store_id, l.event_id, l.order_id, l.line, l.event_type, l.line_kind, l.product_id, l.customer_id, l.session_id, l.channel, l.country,
       l.occurred_at, l.anonymous_id, l.device, l.quantity, coalesce(l.amount, l.unit_price) IS NOT NULL AS priced,
       coalesce(own.currency, every.currency, 'USD') AS reporting_currency,
       coalesce(own.session_gap, every.session_gap, interval '30 minutes') AS session_gap,
       coalesce(l.currency, own.currency, every.currency, 'USD') AS currency,
       date_trunc('hour', l.occurred_at, zone.name) AS hour,
       date_trunc('day', l.occurred_at AT TIME ZONE zone.name)::date AS day,
       (date_trunc('week', l.occurred_at AT TIME ZONE zone.name + week.shift) - week.shift)::date AS week,
       date_trunc('month', l.occurred_at AT TIME ZONE zone.name)::date AS month,
       CASE WHEN l.line_kind <> 'product' THEN 0 ELSE coalesce(l.quantity, 0) END AS units,
       coalesce(l.amount, l.unit_price * coalesce(l.quantity, 1), 0) AS amount,
       coalesce(l.discount, 0) AS discount, coalesce(l.tax, 0) AS tax, coalesce(l.shipping, 0) AS shipping
  FROM oracle.standing_line l
  LEFT JOIN analytics.store own ON own.store_id = l.store_id
  LEFT JOIN analytics.store every ON every.store_id = ''
 CROSS JOIN LATERAL (SELECT coalesce(own.timezone, every.timezone, 'UTC') AS name) zone
 CROSS JOIN LATERAL (SELECT CASE coalesce(own.week_start, every.week_start, 'monday')
                                WHEN 'monday' THEN interval '0 days' WHEN 'sunday' THEN interval '1 day'
                                WHEN 'saturday' THEN interval '2 days' END AS shift) week
 WHERE l.excluded IS NULL;

DO $$
DECLARE
    grain text[];
BEGIN
    FOREACH grain SLICE 1 IN ARRAY '{{sales_hourly,hour},{sales_daily,day},{sales_weekly,week},{sales_monthly,month}}'::text[] LOOP
        EXECUTE format($view$
            CREATE VIEW oracle.%I AS
            SELECT store_id, bucket, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns,
                   gross_sales - discounts - returns AS net_sales, taxes, shipping,
                   gross_sales - discounts - returns + taxes + shipping AS total_sales, gift_card_sales,
                   CASE WHEN orders > 0 THEN (gross_sales - discounts) / orders END AS aov, customers, sessions, events
              FROM (SELECT store_id, %I AS bucket, currency, channel, country,
                           count(*) FILTER (WHERE bought AND line = 1) AS orders,
                           coalesce(sum(units) FILTER (WHERE bought), 0) AS units,
                           coalesce(sum(units) FILTER (WHERE refunded), 0) AS units_returned,
                           coalesce(sum(amount) FILTER (WHERE bought AND NOT gift_card), 0) AS gross_sales,
                           coalesce(sum(discount) FILTER (WHERE bought AND NOT gift_card), 0) AS discounts,
                           coalesce(sum(amount - discount) FILTER (WHERE refunded AND NOT gift_card), 0) AS returns,
                           coalesce(sum(tax) FILTER (WHERE bought AND NOT gift_card), 0)
                               - coalesce(sum(tax) FILTER (WHERE refunded AND NOT gift_card), 0) AS taxes,
                           coalesce(sum(shipping) FILTER (WHERE bought), 0)
                               - coalesce(sum(shipping) FILTER (WHERE refunded), 0) AS shipping,
                           coalesce(sum(amount - discount) FILTER (WHERE bought AND gift_card), 0)
                               - coalesce(sum(amount - discount) FILTER (WHERE refunded AND gift_card), 0) AS gift_card_sales,
                           count(DISTINCT customer_id) FILTER (WHERE bought) AS customers,
                           count(DISTINCT session_id) AS sessions,
                           count(*) FILTER (WHERE line = 1) AS events
                      FROM (SELECT *, event_type = 'purchase' AS bought, event_type = 'refund' AS refunded,
                                   line_kind = 'gift_card' AS gift_card FROM oracle.line) l
                     GROUP BY 1, 2, 3, 4, 5) s
        $view$, grain[1], grain[2]);
    END LOOP;
END
$$;

-- What a product is called: of what the shop said and of what items said, the latest of each field. Of the same moment the item
-- holds, and of items the one that came later.
CREATE VIEW oracle.product AS
WITH said AS (
    SELECT DISTINCT ON (e.store_id, e.product_id, s.field) e.store_id, e.product_id, s.field, s.value, e.occurred_at AS at
      FROM analytics.event e
     CROSS JOIN LATERAL (VALUES ('name', e.properties ->> 'name'), ('category', e.properties ->> 'category'),
                                ('brand', e.properties ->> 'brand')) s(field, value)
     WHERE e.sign = 1 AND e.excluded IS NULL AND e.line_kind = 'product' AND e.product_id IS NOT NULL AND s.value IS NOT NULL
     ORDER BY e.store_id, e.product_id, s.field, e.occurred_at DESC, e.revision DESC, e.stamp DESC, e.line
), kept AS (
    SELECT p.store_id, p.product_id, k.field, k.value, k.at
      FROM analytics.product p
     CROSS JOIN LATERAL (VALUES ('name', p.name, p.name_at), ('category', p.category, p.category_at), ('brand', p.brand, p.brand_at)) k(field, value, at)
     WHERE k.value IS NOT NULL
)
SELECT store_id, product_id, max(value) FILTER (WHERE field = 'name') AS name,
       max(value) FILTER (WHERE field = 'category') AS category, max(value) FILTER (WHERE field = 'brand') AS brand
  FROM (SELECT store_id, product_id, field, CASE WHEN s.at >= k.at OR k.value IS NULL THEN s.value ELSE k.value END AS value
          FROM said s FULL JOIN kept k USING (store_id, product_id, field)) f
 GROUP BY store_id, product_id;

CREATE VIEW oracle.product_line AS
SELECT l.*, p.name, coalesce(p.category, '(none)') AS present_category, p.category, p.brand, l.event_type = 'purchase' AS bought,
       l.event_type = 'refund' AS refunded
  FROM oracle.line l LEFT JOIN oracle.product p USING (store_id, product_id)
 WHERE l.product_id IS NOT NULL AND l.line_kind = 'product';

DO $$
DECLARE
    report text[];
BEGIN
    FOREACH report SLICE 1 IN ARRAY '{{product_daily,"product_id, name, category, brand"},{category_daily,"present_category"}}'::text[] LOOP
        EXECUTE format($view$
            CREATE VIEW oracle.%I AS
            SELECT store_id, day AS bucket, currency, %s,
                   count(*) FILTER (WHERE event_type = 'view_item') AS views,
                   count(*) FILTER (WHERE event_type = 'add_to_cart') AS add_to_carts,
                   count(DISTINCT (order_id, CASE WHEN order_id IS NULL THEN event_id END)) FILTER (WHERE bought) AS orders,
                   coalesce(sum(units) FILTER (WHERE bought), 0) AS units,
                   coalesce(sum(units) FILTER (WHERE refunded), 0) AS units_returned,
                   coalesce(sum(amount) FILTER (WHERE bought), 0) AS gross_sales,
                   coalesce(sum(discount) FILTER (WHERE bought), 0) AS discounts,
                   coalesce(sum(amount - discount) FILTER (WHERE refunded), 0) AS returns,
                   coalesce(sum(amount - discount) FILTER (WHERE bought), 0)
                       - coalesce(sum(amount - discount) FILTER (WHERE refunded), 0) AS net_sales,
                   count(DISTINCT customer_id) FILTER (WHERE bought) AS customers
              FROM oracle.product_line
             GROUP BY store_id, day, currency, %s
        $view$, report[1], replace(report[2], 'present_category', 'present_category AS category'), report[2]);
    END LOOP;
END
$$;

-- What a line is worth in the store's currency: at the rate of its day, the store's own before that of all stores.
CREATE VIEW oracle.customer_line AS
SELECT l.*, CASE WHEN l.currency = l.reporting_currency THEN 1
                 ELSE coalesce((SELECT x.rate FROM analytics.exchange_rate x WHERE x.store_id = l.store_id AND x.currency = l.currency AND x.valid_from <= l.day
                                 ORDER BY x.valid_from DESC LIMIT 1),
                               (SELECT x.rate FROM analytics.exchange_rate x WHERE x.store_id = '' AND x.currency = l.currency AND x.valid_from <= l.day
                                 ORDER BY x.valid_from DESC LIMIT 1)) END AS rate,
       l.event_type = 'purchase' AND l.line_kind <> 'gift_card' AS sold, l.event_type = 'refund' AND l.line_kind <> 'gift_card' AS returned
  FROM oracle.line l
 WHERE l.customer_id IS NOT NULL;

CREATE VIEW oracle.first_order AS
SELECT DISTINCT ON (store_id, customer_id) store_id, customer_id, occurred_at, month, country, channel
  FROM oracle.customer_line WHERE event_type = 'purchase' AND line = 1
 ORDER BY store_id, customer_id, occurred_at, channel COLLATE "C" NULLS LAST, country COLLATE "C" NULLS LAST;

CREATE VIEW oracle.customer AS
SELECT s.store_id, s.customer_id, s.first_seen_at, s.last_seen_at, f.occurred_at AS first_order_at, s.last_order_at, s.orders, s.units,
       s.gross_sales, s.discounts, s.returns, s.gross_sales - s.discounts - s.returns AS net_sales,
       CASE WHEN s.orders > 0 THEN (s.gross_sales - s.discounts) / s.orders END AS aov, f.country, f.channel
  FROM (SELECT store_id, customer_id, min(occurred_at) AS first_seen_at, max(occurred_at) AS last_seen_at,
               max(occurred_at) FILTER (WHERE event_type = 'purchase') AS last_order_at,
               count(*) FILTER (WHERE event_type = 'purchase' AND line = 1) AS orders,
               coalesce(sum(units) FILTER (WHERE event_type = 'purchase'), 0) AS units,
               coalesce(sum(amount * rate) FILTER (WHERE sold), 0) AS gross_sales,
               coalesce(sum(discount * rate) FILTER (WHERE sold), 0) AS discounts,
               coalesce(sum((amount - discount) * rate) FILTER (WHERE returned), 0) AS returns
          FROM oracle.customer_line GROUP BY 1, 2) s
  LEFT JOIN oracle.first_order f USING (store_id, customer_id);

-- As of the store's today; with ranks, and the groups of the contract.
CREATE VIEW oracle.rfm AS
WITH today AS (
    SELECT k.store_id, (CASE WHEN coalesce(own.clock, every.clock) = 'data' THEN k.newest ELSE statement_timestamp() END
                        AT TIME ZONE coalesce(own.timezone, every.timezone, 'UTC'))::date AS as_of
      FROM (SELECT l.store_id, max(l.occurred_at) AS newest FROM oracle.line l GROUP BY 1) k
      LEFT JOIN analytics.store own ON own.store_id = k.store_id
      LEFT JOIN analytics.store every ON every.store_id = ''
), customer AS (
    SELECT l.store_id, l.customer_id, t.as_of, t.as_of - max(l.day) FILTER (WHERE l.event_type = 'purchase' AND l.line = 1) AS recency_days,
           max(l.occurred_at) FILTER (WHERE l.event_type = 'purchase' AND l.line = 1) AS last_order_at,
           count(*) FILTER (WHERE l.event_type = 'purchase' AND l.line = 1) AS frequency,
           coalesce(sum((l.amount - l.discount) * l.rate) FILTER (WHERE l.sold), 0)
               - coalesce(sum((l.amount - l.discount) * l.rate) FILTER (WHERE l.returned), 0) AS monetary
      FROM oracle.customer_line l JOIN today t ON t.store_id = l.store_id AND l.day <= t.as_of GROUP BY 1, 2, 3
), scored AS (
    SELECT c.*, 1 + 5 * (rank() OVER (w ORDER BY c.last_order_at) - 1) / count(*) OVER w AS r, 1 + 5 * (rank() OVER (w ORDER BY c.frequency) - 1) / count(*) OVER w AS f,
           1 + 5 * (rank() OVER (w ORDER BY c.monetary) - 1) / count(*) OVER w AS m
      FROM customer c WHERE c.frequency > 0 WINDOW w AS (PARTITION BY c.store_id)
    UNION ALL
    SELECT c.*, NULL, NULL, NULL FROM customer c WHERE c.frequency = 0
)
SELECT s.store_id, s.customer_id, s.as_of, s.recency_days, s.frequency, s.monetary, s.r AS r_score, s.f AS f_score, s.m AS m_score,
       CASE WHEN s.frequency = 0 THEN 'prospects' ELSE (ARRAY[
           ['dormant', 'at_risk', 'at_risk', 'previously_loyal', 'previously_loyal'], ['dormant', 'at_risk', 'at_risk', 'previously_loyal', 'previously_loyal'],
           ['almost_lost', 'needs_attention', 'needs_attention', 'loyal', 'loyal'], ['promising', 'active', 'active', 'loyal', 'champions'],
           ['new', 'active', 'active', 'loyal', 'champions']])[s.r][round((s.f + s.m) / 2.0)] END AS segment
  FROM scored s;

CREATE VIEW oracle.customer_month AS
SELECT s.store_id, s.bucket, s.customer_id, f.month AS cohort_month, s.orders, s.units, s.gross_sales, s.discounts, s.returns,
       s.gross_sales - s.discounts - s.returns AS net_sales
  FROM (SELECT store_id, customer_id, month AS bucket, count(*) FILTER (WHERE event_type = 'purchase' AND line = 1) AS orders,
               coalesce(sum(units) FILTER (WHERE event_type = 'purchase'), 0) AS units,
               coalesce(sum(amount * rate) FILTER (WHERE sold), 0) AS gross_sales,
               coalesce(sum(discount * rate) FILTER (WHERE sold), 0) AS discounts,
               coalesce(sum((amount - discount) * rate) FILTER (WHERE returned), 0) AS returns
          FROM oracle.customer_line GROUP BY 1, 2, 3) s
  LEFT JOIN oracle.first_order f USING (store_id, customer_id);

CREATE VIEW oracle.cohort_retention AS
WITH last AS (
    SELECT store_id, max(bucket) AS month FROM oracle.customer_month
     WHERE cohort_month IS NOT NULL AND (orders > 0 OR net_sales <> 0) GROUP BY 1
), cohort AS (
    SELECT store_id, month AS cohort_month, count(*) AS cohort_size FROM oracle.first_order GROUP BY 1, 2
), month AS (
    SELECT c.*, g::date AS bucket, row_number() OVER (PARTITION BY c.store_id, c.cohort_month ORDER BY g)::integer - 1 AS months_since
      FROM cohort c JOIN last l USING (store_id), generate_series(c.cohort_month::timestamp, l.month::timestamp, interval '1 month') g
)
SELECT m.store_id, m.cohort_month, m.months_since, m.cohort_size, count(c.customer_id) FILTER (WHERE c.orders > 0) AS customers,
       count(c.customer_id) FILTER (WHERE c.orders > 0)::numeric / m.cohort_size AS retention, coalesce(sum(c.net_sales), 0) AS net_sales,
       sum(coalesce(sum(c.net_sales), 0)) OVER (PARTITION BY m.store_id, m.cohort_month ORDER BY m.months_since) AS cumulative_net_sales
  FROM month m
  LEFT JOIN oracle.customer_month c ON c.store_id = m.store_id AND c.cohort_month = m.cohort_month AND c.bucket = m.bucket
 GROUP BY m.store_id, m.cohort_month, m.months_since, m.cohort_size;

-- Sessions: by the sender's id, or else a visitor's events without a silence longer than the store's gap. A refund is no visit.
CREATE VIEW oracle.session AS
WITH visit AS (
    SELECT l.*, CASE WHEN l.session_id IS NOT NULL THEN 's' || l.session_id WHEN l.customer_id IS NOT NULL THEN 'c' || l.customer_id
                     ELSE 'a' || l.anonymous_id END AS key
      FROM oracle.line l
     WHERE l.session_id IS NOT NULL OR (l.event_type <> 'refund' AND (l.customer_id IS NOT NULL OR l.anonymous_id IS NOT NULL))
), broken AS (
    SELECT v.*, CASE WHEN v.session_id IS NULL
                      AND v.occurred_at - lag(v.occurred_at) OVER (PARTITION BY v.store_id, v.key ORDER BY v.occurred_at) > v.session_gap
                     THEN 1 ELSE 0 END AS breaks
      FROM visit v
), numbered AS (
    SELECT b.*, sum(b.breaks) OVER (PARTITION BY b.store_id, b.key ORDER BY b.occurred_at RANGE UNBOUNDED PRECEDING) AS number FROM broken b
)
SELECT s.store_id, s.key, s.bucket, s.started_at, s.ended_at, s.channel, s.country, s.device, s.currency, s.events, s.orders, s.step,
       greatest(coalesce((SELECT sum(CASE v.event_type WHEN 'add_to_cart' THEN v.amount - v.discount ELSE v.discount - v.amount END) FROM numbered v
                           WHERE v.store_id = s.store_id AND v.key = s.key AND v.number = s.number AND v.currency = s.currency
                             AND v.event_type IN ('add_to_cart', 'remove_from_cart')), 0), 0) AS cart_value
  FROM (
SELECT n.store_id, n.key, n.number, min(n.occurred_at) AS started_at, max(n.occurred_at) AS ended_at, min(n.day) AS bucket,
       (array_agg(n.channel ORDER BY n.occurred_at, n.channel COLLATE "C") FILTER (WHERE n.line = 1 AND n.channel IS NOT NULL))[1] AS channel,
       (array_agg(n.country ORDER BY n.occurred_at, n.country COLLATE "C") FILTER (WHERE n.line = 1 AND n.country IS NOT NULL))[1] AS country,
       (array_agg(n.device ORDER BY n.occurred_at, n.device COLLATE "C") FILTER (WHERE n.line = 1 AND n.device IS NOT NULL))[1] AS device,
       coalesce((array_agg(n.currency ORDER BY n.occurred_at, n.currency COLLATE "C") FILTER (WHERE n.priced))[1],
                min(n.reporting_currency)) AS currency,
       count(*) FILTER (WHERE n.line = 1) AS events, count(*) FILTER (WHERE n.line = 1 AND n.event_type = 'purchase') AS orders,
       CASE WHEN bool_or(n.event_type = 'purchase') THEN 4
            WHEN bool_or(n.event_type IN ('begin_checkout', 'add_shipping_info', 'add_payment_info')) THEN 3
            WHEN bool_or(n.event_type = 'add_to_cart') THEN 2 WHEN bool_or(n.event_type = 'view_item') THEN 1 ELSE 0 END AS step
  FROM numbered n
 GROUP BY n.store_id, n.key, n.number) s;

CREATE VIEW oracle.session_daily AS
SELECT store_id, bucket, channel, country, device, count(*) AS sessions, count(*) FILTER (WHERE events = 1) AS bounces,
       sum(events)::bigint AS events, sum(orders)::bigint AS orders, sum(orders)::numeric / count(*) AS conversion,
       sum(ended_at - started_at) / count(*) AS avg_duration
  FROM oracle.session GROUP BY 1, 2, 3, 4, 5;

CREATE VIEW oracle.funnel_daily AS
SELECT f.store_id, f.bucket, f.channel, f.device, f.currency, f.sessions, f.view_item, f.add_to_cart, f.begin_checkout, f.purchase,
       coalesce(f.value_lost, 0) AS value_lost, round(add_to_cart::numeric / nullif(view_item, 0), 12) AS view_to_cart,
       round(begin_checkout::numeric / nullif(add_to_cart, 0), 12) AS cart_to_checkout,
       round(purchase::numeric / nullif(begin_checkout, 0), 12) AS checkout_to_purchase, round(purchase::numeric / sessions, 12) AS conversion
  FROM (SELECT store_id, bucket, channel, device, currency, count(*) AS sessions, count(*) FILTER (WHERE step >= 1) AS view_item,
               count(*) FILTER (WHERE step >= 2) AS add_to_cart, count(*) FILTER (WHERE step >= 3) AS begin_checkout,
               count(*) FILTER (WHERE step >= 4) AS purchase, sum(cart_value) FILTER (WHERE step < 4) AS value_lost
          FROM oracle.session GROUP BY 1, 2, 3, 4, 5) f;

-- Products bought together: of the purchases that stand, how many hold both, the one, the other, and any product at all. Keep
-- orders below 1,000 products.
CREATE VIEW oracle.product_affinity AS
WITH item AS MATERIALIZED (
    SELECT DISTINCT store_id, event_id, coalesce(order_id, '') AS order_id, product_id FROM oracle.product_line WHERE bought
), holds AS MATERIALIZED (
    SELECT store_id, product_id, count(*) AS n FROM item GROUP BY 1, 2
)
SELECT store_id, x.product_id AS product_a, y.product_id AS product_b, count(*) AS baskets,
       (SELECT h.n FROM holds h WHERE h.store_id = x.store_id AND h.product_id = x.product_id) AS n_a,
       (SELECT h.n FROM holds h WHERE h.store_id = x.store_id AND h.product_id = y.product_id) AS n_b,
       (SELECT count(DISTINCT (i.event_id, i.order_id)) FROM item i WHERE i.store_id = x.store_id) AS n
  FROM item x JOIN item y USING (store_id, event_id, order_id)
 WHERE x.product_id <> y.product_id
 GROUP BY store_id, x.store_id, x.product_id, y.product_id;

-- What counts once: each event that stands, by the key it must be known by.
CREATE VIEW oracle.event_key AS
SELECT store_id COLLATE "C" AS store_id,
       CASE WHEN event_type = 'purchase' AND order_id IS NOT NULL THEN 'o' ELSE 'e' END::"char" AS kind,
       CASE WHEN event_type = 'purchase' AND order_id IS NOT NULL THEN order_id ELSE event_id END COLLATE "C" AS key,
       event_id COLLATE "C" AS event_id, revision, occurred_at, count(*)::integer AS lines
  FROM oracle.standing_line
 GROUP BY store_id, event_id, event_type, order_id, revision, occurred_at;

-- All that differs, both ways. row is a row of the view (or of the keys) that the other side lacks.
CREATE FUNCTION oracle.differences() RETURNS TABLE (view text, side text, "row" jsonb)
    LANGUAGE plpgsql STABLE
    SET jit = off
AS $$
DECLARE
    report text;
    columns text;
BEGIN
    FOREACH report IN ARRAY '{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,customer,customer_month,
                                cohort_retention,rfm,session_daily,funnel_daily}'::text[] LOOP
        -- averages may end in different digits, since sums keep the scale of what was taken back
        SELECT string_agg(CASE WHEN a.attname IN ('aov', 'retention', 'conversion', 'view_to_cart', 'cart_to_checkout', 'checkout_to_purchase') THEN format('round(%1$I, 12) AS %1$I', a.attname)
                               WHEN a.attname = 'avg_duration' THEN 'round(extract(epoch FROM avg_duration)::numeric, 3) AS avg_duration'
                               ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
          INTO STRICT columns
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = ('analytics.' || report)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
        RETURN QUERY EXECUTE format('
            WITH shown AS MATERIALIZED (SELECT %1$s FROM analytics.%2$I), expected AS MATERIALIZED (SELECT %1$s FROM oracle.%2$I)
            SELECT %2$L, ''the view alone'', to_jsonb(v) FROM (TABLE shown EXCEPT ALL TABLE expected) v
            UNION ALL
            SELECT %2$L, ''the events alone'', to_jsonb(o) FROM (TABLE expected EXCEPT ALL TABLE shown) o', columns, report);
    END LOOP;
    -- what the measures were made of
    RETURN QUERY
    WITH shown AS MATERIALIZED (
        SELECT v.store_id, v.product_a, v.product_b, v.baskets, round(v.baskets / v.confidence)::bigint AS n_a,
               round(v.confidence * v.baskets / v.support / v.lift)::bigint AS n_b, round(v.baskets / v.support)::bigint AS n
          FROM analytics.product_affinity v
    ), expected AS MATERIALIZED (SELECT * FROM oracle.product_affinity)
    SELECT 'product_affinity', 'the view alone', to_jsonb(v) FROM (TABLE shown EXCEPT ALL TABLE expected) v
    UNION ALL
    SELECT 'product_affinity', 'the events alone', to_jsonb(o) FROM (TABLE expected EXCEPT ALL TABLE shown) o;
    RETURN QUERY
    WITH kept AS MATERIALIZED (
        SELECT k.store_id, k.kind, k.key, coalesce(k.event_id, k.key) AS event_id, k.revision, k.occurred_at, k.lines
          FROM analytics.event_key k WHERE k.lines <> 0
    ), expected AS MATERIALIZED (
        SELECT e.store_id, e.kind, e.key, e.event_id, e.revision, e.occurred_at, e.lines FROM oracle.event_key e
    )
    SELECT 'event_key', 'the keys alone', to_jsonb(k) FROM (TABLE kept EXCEPT ALL TABLE expected) k
    UNION ALL
    SELECT 'event_key', 'the events alone', to_jsonb(e) FROM (TABLE expected EXCEPT ALL TABLE kept) e;
    RETURN QUERY
    SELECT 'event', 'a line taken back that does not stand', to_jsonb(t)
      FROM (SELECT e.store_id, e.event_id, e.event_type, e.order_id, e.line, e.revision, sum(e.sign) AS times
              FROM analytics.event e GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(e.sign) NOT IN (0, 1)) t;
END
$$;
