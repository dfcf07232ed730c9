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
    FOREACH report IN ARRAY '{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily}'::text[] LOOP
        -- averages may end in different digits, since sums keep the scale of what was taken back
        SELECT string_agg(CASE a.attname WHEN 'aov' THEN 'round(aov, 12) AS aov' ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
          INTO STRICT columns
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = ('analytics.' || report)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
        RETURN QUERY EXECUTE format('
            WITH shown AS MATERIALIZED (SELECT %1$s FROM analytics.%2$I), expected AS MATERIALIZED (SELECT %1$s FROM oracle.%2$I)
            SELECT %2$L, ''the view alone'', to_jsonb(v) FROM (TABLE shown EXCEPT ALL TABLE expected) v
            UNION ALL
            SELECT %2$L, ''the events alone'', to_jsonb(o) FROM (TABLE expected EXCEPT ALL TABLE shown) o', columns, report);
    END LOOP;
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
