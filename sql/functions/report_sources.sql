-- Where a report's figures come from: the coarsest rollups that answer it, and event lines for what none of them has.

-- Columns that a rollup of these measures holds.
CREATE OR REPLACE FUNCTION analytics.stored_columns(measures text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT measures || CASE WHEN measures && '{net_sales,total_sales}' THEN '{gross_sales,discounts,returns}' ELSE '{}' END::text[]
                    || CASE WHEN 'total_sales' = ANY (measures) THEN '{taxes,shipping}' ELSE '{}' END::text[]
                    || CASE WHEN 'aov' = ANY (measures) THEN '{orders,gross_sales,discounts}' ELSE '{}' END::text[]
                    || CASE WHEN measures && '{order_value_p50,order_value_p90,order_value_p99}' THEN '{order_values}' ELSE '{}' END::text[]
$$;
COMMENT ON FUNCTION analytics.stored_columns(text[]) IS 'columns that a rollup of these measures holds';

-- For each grain the rollup with the fewest dimensions that has what is needed of all lines that pass the filter.
CREATE OR REPLACE FUNCTION analytics.report_rollups(dimensions text[], columns text[], filter text)
    RETURNS TABLE (grain text, name text, merged pg_snapshot)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (r.grain) r.grain, r.name, s.merged
      FROM analytics.rollup r
      JOIN analytics.rollup_state s USING (name)
     WHERE s.built_from = '-infinity'
       AND btrim(r.filter, '()') IS NOT DISTINCT FROM report_rollups.filter AND (r.condition IS NULL) = (r.filter IS NULL)
       AND r.dimensions || CASE WHEN analytics.has_money(r.measures) THEN '{currency}' ELSE '{}' END::text[] @> report_rollups.dimensions
       AND analytics.stored_columns(r.measures) @> array_replace(columns, 'product_orders', 'orders')
       -- where lines of one order fall into different cells, it counts in each
       AND NOT (columns && '{orders,events,order_values,product_orders}'
                AND EXISTS (SELECT FROM unnest(r.dimensions) d
                             WHERE d = 'product_id' AND columns && '{orders,events,order_values}' OR d = 'line_kind' OR starts_with(d, 'properties')))
     ORDER BY r.grain, cardinality(r.dimensions), r.builtin DESC, r.name;
END
$$;
COMMENT ON FUNCTION analytics.report_rollups(text[], text[], text) IS 'the rollups that hold these columns by these dimensions, the smallest for each grain';

-- Like tail_of(), of some stores.
CREATE OR REPLACE FUNCTION analytics.pending_lines(merged pg_snapshot, stores text[]) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    newer xid8 := coalesce(pg_snapshot_xmax(merged), '0');
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
BEGIN
    RETURN (SELECT count(*) FROM analytics.event e WHERE e.stamp >= newer AND e.store_id = ANY (stores))
         + CASE WHEN running = '{}' THEN 0 ELSE (SELECT count(*) FROM analytics.event e WHERE e.stamp = ANY (running) AND e.store_id = ANY (stores)) END;
END
$$;
COMMENT ON FUNCTION analytics.pending_lines(pg_snapshot, text[]) IS 'event lines of these stores that the snapshot did not see';

-- (In what is merged a report asks the cells.)
CREATE OR REPLACE FUNCTION analytics.pending_foreign_money(merged pg_snapshot, stores text[], currency text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    newer xid8 := coalesce(pg_snapshot_xmax(merged), '0');
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
BEGIN
    RETURN EXISTS (SELECT FROM analytics.counted_line l WHERE l.stamp >= newer AND l.store_id = ANY (stores) AND l.currency <> pending_foreign_money.currency)
        OR running <> '{}' AND EXISTS (SELECT FROM analytics.counted_line l WHERE l.stamp = ANY (running) AND l.store_id = ANY (stores) AND l.currency <> pending_foreign_money.currency);
END
$$;
COMMENT ON FUNCTION analytics.pending_foreign_money(pg_snapshot, text[], text) IS 'whether event lines of these stores that the snapshot did not see are of another currency';

-- Pieces of SQL over a row of cells (c) or lines (l), which both have store_id, currency and the dimensions.

CREATE OR REPLACE FUNCTION analytics.report_zone_sql(q analytics.report_request, source text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(quote_literal(q.zone),
                    format('coalesce((SELECT z.timezone FROM analytics.store z WHERE z.store_id = %s.store_id), %L)', source, analytics.setting_of('timezone', '')))
$$;
COMMENT ON FUNCTION analytics.report_zone_sql(analytics.report_request, text) IS 'SQL of the time zone of a row''s store';

-- A dimension's value: '' in cells, null in lines and of products for what was not sent. Categories and brands are the product's present ones (p, and
-- its news t).
CREATE OR REPLACE FUNCTION analytics.report_dimension_sql(dimension text, source text, has_news boolean) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN dimension = 'store' THEN source || '.store_id'
                WHEN dimension = 'product' THEN source || '.product_id'
                WHEN dimension IN ('category', 'brand') THEN
                    CASE WHEN has_news THEN analytics.later_product_sql(dimension) ELSE format('p.%I', dimension) END
                ELSE format('%s.%I', source, dimension) END
$$;
COMMENT ON FUNCTION analytics.report_dimension_sql(text, text, boolean) IS 'SQL of what a report is by, from a row';

CREATE OR REPLACE FUNCTION analytics.report_key_sql(dimension text, source text, has_news boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN dimension IS NULL THEN 'NULL::text'
                WHEN dimension IN ('store', 'product', 'currency') THEN analytics.report_dimension_sql(dimension, source, has_news)
                ELSE format('coalesce(nullif(%s, ''''), ''(none)'')', analytics.report_dimension_sql(dimension, source, has_news)) END
$$;
COMMENT ON FUNCTION analytics.report_key_sql(text, text, boolean) IS 'SQL of the key of the series that a row belongs to';

CREATE OR REPLACE FUNCTION analytics.report_joins_sql(q analytics.report_request, source text, has_news boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN q.dimension IN ('category', 'brand') OR q.filters ?| '{category,brand}' THEN
        format(' LEFT JOIN analytics.product p ON p.store_id = %1$s.store_id AND p.product_id = %1$s.product_id', source)
        || CASE WHEN has_news THEN format(' LEFT JOIN news t ON t.store_id = %1$s.store_id AND t.product_id = %1$s.product_id', source) ELSE '' END
        ELSE '' END
$$;
COMMENT ON FUNCTION analytics.report_joins_sql(analytics.report_request, text, boolean) IS 'SQL of the joins that report_dimension_sql() needs';

CREATE OR REPLACE FUNCTION analytics.report_conditions_sql(q analytics.report_request, source text, has_news boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE cardinality(q.stores) WHEN 1 THEN format('%s.store_id = %L', source, q.stores[1]) ELSE format('%s.store_id = ANY (%L::text[])', source, q.stores) END
        || CASE WHEN q.converts THEN '' ELSE format(' AND %s.currency = %L', source, q.currency) END
        || (SELECT coalesce(string_agg(format(CASE WHEN f.value ? '' THEN ' AND (%1$s = ANY (%2$L::text[]) OR %1$s IS NULL)' ELSE ' AND %1$s = ANY (%2$L::text[])' END,
                                              analytics.report_dimension_sql(f.key, source, has_news), ARRAY(SELECT jsonb_array_elements_text(f.value))), ''), '')
              FROM jsonb_each(q.filters) f)
$$;
COMMENT ON FUNCTION analytics.report_conditions_sql(analytics.report_request, text, boolean) IS 'SQL of what rows a report counts, its range apart';

-- Lines of a range of wall time, said also as what an index on occurred_at and the partitions can use: three hours more for days
-- without a midnight, fifteen where stores have zones of their own. The wall clock, dear and of no statistics, is asked no further inside than that.
CREATE OR REPLACE FUNCTION analytics.report_span_sql(q analytics.report_request, wall text, first timestamp, last timestamp) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('l.occurred_at >= %L::timestamptz AND l.occurred_at < %L::timestamptz AND (l.occurred_at >= %L::timestamptz AND l.occurred_at < %L::timestamptz OR %s >= %L::timestamp AND %5$s < %7$L::timestamp)',
        m.since - m.more, m.until + m.more, m.since + m.more, m.until - m.more, wall, first, last)
      FROM (SELECT first AT TIME ZONE coalesce(q.zone, 'UTC') AS since, last AT TIME ZONE coalesce(q.zone, 'UTC') AS until,
                   CASE WHEN q.zone IS NULL THEN interval '15 hours' ELSE interval '3 hours' END AS more) m
$$;
COMMENT ON FUNCTION analytics.report_span_sql(analytics.report_request, text, timestamp, timestamp) IS 'SQL condition that a line is in a range of wall time';

-- A part of a row. Of a distinct count the caller gives the SQL.
CREATE OR REPLACE FUNCTION analytics.report_part_sql(q analytics.report_request, part analytics.report_part, source text, day text, counted text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value text := coalesce(counted, (SELECT string_agg(CASE WHEN starts_with(t, '-') THEN '- ' ELSE '+ ' END
        || format(CASE source WHEN 'l' THEN 'coalesce(l.%I, 0)' ELSE 'c.%I' END, ltrim(t, '-')), ' ' ORDER BY o) FROM unnest(part.terms) WITH ORDINALITY u(t, o)));
    rate text;
BEGIN
    IF part.kind = 'product_orders' THEN
        RETURN format('%s.orders', source);
    END IF;
    value := regexp_replace(value, '^\+ ', '');
    IF part.kind NOT IN ('money', 'orders', 'order_count', 'values') OR NOT q.converts THEN
        RETURN value;
    END IF;
    -- counted values are of their currency for good
    IF part.kind = 'values' OR NOT EXISTS (SELECT FROM analytics.exchange_rate) THEN
        RETURN format('CASE WHEN %s.currency = %L THEN %s END', source, q.currency, value);
    END IF;
    rate := analytics.rate_sql(coalesce(quote_literal(q.rates_of), source || '.store_id'), source || '.currency', day);
    RETURN format(CASE part.kind WHEN 'money' THEN 'CASE WHEN %1$s.currency = %2$L THEN %3$s ELSE (%3$s) * (%4$s) END'
                                 ELSE 'CASE WHEN %1$s.currency = %2$L OR (%4$s) IS NOT NULL THEN %3$s END' END, source, q.currency, value, rate);
END
$$;
COMMENT ON FUNCTION analytics.report_part_sql(analytics.report_request, analytics.report_part, text, text, text) IS 'SQL of a part of a metric from a row, in the report''s currency';

-- Lines of whole or ragged ranges. Sums row by row; distinct counts of the keys that stand, taken back ones left out.
CREATE OR REPLACE FUNCTION analytics.report_lines_sql(q analytics.report_request, parts analytics.report_part[], period integer, first timestamp,
                                                      last timestamp, condition text, has_news boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone text := analytics.report_zone_sql(q, 'l');
    wall text := format('(l.occurred_at AT TIME ZONE %s)', zone);
    day text := wall || '::date';
    key text := analytics.report_key_sql(q.dimension, 'l', has_news);
    source text := format('analytics.counted_line l%s WHERE %s AND %s%s', analytics.report_joins_sql(q, 'l', has_news), analytics.report_conditions_sql(q, 'l', has_news),
                          analytics.report_span_sql(q, wall, first, last), coalesce(' AND ' || condition, ''));
    bucket text := analytics.bucket_start_sql(q.grain, wall, q.week_start);
    sums text := '';
    pieces text[] := '{}';
    part analytics.report_part;
    counted text;
BEGIN
    FOREACH part IN ARRAY parts LOOP
        sums := sums || ', ' || CASE WHEN part.kind IN ('money', 'orders', 'number') THEN analytics.report_part_sql(q, part, 'l', day, NULL) ELSE 'NULL' END;
        IF part.kind = 'values' THEN
            pieces := pieces || format('SELECT %s, k.key, k.bucket%s FROM (SELECT %s AS key, %s AS bucket, l.sign, sum(%s) AS value FROM %s AND l.event_type = ''purchase'' GROUP BY 1, 2, l.store_id, l.event_id, l.order_id, l.revision, l.sign) k WHERE k.value IS NOT NULL GROUP BY k.key, k.bucket',
                period, (SELECT string_agg(CASE WHEN p.name = part.name THEN ', analytics.gather_order_values(array_agg(analytics.order_value_count(abs(k.value), k.sign)))' ELSE ', NULL' END, '' ORDER BY o)
                           FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o)),
                key, bucket, analytics.report_part_sql(q, ROW('value', 'money', '{gross_sales,-discounts}')::analytics.report_part, 'l', day, NULL), source);
        ELSIF part.kind = 'product_orders' THEN
            pieces := pieces || format('SELECT %s, k.key, k.bucket%s FROM (SELECT %s AS key, %s AS bucket, l.sign FROM %s AND l.event_type = ''purchase'' GROUP BY 1, 2, l.store_id, l.currency, l.event_id, l.order_id, l.revision, l.sign) k',
                period, (SELECT string_agg(CASE WHEN p.name = part.name THEN ', k.sign' ELSE ', NULL' END, '' ORDER BY o) FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o)),
                key, bucket, source);
        END IF;
        CONTINUE WHEN part.kind NOT IN ('count', 'order_count');
        counted := CASE part.terms[1] WHEN 'customers' THEN 'l.buyer' WHEN 'sessions' THEN 'l.session_id' WHEN 'visitors' THEN 'l.visitor'
            WHEN 'order_keys' THEN '(CASE WHEN l.event_type = ''purchase'' THEN coalesce(''o'' || l.order_id, ''e'' || l.event_id) END)'
            ELSE '(l.event_type || '' '' || l.event_id)' END;
        pieces := pieces || format('SELECT %s, k.key, k.bucket%s FROM (SELECT %s AS key, %s AS bucket, %s AS value FROM %s AND %5$s IS NOT NULL GROUP BY 1, 2, 3 HAVING sum(l.sign) > 0) k GROUP BY k.key, k.bucket',
            period, (SELECT string_agg(CASE WHEN p.name = part.name THEN ', ' || analytics.hll_of('k.value', NULL) ELSE ', NULL' END, '' ORDER BY o)
                       FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o)),
            key, bucket, analytics.report_part_sql(q, part, 'l', day, counted), source);
    END LOOP;
    IF EXISTS (SELECT FROM unnest(parts) p WHERE p.kind IN ('money', 'orders', 'number')) THEN
        pieces := pieces || format('SELECT %s, %s, %s%s FROM %s', period, key, bucket, sums, source);
    END IF;
    RETURN array_to_string(pieces, ' UNION ALL ');
END
$$;
COMMENT ON FUNCTION analytics.report_lines_sql(analytics.report_request, analytics.report_part[], integer, timestamp, timestamp, text, boolean) IS
'SQL of a report''s rows from event lines of a range';

-- Cells of the products that are series (keyed) alone, each looked up by its key: of thousands of products a day few are. Currencies of a day are
-- skipped through; LIMIT keeps the planner from joining otherwise.
CREATE OR REPLACE FUNCTION analytics.keyed_cells_sql(q analytics.report_request, tile text, first date, last date, storage text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT f.* FROM unnest(%L::text[]) s(store_id) CROSS JOIN generate_series(%L::timestamp, %L::timestamp - interval ''1 day'', %L) d(at)
                     CROSS JOIN LATERAL (WITH RECURSIVE u AS (SELECT (SELECT min(m.currency) FROM %5$s m WHERE m.store_id = s.store_id AND m.bucket = d.at::date) AS currency
                                         UNION ALL SELECT (SELECT min(m.currency) FROM %5$s m WHERE m.store_id = s.store_id AND m.bucket = d.at::date AND m.currency > u.currency) FROM u WHERE u.currency IS NOT NULL)
                                         SELECT u.currency FROM u WHERE u.currency IS NOT NULL) u
                     CROSS JOIN keyed k
                     CROSS JOIN LATERAL (SELECT * FROM %5$s m WHERE m.store_id = s.store_id AND m.bucket = d.at::date AND m.currency = u.currency AND m.product_id = k.key LIMIT 1) f)',
                  q.stores, first, last, ('1 ' || tile)::interval, storage)
$$;
COMMENT ON FUNCTION analytics.keyed_cells_sql(analytics.report_request, text, date, date, text) IS 'SQL of the merged cells of the products that are series of a report';

-- Merged cells of a range and, where there is one, the tail's beside them: rows that add up, as parts do. A count of which the tail took
-- something back is made anew. keyed: those of the products that are series alone.
CREATE OR REPLACE FUNCTION analytics.report_cells_sql(q analytics.report_request, parts analytics.report_part[], period integer, tile text, first timestamp,
                                                      last timestamp, rollup text, has_tail boolean, has_news boolean, keyed boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- an hour of which clocks skipped the beginning begins before it: its end tells which one it is
    wall text := CASE tile WHEN 'hour' THEN format('date_trunc(''hour'', (c.bucket + interval ''59 minutes 59.999999 seconds'') AT TIME ZONE %s)', analytics.report_zone_sql(q, 'c'))
                           ELSE 'c.bucket::timestamp' END;
    day text := CASE tile WHEN 'hour' THEN wall || '::date' ELSE 'c.bucket' END;
    key text := analytics.report_key_sql(q.dimension, 'c', has_news);
    bucket text := CASE WHEN tile = q.grain THEN wall ELSE analytics.bucket_start_sql(q.grain, wall, q.week_start) END;
    conditions text := analytics.report_conditions_sql(q, 'c', has_news) || CASE tile
        WHEN 'hour' THEN format(' AND c.bucket >= %L::timestamptz AND c.bucket < %L::timestamptz AND %s >= %L AND %3$s < %5$L',
            first AT TIME ZONE coalesce(q.zone, 'UTC') - CASE WHEN q.zone IS NULL THEN interval '16 hours' ELSE interval '4 hours' END,
            last AT TIME ZONE coalesce(q.zone, 'UTC') + CASE WHEN q.zone IS NULL THEN interval '15 hours' ELSE interval '3 hours' END, wall, first, last)
        ELSE format(' AND c.bucket >= %L AND c.bucket < %L', first::date, last::date) END;
    joins text := analytics.report_joins_sql(q, 'c', has_news);
    counts boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind IN ('count', 'order_count'));
    r analytics.rollup_shape;
    merged text := '';
    tail text := '';
    part analytics.report_part;
    counted text;
    kept text;
BEGIN
    IF has_tail AND counts THEN
        r := analytics.shape_of(rollup);
    END IF;
    FOREACH part IN ARRAY parts LOOP
        IF part.kind IN ('buyer', 'session') THEN
            merged := merged || ', NULL';
            tail := tail || ', NULL';
        ELSIF part.kind NOT IN ('count', 'order_count') THEN
            merged := merged || ', ' || analytics.report_part_sql(q, part, 'c', day, NULL);
            tail := tail || ', ' || analytics.report_part_sql(q, part, 'c', day, NULL);
        ELSE
            counted := analytics.stored_count_sql('c', part.terms[1]);
            IF has_tail THEN
                -- (nothing is left to make it of where retention was: then it stays)
                kept := analytics.retired_sql(r.bucket, 'c');
                counted := format('CASE WHEN EXISTS (SELECT FROM %I t WHERE t.lost AND t.store_id = c.store_id AND t.bucket = c.bucket%s) AND (%s) IS NOT TRUE THEN NULL ELSE %s END',
                                  'tail ' || rollup, analytics.columns_sql(r.keys, ' AND t.%I = c.%I'), kept, counted);
                tail := tail || ', ' || analytics.report_part_sql(q, part, 'c', day,
                    format('CASE WHEN c.lost AND (%s) IS NOT TRUE THEN analytics.%I(%L, c.store_id, c.bucket, ARRAY[%s]::text[]) ELSE c.%I END', kept, 'recount_' || rollup, part.terms[1],
                           substr(analytics.columns_sql(r.keys, ', c.%I'), 3), part.terms[1]));
            END IF;
            merged := merged || ', ' || analytics.report_part_sql(q, part, 'c', day, counted);
        END IF;
    END LOOP;
    RETURN format('SELECT %s, %s, %s%s FROM %s c%s WHERE %s', period, key, bucket, merged,
                  CASE WHEN keyed THEN analytics.keyed_cells_sql(q, tile, first::date, last::date, format('analytics.%I', 'rollup_' || rollup)) ELSE format('analytics.%I', 'rollup_' || rollup) END,
                  joins, conditions)
        || CASE WHEN has_tail THEN format(' UNION ALL SELECT %s, %s, %s%s FROM %I c%s WHERE %s', period, key, bucket, tail, 'tail ' || rollup, joins, conditions) ELSE '' END;
END
$$;
COMMENT ON FUNCTION analytics.report_cells_sql(analytics.report_request, analytics.report_part[], integer, text, timestamp, timestamp, text, boolean, boolean, boolean) IS
'SQL of a report''s rows from a rollup''s cells of a range';

-- Basis 'order': what refunds add is moved from the refund's moment to that of its order, where that is known.
CREATE OR REPLACE FUNCTION analytics.report_moves_sql(q analytics.report_request, parts analytics.report_part[], period integer, first timestamp,
                                                      last timestamp, condition text, has_news boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone text := analytics.report_zone_sql(q, 'l');
    wall text := format('(m.at AT TIME ZONE %s)', zone);
    key text := analytics.report_key_sql(q.dimension, 'l', has_news);
    columns text := '';
    moved text[];
    part analytics.report_part;
BEGIN
    FOREACH part IN ARRAY parts LOOP
        moved := ARRAY(SELECT t FROM unnest(part.terms) WITH ORDINALITY u(t, o)
                        WHERE ltrim(t, '-') IN ('returns', 'taxes', 'shipping', 'units_returned', 'gift_card_sales') ORDER BY o);
        columns := columns || CASE WHEN moved = '{}' THEN ', NULL' ELSE
            format(', m.times * (%s)', analytics.report_part_sql(q, ROW(part.name, part.kind, moved)::analytics.report_part, 'l', format('(l.occurred_at AT TIME ZONE %s)::date', zone), NULL)) END;
    END LOOP;
    IF columns ~ '^(, NULL)*$' THEN
        RETURN NULL;
    END IF;
    RETURN format('SELECT %s, %s, %s%s FROM analytics.counted_line l JOIN analytics.event_key k ON k.store_id = l.store_id AND k.key = l.order_id AND k.kind = ''o'' AND k.lines > 0%s CROSS JOIN LATERAL (VALUES (k.occurred_at, 1), (l.occurred_at, -1)) m(at, times) WHERE l.event_type = ''refund'' AND l.order_id IS NOT NULL AND %s AND %s >= %L AND %7$s < %9$L%s',
        period, key, analytics.bucket_start_sql(q.grain, wall, q.week_start), columns, analytics.report_joins_sql(q, 'l', has_news),
        analytics.report_conditions_sql(q, 'l', has_news), wall, first, last, coalesce(' AND ' || condition, ''));
END
$$;
COMMENT ON FUNCTION analytics.report_moves_sql(analytics.report_request, analytics.report_part[], integer, timestamp, timestamp, text, boolean) IS
'SQL of what moves in a report when refunds count on their order''s day; null: nothing of it does';

-- Whether sessions and their orders by day answer a report; else it takes distinct session ids and orders of lines.
CREATE OR REPLACE FUNCTION analytics.sessions_answer(q analytics.report_request) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.grain <> 'hour' AND q.converts AND coalesce(q.dimension IN ('channel', 'country', 'device', 'store'), true)
       AND q.filters - '{channel,country,device}'::text[] = '{}'
       AND (SELECT coalesce(bool_and(t = date_trunc('day', t)), true) FROM unnest(ARRAY[q."from", q."to", q.previous_from, q.previous_to]) t WHERE t IS NOT NULL)
$$;
COMMENT ON FUNCTION analytics.sessions_answer(analytics.report_request) IS 'whether a report''s conversion can be told from sessions by day';

CREATE OR REPLACE FUNCTION analytics.report_sessions_sql(q analytics.report_request, parts analytics.report_part[], period integer, first timestamp, last timestamp)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    piece text := format('SELECT %s, %s, %s%s FROM %%s c WHERE %s AND c.bucket >= %L AND c.bucket < %L', period, analytics.report_key_sql(q.dimension, 'c', false),
        analytics.bucket_start_sql(q.grain, 'c.bucket::timestamp', q.week_start),
        (SELECT string_agg(CASE p.kind WHEN 'session' THEN format(', c.%I', p.terms[1]) ELSE ', NULL' END, '' ORDER BY o) FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o)),
        replace(analytics.report_conditions_sql(q, 'c', false), '%', '%%'), first::date, last::date);
BEGIN
    RETURN format(piece, '(SELECT * FROM analytics.rollup_session_day WHERE EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = ''session''))')
        || CASE WHEN analytics.pending_lines((SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'session'), q.stores) > 0
                THEN ' UNION ALL ' || format(piece, 'analytics.tail_session_day()') ELSE '' END;
END
$$;
COMMENT ON FUNCTION analytics.report_sessions_sql(analytics.report_request, analytics.report_part[], integer, timestamp, timestamp) IS
'SQL of a report''s rows from sessions by day';

-- All of it: SQL of rows (period, key, bucket, parts) whose sums are the report, period 0 the range and 1 what it is compared with; the
-- tails that they need, as SQL of a WITH list; how many lines of the stores are not merged yet; where they are told without rows to sum, the
-- figures themselves; and own: SQL of the rows of the products that are series, where that is less than all of them.
CREATE OR REPLACE FUNCTION analytics.report_source(q analytics.report_request, parts analytics.report_part[], OUT tails text, OUT pieces text, OUT pending bigint, OUT figures text, OUT own text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- which lines are a product's, product_daily tells
    filter text := CASE WHEN q.of_products THEN (SELECT r.filter FROM analytics.rollup r WHERE r.name = 'product_daily') END;
    condition text := CASE WHEN q.of_products THEN (SELECT r.condition FROM analytics.rollup r WHERE r.name = 'product_daily') END;
    has_money boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind IN ('money', 'orders', 'order_count', 'values'));
    has_values boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind = 'values');
    has_buyers boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind = 'buyer');
    has_sessions boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind = 'session');
    has_others boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind NOT IN ('buyer', 'session'));
    dimensions text[] := ARRAY(SELECT DISTINCT CASE WHEN d IN ('category', 'brand', 'product') THEN 'product_id' ELSE d END
        FROM (SELECT q.dimension UNION ALL SELECT jsonb_object_keys(q.filters) UNION ALL SELECT 'currency' WHERE has_money OR NOT q.converts) u(d) WHERE d <> 'store');
    columns text[] := ARRAY(SELECT DISTINCT ltrim(t, '-') FROM unnest(parts) p CROSS JOIN LATERAL unnest(p.terms) t WHERE p.kind <> 'session');
    usable text[] := CASE q.grain WHEN 'total' THEN '{month,week,day,hour}' WHEN 'month' THEN '{month,day,hour}' WHEN 'week' THEN '{week,day,hour}'
                                  WHEN 'day' THEN '{day,hour}' ELSE '{hour}' END;
    grains text[] := '{}';
    names text[] := '{}';
    snapshots text[] := '{}';
    behind bigint[] := '{}';   -- of each of these rollups, its lines not merged yet
    tailed boolean[] := '{}';  -- whether tails has it already
    rollup record;
    range record;
    tile record;
    place integer;
    lines bigint;
    piece text;
    is_keyed boolean;
    has_days boolean;
    found boolean;
    buyers_by_days boolean := has_buyers AND analytics.days_tell_buyers(q);
    buyers_have_tail boolean := buyers_by_days AND analytics.pending_lines((SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'customer_daily'), q.stores) > 0;
    foreign_money constant text := 'c.store_id = ANY ($1) AND c.currency <> $2 AND c.bucket >= $3::date - 31 AND c.bucket < $4 + interval ''1 day''';
    has_news boolean;
BEGIN
    tails := '';
    has_news := (coalesce(q.dimension, '') IN ('category', 'brand') OR q.filters ?| '{category,brand}')
        AND analytics.pending_lines((SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'product'), q.stores) > 0;
    IF has_news THEN
        tails := 'news AS MATERIALIZED (SELECT * FROM analytics.tail_product()), ';
    END IF;
    IF buyers_have_tail THEN
        tails := tails || '"tail customer_daily" AS MATERIALIZED (SELECT * FROM analytics.tail_customer_daily()), ';
    END IF;
    IF buyers_by_days AND NOT has_others AND analytics.buyers_are_counted(q) THEN
        tails := tails || analytics.buyers_sql(q, buyers_have_tail);
        figures := format('keyed AS (SELECT 1 AS place, NULL::text AS key), figure AS (%s%s)', analytics.report_buyer_figures_sql(q, parts, 0, q."from", q."to", buyers_have_tail),
                          ' UNION ALL ' || analytics.report_buyer_figures_sql(q, parts, 1, q.previous_from, q.previous_to, buyers_have_tail));
        has_buyers := false;
    END IF;
    pieces := 'SELECT NULL::integer AS period, NULL::text AS key, NULL::timestamp AS bucket'
        || (SELECT string_agg(format(', NULL::%s AS %I', CASE WHEN p.kind IN ('count', 'order_count') THEN analytics.hll_schema() || '.hll'
                                                              WHEN p.kind = 'buyer' THEN 'text' WHEN p.kind = 'values' THEN 'bigint[]' ELSE 'numeric' END, p.name), '' ORDER BY o)
              FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o)) || ' WHERE false';
    -- (many series, or many stores, are read faster with all the others)
    IF q.dimension = 'product' AND q.series <= 50 AND cardinality(q.stores) <= 10 THEN
        own := pieces;
    END IF;
    has_days := EXISTS (SELECT FROM analytics.report_rollups(dimensions, columns, filter) c WHERE c.grain = 'day');
    FOR rollup IN SELECT c.* FROM analytics.report_rollups(dimensions, columns, filter) c
                   WHERE c.grain = ANY (usable) AND has_others AND (c.grain <> 'week' OR q.week_starts_agree
                         -- weeks whose raw events are gone began as the store's weeks did then
                         AND NOT (has_days AND EXISTS (SELECT FROM analytics.retired w WHERE w.store_id = ANY (q.stores) AND w.day + 7 > least(q."from", q.previous_from))))
                   ORDER BY array_position(usable, c.grain) LOOP
        lines := NULL;
        -- a tail's cells are made anew for each rollup that is read, which takes longer than to read some days more
        IF rollup.grain IN ('week', 'month') AND has_days AND greatest(q."to" - q."from", q.previous_to - q.previous_from) <= interval '100 days' THEN
            lines := coalesce(behind[array_position(snapshots, rollup.merged::text)], analytics.pending_lines(rollup.merged, q.stores));
            CONTINUE WHEN lines > 0;
        END IF;
        -- a rate is a day's: weeks and months hold money of one currency, and so do counted values
        IF (rollup.grain IN ('week', 'month') AND has_money OR has_values) AND q.converts THEN
            lines := coalesce(behind[array_position(snapshots, rollup.merged::text)], analytics.pending_lines(rollup.merged, q.stores));
            EXECUTE format('SELECT EXISTS (SELECT FROM analytics.%I c WHERE %s)', 'rollup_' || rollup.name, foreign_money)
               INTO found USING q.stores, q.currency, least(q."from", q.previous_from), greatest(q."to", q.previous_to);
            CONTINUE WHEN found OR lines > 0 AND analytics.pending_foreign_money(rollup.merged, q.stores, q.currency);
        END IF;
        grains := grains || rollup.grain;
        names := names || rollup.name;
        snapshots := snapshots || rollup.merged::text;
        behind := behind || lines;
        tailed := tailed || false;
    END LOOP;
    FOR range IN SELECT 0 AS period, q."from" AS first, q."to" AS last UNION ALL SELECT 1, q.previous_from, q.previous_to WHERE q.previous_from IS NOT NULL LOOP
        FOR tile IN SELECT t.* FROM analytics.report_tiles(range.first, range.last, grains, q.week_start) t WHERE has_others LOOP
            place := array_position(grains, tile.tile);
            IF place IS NULL THEN
                piece := ' UNION ALL ' || analytics.report_lines_sql(q, parts, range.period, tile.first, tile.last, condition, has_news);
                pieces := pieces || piece;
                own := own || piece;
            ELSE
                behind[place] := coalesce(behind[place], behind[array_position(snapshots, snapshots[place])],
                                          analytics.pending_lines(snapshots[place]::pg_snapshot, q.stores));
                IF behind[place] > 0 AND NOT tailed[place] THEN
                    tailed[place] := true;
                    tails := tails || format('%I AS MATERIALIZED (SELECT * FROM analytics.%I()), ', 'tail ' || names[place], 'tail_' || names[place]);
                END IF;
                pieces := pieces || ' UNION ALL ' || analytics.report_cells_sql(q, parts, range.period, tile.tile, tile.first, tile.last, names[place], behind[place] > 0, has_news, false);
                is_keyed := tile.tile IN ('day', 'week') AND names[place] IN ('product_daily', 'product_weekly');
                own := own || ' UNION ALL ' || analytics.report_cells_sql(q, parts, range.period, tile.tile, tile.first, tile.last, names[place], behind[place] > 0, has_news, is_keyed);
            END IF;
        END LOOP;
        IF q.basis = 'order' THEN
            piece := coalesce(' UNION ALL ' || analytics.report_moves_sql(q, parts, range.period, range.first, range.last, condition, has_news), '');
            pieces := pieces || piece;
            own := own || piece;
        END IF;
        IF has_sessions THEN
            pieces := pieces || ' UNION ALL ' || analytics.report_sessions_sql(q, parts, range.period, range.first, range.last);
        END IF;
        IF has_buyers AND range.first < range.last THEN
            pieces := pieces || ' UNION ALL ' || analytics.report_buyers_sql(q, parts, range.period, range.first, range.last, condition, has_news, buyers_by_days, buyers_have_tail);
        END IF;
    END LOOP;
    pending := coalesce((SELECT max(b) FROM unnest(behind) b),
                        analytics.pending_lines((SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'sales_daily'), q.stores));
END
$$;
COMMENT ON FUNCTION analytics.report_source(analytics.report_request, analytics.report_part[]) IS
'SQL of rows whose sums are a report: rollups'' cells, and lines for the rest; of the tails it needs; lines not merged yet; SQL of figures that need no summing; of the rows of products that are series';
