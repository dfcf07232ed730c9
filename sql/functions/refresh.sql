-- The incremental engine: merging what was committed since P, exactly once.
--
-- P (rollup_state.merged) is the snapshot up to which a target is merged. S is the snapshot of the merging statement, its
-- own transaction counted as running. The delta is what S sees and P did not: lines stamped >= xmax(P) or by one of P's
-- running transactions, visible to the statement, and not the own transaction's. P := S commits with the merge.
-- Proof sketch and invariants: docs/engine.md.

CREATE OR REPLACE FUNCTION analytics.lock_engine(wait boolean) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- EXCLUSIVE: readers pass, nothing is logged, no transaction id is spent
    IF wait THEN
        LOCK TABLE analytics.engine_lock IN EXCLUSIVE MODE;
    ELSE
        BEGIN
            LOCK TABLE analytics.engine_lock IN EXCLUSIVE MODE NOWAIT;
        EXCEPTION WHEN lock_not_available THEN
            RETURN false;
        END;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM FROM analytics.engine_lock FOR SHARE;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION analytics.lock_engine(boolean) IS 'takes the lock that serialises refresh, rebuild, erasure and retention, until the transaction ends; false: another has it and wait is false. 40001: lines have moved since this transaction''s snapshot';

-- To be called when lines have moved: a merge with an older snapshot would put them where they were, or count them twice.
CREATE OR REPLACE FUNCTION analytics.outdate_snapshots() RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE analytics.engine_lock SET moves = moves + 1
$$;
COMMENT ON FUNCTION analytics.outdate_snapshots() IS 'keeps transactions with an older snapshot from merging; the caller holds the engine lock';

-- The snapshot of the calling statement with the own transaction counted as running: what a bare pg_current_snapshot()
-- leaves out of its running ids would be lost once something later has ended. STABLE, so that it is the caller's snapshot.
CREATE OR REPLACE FUNCTION analytics.merging_snapshot() RETURNS pg_snapshot
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s:%s:%s', pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now),
                  (SELECT string_agg(i.id::text, ',' ORDER BY i.id)
                     FROM (SELECT pg_snapshot_xip(s.now) AS id
                           UNION SELECT s.own WHERE s.own < pg_snapshot_xmax(s.now)) i))::pg_snapshot
      FROM (SELECT pg_current_snapshot() AS now, pg_current_xact_id() AS own) s
$$;
COMMENT ON FUNCTION analytics.merging_snapshot() IS 'S: the calling statement''s snapshot, the own transaction counted as running';

CREATE OR REPLACE FUNCTION analytics.has_tail(merged pg_snapshot) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET max_parallel_workers_per_gather = 0
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    newer xid8 := pg_snapshot_xmax(merged);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
    own xid8 := coalesce(pg_current_xact_id_if_assigned(), '0');
BEGIN
    RETURN EXISTS (SELECT FROM analytics.event e WHERE e.stamp >= newer AND e.stamp <> own)
        OR EXISTS (SELECT FROM analytics.event e WHERE e.stamp = ANY (running) AND e.stamp <> own);
END
$$;
COMMENT ON FUNCTION analytics.has_tail(pg_snapshot) IS 'whether other transactions committed events that the snapshot did not see; writes nothing';

