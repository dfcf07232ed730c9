-- Buyers of a report, new and returning, counted exactly: from customers' days, unless something else than the store is asked for.

CREATE OR REPLACE FUNCTION analytics.days_tell_buyers(q analytics.report_request) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.grain <> 'hour' AND coalesce(q.dimension = 'store', true) AND q.filters = '{}' AND q.converts AND NOT q.of_products
       AND EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'customer_daily' AND s.built_from = '-infinity')
$$;
COMMENT ON FUNCTION analytics.days_tell_buyers(analytics.report_request) IS 'whether a report''s buyers can be told from customers'' days, whole ones';

-- Who bought on which day, merged days and those of the tail together.
CREATE OR REPLACE FUNCTION analytics.buyer_days_sql(q analytics.report_request, first date, last date, has_tail boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.customer_id, c.bucket FROM analytics.rollup_customer_daily c WHERE %s AND c.orders > 0%s', m.conditions,
                  CASE WHEN has_tail THEN ' AND NOT EXISTS (SELECT FROM "tail customer_daily" t WHERE t.store_id = c.store_id AND t.bucket = c.bucket AND t.customer_id = c.customer_id)' ELSE '' END)
        || CASE WHEN has_tail THEN
               format(' UNION ALL SELECT c.store_id, c.customer_id, c.bucket FROM "tail customer_daily" c LEFT JOIN analytics.rollup_customer_daily m ON m.store_id = c.store_id AND m.bucket = c.bucket AND m.customer_id = c.customer_id WHERE %s AND c.orders + coalesce(m.orders, 0) > 0', m.conditions)
           ELSE '' END
      FROM (SELECT analytics.report_conditions_sql(q, 'c', false) || format(' AND c.bucket >= %L AND c.bucket < %L', first, last) AS conditions) m
$$;
COMMENT ON FUNCTION analytics.buyer_days_sql(analytics.report_request, date, date, boolean) IS 'SQL of who bought on which day of a range';

