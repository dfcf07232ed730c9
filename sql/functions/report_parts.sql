-- What a report asks for, and what its metrics are made of: parts that add up over any set of cells and lines.

CREATE TYPE analytics.report_request AS (
    metrics text[],
    grain text,                -- hour, day, week, month; total: one bucket, of the whole range
    dimension text,            -- what the series are by, or null
    "from" timestamp,          -- wall time of the stores
    "to" timestamp,
    previous_from timestamp,   -- what it is compared with, or null
    previous_to timestamp,
    filters jsonb,             -- name -> texts, '' for what was not sent
    series integer,            -- so many of them, then (other)
    stores text[],
    zone text,                 -- of all of them; null: each has its own
    week_start text,
    week_starts_agree boolean,
    currency text,             -- what money is shown in
    converts boolean,          -- into it; false: rows of that currency alone
    rates_of text,             -- store whose rates hold; null: each its own
    basis text,
    of_products boolean,       -- lines of products alone count
    as_of timestamptz          -- what the stores call now
);
COMMENT ON TYPE analytics.report_request IS 'a report''s arguments, checked and resolved';

--   money    converted into the report's currency
--   orders   of rows whose money counts: where a rate is missing the row is left out, here too
--   number   as it is
--   values   values of orders, counted, in the report's currency
--   count    distinct, an hll; of order_count the rows whose money counts
--   buyer    who bought, counted exactly
--   session  of sessions, by the day they started on
--   product_orders  distinct orders of each product, in a report by product: they add over days, since an order has one day
CREATE TYPE analytics.report_part AS (
    name text,
    kind text,
    terms text[]               -- columns of counted_line and of rollups, with a - where it is subtracted
);
COMMENT ON TYPE analytics.report_part IS 'part of a metric: a sum of columns, or a distinct count';

-- session_conversion is conversion where sessions answer it (sessions_answer()).
-- Of products: an order may hold several of them, so that orders are distinct ones; shipping is the order's and no product's.
CREATE OR REPLACE FUNCTION analytics.metric_parts(metric text, of_products boolean) RETURNS SETOF analytics.report_part
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.part,
           CASE WHEN $2 AND u.terms IN ('{orders}', '{events}') THEN CASE u.kind WHEN 'orders' THEN 'order_count' ELSE 'count' END ELSE u.kind END,
           CASE WHEN $2 AND u.terms = '{orders}' THEN '{order_keys}' WHEN $2 AND u.terms = '{events}' THEN '{event_keys}' ELSE u.terms END::text[]
      FROM (VALUES
        ('orders', NULL::boolean, 'orders', 'number', '{orders}'),
        ('units', NULL, 'units', 'number', '{units}'),
        ('units_returned', NULL, 'units_returned', 'number', '{units_returned}'),
        ('events', NULL, 'events', 'number', '{events}'),
        ('gross_sales', NULL, 'gross_sales', 'money', '{gross_sales}'),
        ('discounts', NULL, 'discounts', 'money', '{discounts}'),
        ('returns', NULL, 'returns', 'money', '{returns}'),
        ('taxes', NULL, 'taxes', 'money', '{taxes}'),
        ('shipping', false, 'shipping', 'money', '{shipping}'),
        ('gift_card_sales', false, 'gift_card_sales', 'money', '{gift_card_sales}'),
        ('net_sales', NULL, 'net_sales', 'money', '{gross_sales,-discounts,-returns}'),
        ('total_sales', false, 'total_sales', 'money', '{gross_sales,-discounts,-returns,taxes,shipping}'),
        ('total_sales', true, 'total_sales', 'money', '{gross_sales,-discounts,-returns,taxes}'),
        ('aov', NULL, 'sold', 'money', '{gross_sales,-discounts}'),
        ('aov', NULL, 'sold_orders', 'orders', '{orders}'),
        ('customers', NULL, 'customers', 'count', '{customers}'),
        ('sessions', NULL, 'sessions', 'count', '{sessions}'),
        ('visitors', NULL, 'visitors', 'count', '{visitors}'),
        ('order_value_p50', false, 'order_values', 'values', '{order_values}'),
        ('order_value_p90', false, 'order_values', 'values', '{order_values}'),
        ('order_value_p99', false, 'order_values', 'values', '{order_values}'),
        ('conversion', NULL, 'orders', 'number', '{orders}'),
        ('conversion', NULL, 'sessions', 'count', '{sessions}'),
        ('session_conversion', false, 'session_orders', 'session', '{orders}'),
        ('session_conversion', false, 'session_count', 'session', '{sessions}'),
        ('new_customers', NULL, 'new_in_bucket', 'buyer', '{}'),
        ('new_customers', NULL, 'new_in_range', 'buyer', '{}'),
        ('returning_rate', NULL, 'buyers', 'buyer', '{}'),
        ('returning_rate', NULL, 'new_in_bucket', 'buyer', '{}'),
        ('returning_rate', NULL, 'new_in_range', 'buyer', '{}')) u(metric, of_products, part, kind, terms)
     WHERE u.metric = $1 AND (u.of_products IS NULL OR u.of_products = $2)
$$;
COMMENT ON FUNCTION analytics.metric_parts(text, boolean) IS 'what a report''s metric is made of; no rows: no such metric, or none of products';