-- The rollup of days of the same dimensions and filter, with all measures, whose cells a week's or month's can be made from. (Days are
-- not made from hours: where clocks went back at one minute past midnight, an hour lies in two days.)
CREATE OR REPLACE FUNCTION analytics.finer_rollup(name text, among text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.name
      FROM analytics.rollup r
      JOIN analytics.rollup f ON f.builtin = r.builtin AND f.dimensions = r.dimensions AND f.measures @> r.measures
                             AND f.filter IS NOT DISTINCT FROM r.filter
                             AND (r.grain, f.grain) IN (('week', 'day'), ('month', 'day'))
     WHERE r.name = $1 AND (among IS NULL OR f.name = ANY (among))
     ORDER BY f.name
     LIMIT 1
$$;
COMMENT ON FUNCTION analytics.finer_rollup(text, text[]) IS 'the rollup of days that has all that this one of weeks or months has, if there is one';

-- Columns of counted_line that a piece of SQL takes from its lines l.
CREATE OR REPLACE FUNCTION analytics.line_columns_sql(query text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
AS $$
    SELECT string_agg(format('l.%I', a.attname), ', ' ORDER BY a.attnum)
      FROM pg_attribute a
     WHERE a.attrelid = 'analytics.counted_line'::regclass AND a.attnum > 0 AND NOT a.attisdropped
       AND query ~ ('\ml\."?' || a.attname || '\M')
$$;
COMMENT ON FUNCTION analytics.line_columns_sql(text) IS 'the columns of counted_line that the SQL names as l.column';

-- SQL of one pass: merges the lines that P has not ($1 xmax, $2 running ids) into rollups that stand at that P.
CREATE OR REPLACE FUNCTION analytics.merge_pass_sql(names text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    finer text;
    r analytics.rollup_shape;
    cells text := '';
    merges text := '';
    lost text := '';
BEGIN
    FOR name IN SELECT p.name FROM analytics.rollup p WHERE p.name = ANY (names)
                 ORDER BY array_position('{hour,day,week,month}'::text[], p.grain), p.name LOOP
        r := analytics.shape_of(name);
        finer := analytics.finer_rollup(name, names);
        cells := cells || format(', %I AS MATERIALIZED (%s)', 'c_' || name,
            CASE WHEN finer IS NULL THEN analytics.cells_sql(r, 'delta', NULL, true)
                 ELSE analytics.coarser_cells_sql(r, format('%I', 'c_' || finer)) END);
        merges := merges || format(', %I AS (%s)', 'm_' || name, analytics.merge_sql(r, format('%I', 'c_' || name)));
        IF r.counts <> '{}' OR r.extremes <> '{}' THEN
            lost := concat_ws(' UNION ALL ', nullif(lost, ''), format('SELECT %L, store_id, %s, ARRAY[%s]::text[] FROM %I WHERE lost',
                name, CASE r.bucket WHEN 'hour' THEN 'bucket AT TIME ZONE ''UTC''' ELSE 'bucket::timestamp' END,
                substr(analytics.names_sql(r.keys), 3), 'c_' || name));
        END IF;
    END LOOP;
    IF 'customer_daily' = ANY (names) THEN
        merges := merges || ', touched AS (INSERT INTO analytics.customer_touched (store_id, customer_id) SELECT DISTINCT store_id, customer_id FROM c_customer_daily)';
    END IF;
    IF lost <> '' THEN
        merges := merges || format(', to_recount AS (INSERT INTO analytics.rollup_recount (name, store_id, bucket, dimensions) %s)', lost);
    END IF;
    RETURN format('WITH delta AS MATERIALIZED (SELECT %s FROM %s l WHERE l.stamp <> pg_current_xact_id())%s%s, moved AS (UPDATE analytics.rollup_state SET merged = analytics.merging_snapshot(), refreshed_at = clock_timestamp(), rows = (SELECT count(*) FROM delta) WHERE name = ANY ($3) AND name <> ALL (''{session,product}'')) SELECT count(*) FROM delta',
                  coalesce(analytics.line_columns_sql(cells), 'l.stamp'), analytics.tail_lines_sql('$1', '$2'), cells, merges);
END
$$;
COMMENT ON FUNCTION analytics.merge_pass_sql(text[]) IS 'SQL that merges the delta into rollups and moves their P, in one statement';

-- A pass as a function: its plan is kept by the session that refreshes, where planning over all partitions costs more than
-- merging a handful of events.
CREATE OR REPLACE FUNCTION analytics.make_pass(function text, names text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION analytics.%I(xid8, xid8[], text[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashagg = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS %L', function, format('
#variable_conflict use_column
DECLARE
    merged_lines bigint := analytics.merge_cells(%L, $1, $2, $3);
BEGIN
    IF merged_lines IS NULL THEN
        %s INTO merged_lines;
    END IF;
    RETURN merged_lines;
END
', analytics.pass_of(names), analytics.merge_pass_sql(names)));
    EXECUTE format('COMMENT ON FUNCTION analytics.%I(xid8, xid8[], text[]) IS %L', function,
                   'merges the lines that P has not (its xmax, its running ids) into rollups (their names) and moves their P');
    EXECUTE format('REVOKE ALL ON FUNCTION analytics.%I(xid8, xid8[], text[]) FROM PUBLIC', function);
END
$$;
COMMENT ON FUNCTION analytics.make_pass(text, text[]) IS 'makes the function that merges the delta into these rollups';

-- The pass over all rollups that create_rollup() made.
CREATE OR REPLACE FUNCTION analytics.make_custom_pass() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names text[] := ARRAY(SELECT r.name FROM analytics.rollup r WHERE NOT r.builtin);
BEGIN
    IF names = '{}' THEN
        DROP FUNCTION IF EXISTS analytics.merge_custom_rollups(xid8, xid8[], text[]);
    ELSE
        PERFORM analytics.make_pass('merge_custom_rollups', names);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.make_custom_pass() IS 'makes the function that merges into all custom rollups anew; the caller holds the engine lock';

-- Counts the cells in rollup_recount anew, at P: hours and days from the events, weeks and months as unions of days.
CREATE OR REPLACE FUNCTION analytics.recount_lost_cells() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    lossy text;
    r analytics.rollup_shape;
    finer text;
    merged pg_snapshot;
    by_key text;
    counted text;
BEGIN
    FOR lossy IN SELECT p.name FROM analytics.rollup p WHERE p.name IN (SELECT c.name FROM analytics.rollup_recount c)
                 ORDER BY array_position('{hour,day,week,month}'::text[], p.grain) LOOP
        r := analytics.shape_of(lossy);
        finer := analytics.finer_rollup(lossy, NULL);
        by_key := (SELECT coalesce(string_agg(format(' AND m.%I = x.dimensions[%s]', k, o), '' ORDER BY o), '') FROM unnest(r.keys) WITH ORDINALITY u(k, o));
        SELECT s.merged INTO merged FROM analytics.rollup_state s WHERE s.name = lossy;
        -- nothing to count from: the count keeps what it had
        DELETE FROM analytics.rollup_recount q USING analytics.retired w WHERE q.name = lossy AND w.store_id = q.store_id AND q.bucket < w.day;
        FOR i IN 1 .. cardinality(r.counts) LOOP
            IF finer IS NOT NULL AND (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = finer)::text = merged::text THEN
                counted := format('SELECT f.store_id, b.bucket, ARRAY[%s]::text[] AS dimensions, %s.hll_union_agg(%s) AS counted FROM (SELECT DISTINCT q.store_id, q.bucket FROM analytics.rollup_recount q WHERE q.name = $1) b JOIN analytics.%I f ON f.store_id = b.store_id AND f.bucket >= b.bucket AND f.bucket < b.bucket + interval %L GROUP BY 1, 2, 3',
                    substr(analytics.columns_sql(r.keys, ', f.%I'), 3), analytics.hll_schema(), analytics.stored_count_sql('f', r.counts[i]), 'rollup_' || finer,
                    CASE r.bucket WHEN 'week' THEN '7 days' ELSE '1 month' END);
            ELSE
                counted := format('SELECT k.store_id, k.bucket, k.dimensions, %s AS counted FROM (SELECT DISTINCT q.store_id, q.bucket%s AS bucket, analytics.setting_of(''timezone'', q.store_id) AS zone FROM analytics.rollup_recount q WHERE q.name = $1) b CROSS JOIN LATERAL (SELECT l.store_id, b.bucket%s AS bucket, ARRAY[%s]::text[] AS dimensions, %s AS key FROM analytics.counted_line l WHERE l.store_id = b.store_id AND %s AND l.%I = b.bucket AND pg_visible_in_snapshot(l.stamp, $2)%s AND %5$s IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING sum(l.sign) > 0) k GROUP BY 1, 2, 3',
                    analytics.hll_of('k.key', NULL),
                    CASE r.bucket WHEN 'hour' THEN ' AT TIME ZONE ''UTC''' ELSE '::date' END,
                    CASE r.bucket WHEN 'hour' THEN ' AT TIME ZONE ''UTC''' ELSE '::timestamp' END,
                    (SELECT coalesce(string_agg(k, ', ' ORDER BY o), '') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                    r.count_sql[i], analytics.bucket_span_sql(r, 'b.bucket', 'b.zone'), r.bucket,
                    coalesce(' AND (' || r.condition || ')', ''));
            END IF;
            -- (what has no statistics is put together by sorting, and found by its whole key)
            EXECUTE format('UPDATE %s m SET %I = x.counted, %I = NULL FROM (SELECT u.store_id, u.bucket, u.dimensions, (array_agg(u.counted) FILTER (WHERE NOT u.lost))[1] AS counted FROM (SELECT q.store_id, q.bucket, q.dimensions, NULL::%s.hll AS counted, true AS lost FROM analytics.rollup_recount q WHERE q.name = $1 UNION ALL SELECT c.store_id, c.bucket, c.dimensions, c.counted, false FROM (%s) c) u GROUP BY 1, 2, 3 HAVING bool_or(u.lost)) x WHERE m.store_id = x.store_id AND m.bucket = x.bucket%s%s',
                r.storage, r.counts[i], r.counts[i] || '_recent', analytics.hll_schema(), counted, CASE r.bucket WHEN 'hour' THEN ' AT TIME ZONE ''UTC''' ELSE '' END, by_key)
                USING lossy, merged;
        END LOOP;
        IF r.extremes <> '{}' THEN
            EXECUTE format('UPDATE %s m SET %s FROM (SELECT u.store_id, u.bucket, u.dimensions%s FROM (SELECT q.store_id, q.bucket, q.dimensions%s, true AS lost FROM analytics.rollup_recount q WHERE q.name = $1 UNION ALL SELECT c.*, false FROM (SELECT l.store_id, l.bucket, l.dimensions%s FROM (SELECT s.store_id, b.bucket, s.dimensions, s.occurred_at, s.event_type, s.channel, s.country FROM (SELECT DISTINCT q.store_id, q.bucket, analytics.setting_of(''timezone'', q.store_id) AS zone FROM analytics.rollup_recount q WHERE q.name = $1) b CROSS JOIN LATERAL (SELECT l.store_id, ARRAY[%s]::text[] AS dimensions, l.occurred_at, l.event_type, l.channel, l.country, sum(l.sign) AS net FROM analytics.counted_line l WHERE l.store_id = b.store_id AND %s AND l.%I = b.bucket AND l.line = 1 AND pg_visible_in_snapshot(l.stamp, $2)%s GROUP BY 1, 2, 3, 4, 5, 6) s WHERE s.net > 0) l GROUP BY 1, 2, 3) c) u GROUP BY 1, 2, 3 HAVING bool_or(u.lost)) x WHERE m.store_id = x.store_id AND m.bucket = x.bucket%s',
                r.storage, substr(analytics.columns_sql(r.extremes, ', %I = x.%I'), 3),
                (SELECT string_agg(format(', %s(u.%I) AS %2$I', w, e), '' ORDER BY o) FROM unnest(r.extreme_ways, r.extremes) WITH ORDINALITY u(w, e, o)),
                (SELECT string_agg(format(', NULL::%s AS %I', t, e), '' ORDER BY o) FROM unnest(r.extreme_types, r.extremes) WITH ORDINALITY u(t, e, o)),
                (SELECT string_agg(format(', %s(%s) AS %I', w, q, e), '' ORDER BY o) FROM unnest(r.extreme_ways, r.extreme_sql, r.extremes) WITH ORDINALITY u(w, q, e, o)),
                (SELECT string_agg(k, ', ' ORDER BY o) FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                analytics.bucket_span_sql(r, 'b.bucket', 'b.zone'), r.bucket, coalesce(' AND (' || r.condition || ')', ''), by_key)
                USING lossy, merged;
        END IF;
        DELETE FROM analytics.rollup_recount q WHERE q.name = lossy;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.recount_lost_cells() IS 'distinct counts, first and last moments of cells in which a line was taken back, from the events at P';

-- Until autovacuum comes by, PostgreSQL takes a table just filled for an empty one, and joins it row by row.
CREATE OR REPLACE FUNCTION analytics.analyze_new_tables() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled regclass;
BEGIN
    FOR filled IN SELECT c.oid::regclass FROM pg_class c
                   WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'r' AND c.reltuples < 0
                     AND (c.relname IN ('product', 'product_basket', 'product_pair') OR starts_with(c.relname, 'rollup_')) AND pg_relation_size(c.oid) > 100000 LOOP
        EXECUTE format('ANALYZE %s', filled);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.analyze_new_tables() IS 'gives the planner statistics of what was filled for the first time';

-- Where nothing is merged, one pass over all events builds all that is built in, by merge_cells(): faster than rollup by rollup.
-- Where raw events are gone, cells that hold them must be left alone: then build() does it.
CREATE OR REPLACE FUNCTION analytics.begin_first_pass() RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    -- (a P that saw nothing is none: what settings a shop began with, or a refresh before its first event, leave one)
    IF EXISTS (SELECT FROM analytics.rollup_state s LEFT JOIN analytics.rollup r USING (name)
                WHERE (r.builtin OR s.name IN ('session', 'product')) AND s.merged::text <> '1:1:') OR EXISTS (SELECT FROM analytics.retired)
       OR NOT EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
                       WHERE p.oid = 'analytics.merge_cells(text, xid8, xid8[], text[])'::regprocedure AND l.lanname = 'c') THEN
        RETURN false;
    END IF;
    FOR name IN SELECT r.name FROM analytics.rollup r WHERE r.builtin LOOP
        EXECUTE format('DELETE FROM analytics.%I', 'rollup_' || name);
    END LOOP;
    DELETE FROM analytics.rollup_session;
    DELETE FROM analytics.rollup_session_day;
    -- a P that saw nothing
    INSERT INTO analytics.rollup_state (name, merged, refreshed_at, duration, rows)
    SELECT t.name, '1:1:', clock_timestamp(), '0', 0
      FROM (SELECT r.name FROM analytics.rollup r WHERE r.builtin UNION ALL VALUES ('session'), ('product')) t
        ON CONFLICT ON CONSTRAINT rollup_state_pkey DO NOTHING;
    RETURN true;
END
$$;
COMMENT ON FUNCTION analytics.begin_first_pass() IS 'prepares the pass that builds all that is built in from nothing; false: it is not for this time; the caller holds the engine lock';

CREATE OR REPLACE FUNCTION analytics.refresh_rollups(wait boolean) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashagg = off
    SET max_parallel_workers_per_gather = 0
    SET jit = off
AS $$
DECLARE
    builtin text[];
    custom text[];
    others text[];
    pass record;
    n bigint;
    merged_lines bigint := 0;
    started timestamptz;
    first boolean := false;
    version text := (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'analytics');
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not refresh' USING ERRCODE = '25006',
            HINT = 'Its views are right as they are; call refresh() on the primary.';
    END IF;
    -- nothing to do costs nothing: no lock, no transaction id, no WAL
    IF NOT EXISTS (SELECT FROM analytics.rollup r LEFT JOIN analytics.rollup_state s USING (name)
                    WHERE s.name IS NULL OR s.built_from > '-infinity')
       AND NOT EXISTS (SELECT FROM (SELECT DISTINCT s.merged::text AS merged FROM analytics.rollup_state s WHERE s.name <> 'product_pair' OFFSET 0) s
                        WHERE analytics.has_tail(s.merged::pg_snapshot))
       AND (SELECT count(*) FROM analytics.rollup_state s WHERE s.name IN ('product', 'session')) = 2
       AND (EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'identity') OR NOT EXISTS (SELECT FROM analytics.identity)) THEN
        RETURN 0;
    END IF;
    IF NOT analytics.lock_engine(wait) THEN
        RETURN NULL;
    END IF;
    IF (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'analytics') <> version THEN
        RAISE EXCEPTION 'analytics was updated meanwhile' USING ERRCODE = '40001', HINT = 'Call refresh() again.';
    END IF;
    PERFORM analytics.name_late_visitors();
    builtin := ARRAY(SELECT r.name FROM analytics.rollup r WHERE r.builtin);
    custom := ARRAY(SELECT r.name FROM analytics.rollup r WHERE NOT r.builtin);
    IF analytics.begin_first_pass() THEN
        first := true;
    END IF;
    -- what has no state, after an installation or a restore, is built, and what is half built is finished, at its own P
    FOR pass IN SELECT r.name FROM analytics.rollup r LEFT JOIN analytics.rollup_state s USING (name)
                 WHERE s.name IS NULL OR s.built_from > '-infinity'
                 ORDER BY array_position('{hour,day,week,month}'::text[], r.grain), r.name LOOP
        n := (SELECT sum(b.rows) FROM analytics.build(pass.name, NULL) b);
        merged_lines := greatest(merged_lines, n);
    END LOOP;
    FOR pass IN SELECT s.merged::pg_snapshot AS merged, s.names
                  FROM (SELECT s.merged::text AS merged, array_agg(s.name) AS names
                          FROM analytics.rollup_state s JOIN analytics.rollup r USING (name)
                         WHERE s.built_from = '-infinity'
                         GROUP BY s.merged::text OFFSET 0) s  -- has_tail() once for each P, not for each rollup
                 WHERE analytics.has_tail(s.merged::pg_snapshot) LOOP
        started := clock_timestamp();
        n := 0;
        others := pass.names;
        IF others @> builtin THEN
            n := analytics.merge_builtin_rollups(pg_snapshot_xmax(pass.merged), ARRAY(SELECT pg_snapshot_xip(pass.merged)),
                     builtin || ARRAY(SELECT s.name FROM analytics.rollup_state s WHERE s.name IN ('session', 'product') AND s.merged::text = pass.merged::text));
            others := ARRAY(SELECT unnest(others) EXCEPT SELECT unnest(builtin));
        END IF;
        IF others <> '{}' THEN
            EXECUTE CASE WHEN others @> custom AND to_regproc('analytics.merge_custom_rollups') IS NOT NULL
                         THEN 'SELECT analytics.merge_custom_rollups($1, $2, $3)' ELSE analytics.merge_pass_sql(others) END
               INTO n
              USING pg_snapshot_xmax(pass.merged), ARRAY(SELECT pg_snapshot_xip(pass.merged)), others;
        END IF;
        IF EXISTS (SELECT FROM analytics.rollup_recount) THEN
            PERFORM analytics.recount_lost_cells();
        END IF;
        IF first AND 'customer_daily' = ANY (pass.names) THEN
            PERFORM analytics.build_customers(NULL);
        ELSE
            PERFORM analytics.refresh_customers();
        END IF;
        UPDATE analytics.rollup_state s SET duration = clock_timestamp() - started WHERE s.name = ANY (pass.names || 'session'::text);
        merged_lines := greatest(merged_lines, n);
    END LOOP;
    -- where merge_cells() did not
    PERFORM analytics.learn_products();
    PERFORM analytics.merge_sessions();
    IF merged_lines >= 1000 THEN
        PERFORM analytics.analyze_new_tables();
    END IF;
    RETURN merged_lines;
EXCEPTION WHEN serialization_failure THEN
    -- under REPEATABLE READ another refresh committed after this transaction's snapshot: there is nothing to add to it
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RETURN NULL;
    END IF;
    RAISE;
END
$$;
COMMENT ON FUNCTION analytics.refresh_rollups(boolean) IS 'merges into the rollups, and learns what products are called; lines, or null as refresh()';

CREATE OR REPLACE FUNCTION analytics.refresh(wait boolean DEFAULT true) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merged_lines bigint := analytics.refresh_rollups(coalesce(wait, true));
BEGIN
    IF merged_lines IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN greatest(merged_lines, analytics.refresh_pairs(coalesce(wait, true)));
END
$$;
COMMENT ON FUNCTION analytics.refresh(boolean) IS
'merges into every rollup and product_affinity what was committed since the last refresh; returns the lines merged, 0 when there was nothing, null when another refresh runs and wait is false. Views are right without it: it makes them fast';
