-- Partitions of event: months from a year before the installation on, years before, one for the deep past, a default one for
-- the rest. Few, since planning and locking cost grows with each. Made ahead of time, never inside an ingest: CREATE TABLE
-- ... PARTITION OF locks the parent. They are no members of the extension, so that a dump carries them with their rows.

CREATE OR REPLACE FUNCTION analytics.make_partition("from" date, "to" date, name text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
BEGIN
    IF to_regclass(format('analytics.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE analytics.%I (LIKE analytics.event INCLUDING ALL)', name);
    -- indexes before ATTACH and none on the parent: otherwise a restore makes each of them twice
    EXECUTE format('CREATE INDEX %I ON analytics.%I (store_id, occurred_at)', name || '_time', name);
    EXECUTE format('CREATE INDEX %I ON analytics.%I (store_id, order_id) WHERE event_type = ''refund''',
                   name || '_refund', name);
    EXECUTE format('CREATE INDEX %I ON analytics.%I (store_id, event_id) WHERE sign = -1', name || '_taken_back', name);
    EXECUTE format('CREATE INDEX %I ON analytics.%I (store_id, anonymous_id) WHERE customer_id IS NULL AND anonymous_id IS NOT NULL', name || '_anonymous', name);
    EXECUTE format('CREATE INDEX %I ON analytics.%I USING brin (ingested_at)', name || '_ingested', name);
    -- last, so that of two indexes that cost the same on an empty partition the planner takes this one
    EXECUTE format('CREATE INDEX %I ON analytics.%I (stamp)', name || '_stamp', name);
    EXECUTE format('ALTER TABLE analytics.%I OWNER TO %I', name,
                   (SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                     WHERE c.oid = 'analytics.event'::regclass));
    EXECUTE format('REVOKE ALL ON analytics.%I FROM PUBLIC', name);
    EXECUTE format('COMMENT ON TABLE analytics.%I IS %L', name, format('events from %s until before %s (UTC)', "from", "to"));
    -- Rows of this range that fell into the default partition move here. They are stamped anew, so that they are
    -- unmerged again: what was merged of them is taken out by building the touched buckets at P.
    EXECUTE format('WITH moved AS (DELETE FROM ONLY analytics.event_default
                                    WHERE occurred_at >= $1 AND occurred_at < $2 RETURNING *)
                    INSERT INTO analytics.%I (%s) SELECT %2$s FROM moved', name,
                   (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = 'analytics.event'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                       AND a.attgenerated = '')) USING "from"::timestamptz, "to"::timestamptz;
    EXECUTE format('ALTER TABLE analytics.event ATTACH PARTITION analytics.%I FOR VALUES FROM (%L) TO (%L)',
                   name, "from"::timestamptz, "to"::timestamptz);
    RETURN true;
END
$$;
COMMENT ON FUNCTION analytics.make_partition(date, date, text) IS
'makes one partition of event and moves the rows of its range out of the default one; the caller holds the engine lock; false: it is there';

CREATE OR REPLACE FUNCTION analytics.missing_partitions() RETURNS TABLE (name text, "from" date, "to" date)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
    WITH present AS (
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'analytics.event'::regclass
    ), span AS (
        -- the first month kept as a month of its own is fixed when the first one is made, so that a year that was
        -- split stays split
        SELECT coalesce((SELECT min(to_date(right(p.relname, 7), 'YYYY_MM')) FROM present p
                          WHERE p.relname ~ '^event_m[0-9]{4}_[0-9]{2}$'),
                        date_trunc('month', now() - interval '1 year'))::date AS first_month
    ), wanted AS (
        SELECT 'event_past' AS name, date '1990-01-01' AS "from", date '2010-01-01' AS "to"
        UNION ALL
        SELECT 'event_y' || to_char(y, 'YYYY'), y::date, least((y + interval '1 year')::date, span.first_month)
          FROM span, generate_series(timestamp '2010-01-01', span.first_month - interval '1 day', interval '1 year') y
        UNION ALL
        SELECT 'event_m' || to_char(m, 'YYYY_MM'), m::date, (m + interval '1 month')::date
          FROM span, generate_series(span.first_month::timestamp, date_trunc('month', now() + interval '3 months'),
                                     interval '1 month') m
    )
    SELECT w.name, w."from", w."to" FROM wanted w WHERE w.name NOT IN (SELECT p.relname FROM present p)
$$;
COMMENT ON FUNCTION analytics.missing_partitions() IS 'partitions of event that maintain_partitions() would make now';

CREATE OR REPLACE FUNCTION analytics.maintain_partitions() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET lock_timeout = '50ms'
AS $$
DECLARE
    part record;
    made integer := 0;
    moved date[];
BEGIN
    IF NOT EXISTS (SELECT FROM analytics.missing_partitions()) THEN
        RETURN 0;
    END IF;
    -- READ COMMITTED, since cells merged after an older snapshot could not be built anew
    IF current_setting('transaction_isolation') <> 'read committed' OR NOT analytics.lock_engine(false) THEN
        RETURN 0;
    END IF;
    -- ATTACH needs it: whoever reads or writes queues behind this request, hence the short wait, before anything is done
    LOCK TABLE analytics.event_default IN ACCESS EXCLUSIVE MODE;
    FOR part IN SELECT * FROM analytics.missing_partitions() m ORDER BY m."from" LOOP
        IF EXISTS (SELECT FROM ONLY analytics.event_default e
                    WHERE e.occurred_at >= part."from"::timestamptz AND e.occurred_at < part."to"::timestamptz) THEN
            moved := moved || part."from";
            moved := moved || part."to";
            PERFORM analytics.unmerge_pairs(part."from", part."to");
        END IF;
        made := made + analytics.make_partition(part."from", part."to", part.name)::integer;
    END LOOP;
    FOR i IN 1 .. coalesce(array_length(moved, 1), 0) BY 2 LOOP
        -- from the bucket on that the range begins in
        FOR part IN SELECT s.name, greatest(moved[i] - 32, s.built_from) AS "from", moved[i + 1] + 2 AS "to"
                      FROM analytics.rollup_state s JOIN analytics.rollup r USING (name)
                     ORDER BY array_position('{hour,day,week,month}'::text[], r.grain) LOOP
            PERFORM analytics.build_range(part.name, part."from", part."to");
        END LOOP;
    END LOOP;
    IF moved <> '{}' THEN
        PERFORM analytics.build_customers(NULL);
        PERFORM analytics.forget_sessions();
        PERFORM analytics.outdate_snapshots();
    END IF;
    RETURN made;
EXCEPTION WHEN lock_not_available THEN
    -- an open transaction uses the default partition: it takes the rows until the next try
    RETURN 0;
END
$$;
COMMENT ON FUNCTION analytics.maintain_partitions() IS
'makes the partitions of event that are due, three months ahead, and moves what fell into the default one; returns how many. Run by the refresh worker''s step, maintain()';
