-- Building cells from the events, bucket range by bucket range, at P: after a restore, a change of time zone, or on doubt.
-- At every commit each bucket holds exactly what P says (or, not yet built, nothing, and views count it as tail), so
-- readers and writers go on.

-- Builds the buckets in [from, to) of one rollup at its P, in place: from the next finer rollup's cells where that one is
-- whole and stands at the same P, else from the events.
CREATE OR REPLACE FUNCTION analytics.build_range(name text, "from" date, "to" date, store text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET enable_seqscan = on
    SET enable_nestloop = off  -- after a restore there are no statistics, and the cells of a million lines look like one
    SET enable_hashagg = off   -- an hll under aggregation takes up to 128 kB: sorted groups hold one of them at a time
    SET work_mem = '32MB'
    SET jit = off
AS $$
DECLARE
    r analytics.rollup_shape := analytics.shape_of(name);
    state analytics.rollup_state;
    finer text := analytics.finer_rollup(name, NULL);
    cells text;
    n bigint;
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = build_range.name;
    IF EXISTS (SELECT FROM analytics.rollup_state f WHERE f.name = finer AND f.merged::text = state.merged::text
                  AND f.built_from = '-infinity' AND f.rebuilding_from IS NULL)
       -- a week that was kept may hold part of a day
       AND NOT EXISTS (SELECT FROM analytics.retired w WHERE r.bucket = 'week' AND (store IS NULL OR w.store_id = store)) THEN
        cells := analytics.cells_of_finer_sql(r, analytics.shape_of(finer));
    ELSE
        cells := analytics.built_cells_sql(r, format('l.occurred_at >= $1::timestamp - interval ''2 days'' AND l.occurred_at < $2::timestamp + interval %L AND l.%I >= $1 AND l.%2$I < $2 AND pg_visible_in_snapshot(l.stamp, $4) AND ($3 IS NULL OR l.store_id = $3)',
            CASE r.bucket WHEN 'week' THEN '9 days' WHEN 'month' THEN '34 days' ELSE '3 days' END, r.bucket));
    END IF;
    EXECUTE format('DELETE FROM %s m WHERE m.bucket >= $1 AND m.bucket < $2 AND ($3 IS NULL OR m.store_id = $3) AND (%s) IS NOT TRUE', r.storage, analytics.retired_sql(r.bucket, 'm'))
      USING "from", "to", store;
    EXECUTE format('WITH cells AS (%s), stored AS (INSERT INTO %s (store_id, bucket%s%s%s, lines) SELECT store_id, bucket%3$s%4$s%5$s, lines FROM cells c WHERE (%6$s) IS NOT TRUE ORDER BY store_id, bucket RETURNING lines) SELECT coalesce(sum(lines), 0) FROM stored',
        cells, r.storage, analytics.names_sql(r.keys), analytics.names_sql(r.sums), analytics.names_sql(r.counts || r.extremes), analytics.retired_sql(r.bucket, 'c'))
      INTO n USING "from", "to", store, state.merged;
    RETURN n;
END
$$;
COMMENT ON FUNCTION analytics.build_range(text, date, date, text) IS 'builds a rollup''s buckets of a range at P; returns the lines counted';

-- Cells of a range ($1, $2) and store ($3) from the merged cells of a rollup of days.
CREATE OR REPLACE FUNCTION analytics.cells_of_finer_sql(r analytics.rollup_shape, finer analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.%I AS bucket%s%s%s, sum(c.lines)::bigint AS lines FROM (SELECT f.*, %s AS week, date_trunc(''month'', f.bucket)::date AS month FROM %s f LEFT JOIN analytics.store s ON s.store_id = f.store_id LEFT JOIN analytics.store o ON o.store_id = '''' WHERE ($3 IS NULL OR f.store_id = $3) AND f.bucket >= $1 AND f.bucket < ($2::timestamp + interval ''34 days'')) c WHERE c.%1$I >= $1 AND c.%1$I < $2 AND $4 IS NOT NULL GROUP BY %7$s',
        r.bucket, analytics.columns_sql(r.keys, ', c.%I'),
        analytics.summed_columns_sql(r, 'c'),
        (SELECT coalesce(string_agg(format(', %s.hll_union_agg(%s) AS %I', analytics.hll_schema(), analytics.stored_count_sql('c', u.c), u.c), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        analytics.week_sql('f.bucket', 'coalesce(s.week_start, o.week_start)'), finer.storage,
        (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g))
$$;
COMMENT ON FUNCTION analytics.cells_of_finer_sql(analytics.rollup_shape, analytics.rollup_shape) IS 'SQL of cells made from a finer rollup''s merged cells';

-- First day of the week of a day; the same rule as counted_line's.
CREATE OR REPLACE FUNCTION analytics.week_sql(day text, week_start text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(%1$s - CASE %2$s WHEN ''sunday'' THEN extract(dow FROM %1$s)::integer WHEN ''saturday'' THEN (extract(dow FROM %1$s)::integer + 1) %% 7 ELSE extract(isodow FROM %1$s)::integer - 1 END)', day, week_start)
$$;
COMMENT ON FUNCTION analytics.week_sql(text, text) IS 'SQL of the first day of the week that a day is in';

-- Cells as if nothing had ever been taken back: sums as ever, distinct counts over keys that stand.
CREATE OR REPLACE FUNCTION analytics.built_cells_sql(r analytics.rollup_shape, condition text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    additive analytics.rollup_shape := jsonb_populate_record(r, '{"counts": [], "count_sql": []}');
    built_sql text;
    keys text := analytics.names_sql(r.keys);
BEGIN
    IF r.counts = '{}' THEN
        RETURN analytics.cells_sql(r, 'analytics.counted_line', condition, false);
    END IF;
    built_sql := format('WITH built AS MATERIALIZED (SELECT %s FROM analytics.counted_line l WHERE %s) SELECT a.*',
        analytics.line_columns_sql(analytics.cells_sql(r, 'built', NULL, false)), condition);
    FOR i IN 1 .. cardinality(r.counts) LOOP
        built_sql := built_sql || format(', d%s.%I', i, r.counts[i]);
    END LOOP;
    built_sql := built_sql || format(' FROM (%s) a', analytics.cells_sql(additive, 'built', NULL, false));
    FOR i IN 1 .. cardinality(r.counts) LOOP
        built_sql := built_sql || format(' LEFT JOIN (SELECT k.store_id, k.bucket%s, %s AS %I FROM (SELECT l.store_id, l.%I AS bucket%s, %s AS counted_key FROM built l WHERE %6$s IS NOT NULL%s GROUP BY %s HAVING sum(l.sign) > 0) k GROUP BY %s) d%s USING (store_id, bucket%1$s)',
            keys, analytics.hll_of('k.counted_key', NULL), r.counts[i], r.bucket,
            (SELECT coalesce(string_agg(format(', %s AS %I', e, k), '' ORDER BY o), '') FROM unnest(r.key_sql, r.keys) WITH ORDINALITY u(e, k, o)),
            r.count_sql[i], coalesce(' AND (' || r.condition || ')', ''),
            (SELECT string_agg(g::text, ', ') FROM generate_series(1, 3 + cardinality(r.keys)) g),
            (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g), i);
    END LOOP;
    RETURN built_sql;
END
$$;
COMMENT ON FUNCTION analytics.built_cells_sql(analytics.rollup_shape, text) IS 'SQL of cells from all events that meet the condition';

-- First days of the months that hold events or cells, newest first. Only the outermost partitions that hold rows, and the
-- default one, are looked into.
CREATE OR REPLACE FUNCTION analytics.event_months(name text) RETURNS SETOF date
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET standard_conforming_strings = on
AS $$
DECLARE
    parts regclass[] := ARRAY(SELECT c.oid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                               WHERE i.inhparent = 'analytics.event'::regclass
                               ORDER BY substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''')::timestamptz);
    first_time timestamptz;
    last_time timestamptz;
    first_day date;
    last_day date;
    found timestamptz;
BEGIN
    -- the default partition has no bound and sorts last
    EXECUTE format('SELECT min(occurred_at), max(occurred_at) FROM ONLY %s', parts[cardinality(parts)]) INTO first_time, last_time;
    FOR i IN 1 .. cardinality(parts) - 1 LOOP
        EXECUTE format('SELECT min(occurred_at) FROM ONLY %s', parts[i]) INTO found;
        first_time := least(first_time, found);
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    FOR i IN REVERSE cardinality(parts) - 1 .. 1 LOOP
        EXECUTE format('SELECT max(occurred_at) FROM ONLY %s', parts[i]) INTO found;
        last_time := greatest(last_time, found);
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    -- a day, a week or a month may begin before its first event
    EXECUTE format('SELECT least($1, min(bucket)::date), greatest($2, max(bucket)::date) FROM analytics.%I', 'rollup_' || name)
       INTO first_day, last_day USING first_time::date - 32, last_time::date + 1;
    RETURN QUERY SELECT m::date FROM generate_series(date_trunc('month', first_day::timestamp), last_day, interval '1 month') m
                  ORDER BY 1 DESC;
END
$$;
COMMENT ON FUNCTION analytics.event_months(text) IS 'months to build of a rollup, newest first';

-- Goes on building: all that is left (max_months null) or the next months. The caller holds the engine lock.
CREATE OR REPLACE FUNCTION analytics.build(name text, max_months integer) RETURNS TABLE (months_done integer, months_left integer, rows bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state analytics.rollup_state;
    month date;
    started timestamptz := clock_timestamp();
    reached date;
BEGIN
    months_done := 0;
    months_left := 0;
    rows := 0;
    -- locked before cells are written: with a snapshot from before another build's end this is a 40001, not a duplicate cell
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = build.name FOR UPDATE;
    IF NOT FOUND THEN
        -- P and nothing built: from here on the tail is what P has not, and what is older than built_from
        -- A P that another rollup has, if there is one: those that stand at one P share a pass, for good.
        INSERT INTO analytics.rollup_state (name, merged, built_from, rebuilding_from, refreshed_at, duration, rows)
        SELECT build.name, coalesce((SELECT o.merged FROM analytics.rollup_state o JOIN analytics.rollup r USING (name)
                                      ORDER BY r.builtin DESC, o.name = analytics.finer_rollup(build.name, NULL) DESC NULLS LAST
                                      LIMIT 1),
                                    analytics.merging_snapshot()),
               'infinity', 'infinity', clock_timestamp(), '0', 0
        -- (a state made after an older snapshot was taken is a 40001 by this, not a duplicate)
            ON CONFLICT ON CONSTRAINT rollup_state_pkey DO NOTHING
        RETURNING * INTO state;
        -- cells of a rollup of one's own come along with a dump
        EXECUTE format('DELETE FROM analytics.%I m WHERE (%s) IS NOT TRUE', 'rollup_' || build.name,
                       analytics.retired_sql((SELECT r.grain FROM analytics.rollup r WHERE r.name = build.name), 'm'));
    END IF;
    reached := coalesce(state.rebuilding_from, 'infinity');
    IF max_months IS NULL THEN
        -- all at once reads each event once, where a month of a year's partition reads the year
        months_done := (SELECT count(*) FROM analytics.event_months(build.name) m WHERE m < reached);
        rows := analytics.build_range(build.name, '-infinity', reached);
    ELSE
        FOR month IN SELECT m FROM analytics.event_months(build.name) m WHERE m < reached ORDER BY m DESC LOOP
            IF months_done = max_months THEN
                months_left := months_left + 1;
                CONTINUE;
            END IF;
            rows := rows + analytics.build_range(build.name, month, reached);
            reached := month;
            months_done := months_done + 1;
        END LOOP;
    END IF;
    UPDATE analytics.rollup_state s
       SET built_from = CASE WHEN months_left = 0 THEN '-infinity' WHEN s.built_from > '-infinity' THEN reached ELSE s.built_from END,
           rebuilding_from = CASE WHEN months_left > 0 THEN reached END,
           refreshed_at = clock_timestamp(), duration = clock_timestamp() - started, rows = build.rows
     WHERE s.name = build.name;
    IF months_left = 0 AND build.name = 'customer_daily' THEN
        PERFORM analytics.build_customers(NULL);
    END IF;
    IF months_left = 0 THEN
        PERFORM analytics.analyze_new_tables();
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION analytics.build(text, integer) IS 'builds the next months of a rollup, newest first; the caller holds the engine lock';

CREATE OR REPLACE FUNCTION analytics.rebuild(name text, max_months integer DEFAULT NULL)
    RETURNS TABLE (months_done integer, months_left integer, rows bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- customers, their months and cohorts are made from customers' days
    target text := CASE WHEN rebuild.name IN ('customer', 'customer_month', 'cohort_retention') THEN 'customer_daily'
                        WHEN rebuild.name = 'category_daily' THEN 'product_daily'
                        WHEN rebuild.name IN ('session_daily', 'funnel_daily') THEN 'session'
                        WHEN rebuild.name = 'product_affinity' THEN 'product_pair' ELSE rebuild.name END;
BEGIN
    IF target NOT IN ('session', 'product_pair') AND NOT EXISTS (SELECT FROM analytics.rollup r WHERE r.name = target) OR target IS NULL THEN
        RAISE EXCEPTION 'unknown rollup' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'SELECT name FROM analytics.rollup_status lists the rollups.';
    ELSIF max_months < 1 THEN
        RAISE EXCEPTION 'max_months must be positive' USING ERRCODE = '22023', DETAIL = format('Got %s.', max_months),
            HINT = 'Pass how many months to build in this call, or leave it out to build all.';
    END IF;
    PERFORM analytics.lock_engine(true);
    PERFORM analytics.tell_what_is_gone(NULL);
    IF target = 'session' THEN
        -- a session knows no months: all at once
        PERFORM analytics.forget_sessions();
        RETURN QUERY SELECT 1, 0, analytics.merge_sessions();
    ELSIF target = 'product_pair' THEN
        RETURN QUERY SELECT * FROM analytics.build_pairs(true, rebuild.max_months);
    ELSE
        RETURN QUERY SELECT * FROM analytics.build(target, rebuild.max_months);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.rebuild(text, integer) IS
'builds a rollup from the events, newest month first; with max_months that many months a call, each call a transaction of yours, going on where the last one stopped. Figures are right throughout. Months whose raw events are gone (setting event_retention) are left as they are';

-- Builds one store (null: all) anew in every rollup, within the caller's transaction: its days have moved.
CREATE OR REPLACE FUNCTION analytics.rebuild_store(store text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    built_from date;
BEGIN
    -- what a build under way has not reached yet stays tail. Finer rollups first: coarser ones are made from them
    FOR name, built_from IN SELECT s.name, s.built_from FROM analytics.rollup_state s JOIN analytics.rollup r USING (name)
                             ORDER BY array_position('{hour,day,week,month}'::text[], r.grain) LOOP
        PERFORM analytics.build_range(name, built_from, 'infinity', store);
    END LOOP;
    PERFORM analytics.build_customers(store);
    PERFORM analytics.build_session_days(store);
    PERFORM analytics.outdate_snapshots();
END
$$;
COMMENT ON FUNCTION analytics.rebuild_store(text) IS 'builds all rollups of a store anew; the caller holds the engine lock';
