-- What came of recommendations: from the events of pages that send the recommendation_id of the list they show.

CREATE OR REPLACE FUNCTION analytics.recommendation_report("from" timestamp DEFAULT NULL, "to" timestamp DEFAULT NULL, store text DEFAULT 'main', attribution interval DEFAULT '7 days')
    RETURNS TABLE (source text, lists bigint, shown bigint, clicked bigint, bought bigint, units bigint, revenue numeric, currency text, click_rate numeric, purchase_rate numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    zone text;
    today timestamp;
    lower timestamptz;
    upper timestamptz;
BEGIN
    IF store IS NULL THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', HINT = 'Pass a store id.';
    ELSIF attribution IS NULL OR NOT attribution BETWEEN interval '0' AND interval '1 year' THEN
        RAISE EXCEPTION 'invalid attribution' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(attribution::text, 'null')),
            HINT = 'Pass the time within which a purchase counts as one of the list, up to a year: ''7 days''.';
    ELSIF NOT isfinite("from") OR NOT isfinite("to") OR "from" >= "to" THEN
        RAISE EXCEPTION 'invalid range' USING ERRCODE = '22023', DETAIL = format('Got from %s to %s.', "from", "to"), HINT = 'Pass from before to, in the store''s time; null, null: the last 30 days.';
    END IF;
    PERFORM analytics.require_store(store);
    zone := analytics.setting_of('timezone', store);
    today := analytics.store_today(store);
    upper := coalesce("to", today + interval '1 day') AT TIME ZONE zone;
    lower := coalesce("from", coalesce("to", today + interval '1 day') - interval '30 days') AT TIME ZONE zone;
    RETURN QUERY
    WITH shown AS MATERIALIZED (
        SELECT l.properties ->> 'recommendation_id' AS list, l.product_id, l.customer_id, l.anonymous_id, l.session_id,
               coalesce(max(l.properties ->> 'source'), '(unknown)') AS source, min(l.occurred_at) AS shown_at
          FROM analytics.counted_line l
         WHERE l.store_id = store AND l.event_type = 'view_item_list' AND l.occurred_at >= lower AND l.occurred_at < upper
           AND l.properties ? 'recommendation_id' AND l.product_id IS NOT NULL
         GROUP BY 1, 2, 3, 4, 5
        HAVING sum(l.sign) > 0
    ), click AS MATERIALIZED (
        SELECT DISTINCT l.properties ->> 'recommendation_id' AS list, l.product_id, l.occurred_at
          FROM analytics.counted_line l
         WHERE l.store_id = store AND l.event_type IN ('select_item', 'view_item', 'add_to_cart') AND l.occurred_at >= lower AND l.occurred_at < upper + attribution
           AND l.properties ? 'recommendation_id' AND l.product_id IS NOT NULL
         GROUP BY 1, 2, 3
        HAVING sum(l.sign) > 0
    ), purchase AS MATERIALIZED (
        SELECT l.event_id, l.order_id, l.line, l.product_id, l.customer_id, l.anonymous_id, l.session_id, l.properties ->> 'recommendation_id' AS list, l.occurred_at,
               sum(l.sign) AS times, sum(l.units) AS units, sum((coalesce(l.gross_sales, 0) - coalesce(l.discounts, 0)) * l.rate) AS revenue
          FROM analytics.counted_line l
         WHERE l.store_id = store AND l.event_type = 'purchase' AND l.line_kind = 'product' AND l.occurred_at >= lower AND l.occurred_at < upper + attribution
           AND l.product_id IN (SELECT s.product_id FROM shown s)
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        HAVING sum(l.sign) <> 0 OR sum(l.units) <> 0
    ), bought AS MATERIALIZED (
        -- of the list that the buyer saw last
        SELECT DISTINCT ON (p.event_id, p.order_id, p.line, p.occurred_at) s.list, s.product_id, s.source, p.units, p.revenue
          FROM purchase p
          JOIN shown s ON s.product_id = p.product_id AND p.occurred_at >= s.shown_at AND p.occurred_at <= s.shown_at + attribution
                      AND (s.customer_id = p.customer_id OR s.anonymous_id = p.anonymous_id OR s.session_id = p.session_id OR s.list = p.list)
         ORDER BY p.event_id, p.order_id, p.line, p.occurred_at, s.shown_at DESC, s.list
    ), by_source AS (
        SELECT s.source, count(DISTINCT s.list) AS lists, count(DISTINCT (s.list, s.product_id)) AS shown,
               count(DISTINCT (s.list, s.product_id)) FILTER (WHERE EXISTS (SELECT FROM click c WHERE c.list = s.list AND c.product_id = s.product_id
                                                                              AND c.occurred_at >= s.shown_at AND c.occurred_at <= s.shown_at + attribution)) AS clicked
          FROM shown s GROUP BY s.source
    ), by_purchase AS (
        SELECT b.source, count(DISTINCT (b.list, b.product_id)) AS bought, sum(b.units)::bigint AS units, sum(b.revenue) AS revenue FROM bought b GROUP BY b.source
    )
    SELECT s.source, s.lists, s.shown, s.clicked, coalesce(p.bought, 0), coalesce(p.units, 0), coalesce(p.revenue, 0), analytics.setting_of('currency', store),
           round(s.clicked::numeric / s.shown, 6), round(coalesce(p.bought, 0)::numeric / s.shown, 6)
      FROM by_source s LEFT JOIN by_purchase p ON p.source = s.source
     ORDER BY s.shown DESC, s.source;
END
$$;
COMMENT ON FUNCTION analytics.recommendation_report(timestamp, timestamp, text, interval) IS
'what came of the lists of recommend() that were shown in a range of the store''s time (null, null: the last 30 days), by the source that the page sent with each item: lists; shown, products in lists (view_item_list with properties.recommendation_id); clicked, of these those opened or put into the cart from the list (select_item, view_item, add_to_cart with it); bought, of these those that the same customer, visitor or session bought within attribution of being shown; units and revenue of these purchases, gross_sales - discounts in the store''s currency, each counted once, for the list that was seen last; click_rate = clicked / shown, purchase_rate = bought / shown.
22023: an argument; 42501: not this store';