-- Buyers of a range, and whether they are new in it and in their bucket.
CREATE OR REPLACE FUNCTION analytics.report_buyers_sql(q analytics.report_request, parts analytics.report_part[], period integer, first timestamp,
                                                       last timestamp, condition text, has_news boolean, by_days boolean, has_tail boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wall text := format('(l.occurred_at AT TIME ZONE %s)', analytics.report_zone_sql(q, 'l'));
    first_wall text := format('(o.first_order_at AT TIME ZONE %s)', analytics.report_zone_sql(q, 'b'));
    columns text := '';
    pieces text[] := '{}';
    part analytics.report_part;
    tile record;
BEGIN
    FOREACH part IN ARRAY parts LOOP
        columns := columns || CASE part.name
            WHEN 'buyers' THEN ', b.buyer'
            WHEN 'new_in_bucket' THEN format(', CASE WHEN %s >= greatest(b.bucket, %L::timestamp) THEN b.buyer END', first_wall, first)
            WHEN 'new_in_range' THEN format(', CASE WHEN %s >= %L::timestamp THEN b.buyer END', first_wall, first)
            ELSE ', NULL' END;
    END LOOP;
    FOR tile IN SELECT t.* FROM analytics.report_tiles(first, last, CASE WHEN by_days THEN '{day}' ELSE '{}' END::text[], q.week_start) t LOOP
        pieces := pieces || CASE tile.tile
            WHEN 'day' THEN format('SELECT c.store_id, c.customer_id AS buyer, %s AS key, %s AS bucket FROM (%s) c',
                analytics.report_key_sql(q.dimension, 'c', has_news), analytics.bucket_start_sql(q.grain, 'c.bucket::timestamp', q.week_start),
                analytics.buyer_days_sql(q, tile.first::date, tile.last::date, has_tail))
            ELSE format('SELECT l.store_id, l.buyer, %s AS key, %s AS bucket FROM analytics.counted_line l%s WHERE %s AND l.buyer IS NOT NULL AND %s%s GROUP BY 1, 2, 3, 4 HAVING sum(l.sign) > 0',
                analytics.report_key_sql(q.dimension, 'l', has_news), analytics.bucket_start_sql(q.grain, wall, q.week_start), analytics.report_joins_sql(q, 'l', has_news),
                analytics.report_conditions_sql(q, 'l', has_news), analytics.report_span_sql(q, wall, tile.first, tile.last), coalesce(' AND ' || condition, '')) END;
    END LOOP;
    RETURN format('SELECT %s, b.key, b.bucket%s FROM (%s) b JOIN %s o ON o.store_id = b.store_id AND o.customer_id = b.buyer',
                  period, columns, array_to_string(pieces, ' UNION ALL '), CASE WHEN has_tail OR NOT by_days THEN 'analytics.customer' ELSE 'analytics.rollup_customer' END);
END
$$;
COMMENT ON FUNCTION analytics.report_buyers_sql(analytics.report_request, analytics.report_part[], integer, timestamp, timestamp, text, boolean, boolean, boolean) IS
'SQL of a report''s rows of buyers, new and returning';

-- Of one store and whole days the figures need no row a buyer: who is new in a bucket had the first order in it; who bought in a range had
-- the last order in it, or has had it since, and a day of it.

CREATE OR REPLACE FUNCTION analytics.buyers_are_counted(q analytics.report_request) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.dimension IS NULL AND cardinality(q.stores) = 1 AND q.grain <> 'total'
       AND (SELECT bool_and(t = date_trunc('day', t)) FROM unnest(ARRAY[q."from", q."to", q.previous_from, q.previous_to]) t WHERE t IS NOT NULL)
$$;
COMMENT ON FUNCTION analytics.buyers_are_counted(analytics.report_request) IS 'whether report_buyer_figures_sql() can tell a report''s buyers';

-- Customers of the store that may have bought in the ranges, for a WITH list.
CREATE OR REPLACE FUNCTION analytics.buyers_sql(q analytics.report_request, has_tail boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('buyer AS MATERIALIZED (SELECT o.customer_id, o.first_order_at, o.last_order_at FROM %s o WHERE o.store_id = %L AND o.last_order_at >= %L AND o.first_order_at < %L), ',
                  CASE WHEN has_tail THEN 'analytics.customer' ELSE 'analytics.rollup_customer' END, q.stores[1],
                  least(q."from", q.previous_from) AT TIME ZONE q.zone - interval '3 hours', greatest(q."to", q.previous_to) AT TIME ZONE q.zone + interval '3 hours')
$$;
COMMENT ON FUNCTION analytics.buyers_sql(analytics.report_request, boolean) IS 'SQL of the customers that a report''s buyers are among';

-- (A moment that is hours away from a bound is on its side of it without a look at the wall clock, which is the dear part.)
CREATE OR REPLACE FUNCTION analytics.report_buyer_figures_sql(q analytics.report_request, parts analytics.report_part[], period integer, first timestamp,
                                                              last timestamp, has_tail boolean) RETURNS text
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wall constant text := '(o.%s AT TIME ZONE %L)';
    first_wall text := format(wall, 'first_order_at', q.zone);
    last_wall text := format(wall, 'last_order_at', q.zone);
    since timestamptz := first AT TIME ZONE q.zone;
    until timestamptz := last AT TIME ZONE q.zone;
    more constant interval := '3 hours';
    days text := analytics.buyer_days_sql(q, first::date, last::date, has_tail);
    is_new text := format('o.first_order_at >= %L AND o.first_order_at < %L AND %s >= %L AND %3$s < %5$L', since - more, until + more, first_wall, first, last);
    has_since text := format('o.last_order_at >= %L AND %s >= %L', until - more, last_wall, last);
    in_buckets text;
    in_all text;
BEGIN
    SELECT string_agg(CASE p.name WHEN 'new_in_bucket' THEN ', sum(n.new_in_bucket) AS new_in_bucket' WHEN 'buyers' THEN ', sum(n.buyers) AS buyers' ELSE format(', NULL::numeric AS %I', p.name) END, '' ORDER BY o),
           string_agg(CASE p.name
               WHEN 'new_in_range' THEN format(', (SELECT count(*) FROM buyer o WHERE %s)', is_new)
               -- few have bought since: their days are looked up; many: all days are gone through
               WHEN 'buyers' THEN format(', CASE WHEN (SELECT count(*) FROM buyer o WHERE %s) > %s THEN (SELECT count(*) FROM (SELECT d.customer_id FROM (%s) d GROUP BY d.customer_id) c) ELSE (SELECT count(*) FROM buyer o WHERE o.last_order_at >= %L AND o.last_order_at < %L AND %s >= %L AND %6$s < %8$L) + (SELECT count(*) FROM buyer o WHERE %1$s AND EXISTS (SELECT FROM (%3$s) d WHERE d.customer_id = o.customer_id)) END',
                   has_since, CASE WHEN has_tail THEN 0 ELSE 10000 END, days, since - more, until + more, last_wall, first, last)
               ELSE ', NULL' END, '' ORDER BY o)
      INTO in_buckets, in_all FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o);
    RETURN format('SELECT %s AS period, 1 AS place, n.bucket, false AS whole%s FROM (SELECT %s AS bucket, count(%s) AS buyers, 0 AS new_in_bucket FROM (%s) d GROUP BY 1 UNION ALL SELECT %s, 0, count(*) FROM buyer o WHERE %s GROUP BY 1) n GROUP BY n.bucket UNION ALL SELECT %1$s, NULL, NULL, true%8$s',
                  period, in_buckets, analytics.bucket_start_sql(q.grain, 'd.bucket::timestamp', q.week_start), CASE q.grain WHEN 'day' THEN '*' ELSE 'DISTINCT d.customer_id' END, days,
                  analytics.bucket_start_sql(q.grain, first_wall, q.week_start), is_new, in_all);
END
$$;
COMMENT ON FUNCTION analytics.report_buyer_figures_sql(analytics.report_request, analytics.report_part[], integer, timestamp, timestamp, boolean) IS
'SQL of a report''s figures of buyers, by bucket and over the whole range; null: without a range';
