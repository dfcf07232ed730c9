-- The SQL of a rollup, written from its registry row: one generator serves refresh, tail, rebuild, reconcile and view.
--
-- Words: a cell is one row of a rollup (store, bucket, [currency,] dimensions). Cells of any set of lines are the sums of
-- counted_line's columns over it, so that cells add: merged + tail = all. Distinct counts are HyperLogLogs (hll), which
-- take a union but give nothing back; `lost` marks cells in which a line was taken back and counts must be made anew.
-- Dimensions are stored with '' for null, so that keys compare with = and joins can hash; views give the null back.

CREATE TYPE analytics.rollup_shape AS (
    name text,
    storage text,          -- table that holds the merged cells
    bucket text,           -- column of counted_line that is the bucket: hour, day, week, month
    bucket_type text,
    keys text[],           -- key columns after store_id and bucket: currency, dimension labels
    key_sql text[],        -- each key from counted_line l, null as ''
    sums text[],           -- additive columns held
    sum_line text[],       -- what a line l adds to each; l.first_in_cell: of one event's lines in the cell one counts
    sum_sql text[],        -- each as an aggregate over counted_line l
    sum_types text[],
    counts text[],         -- distinct counts held as hll
    count_sql text[],      -- what each counts
    extremes text[],       -- first and last moments held, over the first lines of events
    extreme_sql text[],
    extreme_types text[],
    extreme_ways text[],   -- min or max
    condition text,        -- which lines take part, or null
    by_line boolean,       -- whether the lines of one event must be looked at together: where they may fall into different
                           -- cells, orders are distinct ones; an order's value is that of its lines in the cell
    measures text[]        -- what the view shows, in order
);
COMMENT ON TYPE analytics.rollup_shape IS 'what the generator of a rollup''s SQL knows of it';

CREATE OR REPLACE FUNCTION analytics.hll_schema() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hll'
$$;
COMMENT ON FUNCTION analytics.hll_schema() IS 'schema of the hll extension, quoted';

-- Cells of up to 1,024 keys are exact, larger ones err by 0.3 % (standard error, 2^17 registers, explicit up to 1,024 hashes).
-- Under aggregation each takes up to 128 kB: whoever aggregates many turns hashing off, so that sorted groups hold one at a time.
-- hll may live in a schema others write to: every call matches its function's arguments exactly.
CREATE OR REPLACE FUNCTION analytics.hll_of(value_sql text, condition_sql text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%1$s.hll_add_agg(%1$s.hll_hash_text(%2$s, 0), 17, 5, 1024::bigint, 1) FILTER (WHERE %2$s IS NOT NULL%3$s)',
                  analytics.hll_schema(), value_sql, coalesce(' AND ' || condition_sql, ''))
$$;
COMMENT ON FUNCTION analytics.hll_of(text, text) IS 'SQL of the aggregate that counts distinct values';

