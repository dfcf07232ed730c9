-- The books checked against the events, and the state of the engine.

CREATE OR REPLACE FUNCTION analytics.reconcile_rollup(name text, store text, "from" date, "to" date)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET enable_nestloop = off
    SET enable_hashagg = off
    SET jit = off
AS $$
DECLARE
    r analytics.rollup_shape := analytics.shape_of(name);
    key text := coalesce('concat_ws('' / ''' || analytics.columns_sql(r.keys, ', coalesce(x.%I, ''-'')') || ')', '''''');
    -- what a cell is known by: a dimension may be sent as '-', or with a slash
    id text := format('jsonb_build_array(%s)', substr(analytics.columns_sql(r.keys, ', x.%I'), 3));
    range text;
    left_out text := format(' AND (%s) IS NOT TRUE', analytics.retired_sql(r.bucket, 'x'));  -- nothing is left to check it by
BEGIN
    r := jsonb_populate_record(r, jsonb_build_object('measures', array_remove(r.measures, 'order_keys')));
    range := format('($1 IS NULL OR %%1$s.store_id = $1) AND ($2 IS NULL OR %%1$s.%%2$I >= $2) AND ($3 IS NULL OR %%1$s.%%2$I < $3)');
    RETURN QUERY EXECUTE format(
        'WITH expected AS MATERIALIZED (SELECT x.store_id, x.bucket, %11$s AS id, %1$s AS key, to_jsonb(x) AS figures FROM (SELECT c.store_id, c.bucket%2$s, %3$s FROM (SELECT store_id, bucket%4$s%5$s%6$s, lines, false AS lost FROM (%7$s) b) c WHERE c.lines <> 0) x WHERE true%10$s),
              actual AS MATERIALIZED (SELECT x.store_id, x.bucket, %11$s AS id, %1$s AS key, to_jsonb(x) AS figures FROM analytics.%8$I x WHERE %9$s%10$s)
         SELECT coalesce(e.store_id, a.store_id), %8$L || ''.'' || m.measure, coalesce(e.bucket, a.bucket)::date, coalesce(e.key, a.key), (e.figures ->> m.measure)::numeric, (a.figures ->> m.measure)::numeric
           FROM expected e FULL JOIN actual a ON a.store_id = e.store_id AND a.bucket = e.bucket AND a.id = e.id
          CROSS JOIN unnest($4) m(measure)
          WHERE (e.figures ->> m.measure)::numeric IS DISTINCT FROM (a.figures ->> m.measure)::numeric',
        key,
        (SELECT coalesce(string_agg(CASE k WHEN 'currency' THEN ', c.currency' ELSE format(', nullif(c.%1$I, '''') AS %1$I', k) END, '' ORDER BY o), '')
           FROM unnest(r.keys) WITH ORDINALITY u(k, o)),
        analytics.measure_columns_sql(r),
        analytics.names_sql(r.keys), analytics.names_sql(r.sums),
        (SELECT coalesce(string_agg(format(', %1$I, NULL::%4$s.hll AS %2$I, NULL::%4$s.hll AS %3$I', c, c || '_recent', c || '_tail', analytics.hll_schema()), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        analytics.built_cells_sql(r, format(range, 'l', r.bucket)), name, format(range, 'x', 'bucket'), left_out, id)
      USING store, "from", "to", r.measures;
END
$$;
COMMENT ON FUNCTION analytics.reconcile_rollup(text, text, date, date) IS 'figures of a rollup''s view that differ from the events';

-- product_weekly has no view of its own to be held against the events.
CREATE OR REPLACE FUNCTION analytics.reconcile_product_weeks(store text)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT c.store_id, ''product_weekly.net_sales'', c.bucket, c.product_id || '' / '' || c.currency, sum(c.expected), sum(c.actual)
           FROM (SELECT d.store_id, %s AS bucket, d.currency, d.product_id, d.net_sales AS expected, 0 AS actual
                   FROM analytics.product_daily d LEFT JOIN analytics.store s ON s.store_id = d.store_id LEFT JOIN analytics.store o ON o.store_id = ''''
                 UNION ALL
                 SELECT w.store_id, w.bucket, w.currency, w.product_id, 0, w.gross_sales - w.discounts - w.returns FROM %s w) c
          WHERE ($1 IS NULL OR c.store_id = $1) AND (c.bucket < (SELECT r.day + 7 FROM analytics.retired r WHERE r.store_id = c.store_id)) IS NOT TRUE
          GROUP BY 1, 3, c.product_id, c.currency HAVING sum(c.expected) <> sum(c.actual)',
        analytics.week_sql('d.bucket', 'coalesce(s.week_start, o.week_start)'), analytics.live_cells_sql(analytics.shape_of('product_weekly')))
      USING store;
END
$$;
COMMENT ON FUNCTION analytics.reconcile_product_weeks(text) IS 'products'' weeks that differ from their days';

CREATE OR REPLACE FUNCTION analytics.reconcile(store text DEFAULT NULL, "from" date DEFAULT NULL, "to" date DEFAULT NULL)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM analytics.require_store(store);
    IF "from" > "to" THEN
        RAISE EXCEPTION 'invalid range of days' USING ERRCODE = '22023', DETAIL = format('Got %s to %s.', "from", "to"),
            HINT = 'Pass "from", inclusive, not after "to", exclusive; NULL leaves an end open.';
    END IF;
    PERFORM analytics.require_known_store(store);
    -- every view against the events
    RETURN QUERY SELECT f.* FROM (SELECT r.name FROM analytics.rollup r WHERE to_regclass(format('analytics.%I', r.name)) IS NOT NULL OFFSET 0) r
                  CROSS JOIN LATERAL analytics.reconcile_rollup(r.name, reconcile.store, reconcile."from", reconcile."to") f;
    -- (a pair has no day)
    IF reconcile."from" IS NULL AND reconcile."to" IS NULL THEN
        RETURN QUERY SELECT p.* FROM analytics.reconcile_pairs(reconcile.store) p;
    END IF;
    -- grains against each other: hours and days of one store and currency
    RETURN QUERY
    SELECT coalesce(d.store_id, m.store_id), 'sales_daily against sales_monthly', coalesce(d.month, m.bucket),
           coalesce(d.currency, m.currency), d.total, m.total
      FROM (SELECT v.store_id, date_trunc('month', v.bucket)::date AS month, v.currency, sum(v.total_sales) AS total
              FROM analytics.sales_daily v GROUP BY 1, 2, 3) d
      FULL JOIN (SELECT v.store_id, v.bucket, v.currency, sum(v.total_sales) AS total
                   FROM analytics.sales_monthly v GROUP BY 1, 2, 3) m
        ON m.store_id = d.store_id AND m.bucket = d.month AND m.currency = d.currency
     WHERE d.total IS DISTINCT FROM m.total
       AND (reconcile.store IS NULL OR coalesce(d.store_id, m.store_id) = reconcile.store)
       AND (reconcile."from" IS NULL OR coalesce(d.month, m.bucket) >= reconcile."from")
       AND (reconcile."to" IS NULL OR coalesce(d.month, m.bucket) < reconcile."to");
    RETURN QUERY SELECT * FROM analytics.reconcile_customers(reconcile.store, reconcile."from", reconcile."to");
    IF reconcile."from" IS NULL AND reconcile."to" IS NULL THEN
        RETURN QUERY SELECT * FROM analytics.reconcile_sessions(reconcile.store);
        RETURN QUERY SELECT * FROM analytics.reconcile_product_weeks(reconcile.store);
    END IF;
    -- keys against lines: what counts once stands once, with all its lines
    RETURN QUERY
    SELECT coalesce(k.store_id, e.store_id), 'event_key.lines', coalesce(k.occurred_at, e.occurred_at)::date,
           coalesce(k.event_id, e.event_id), k.lines::numeric, coalesce(e.lines, 0)::numeric
      FROM (SELECT c.store_id, coalesce(c.event_id, c.key) AS event_id, c.revision, c.occurred_at, c.lines
              FROM analytics.event_key c WHERE c.lines > 0) k
      FULL JOIN (SELECT v.store_id, v.event_id, v.revision, v.occurred_at, sum(v.sign) AS lines
                   FROM analytics.event v GROUP BY 1, 2, 3, 4 HAVING sum(v.sign) <> 0) e
        ON e.store_id = k.store_id AND e.event_id = k.event_id AND e.revision = k.revision AND e.occurred_at = k.occurred_at
     WHERE k.lines IS DISTINCT FROM e.lines
       AND (k.occurred_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = k.store_id)) IS NOT TRUE
       AND (reconcile.store IS NULL OR coalesce(k.store_id, e.store_id) = reconcile.store)
       AND (reconcile."from" IS NULL OR coalesce(k.occurred_at, e.occurred_at)::date >= reconcile."from")
       AND (reconcile."to" IS NULL OR coalesce(k.occurred_at, e.occurred_at)::date < reconcile."to");
    -- money that converted figures leave out
    RETURN QUERY SELECT * FROM analytics.missing_rates(reconcile.store, reconcile."from", reconcile."to");
    -- one order once
    RETURN QUERY
    SELECT o.store_id, 'orders counted more than once', min(o.occurred_at)::date, o.order_id, 1::numeric, sum(o.sign)::numeric
      FROM analytics.event o
     WHERE o.event_type = 'purchase' AND o.line = 1 AND o.order_id IS NOT NULL
       AND (reconcile.store IS NULL OR o.store_id = reconcile.store)
       AND (reconcile."from" IS NULL OR o.occurred_at >= reconcile."from")
       AND (reconcile."to" IS NULL OR o.occurred_at < reconcile."to")
     GROUP BY o.store_id, o.order_id HAVING sum(o.sign) > 1;
END
$$;
COMMENT ON FUNCTION analytics.reconcile(text, date, date) IS
'compares every view with the events, grains, customers, cohorts and sessions with each other and keys with lines, in days from (inclusive) to (exclusive); returns what differs: no rows.
missing_rate: money of a day in a currency (key) without an exchange rate, which converted figures leave out; expected is how much, in that currency.
22023: no store of that name, or "from" lies after "to"; 42501: not this store';

CREATE OR REPLACE FUNCTION analytics.tail_of(merged pg_snapshot, OUT tail_rows bigint, OUT oldest timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
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
    SELECT count(*), min(t.ingested_at) INTO tail_rows, oldest
      FROM (SELECT e.ingested_at FROM analytics.event e WHERE e.stamp >= newer
            UNION ALL SELECT e.ingested_at FROM analytics.event e WHERE e.stamp = ANY (running)) t;
END
$$;
COMMENT ON FUNCTION analytics.tail_of(pg_snapshot) IS 'event lines that the snapshot did not see, and since when';

CREATE OR REPLACE VIEW analytics.rollup_status AS
SELECT r.name, r.grain, r.dimensions, array_remove(r.measures, 'order_keys') AS measures, r.filter,
       t.tail_rows, coalesce(greatest(clock_timestamp() - t.oldest, interval '0'), interval '0') AS lag,
       s.refreshed_at AS last_refresh, s.duration AS last_duration,
       pg_total_relation_size(format('analytics.%I', 'rollup_' || r.name)::regclass) AS size_bytes,
       CASE WHEN s.name IS NULL THEN 'not built' WHEN s.built_from > '-infinity' THEN 'building'
            WHEN s.rebuilding_from IS NOT NULL THEN 'rebuilding' WHEN t.tail_rows > 0 THEN 'behind' ELSE 'current' END AS status
  FROM analytics.rollup r
  LEFT JOIN analytics.rollup_state s USING (name)
 CROSS JOIN LATERAL analytics.tail_of(s.merged) t
 UNION ALL
SELECT p.name, NULL, p.dimensions, p.measures, NULL, t.tail_rows, coalesce(greatest(clock_timestamp() - t.oldest, interval '0'), interval '0'),
       s.refreshed_at, s.duration, (SELECT sum(pg_total_relation_size(k.stored))::bigint FROM unnest(p.tables) k(stored)),
       CASE WHEN s.name IS NULL THEN 'not built' WHEN s.built_from > '-infinity' THEN 'building' WHEN t.tail_rows > 0 THEN 'behind' ELSE 'current' END
  FROM (VALUES ('product_pair', '{product_a,product_b}'::text[], '{baskets}'::text[], '{analytics.product_pair,analytics.product_basket}'::regclass[]),
               ('session', '{}', '{sessions,events,orders}', '{analytics.rollup_session,analytics.rollup_session_day}')) p(name, dimensions, measures, tables)
  LEFT JOIN analytics.rollup_state s USING (name)
 CROSS JOIN LATERAL analytics.tail_of(s.merged) t;
COMMENT ON VIEW analytics.rollup_status IS 'each rollup, sessions and product pairs, what of the events they have not merged yet, and how long the last refresh took; views are right whatever stands here';
COMMENT ON COLUMN analytics.rollup_status.name IS 'the rollup, and its view in schema analytics';
COMMENT ON COLUMN analytics.rollup_status.dimensions IS 'what it is by: columns of event, or paths such as properties->>city';
COMMENT ON COLUMN analytics.rollup_status.measures IS 'what it measures';
COMMENT ON COLUMN analytics.rollup_status.filter IS 'which lines take part; null: all';
COMMENT ON COLUMN analytics.rollup_status.grain IS 'hour, day, week or month; null: session and product_pair, which product_affinity shows';
COMMENT ON COLUMN analytics.rollup_status.tail_rows IS 'event lines not merged yet; views add them';
COMMENT ON COLUMN analytics.rollup_status.lag IS 'age of the oldest line not merged yet';
COMMENT ON COLUMN analytics.rollup_status.last_refresh IS 'when lines were last merged';
COMMENT ON COLUMN analytics.rollup_status.last_duration IS 'how long that took';
COMMENT ON COLUMN analytics.rollup_status.size_bytes IS 'size on disk with indexes';
COMMENT ON COLUMN analytics.rollup_status.status IS 'current, behind (a tail is waiting), building, rebuilding or not built';

-- One step of what the refresh worker does: partitions that are due, then a refresh, or a month of a build under way.
CREATE OR REPLACE FUNCTION analytics.maintain() RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    building text;
BEGIN
    -- due three months ahead, so that a try in half a minute is soon enough while somebody is in the way
    IF EXISTS (SELECT FROM analytics.missing_partitions())
       AND (random() < 0.03 OR NOT EXISTS (SELECT FROM analytics.event)) AND analytics.maintain_partitions() > 0 THEN
        RETURN true;
    END IF;
    SELECT r.name INTO building FROM analytics.rollup r LEFT JOIN analytics.rollup_state s USING (name)
     WHERE (s.name IS NULL OR s.built_from > '-infinity') AND EXISTS (SELECT FROM analytics.event)
     ORDER BY array_position('{hour,day,week,month}'::text[], r.grain), r.name LIMIT 1;
    IF FOUND THEN
        IF NOT analytics.lock_engine(false) THEN
            RETURN false;
        END IF;
        PERFORM analytics.build(building, 1);
        RETURN true;
    END IF;
    IF analytics.pairs_are_due() THEN
        RETURN analytics.maintain_pairs();
    END IF;
    IF coalesce(analytics.refresh_rollups(false), 0) = 0 THEN
        RETURN false;
    END IF;
    RETURN analytics.pairs_are_due();
END
$$;
COMMENT ON FUNCTION analytics.maintain() IS 'one step of the refresh worker, a short transaction; true: call again at once';

CREATE OR REPLACE FUNCTION analytics.capabilities() RETURNS TABLE (name text, available boolean, detail text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'library', l.present, CASE WHEN l.present THEN 'analytics.so is installed' ELSE 'portable edition: COPY and INSERT, views, upkeep by pg_cron; recommend() by what is bought together, trending and popular, without factors' END
      FROM (SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_language g ON g.oid = p.prolang
                            WHERE p.oid = 'analytics.stamp()'::regprocedure AND g.lanname = 'c') AS present) l
    UNION ALL
    SELECT 'preload', p.loaded, CASE WHEN p.loaded THEN 'the launcher starts workers by itself'
                                     ELSE 'add analytics to shared_preload_libraries, or call start_workers(), or SELECT analytics.schedule() for jobs of pg_cron' END
      FROM (SELECT EXISTS (SELECT FROM analytics.running_workers() w WHERE w.worker = 'launcher') AS loaded) p
    UNION ALL
    SELECT 'hll', true, 'hll ' || e.extversion || ': distinct counts' FROM pg_extension e WHERE e.extname = 'hll'
    UNION ALL
    SELECT 'pg_cron', EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron'),
           CASE WHEN EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN 'SELECT analytics.schedule() sets up jobs'
                WHEN EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_cron') THEN 'can be installed: add pg_cron to shared_preload_libraries, restart, then CREATE EXTENSION pg_cron in the database that cron.database_name names'
                ELSE 'not on this server' END
    UNION ALL
    SELECT 'refresh worker', w.running, CASE WHEN w.running THEN 'merges events into rollups in the background'
                                             ELSE 'SELECT analytics.start_workers() starts one; views are right without it' END
      FROM (SELECT EXISTS (SELECT FROM analytics.running_workers() r WHERE r.worker = 'refresh') AS running) w
$$;
COMMENT ON FUNCTION analytics.capabilities() IS 'what this installation can do, and what would have to be done for the rest';
