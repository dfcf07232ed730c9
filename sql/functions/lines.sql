-- The money rules as columns: what each line adds to each figure. Every figure anywhere is a sum over counted_line.

CREATE OR REPLACE VIEW analytics.counted_line AS
SELECT e.store_id, e.event_id, e.line, e.revision, e.sign, e.event_type, e.occurred_at, e.stamp,
       e.customer_id, e.anonymous_id, e.session_id, e.order_id, e.product_id, e.line_kind, e.campaign, e.properties,
       e.quantity, e.unit_price, coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) AS amount, e.discount, e.tax,
       e.shipping AS sent_shipping, e.tax_included,
       coalesce(e.currency, s.currency, d.currency, 'USD') AS currency,
       CASE WHEN e.currency IS NULL OR e.currency = coalesce(s.currency, d.currency, 'USD') THEN 1
            ELSE (SELECT x.rate FROM analytics.exchange_rate x
                   WHERE x.store_id IN (e.store_id, '') AND x.currency = e.currency AND x.valid_from <= w.wall::date
                   ORDER BY x.store_id DESC, x.valid_from DESC LIMIT 1) END AS rate,
       coalesce(s.session_gap, d.session_gap, '30 minutes') AS session_gap,
       e.channel, e.country, e.device,
       e.occurred_at - (w.clock - date_trunc('hour', w.clock)) AS hour,
       w.wall::date AS day,
       coalesce(k.kept_week, CASE WHEN e.occurred_at >= r.before AND k.week < r.day THEN k.week + 7 ELSE k.week END) AS week,
       date_trunc('month', w.wall)::date AS month,
       CASE WHEN e.line = 1 THEN e.sign END AS events,
       CASE WHEN e.line = 1 AND e.event_type = 'purchase' THEN e.sign END AS orders,
       CASE WHEN e.event_type = 'purchase' AND e.line_kind = 'product' THEN
           e.sign * e.quantity END AS units,
       CASE WHEN e.event_type = 'refund' AND e.line_kind = 'product' THEN
           e.sign * e.quantity END AS units_returned,
       CASE WHEN e.event_type = 'purchase' AND e.line_kind <> 'gift_card' THEN
           CASE WHEN e.sign = 1 THEN coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1))
                ELSE -coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) END END AS gross_sales,
       CASE WHEN e.event_type = 'purchase' AND e.line_kind <> 'gift_card' THEN
           CASE WHEN e.sign = 1 THEN e.discount ELSE -e.discount END END AS discounts,
       CASE WHEN e.event_type = 'refund' AND e.line_kind <> 'gift_card' THEN
           CASE WHEN e.sign = 1 THEN coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) - coalesce(e.discount, 0)
                ELSE coalesce(e.discount, 0) - coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) END END AS returns,
       CASE WHEN e.line_kind <> 'gift_card' AND e.event_type IN ('purchase', 'refund') THEN
           CASE WHEN (e.sign = 1) = (e.event_type = 'purchase') THEN e.tax ELSE -e.tax END END AS taxes,
       CASE WHEN e.event_type IN ('purchase', 'refund') THEN
           CASE WHEN (e.sign = 1) = (e.event_type = 'purchase') THEN e.shipping ELSE -e.shipping END END AS shipping,
       CASE WHEN e.line_kind = 'gift_card' AND e.event_type IN ('purchase', 'refund') THEN
           CASE WHEN (e.sign = 1) = (e.event_type = 'purchase')
                THEN coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) - coalesce(e.discount, 0)
                ELSE coalesce(e.discount, 0) - coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) END END AS gift_card_sales,
       CASE WHEN e.event_type = 'view_item' THEN e.sign END AS views,
       CASE WHEN e.event_type = 'add_to_cart' THEN e.sign END AS add_to_carts,
       CASE WHEN e.event_type = 'purchase' THEN e.customer_id END AS buyer,
       coalesce(e.customer_id, e.anonymous_id) AS visitor, e.currency AS sent_currency,
       w.clock, CASE WHEN e.occurred_at >= r.before THEN r.day END AS first_day, coalesce(s.week_start, d.week_start) AS week_start, k.kept_week
  FROM analytics.event e
  LEFT JOIN analytics.store s ON s.store_id = e.store_id
  LEFT JOIN analytics.store d ON d.store_id = ''
  LEFT JOIN analytics.retired r ON r.store_id = e.store_id
 -- Where a time zone was changed after retention, what is left may begin on the day before the first that can be built: it counts
 -- on that first day.
 CROSS JOIN LATERAL (SELECT c.clock, CASE WHEN e.occurred_at >= r.before AND c.clock < r.day THEN r.day::timestamp ELSE c.clock END AS wall
                       FROM (SELECT e.occurred_at AT TIME ZONE coalesce(s.timezone, d.timezone, 'UTC') AS clock) c) w
 -- A week across the first day is kept whole: what it held then stays in it, however weeks or the zone were changed since; and what
 -- is left of a week before the first that can be built counts in that.
 CROSS JOIN LATERAL (SELECT w.wall::date - CASE coalesce(s.week_start, d.week_start)
                                WHEN 'sunday' THEN extract(dow FROM w.wall)::integer
                                WHEN 'saturday' THEN (extract(dow FROM w.wall)::integer + 1) % 7
                                ELSE extract(isodow FROM w.wall)::integer - 1 END AS week,
                            CASE WHEN e.occurred_at >= r.before AND e.occurred_at < r.week_before AND r.week < r.day THEN r.week END AS kept_week) k
 WHERE e.excluded IS NULL;