-- What is longer is cut, and told apart by a hash of the whole.
CREATE OR REPLACE FUNCTION analytics.short_key_sql(value text, longest integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN octet_length(%1$s) <= %2$s THEN %1$s ELSE left(%1$s, %3$s) || ''~'' || md5(%1$s) END', value, longest, (longest - 40) / 4)
$$;
COMMENT ON FUNCTION analytics.short_key_sql(text, integer) IS 'SQL of a dimension''s value, at most so many bytes of it';

-- Moments as text of one width, which sorts as they do.
CREATE OR REPLACE FUNCTION analytics.moment_sql(moment text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('to_char(%s AT TIME ZONE ''UTC'', ''YYYY-MM-DD HH24:MI:SS.US'') COLLATE "C"', moment)
$$;
COMMENT ON FUNCTION analytics.moment_sql(text) IS 'SQL of a moment as text that sorts by time; in UTC';

CREATE OR REPLACE FUNCTION analytics.has_money(measures text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT measures && '{gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,aov,order_value_p50,order_value_p90,order_value_p99}'::text[]
$$;
COMMENT ON FUNCTION analytics.has_money(text[]) IS 'whether any of the measures is money, so that the rollup is by currency';

CREATE OR REPLACE FUNCTION analytics.shape_of(rollup analytics.rollup) RETURNS analytics.rollup_shape
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bucket_type text := CASE rollup.grain WHEN 'hour' THEN 'timestamptz' ELSE 'date' END;
    keys text[] := '{}';
    key_sql text[] := '{}';
    sums text[] := '{}';
    sum_line text[] := '{}';
    sum_sql text[] := '{}';
    sum_types text[] := '{}';
    adds text;
    counts text[] := '{}';
    count_sql text[] := '{}';
    extremes text[] := '{}';
    extreme_sql text[] := '{}';
    extreme_types text[] := '{}';
    extreme_ways text[] := '{}';
    by_line boolean := rollup.filter IS NOT NULL;  -- a filter may let some lines of an event pass and others not
    -- of what a row of an index may hold (2,704 bytes), 1 KiB is the store's; the dimensions share the rest
    longest integer := least(1000, 1500 / greatest(cardinality(rollup.dimensions), 1));
    dimension text;
    label text;
    path text[];
    measure text;
    needed text[] := '{}';
BEGIN
    IF analytics.has_money(rollup.measures) THEN
        keys := '{currency}';
        key_sql := '{l.currency}';
    END IF;
    FOREACH dimension IN ARRAY rollup.dimensions LOOP
        SELECT d.label, d.path INTO STRICT label, path FROM analytics.read_dimension(dimension) d;
        keys := keys || label;
        key_sql := key_sql || CASE WHEN rollup.builtin THEN format('coalesce(l.%I, '''')', dimension)
                                   WHEN path IS NULL THEN analytics.short_key_sql(format('coalesce(l.%I, '''')', dimension), longest)
                                   ELSE analytics.short_key_sql(format('coalesce(l.properties #>> %L, '''')', path), longest) END;
        by_line := by_line OR path IS NOT NULL OR dimension IN ('product_id', 'line_kind');
    END LOOP;
    FOREACH measure IN ARRAY rollup.measures LOOP
        CASE measure
            WHEN 'net_sales' THEN needed := needed || '{gross_sales,discounts,returns}';
            WHEN 'total_sales' THEN needed := needed || '{gross_sales,discounts,returns,taxes,shipping}';
            WHEN 'aov' THEN needed := needed || '{orders,gross_sales,discounts}';
            WHEN 'order_value_p50', 'order_value_p90', 'order_value_p99' THEN needed := needed || 'order_values'::text;
            ELSE needed := needed || measure;
        END CASE;
    END LOOP;
    FOREACH measure IN ARRAY ARRAY(SELECT DISTINCT ON (u.m) u.m FROM unnest(needed) u(m) ORDER BY u.m) LOOP
        CASE
            WHEN measure IN ('customers', 'sessions', 'visitors', 'order_keys') THEN
                counts := counts || measure;
                count_sql := count_sql || CASE measure WHEN 'customers' THEN 'l.buyer' WHEN 'sessions' THEN 'l.session_id'
                    WHEN 'visitors' THEN 'l.visitor'
                    ELSE '(CASE WHEN l.event_type = ''purchase'' THEN coalesce(''o'' || l.order_id, ''e'' || l.event_id) END)' END;
            WHEN measure IN ('first_seen_at', 'last_seen_at', 'first_order', 'last_order_at') THEN
                extremes := extremes || measure;
                extreme_ways := extreme_ways || CASE WHEN measure LIKE 'first%' THEN 'min' ELSE 'max' END;
                -- a first order with what is wanted of it, so that the least of several has the rest along
                extreme_types := extreme_types || CASE measure WHEN 'first_order' THEN 'text[]' ELSE 'timestamptz' END;
                extreme_sql := extreme_sql || CASE measure
                    WHEN 'first_order' THEN format('(CASE WHEN l.event_type = ''purchase'' THEN ARRAY[%s, l.channel, l.country] END)', analytics.moment_sql('l.occurred_at'))
                    WHEN 'last_order_at' THEN '(CASE WHEN l.event_type = ''purchase'' THEN l.occurred_at END)'
                    ELSE 'l.occurred_at' END;
            WHEN measure = 'order_values' THEN
                sums := sums || measure;
                sum_line := sum_line || NULL::text;
                sum_types := sum_types || 'bigint[]'::text;
                sum_sql := sum_sql || 'analytics.gather_order_values(array_agg(analytics.order_value_count(abs(l.order_value), l.sign)) FILTER (WHERE l.event_type = ''purchase'' AND l.first_in_cell))'::text;
            ELSE
                adds := CASE
                    WHEN measure LIKE 'converted\_%' THEN format('l.%I * l.rate', substr(measure, 11))
                    WHEN by_line AND measure = 'orders' THEN 'CASE WHEN l.event_type = ''purchase'' AND l.first_in_cell THEN l.sign END'
                    WHEN by_line AND measure = 'events' THEN 'CASE WHEN l.first_in_cell THEN l.sign END'
                    ELSE format('l.%I', measure) END;
                sums := sums || measure;
                sum_line := sum_line || adds;
                sum_types := sum_types || CASE WHEN measure IN ('orders', 'units', 'units_returned', 'events', 'views',
                    'add_to_carts') THEN 'bigint' ELSE 'numeric' END;
                sum_sql := sum_sql || format('coalesce(sum(%s), 0)%s', adds, CASE sum_types[cardinality(sum_types)] WHEN 'bigint' THEN '::bigint' ELSE '' END);
        END CASE;
    END LOOP;
    RETURN ROW(rollup.name, format('analytics.%I', 'rollup_' || rollup.name), rollup.grain, bucket_type, keys, key_sql, sums,
               sum_line, sum_sql, sum_types, counts, count_sql, extremes, extreme_sql, extreme_types, extreme_ways, rollup.condition,
               by_line AND sums && '{orders,events}' OR sums @> '{order_values}',
               rollup.measures)::analytics.rollup_shape;
END
$$;
COMMENT ON FUNCTION analytics.shape_of(analytics.rollup) IS 'shape of a rollup, from its registry row';

CREATE OR REPLACE FUNCTION analytics.shape_of(name text) RETURNS analytics.rollup_shape
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT analytics.shape_of(r) FROM analytics.rollup r WHERE r.name = $1
$$;
COMMENT ON FUNCTION analytics.shape_of(text) IS 'shape of the rollup of that name';

-- Names as a list of columns, each by the template, in which %I stands for the name. (No default arguments: at
-- installation an overload planted beforehand would be the better match.)
CREATE OR REPLACE FUNCTION analytics.columns_sql(names text[], template text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(replace(template, '%I', quote_ident(n)), '' ORDER BY o), '')
      FROM unnest(names) WITH ORDINALITY u(n, o)
$$;
COMMENT ON FUNCTION analytics.columns_sql(text[], text) IS 'a list of columns as SQL, each by the template';

CREATE OR REPLACE FUNCTION analytics.names_sql(names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT analytics.columns_sql(names, ', %I'::text)
$$;
COMMENT ON FUNCTION analytics.names_sql(text[]) IS 'column names, each after a comma';

-- What cells hold adds: over many cells, and of two, the second of which may be missing.
CREATE OR REPLACE FUNCTION analytics.summed_columns_sql(r analytics.rollup_shape, cell text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(format(CASE t WHEN 'bigint' THEN ', sum(%1$I.%2$I)::bigint AS %2$I'
                                             WHEN 'bigint[]' THEN ', analytics.gather_order_values(string_to_array(string_agg(nullif(array_to_string(%1$I.%2$I, '',''), ''''), '',''), '','')::bigint[]) AS %2$I'
                                             ELSE ', sum(%1$I.%2$I) AS %2$I' END, cell, s), '' ORDER BY o), '')
      FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)
