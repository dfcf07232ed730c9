-- Products that sell more than before: units in a window that ends now against the window before it (docs/baskets.md).

-- The score: at least how many times as fast a product sells as before, with 95 % confidence. Of recent and previous units the share p that is recent has
-- the odds p / (1 - p), which is the ratio of the two rates (J. Przyborowski, H. Wilenski 1940); the score is the odds at the lower end of Wilson's interval
-- (E. B. Wilson 1927) for p. Units come in orders, which alone are independent of each other: the interval is for as many trials as there are orders
-- (the effective sample size of L. Kish 1965), so that one order of a thousand units is one voice. With n orders, a = n p, b = n (1 - p), these odds are
-- (2 a + z^2 - s) / (2 b + z^2 + s), s = sqrt(z^4 + 4 z^2 a b / n), and never more than n / z^2.
--
-- Whole days come from product_daily's cells; the days on which the two windows begin are counted from their lines, and so are all days where a
-- country is asked for, which the cells do not have. An order of a product is one event's lines of it, as in product_daily.
DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION analytics.trending_products(n integer DEFAULT 10, store text DEFAULT ''main'', category text DEFAULT NULL, country text DEFAULT NULL,
    "window" interval DEFAULT ''7 days'')
    RETURNS TABLE (rank integer, product_id text, score double precision, units bigint, previous_units bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10 COST 100000
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', format('
#variable_conflict use_column
DECLARE
    z2 constant float8 := 1.6448536269514722 ^ 2;
    state analytics.rollup_state;
    has_tail boolean;
    zone text;
    until timestamp;  -- these three on the store''s clock
    since timestamp;
    before timestamp;
BEGIN
    IF n IS NULL OR n NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION ''n is out of range'' USING ERRCODE = ''22023'', DETAIL = format(''Got %%s.'', coalesce(n::text, ''null'')), HINT = ''Ask for 1 to 1,000 products.'';
    ELSIF store IS NULL OR NOT octet_length(store) BETWEEN 1 AND 1024 THEN
        RAISE EXCEPTION ''invalid store'' USING ERRCODE = ''22023'', DETAIL = format(''Got %%L.'', left(store, 100)), HINT = ''Pass a store''''s id.'';
    ELSIF country !~ ''^[A-Z]{2}$'' THEN
        RAISE EXCEPTION ''invalid country'' USING ERRCODE = ''22023'', DETAIL = format(''Got %%L.'', left(country, 100)), HINT = ''Pass its two letters by ISO 3166-1: GB, DE.'';
    ELSIF trending_products."window" IS NULL OR NOT (trending_products."window" > interval ''0'' AND trending_products."window" <= interval ''10 years'') THEN
        RAISE EXCEPTION ''invalid window'' USING ERRCODE = ''22023'', DETAIL = format(''Got %%s.'', coalesce(trending_products."window"::text, ''null'')),
            HINT = ''Pass a time of up to 10 years: ''''7 days''''.'';
    END IF;
    PERFORM analytics.require_store(store);
    zone := analytics.setting_of(''timezone'', store);
    until := analytics.store_now(store) AT TIME ZONE zone;
    since := until - trending_products."window";
    before := since - trending_products."window";
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = ''product_daily'';
    has_tail := NOT FOUND OR state.built_from > ''-infinity'' OR analytics.pending_lines(state.merged, ARRAY[store]) > 0;
    RETURN QUERY
    WITH span AS (
        SELECT u.first, u.last
          FROM (VALUES (before::date, before::date), (since::date, since::date)) u(first, last)
         WHERE trending_products.country IS NULL AND (u.first = since::date OR before::date < since::date)
         GROUP BY u.first, u.last
         UNION ALL SELECT before::date, until::date WHERE trending_products.country IS NOT NULL
    ), piece AS (
        SELECT c.product_id, c.bucket > since::date AS recent, c.units, c.orders
          FROM analytics.rollup_product_daily c
         WHERE c.store_id = store AND c.bucket > before::date AND c.bucket <= until::date AND c.bucket <> since::date AND trending_products.country IS NULL
           AND (state.name IS NOT NULL OR %s)
         UNION ALL
        SELECT c.product_id, c.bucket > since::date, c.units, c.orders
          FROM analytics.tail_product_daily() c
         WHERE has_tail AND c.store_id = store AND c.bucket > before::date AND c.bucket <= until::date AND c.bucket <> since::date AND trending_products.country IS NULL
         UNION ALL
        SELECT e.product_id, e.recent, e.units, e.sign
          FROM (SELECT l.product_id, l.occurred_at > since AT TIME ZONE zone AS recent, sum(l.units)::bigint AS units, l.sign
                  FROM span CROSS JOIN LATERAL (
                      SELECT c.* FROM analytics.counted_line c
                       WHERE c.store_id = store AND c.event_type = ''purchase'' AND c.line_kind = ''product'' AND c.product_id IS NOT NULL
                         AND c.occurred_at >= span.first::timestamp AT TIME ZONE zone - interval ''3 hours''
                         AND c.occurred_at < (span.last + 1)::timestamp AT TIME ZONE zone + interval ''3 hours''
                         AND c.day BETWEEN span.first AND span.last AND c.occurred_at > before AT TIME ZONE zone
                         AND (trending_products.country IS NULL OR c.country = trending_products.country) OFFSET 0) l
                 GROUP BY l.product_id, recent, l.event_id, l.order_id, l.revision, l.sign) e
    ), counted AS (
        SELECT p.product_id, coalesce(sum(p.units) FILTER (WHERE p.recent), 0)::bigint AS units, greatest(0, sum(p.units) FILTER (WHERE NOT p.recent))::bigint AS previous_units,
               sum(p.orders) AS orders
          FROM piece p GROUP BY p.product_id
    ), scored AS (
        SELECT c.product_id, c.units, c.previous_units, (2 * v.a + z2 - v.s) / (2 * v.b + z2 + v.s) AS score
          FROM counted c
         CROSS JOIN LATERAL (SELECT greatest(c.orders, 1)::float8 AS n, c.units + c.previous_units AS units) u
         CROSS JOIN LATERAL (SELECT u.n * c.units / u.units AS a, u.n * c.previous_units / u.units AS b,
                                    sqrt(z2 * z2 + 4 * z2 * u.n * c.units / u.units * c.previous_units / u.units) AS s) v
          LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = c.product_id
          LEFT JOIN (SELECT * FROM analytics.tail_product() t WHERE trending_products.category IS NOT NULL AND t.store_id = store) t ON t.product_id = c.product_id
         WHERE c.units > 0 AND coalesce(p.active, true)
           AND (trending_products.category IS NULL OR coalesce(%s, ''(none)'') = trending_products.category)
    )
    SELECT row_number() OVER (ORDER BY s.score DESC, s.units DESC, s.product_id COLLATE "C")::integer AS rank, s.product_id, s.score, s.units, s.previous_units
      FROM scored s ORDER BY rank LIMIT n;
END
', analytics.retired_sql('day'::text, 'c'::text), analytics.later_product_sql('category'::text)));
END
$$;
COMMENT ON FUNCTION analytics.trending_products(integer, text, text, text, interval) IS
'the n products of a store that surely sell most times as fast as before: units of the window that ends now (setting clock) against the window before it, gift cards and fees left out, refunds not taken off. Active products with units in the window.
score: how many times as fast at least, with 95 % confidence (lower end of Wilson''s interval, for as many trials as orders); above 1 it surely grows. category: its present one, ''(none)'' without; country: of the orders, ISO 3166-1.
22023: n not 1 to 1,000, no such window or country; 42501: not this store';
