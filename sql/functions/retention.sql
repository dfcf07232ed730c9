-- Retention: raw events older than the setting event_retention go, whole months of the store's calendar at a time; figures stay.
-- What is gone can't be built, moved or checked anew (table retired): rebuild, reconcile and a change of time zone concern what is
-- left. Keys stay, so that what was sent once never counts again.

-- Whether a row is merged into every target, as SQL; empty: into none.
CREATE OR REPLACE FUNCTION analytics.merged_everywhere_sql(stamp text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('pg_visible_in_snapshot(%s, %L)', stamp, m.merged), ' AND ')
      FROM (SELECT DISTINCT s.merged::text AS merged FROM analytics.rollup_state s) m
$$;
COMMENT ON FUNCTION analytics.merged_everywhere_sql(text) IS 'SQL condition that a row with this stamp is merged into every target';

CREATE OR REPLACE FUNCTION analytics.tell_what_is_gone(store text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone record;
BEGIN
    FOR gone IN SELECT w.store_id, w.day FROM analytics.retired w WHERE store IS NULL OR w.store_id = store ORDER BY w.store_id LIMIT 10 LOOP
        RAISE NOTICE 'figures of store "%" before % stay as they are', gone.store_id, gone.day
            USING DETAIL = 'Their raw events were removed by apply_retention().';
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.tell_what_is_gone(text) IS 'a notice for each store (null: of all, ten at most) whose older figures can''t be built anew';

CREATE OR REPLACE FUNCTION analytics.apply_retention() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '1s'
AS $$
DECLARE
    due record;
    part regclass;
    others boolean;
    removed bigint;
    emptied oid[] := '{}';
    whole oid[] := '{}';
    whole_store text[] := '{}';
    whole_before timestamptz[] := '{}';
    n integer;
BEGIN
    IF NOT EXISTS (SELECT FROM analytics.store s WHERE s.event_retention IS NOT NULL) THEN
        RETURN 0;
    END IF;
    PERFORM analytics.require_read_committed('apply_retention');
    IF analytics.allowed_stores() IS NOT NULL THEN
        PERFORM analytics.require_store(NULL);
    END IF;
    PERFORM analytics.lock_engine(true);
    PERFORM analytics.refresh(true);
    IF EXISTS (SELECT FROM analytics.rollup r LEFT JOIN analytics.rollup_state s USING (name) WHERE s.name IS NULL OR s.built_from > '-infinity') THEN
        RAISE EXCEPTION 'a rollup is not built' USING ERRCODE = '55000',
            HINT = 'Let refresh() or the worker finish first: events that are not merged must not go.';
    END IF;
    FOR due IN
        SELECT k.store_id, k.day::date AS day, k.day AT TIME ZONE k.zone AS before, k.week, (k.week + 7)::timestamp AT TIME ZONE k.zone AS week_before
          FROM (SELECT e.store_id, z.zone, c.day, analytics.bucket_start('week', c.day, coalesce(s.week_start, d.week_start))::date AS week
                  FROM (SELECT DISTINCT m.store_id FROM analytics.rollup_sales_monthly m) e
                  LEFT JOIN analytics.store s ON s.store_id = e.store_id
                  LEFT JOIN analytics.store d ON d.store_id = ''
                 CROSS JOIN LATERAL (SELECT coalesce(s.timezone, d.timezone, 'UTC') AS zone) z
                 CROSS JOIN LATERAL (SELECT date_trunc('month', (now() AT TIME ZONE z.zone) - coalesce(s.event_retention, d.event_retention)) AS day) c
                 WHERE c.day IS NOT NULL) k
    LOOP
        PERFORM analytics.keep_pairs(due.store_id, due.before, analytics.merged_everywhere_sql('l.stamp'));
        FOR part IN SELECT c.oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'analytics.event'::regclass
                     ORDER BY c.relname LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s e WHERE e.store_id = $1 AND e.occurred_at < $2)', part)
               INTO others USING due.store_id, due.before;
            CONTINUE WHEN NOT others;
            -- a partition that holds nothing else is emptied at once, but last of all: from then on until the end nobody can read
            EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s e WHERE NOT (e.store_id = $1 AND e.occurred_at < $2 AND %s))',
                           part, analytics.merged_everywhere_sql('e.stamp')) INTO others USING due.store_id, due.before;
            IF others THEN
                EXECUTE format('DELETE FROM ONLY %s e WHERE e.store_id = $1 AND e.occurred_at < $2 AND %s',
                               part, analytics.merged_everywhere_sql('e.stamp')) USING due.store_id, due.before;
                GET DIAGNOSTICS removed = ROW_COUNT;
                IF removed > 0 AND NOT part = ANY (emptied) THEN
                    emptied := emptied || part::oid;
                END IF;
            ELSE
                whole := whole || part::oid;
                whole_store := whole_store || due.store_id;
                whole_before := whole_before || due.before;
            END IF;
        END LOOP;
        INSERT INTO analytics.retired AS r (store_id, before, day, week, week_before) VALUES (due.store_id, due.before, due.day, due.week, due.week_before)
            ON CONFLICT (store_id) DO UPDATE SET before = excluded.before, day = excluded.day, week = excluded.week, week_before = excluded.week_before
                WHERE r.day < excluded.day;
    END LOOP;
    FOR i IN 1 .. cardinality(whole) LOOP
        part := whole[i];
        -- no row by row, hardly any log, if nobody is in the way
        removed := NULL;
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part);
            EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s e WHERE NOT (e.store_id = $1 AND e.occurred_at < $2 AND %s))',
                           part, analytics.merged_everywhere_sql('e.stamp')) INTO others USING whole_store[i], whole_before[i];
            IF others THEN
                RAISE lock_not_available;  -- and the lock goes with the block
            END IF;
            EXECUTE format('TRUNCATE ONLY %s', part);
            removed := 1;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
        IF removed IS NULL THEN
            EXECUTE format('DELETE FROM ONLY %s e WHERE e.store_id = $1 AND e.occurred_at < $2 AND %s',
                           part, analytics.merged_everywhere_sql('e.stamp')) USING whole_store[i], whole_before[i];
            GET DIAGNOSTICS removed = ROW_COUNT;
        END IF;
        IF removed > 0 AND NOT part = ANY (emptied) THEN
            emptied := emptied || part::oid;
        END IF;
    END LOOP;
    n := cardinality(emptied);
    IF n > 0 THEN
        PERFORM analytics.outdate_snapshots();
    END IF;
    RETURN n;
END
$$;
COMMENT ON FUNCTION analytics.apply_retention() IS
'removes raw events older than the setting event_retention of their store, whole months of its calendar; all figures stay. Returns how many partitions of event it removed rows from; to be run nightly (workers and schedule() do).
25001: not under READ COMMITTED; 55000: a rollup is not built yet';