$$;
COMMENT ON FUNCTION analytics.summed_columns_sql(analytics.rollup_shape, text) IS 'SQL of a rollup''s additive columns summed over cells';

CREATE OR REPLACE FUNCTION analytics.added_columns_sql(r analytics.rollup_shape, a text, b text, template text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(format(template, s, format(CASE t WHEN 'bigint[]' THEN 'analytics.add_order_values(%1$I.%3$I, %2$I.%3$I)'
                                                                 ELSE '%1$I.%3$I + coalesce(%2$I.%3$I, 0)' END, a, b, s)), '' ORDER BY o), '')
      FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)
$$;
COMMENT ON FUNCTION analytics.added_columns_sql(analytics.rollup_shape, text, text, text) IS 'SQL of a rollup''s additive columns of two cells together, each by the template: %1$I the column, %2$s the sum';

-- Cells of the lines of `source` (counted_line's columns, named l), at the rollup's grain. with_buckets adds the cell's
-- day, week and month, by which coarser grains are made from these cells.
CREATE OR REPLACE FUNCTION analytics.cells_sql(r analytics.rollup_shape, source text, condition text, with_buckets boolean)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    conditions text := concat_ws(' AND ', '(' || r.condition || ')', '(' || condition || ')');
    lines text := source || ' l';
    columns text := '';
    lost text := 'bool_or(l.sign < 0)';
BEGIN
    IF conditions <> '' THEN
        lines := lines || ' WHERE ' || conditions;
    END IF;
    IF r.extremes <> '{}' THEN
        -- a revision that leaves an event its time and place takes nothing from a first or last moment
        lines := format('(SELECT l.*, sum(l.sign) OVER (PARTITION BY l.store_id, l.line = 1, l.occurred_at, l.event_type, l.channel, l.country%s) AS net FROM %s) l',
                        (SELECT coalesce(string_agg(', ' || k, '' ORDER BY o), '') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)), lines);
        lost := 'bool_or(l.line = 1 AND l.net < 0)';
    END IF;
    IF r.by_line THEN
        lines := format('(SELECT l.*, row_number() OVER of_event = 1 AS first_in_cell%s FROM %s WINDOW of_event AS (PARTITION BY l.store_id, l.event_id, l.event_type, l.order_id, l.revision, l.sign, l.%I%s)) l',
                        CASE WHEN r.sums @> '{order_values}' THEN ', sum(coalesce(l.gross_sales, 0) - coalesce(l.discounts, 0)) OVER of_event AS order_value' ELSE '' END,
                        lines, r.bucket, (SELECT coalesce(string_agg(', ' || k, '' ORDER BY o), '') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)));
    END IF;
    FOR i IN 1 .. cardinality(r.keys) LOOP
        columns := columns || format(', %s AS %I', r.key_sql[i], r.keys[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(r.sums) LOOP
        columns := columns || format(', %s AS %I', r.sum_sql[i], r.sums[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(r.counts) LOOP
        columns := columns || format(', %s AS %I', analytics.hll_of(r.count_sql[i], 'l.sign = 1'), r.counts[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(r.extremes) LOOP
        columns := columns || format(', %s(%s) FILTER (WHERE l.line = 1 AND l.net > 0) AS %I', r.extreme_ways[i], r.extreme_sql[i], r.extremes[i]);
    END LOOP;
    IF with_buckets THEN
        columns := columns || ', min(l.day) AS day, min(l.week) AS week, min(l.month) AS month';
    END IF;
    RETURN format('SELECT l.store_id, l.%I AS bucket%s, sum(l.sign)::bigint AS lines, %s AS lost FROM %s GROUP BY %s',
                  r.bucket, columns, lost, lines,
                  (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g));
END
$$;
COMMENT ON FUNCTION analytics.cells_sql(analytics.rollup_shape, text, text, boolean) IS 'SQL of the cells of a set of lines';

-- Cells of a coarser grain from finer cells of the same dimensions and measures.
CREATE OR REPLACE FUNCTION analytics.coarser_cells_sql(r analytics.rollup_shape, finer text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.%I AS bucket%s%s%s, sum(c.lines)::bigint AS lines, bool_or(c.lost) AS lost, min(c.day) AS day, min(c.week) AS week, min(c.month) AS month FROM %s c GROUP BY %s',
        r.bucket, analytics.columns_sql(r.keys, ', c.%I'),
        analytics.summed_columns_sql(r, 'c'),
        analytics.columns_sql(r.counts, ', ' || analytics.hll_schema() || '.hll_union_agg(c.%I) AS %I'),
        finer, (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g))
$$;
COMMENT ON FUNCTION analytics.coarser_cells_sql(analytics.rollup_shape, text) IS 'SQL of a coarser grain''s cells from finer ones';

-- A distinct count is stored in two parts: a large one is left alone while what is new gathers beside it, since each change of
-- 80 kB would log 80 kB. Small ones have no second part. The count is the union of the two.
CREATE OR REPLACE FUNCTION analytics.stored_count_sql(cell text, count text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('coalesce(%1$s.%2$I OPERATOR(%4$s.||) %1$s.%3$I, %1$s.%2$I)', cell, count, count || '_recent', analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.stored_count_sql(text, text) IS 'SQL of a distinct count as one hll, from a row of a rollup''s table';

CREATE OR REPLACE FUNCTION analytics.merge_count_sql(count text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(', %1$I = CASE WHEN m.%1$I IS NULL THEN excluded.%1$I WHEN excluded.%1$I IS NULL THEN m.%1$I WHEN pg_column_size(m.%1$I) < 2048 THEN m.%1$I OPERATOR(%4$s.||) excluded.%1$I WHEN pg_column_size(%3$s) < 2048 THEN m.%1$I ELSE m.%1$I OPERATOR(%4$s.||) %3$s END, %2$I = CASE WHEN m.%1$I IS NULL OR excluded.%1$I IS NULL THEN m.%2$I WHEN pg_column_size(m.%1$I) >= 2048 AND pg_column_size(%3$s) < 2048 THEN %3$s END',
        count, count || '_recent', format('coalesce(m.%2$I OPERATOR(%3$s.||) excluded.%1$I, excluded.%1$I)', count, count || '_recent', analytics.hll_schema()),
        analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.merge_count_sql(text) IS 'SQL that adds a distinct count to the stored one, m and excluded being the two rows';

-- Adds cells to the merged ones.
CREATE OR REPLACE FUNCTION analytics.merge_sql(r analytics.rollup_shape, cells text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('INSERT INTO %1$s AS m (store_id, bucket%2$s%3$s%4$s, lines) SELECT store_id, bucket%2$s%3$s%4$s, lines FROM %5$s ON CONFLICT (store_id, bucket%2$s) DO UPDATE SET lines = m.lines + excluded.lines%6$s%7$s%8$s',
        r.storage, analytics.names_sql(r.keys), analytics.names_sql(r.sums), analytics.names_sql(r.counts || r.extremes), cells,
        analytics.added_columns_sql(r, 'm', 'excluded', ', %1$I = %2$s'),
        (SELECT coalesce(string_agg(analytics.merge_count_sql(c), '' ORDER BY o), '') FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        (SELECT coalesce(string_agg(format(', %1$I = %2$s(m.%1$I, excluded.%1$I)', e, CASE w WHEN 'min' THEN 'least' ELSE 'greatest' END), '' ORDER BY o), '')
           FROM unnest(r.extremes, r.extreme_ways) WITH ORDINALITY u(e, w, o)))
$$;
COMMENT ON FUNCTION analytics.merge_sql(analytics.rollup_shape, text) IS 'SQL that adds cells to a rollup''s table';

-- Cells whose raw events apply_retention() has removed: nothing can build them anew.
CREATE OR REPLACE FUNCTION analytics.retired_sql(bucket text, cell text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%1$s.bucket < (SELECT w.%2$I FROM analytics.retired w WHERE w.store_id = %1$s.store_id)', cell, CASE bucket WHEN 'hour' THEN 'before' ELSE 'day' END)
$$;
COMMENT ON FUNCTION analytics.retired_sql(text, text) IS 'SQL condition that a cell''s raw events are gone; null or false: they are there';

-- Lines not in P. Two index conditions on stamp, whose cost depends on what they find alone: newer than P, or written by
-- a transaction that P saw running.
CREATE OR REPLACE FUNCTION analytics.tail_lines_sql(newer text, running text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT * FROM analytics.counted_line n WHERE n.stamp >= %s UNION ALL SELECT * FROM analytics.counted_line p WHERE p.stamp = ANY (%s))',
                  newer, running)
$$;
COMMENT ON FUNCTION analytics.tail_lines_sql(text, text) IS 'SQL of the lines that a snapshot did not see, given its xmax and its running ids';

-- From when until when a bucket's events occurred, in the store's zone (zone is SQL): what an index on occurred_at can use.
-- Generous by three hours on both sides, for days without a midnight; the bucket itself decides.
CREATE OR REPLACE FUNCTION analytics.bucket_span_sql(r analytics.rollup_shape, bucket text, zone text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE r.bucket
        WHEN 'hour' THEN format('l.occurred_at >= %1$s AND l.occurred_at < %1$s + interval ''2 hours''', bucket)
        ELSE format('l.occurred_at >= %1$s::timestamp AT TIME ZONE %2$s - interval ''3 hours'' AND l.occurred_at < (%1$s::timestamp + interval %3$L) AT TIME ZONE %2$s + interval ''3 hours''',
                    bucket, zone, CASE r.bucket WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' ELSE '1 month' END) END
$$;
COMMENT ON FUNCTION analytics.bucket_span_sql(analytics.rollup_shape, text, text) IS 'SQL condition on occurred_at that a bucket''s lines meet';