-- Value of a metric from the parts of a set of lines, f; f.bucket is null where the set is the whole range's.
CREATE OR REPLACE FUNCTION analytics.metric_value_sql(metric text, of_products boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v jsonb := (SELECT jsonb_object_agg(p.name, format(CASE WHEN p.kind IN ('count', 'order_count') THEN 'coalesce(round(%2$s.hll_cardinality(f.%1$I))::numeric, 0)'
                                                            WHEN p.kind = 'values' THEN 'coalesce(f.%1$I, ''{}'')' ELSE 'coalesce(f.%1$I, 0)::numeric' END, p.name, analytics.hll_schema()))
                  FROM analytics.metric_parts(metric, of_products) p);
    new text := format('CASE WHEN f.bucket IS NULL THEN %s ELSE %s END', v ->> 'new_in_range', v ->> 'new_in_bucket');
BEGIN
    RETURN CASE metric
        WHEN 'aov' THEN format('round(%s / nullif(%s, 0), 4)', v ->> 'sold', v ->> 'sold_orders')
        WHEN 'order_value_p50' THEN format('analytics.order_value_quantile(%s, 0.5)', v ->> 'order_values')
        WHEN 'order_value_p90' THEN format('analytics.order_value_quantile(%s, 0.9)', v ->> 'order_values')
        WHEN 'order_value_p99' THEN format('analytics.order_value_quantile(%s, 0.99)', v ->> 'order_values')
        WHEN 'conversion' THEN format('round(%s / nullif(%s, 0), 6)', v ->> 'orders', v ->> 'sessions')
        WHEN 'session_conversion' THEN format('round(%s / nullif(%s, 0), 6)', v ->> 'session_orders', v ->> 'session_count')
        WHEN 'new_customers' THEN new
        WHEN 'returning_rate' THEN format('round(1 - %s / nullif(%s, 0), 6)', new, v ->> 'buyers')
        ELSE v ->> metric END;
END
$$;
COMMENT ON FUNCTION analytics.metric_value_sql(text, boolean) IS 'SQL of a metric''s value from its parts; ratios are null without what they are of';

-- Metrics that are of something: null, not 0, where there is nothing.
CREATE OR REPLACE FUNCTION analytics.is_ratio(metric text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT metric IN ('aov', 'order_value_p50', 'order_value_p90', 'order_value_p99', 'conversion', 'session_conversion', 'returning_rate')
$$;
COMMENT ON FUNCTION analytics.is_ratio(text) IS 'whether a metric is null where there is nothing';

-- Buckets of wall time.

CREATE OR REPLACE FUNCTION analytics.week_shift(week_start text) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE week_start WHEN 'sunday' THEN interval '1 day' WHEN 'saturday' THEN interval '2 days' ELSE interval '0' END
$$;
COMMENT ON FUNCTION analytics.week_shift(text) IS 'how long before Monday a week begins';

CREATE OR REPLACE FUNCTION analytics.bucket_start(grain text, at timestamp, week_start text) RETURNS timestamp
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE grain WHEN 'week' THEN date_trunc('week', at + analytics.week_shift(week_start)) - analytics.week_shift(week_start)
                      ELSE date_trunc(grain, at) END
$$;
COMMENT ON FUNCTION analytics.bucket_start(text, timestamp, text) IS 'start of the bucket that a wall time is in';

CREATE OR REPLACE FUNCTION analytics.bucket_start_sql(grain text, at text, week_start text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN grain = 'total' THEN 'NULL::timestamp'
                WHEN grain = 'week' AND analytics.week_shift(week_start) <> '0' THEN
                    format('date_trunc(''week'', %s + interval %L) - interval %2$L', at, analytics.week_shift(week_start))
                ELSE format('date_trunc(%L, %s)', grain, at) END
$$;
COMMENT ON FUNCTION analytics.bucket_start_sql(text, text, text) IS 'the same as SQL';

-- A range in pieces: whole buckets of the first grain that has any, what is left and right of them by the next, the rest by lines.
CREATE OR REPLACE FUNCTION analytics.report_tiles("from" timestamp, "to" timestamp, grains text[], week_start text)
    RETURNS TABLE (tile text, first timestamp, last timestamp)
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF "from" >= "to" THEN
        RETURN;
    END IF;
    IF grains = '{}' THEN
        RETURN QUERY SELECT 'line'::text, "from", "to";
        RETURN;
    END IF;
    tile := grains[1];
    first := analytics.bucket_start(tile, "from", week_start);
    IF first < "from" THEN
        first := first + ('1 ' || tile)::interval;
    END IF;
    last := analytics.bucket_start(tile, "to", week_start);
    IF first < last THEN
        RETURN NEXT;
        RETURN QUERY SELECT * FROM analytics.report_tiles("from", first, grains[2:], week_start);
        RETURN QUERY SELECT * FROM analytics.report_tiles(last, "to", grains[2:], week_start);
    ELSE
        RETURN QUERY SELECT * FROM analytics.report_tiles("from", "to", grains[2:], week_start);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.report_tiles(timestamp, timestamp, text[], text) IS 'a range in whole buckets of these grains, the coarsest first, and lines for the rest';
