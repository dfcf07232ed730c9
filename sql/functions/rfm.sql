-- RFM: recency, frequency and monetary value of each customer, scored 1 to 5 within the store, and the segment that the scores make.

-- The stores that a report is about, and for each the day that it is as of. What a customer did before `until` was surely done by the
-- end of that day; for the last hours a look at the day itself must tell, since clocks may be put back around midnight.
CREATE OR REPLACE FUNCTION analytics.segment_stores(as_of date, store text)
    RETURNS TABLE (store_id text, zone text, day date, until timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    stores text[];
BEGIN
    IF store = '' OR octet_length(store) > 1024 THEN
        PERFORM analytics.refuse_report('store', to_json(store)::text, 'Pass a store''s id, or null for all stores.');
    ELSIF segment_stores.as_of NOT BETWEEN '1900-01-01' AND '9999-12-31' THEN
        PERFORM analytics.refuse_report('day', to_json(segment_stores.as_of)::text, 'Pass a day, or null for today.');
    ELSIF store IS NULL THEN
        stores := coalesce(analytics.allowed_stores(), analytics.known_stores());
    ELSE
        PERFORM analytics.require_store(store);
        stores := ARRAY[store];
    END IF;
    RETURN QUERY
    SELECT d.store_id, d.zone, d.day,
           -- days before the first that can be built were told by another zone than today's
           CASE WHEN d.day < w.day THEN '-infinity' ELSE (d.day + 1)::timestamp AT TIME ZONE d.zone - interval '3 hours' END
      FROM (SELECT u.store_id, z.zone,
                   coalesce(segment_stores.as_of,
                            (coalesce(CASE WHEN analytics.setting_of('clock', u.store_id) = 'data' THEN analytics.newest_event(u.store_id) END,
                                      statement_timestamp()) AT TIME ZONE z.zone)::date) AS day
              FROM (SELECT DISTINCT s FROM unnest(stores) s) u(store_id)
             CROSS JOIN LATERAL (SELECT analytics.setting_of('timezone', u.store_id) AS zone) z) d
      LEFT JOIN analytics.retired w ON w.store_id = d.store_id;
END
$$;
COMMENT ON FUNCTION analytics.segment_stores(date, text) IS 'stores of a report of segments that the caller may see, with their time zone and the day it is as of (null: today). 22023: no day, no store; 42501: not this store';

-- A score exceeds k when at least k fifths of the n buyers have less: 5 (rank - 1) >= k n. That is when the value exceeds the
-- ceil(k n / 5)th smallest, which percentile_disc(k / 5) is. So no buyer needs a rank, and rows keep the order they are in.
CREATE OR REPLACE FUNCTION analytics.score_sql(value text, cut text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(CASE WHEN %1$s > %5$s THEN 5 WHEN %1$s > %4$s THEN 4 WHEN %1$s > %3$s THEN 3 WHEN %1$s > %2$s THEN 2 ELSE 1 END)::smallint',
                  value, format(cut, 1), format(cut, 2), format(cut, 3), format(cut, 4))
$$;
COMMENT ON FUNCTION analytics.score_sql(text, text) IS 'SQL of a buyer''s score, given the value and, with %s for the number, its cuts';

-- (Selection holds 8 bytes a value: sorts, which go to disk, do for more customers than memory is meant for.)
CREATE OR REPLACE FUNCTION analytics.fifths_sql(value text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN to_regprocedure('analytics.fifths(anyelement)') IS NOT NULL
                            AND (SELECT c.reltuples < 2000000 FROM pg_class c WHERE c.oid = 'analytics.rollup_customer'::regclass)
                       THEN 'analytics.fifths(%s)' ELSE 'percentile_disc(''{0.2,0.4,0.6,0.8}''::double precision[]) WITHIN GROUP (ORDER BY %s)' END, value)
$$;
COMMENT ON FUNCTION analytics.fifths_sql(text) IS 'SQL of the aggregate that gives the four values that part a set into five';

CREATE OR REPLACE FUNCTION analytics.rfm_at(as_of date DEFAULT NULL, store text DEFAULT NULL) RETURNS SETOF analytics.customer_rfm
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10000 COST 100000
    SET search_path = pg_catalog, pg_temp
    SET work_mem = '64MB'
    SET jit = off
    -- moments are written into the SQL
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
AS $$
#variable_conflict use_column
DECLARE
    all_stores text[];
    all_zones text[];
    all_days date[];
    all_untils timestamptz[];
    stores text[];
    zones text[];
    days date[];
    untils timestamptz[];
    step integer;
    one boolean;  -- store: that needs no joins, and no grouping
    has_later boolean;
    hours_tell boolean;  -- when anybody did anything last
    cut text;
    built boolean := analytics.customers_are_built();
    has_tail boolean;
    segments text[];  -- of r 1, fm 1 to 5, r 2, fm 1 to 5, ...
    prospects text;
BEGIN
    SELECT array_agg(s.store_id), array_agg(s.zone), array_agg(s.day), array_agg(s.until) INTO all_stores, all_zones, all_days, all_untils
      FROM analytics.segment_stores(rfm_at.as_of, rfm_at.store) s;
    IF all_stores IS NULL THEN
        RETURN;
    END IF;
    has_tail := NOT built OR analytics.pending_lines((SELECT t.merged FROM analytics.rollup_state t WHERE t.name = 'customer_daily'), all_stores) > 0;
    hours_tell := (SELECT count(DISTINCT t.merged::text) = 1 AND count(*) = 2 AND bool_and(t.built_from = '-infinity') FROM analytics.rollup_state t WHERE t.name IN ('sales_hourly', 'customer_daily'));
    -- one after the other, unless they are many, or a tail would be made anew for each
    step := CASE WHEN has_tail OR cardinality(all_stores) > 20 THEN cardinality(all_stores) ELSE 1 END;
    SELECT array_agg(g.segment ORDER BY g.r, g.fm) FILTER (WHERE g.r IS NOT NULL), min(g.segment) FILTER (WHERE g.r IS NULL)
      INTO segments, prospects FROM analytics.segment_cells() g;
    FOR i IN 1 .. cardinality(all_stores) BY step LOOP
        stores := all_stores[i : i + step - 1];
        zones := all_zones[i : i + step - 1];
        days := all_days[i : i + step - 1];
        untils := all_untils[i : i + step - 1];
        one := cardinality(stores) = 1;
        cut := CASE WHEN one THEN '(SELECT cut.%s%%s FROM cut)' ELSE 'cut.%s%%s' END;
        -- whether anybody did anything since then: of the present day hardly
        has_later := hours_tell IS NOT TRUE OR NOT one
            OR coalesce((SELECT max(h.bucket) FROM analytics.rollup_sales_hourly h WHERE h.store_id = stores[1]) > untils[1] - interval '1 hour', true);
        RETURN QUERY EXECUTE format($query$
        WITH touched AS MATERIALIZED (
            SELECT * FROM analytics.touched_customer_days() WHERE %3$L
        ), customer AS %17$s (
            -- who did nothing since then is as merged
            SELECT m.store_id, m.customer_id, m.orders, m.gross_sales - m.discounts - m.returns AS monetary, m.last_order_at
              FROM %2$s s JOIN analytics.rollup_customer m ON m.store_id = s.store_id AND m.last_seen_at < s.until
             WHERE %1$L%4$s
            UNION ALL
            -- others by their days
            SELECT d.store_id, d.customer_id, sum(d.orders::integer), sum(d.monetary), max(d.last_order_at)
              FROM (SELECT d.store_id, d.customer_id, d.orders, d.converted_gross_sales - d.converted_discounts - d.converted_returns AS monetary, d.last_order_at
                      FROM %2$s s
                      JOIN analytics.rollup_customer m ON m.store_id = s.store_id AND m.last_seen_at >= s.until
                      JOIN analytics.rollup_customer_daily d ON d.store_id = m.store_id AND d.customer_id = m.customer_id AND d.bucket <= s.day
                     -- (constants, for the planner)
                     WHERE %1$L AND %16$L AND m.last_seen_at >= %5$L AND d.bucket <= %6$L AND d.lines <> 0%4$s
                    UNION ALL
                    SELECT t.store_id, t.customer_id, t.orders, t.gross_sales - t.discounts - t.returns, t.last_order_at
                      FROM %2$s s JOIN touched t ON t.store_id = s.store_id AND t.bucket <= s.day AND t.lines <> 0) d
             GROUP BY 1, 2
        ), cut AS MATERIALIZED (
            SELECT c.store_id, c.r[1] AS r1, c.r[2] AS r2, c.r[3] AS r3, c.r[4] AS r4, c.f[1] AS f1, c.f[2] AS f2, c.f[3] AS f3, c.f[4] AS f4,
                   c.m[1] AS m1, c.m[2] AS m2, c.m[3] AS m3, c.m[4] AS m4
              FROM (SELECT %11$s AS store_id, %13$s AS r, %14$s AS f, %15$s AS m
                      FROM customer b WHERE b.orders > 0%12$s) c
        )
        SELECT c.store_id, c.customer_id, c.day, c.recency_days, c.orders, c.monetary, c.r_score, c.f_score, c.m_score,
               -- fm is (f + m) / 2, halves up
               CASE WHEN c.orders > 0 THEN $5[5 * c.r_score - 5 + (c.f_score + c.m_score + 1) / 2] ELSE $6 END
          FROM (SELECT c.store_id, c.customer_id, s.day, CASE WHEN c.orders > 0 THEN s.day - (c.last_order_at AT TIME ZONE s.zone)::date END AS recency_days,
                       c.orders, c.monetary, CASE WHEN c.orders > 0 THEN %7$s END AS r_score, CASE WHEN c.orders > 0 THEN %8$s END AS f_score,
                       CASE WHEN c.orders > 0 THEN %9$s END AS m_score
                  FROM (SELECT * FROM customer OFFSET 0) c JOIN %2$s s ON s.store_id = c.store_id%10$s
                -- (so that scores are told once)
                OFFSET 0) c$query$,
            built,
            CASE WHEN one THEN format('(SELECT %L::text AS store_id, %L::text AS zone, %L::date AS day, %L::timestamptz AS until)', stores[1], zones[1], days[1], untils[1])
                 ELSE '(SELECT * FROM unnest($1, $2, $3, $4) u(store_id, zone, day, until))' END,
            has_tail, CASE WHEN has_tail THEN ' AND NOT EXISTS (SELECT FROM touched t WHERE t.store_id = m.store_id AND t.customer_id = m.customer_id)' ELSE '' END,
            (SELECT min(u) FROM unnest(untils) u), (SELECT max(d) FROM unnest(days) d),
            analytics.score_sql('c.last_order_at', format(cut, 'r')), analytics.score_sql('c.orders', format(cut, 'f')), analytics.score_sql('c.monetary', format(cut, 'm')),
            CASE WHEN one THEN '' ELSE ' LEFT JOIN cut ON cut.store_id = c.store_id' END,
            CASE WHEN one THEN quote_literal(stores[1]) || '::text' ELSE 'b.store_id' END, CASE WHEN one THEN '' ELSE ' GROUP BY b.store_id' END,
            analytics.fifths_sql('b.last_order_at'), analytics.fifths_sql('b.orders'), analytics.fifths_sql('b.monetary'), has_later,
            -- a table is read twice sooner than it is kept
            CASE WHEN has_tail OR has_later THEN 'MATERIALIZED' ELSE 'NOT MATERIALIZED' END)
            USING stores, zones, days, untils, segments, prospects;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.rfm_at(date, text) IS
'recency, frequency and monetary value of each known customer by what had happened up to and including a day, scored within the store (docs/segments.md).
as_of null: today in the store''s time zone (setting clock). store null: all that the caller may see. 22023: an argument is not sound; 42501: another store';

CREATE OR REPLACE VIEW analytics.rfm AS
SELECT r.store_id, r.customer_id, r.as_of, r.recency_days, r.frequency, r.monetary, r.r_score, r.f_score, r.m_score, r.segment FROM analytics.rfm_at() r;
COMMENT ON VIEW analytics.rfm IS 'recency, frequency and monetary value of each known customer, scored 1 to 5 among the buyers of the store, and the segment; as of today; right as of this moment';
COMMENT ON COLUMN analytics.rfm.store_id IS 'store';
COMMENT ON COLUMN analytics.rfm.customer_id IS 'the shop''s id of the customer';
COMMENT ON COLUMN analytics.rfm.as_of IS 'day up to and including which all counts, in the store''s time zone';
COMMENT ON COLUMN analytics.rfm.recency_days IS 'days from the day of the last order to as_of; null without orders';
COMMENT ON COLUMN analytics.rfm.frequency IS 'orders; refunded ones too';
COMMENT ON COLUMN analytics.rfm.monetary IS 'net sales to the customer; in the store''s currency';
COMMENT ON COLUMN analytics.rfm.r_score IS '1 + floor(5 x (rank - 1) / buyers), ranked by the moment of the last order, the earliest first; the latest fifth of buyers has 5; null without orders';
COMMENT ON COLUMN analytics.rfm.f_score IS 'the same, ranked by frequency; equals share the lowest rank';
COMMENT ON COLUMN analytics.rfm.m_score IS 'the same, ranked by monetary';
COMMENT ON COLUMN analytics.rfm.segment IS 'the first rule of segment_rule that fits r_score and fm, which is (f_score + m_score) / 2, halves up';

CREATE OR REPLACE VIEW analytics.segment_summary AS
WITH customer AS MATERIALIZED (
    SELECT r.store_id, r.segment, count(*) AS customers, count(r.recency_days) AS buyers, sum(r.frequency)::bigint AS orders,
           sum(r.monetary) AS net_sales, sum(r.recency_days) AS recency_days
      FROM analytics.rfm_at() r
     GROUP BY 1, 2
), store AS (
    SELECT c.store_id, sum(c.customers) AS customers FROM customer c GROUP BY 1
)
SELECT s.store_id, g.segment, coalesce(c.customers, 0) AS customers, coalesce(c.customers, 0) / s.customers AS share,
       coalesce(c.orders, 0) AS orders, coalesce(c.net_sales, 0) AS net_sales, c.recency_days::numeric / nullif(c.buyers, 0) AS avg_recency_days,
       c.orders::numeric / c.customers AS avg_frequency, c.net_sales / c.customers AS avg_monetary
  FROM store s
 CROSS JOIN (SELECT DISTINCT k.segment FROM analytics.segment_rule k) g
  LEFT JOIN customer c ON c.store_id = s.store_id AND c.segment = g.segment;
COMMENT ON VIEW analytics.segment_summary IS 'what the customers of each segment amount to, for each segment of the rules; as of today; right as of this moment';
COMMENT ON COLUMN analytics.segment_summary.store_id IS 'store';
COMMENT ON COLUMN analytics.segment_summary.segment IS 'segment, as segment_rule names it';
COMMENT ON COLUMN analytics.segment_summary.customers IS 'customers in it';
COMMENT ON COLUMN analytics.segment_summary.share IS 'customers / all known customers of the store, those without orders included; 0 to 1';
COMMENT ON COLUMN analytics.segment_summary.orders IS 'their orders so far';
COMMENT ON COLUMN analytics.segment_summary.net_sales IS 'net sales to them so far; in the store''s currency';
COMMENT ON COLUMN analytics.segment_summary.avg_recency_days IS 'average days since the last order; null without buyers';
COMMENT ON COLUMN analytics.segment_summary.avg_frequency IS 'orders / customers; null without customers';
COMMENT ON COLUMN analytics.segment_summary.avg_monetary IS 'net_sales / customers; null without customers; in the store''s currency';