COMMENT ON VIEW analytics.counted_line IS 'each line that counts, with what it adds to each measure (sign applied) and its time buckets in the store''s zone; every figure is a sum over these columns';
COMMENT ON COLUMN analytics.counted_line.currency IS 'currency sent, or the store''s';
COMMENT ON COLUMN analytics.counted_line.clock IS 'the store''s wall clock at occurred_at';
COMMENT ON COLUMN analytics.counted_line.first_day IS 'the first day that can be built of the store; null: all can';
COMMENT ON COLUMN analytics.counted_line.week_start IS 'the store''s setting; null: monday';
COMMENT ON COLUMN analytics.counted_line.kept_week IS 'the week that holds it already, where that was kept whole when raw events before it were removed';
COMMENT ON COLUMN analytics.counted_line.sent_currency IS 'currency as sent; null: none, and the store''s holds';
COMMENT ON COLUMN analytics.counted_line.sent_shipping IS 'the order''s shipping as it stands on the event, in currency';
COMMENT ON COLUMN analytics.counted_line.rate IS 'units of the store''s currency for 1 of currency, on the event''s day; null: no rate, and the line is in no converted figure';
COMMENT ON COLUMN analytics.counted_line.session_gap IS 'silence that ends a session of a visitor who sends no session_id';
COMMENT ON COLUMN analytics.counted_line.hour IS 'start of the hour, on the store''s wall clock';
COMMENT ON COLUMN analytics.counted_line.day IS 'day in the store''s time zone';
COMMENT ON COLUMN analytics.counted_line.week IS 'first day of the week';
COMMENT ON COLUMN analytics.counted_line.month IS 'first day of the month';
COMMENT ON COLUMN analytics.counted_line.events IS '1 on line 1 of an event';
COMMENT ON COLUMN analytics.counted_line.orders IS '1 on line 1 of a purchase';
COMMENT ON COLUMN analytics.counted_line.units IS 'units bought, products only';
COMMENT ON COLUMN analytics.counted_line.units_returned IS 'units refunded, products only';
COMMENT ON COLUMN analytics.counted_line.gross_sales IS 'amount of a purchase line, gift cards left out, in currency';
COMMENT ON COLUMN analytics.counted_line.discounts IS 'discount of a purchase line, gift cards left out';
COMMENT ON COLUMN analytics.counted_line.returns IS 'amount - discount of a refund line, gift cards left out';
COMMENT ON COLUMN analytics.counted_line.taxes IS 'tax of a purchase line, minus that of a refund line';
COMMENT ON COLUMN analytics.counted_line.shipping IS 'shipping of a purchase, minus that of a refund';
COMMENT ON COLUMN analytics.counted_line.gift_card_sales IS 'amount - discount of a gift card line sold, minus refunded';
COMMENT ON COLUMN analytics.counted_line.views IS '1 on a line of view_item';
COMMENT ON COLUMN analytics.counted_line.add_to_carts IS '1 on a line of add_to_cart';
COMMENT ON COLUMN analytics.counted_line.buyer IS 'customer_id on purchases; customers counts them';
COMMENT ON COLUMN analytics.counted_line.visitor IS 'customer_id or else anonymous_id; visitors counts them';

CREATE OR REPLACE VIEW analytics.current_event WITH (security_barrier) AS
SELECT e.store_id, e.event_id, e.line, e.revision, e.event_type, e.occurred_at, e.customer_id, e.anonymous_id,
       e.session_id, e.order_id, e.product_id, e.quantity, e.unit_price, e.amount, e.discount, e.tax, e.shipping,
       e.tax_included, e.line_kind, e.excluded, e.currency, e.channel, e.country, e.device, e.campaign, e.properties,
       e.ingested_at, e.ingest_xid
  FROM analytics.event e
 WHERE e.sign = 1
   AND ((SELECT analytics.allowed_stores()) IS NULL OR e.store_id = ANY ((SELECT analytics.allowed_stores())::text[]))
   AND NOT EXISTS (SELECT FROM analytics.event t
                    WHERE t.sign = -1 AND t.store_id = e.store_id AND t.event_id = e.event_id
                      AND t.event_type = e.event_type AND t.occurred_at = e.occurred_at AND t.revision = e.revision
                      AND t.order_id IS NOT DISTINCT FROM e.order_id AND t.line = e.line);
COMMENT ON VIEW analytics.current_event IS 'the event lines that stand: the latest revision of each event, retracted ones left out';
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN SELECT v.attrelid::regclass AS view, v.attname, col_description(e.attrelid, e.attnum) AS text
                   FROM pg_attribute v
                   JOIN pg_attribute e ON e.attrelid = 'analytics.event'::regclass AND e.attname = v.attname
                  WHERE v.attrelid IN ('analytics.current_event'::regclass, 'analytics.counted_line'::regclass) AND v.attnum > 0
                    AND col_description(v.attrelid, v.attnum) IS NULL LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', named.view, named.attname, named.text);
    END LOOP;
END
$$;
