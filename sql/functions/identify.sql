-- An anonymous visitor who turns out to be a customer. The visitor's events are corrected like any other: their lines are taken
-- back and written again with the customer, so that every figure follows and a later correction by the sender finds them.

-- Gives the visitor's events that name no customer to the customer; returns how many.
CREATE OR REPLACE FUNCTION analytics.name_visitor(of_store text, visitor text, customer text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    -- what is copied as it is
    columns constant text := (SELECT string_agg('e.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                               WHERE a.attrelid = 'analytics.event'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                                 AND a.attname NOT IN ('sign', 'revision', 'customer_id', 'stamp', 'ingested_at', 'ingest_xid'));
    names text[];
    kinds "char"[];
    part regclass;
    versions bigint;
    expected bigint;
    written bigint := 0;
BEGIN
    -- before any key is held, as ingest() does
    LOCK TABLE analytics.event IN ROW EXCLUSIVE MODE;
    SELECT array_agg(k.name), array_agg(k.kind) INTO names, kinds
      FROM (SELECT DISTINCT CASE WHEN e.event_type = 'purchase' AND e.order_id IS NOT NULL THEN e.order_id ELSE e.event_id END AS name,
                   CASE WHEN e.event_type = 'purchase' AND e.order_id IS NOT NULL THEN 'o' ELSE 'e' END::"char" AS kind
              FROM analytics.event e
             WHERE e.store_id = of_store AND e.anonymous_id = visitor AND e.customer_id IS NULL) k;
    IF names IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM FROM analytics.event_key c
      WHERE c.store_id = of_store AND (c.key, c.kind) IN (SELECT * FROM unnest(names, kinds))
      ORDER BY c.store_id, c.key, c.kind FOR UPDATE;
    -- with the keys held, by statements whose snapshots see what their last holder did: the versions that stand
    FOR part IN SELECT DISTINCT e.tableoid FROM analytics.event e
                 WHERE e.store_id = of_store AND e.anonymous_id = visitor AND e.customer_id IS NULL LOOP
        EXECUTE format(
            -- Many events may share a moment (orders known to the day): each CASE keeps what is looked for in a hash table that each line is held
            -- against; as a join it might be gone through for every line.
            'WITH visit AS MATERIALIZED (
                 SELECT e.occurred_at, e.event_id, e.revision, CASE WHEN e.event_type = ''purchase'' THEN coalesce(e.order_id, '''') ELSE '''' END AS order_id
                   FROM %1$s e WHERE e.store_id = $1 AND e.anonymous_id = $2 AND e.customer_id IS NULL AND e.sign = 1
             ), named AS MATERIALIZED (
                 SELECT c.*
                   FROM (SELECT k.key, k.kind, k.occurred_at, coalesce(k.event_id, k.key) AS event_id, k.revision, k.lines, CASE k.kind WHEN ''o'' THEN k.key ELSE '''' END AS order_id
                           FROM unnest($4, $5) n(key, kind) JOIN analytics.event_key k ON k.store_id = $1 AND k.key = n.key AND k.kind = n.kind) c
                  WHERE CASE WHEN c.lines > 0 THEN (c.occurred_at, c.event_id, c.revision, c.order_id) IN (SELECT v.occurred_at, v.event_id, v.revision, v.order_id FROM visit v) END
             ), line AS MATERIALIZED (
                 SELECT e.* FROM (SELECT DISTINCT v.occurred_at FROM named v) t
                   JOIN %1$s e ON e.store_id = $1 AND e.occurred_at = t.occurred_at AND e.sign = 1
                  WHERE CASE WHEN e.sign = 1 THEN (e.occurred_at, e.event_id, e.revision, CASE WHEN e.event_type = ''purchase'' THEN coalesce(e.order_id, '''') ELSE '''' END)
                                                  IN (SELECT v.occurred_at, v.event_id, v.revision, v.order_id FROM named v) END
             ), written AS (
                 INSERT INTO %1$s (%2$s, sign, revision, customer_id)
                 SELECT %3$s, -1, e.revision, e.customer_id FROM line e
                  UNION ALL
                 SELECT %3$s, 1, e.revision + 1, CASE WHEN e.anonymous_id = $2 THEN coalesce(e.customer_id, $3) ELSE e.customer_id END FROM line e
                 RETURNING 1
             ), raised AS (
                 UPDATE analytics.event_key c SET revision = c.revision + 1 FROM named v WHERE c.store_id = $1 AND c.key = v.key AND c.kind = v.kind
             )
             SELECT (SELECT count(*) FROM named), (SELECT 2 * sum(lines) FROM named) - (SELECT count(*) FROM written)',
            part, replace(columns, 'e.', ''), columns)
            INTO versions, expected USING of_store, visitor, customer, names, kinds;
        IF expected <> 0 THEN
            RAISE EXCEPTION 'an event''s lines are not in this transaction''s snapshot' USING ERRCODE = '40001',
                HINT = 'Retry the transaction.';
        END IF;
        written := written + versions;
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION analytics.name_visitor(text, text, text) IS 'corrects a visitor''s events that name no customer to name this one; returns how many';

CREATE OR REPLACE FUNCTION analytics.identify(anonymous_id text, customer_id text, store text DEFAULT 'main') RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF anonymous_id IS NULL OR customer_id IS NULL OR store IS NULL
       OR NOT (octet_length(anonymous_id) BETWEEN 1 AND 1024 AND octet_length(customer_id) BETWEEN 1 AND 1024 AND octet_length(store) BETWEEN 1 AND 1024) THEN
        RAISE EXCEPTION 'anonymous_id, customer_id and store must have 1 to 1024 bytes' USING ERRCODE = '22023',
            HINT = 'Call analytics.identify(anonymous_id, customer_id, store).';
    END IF;
    PERFORM analytics.require_store(store);
    -- From the first identity on there is a target 'identity', up to whose P events are looked through for visitors known by now.
    -- Whoever moves that P waits for whoever identifies, so that no event falls between the two.
    INSERT INTO analytics.rollup_state (name, merged, refreshed_at, duration, rows)
    SELECT 'identity', CASE WHEN EXISTS (SELECT FROM analytics.identity) THEN '1:1:' ELSE analytics.merging_snapshot() END, clock_timestamp(), '0', 0
     WHERE NOT EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'identity')
        ON CONFLICT (name) DO NOTHING;
    PERFORM FROM analytics.rollup_state s WHERE s.name = 'identity' FOR SHARE;
    INSERT INTO analytics.identity AS i (store_id, anonymous_id, customer_id)
    VALUES (identify.store, identify.anonymous_id, identify.customer_id)
        ON CONFLICT ON CONSTRAINT identity_pkey DO UPDATE SET customer_id = excluded.customer_id, identified_at = now();
    PERFORM analytics.name_visitor(identify.store, identify.anonymous_id, identify.customer_id);
END
$$;
COMMENT ON FUNCTION analytics.identify(text, text, text) IS
'joins an anonymous visitor to a customer: events of anonymous_id that name no customer, those sent before and those to come, are the customer''s. Events that name a customer stay as they are; a visitor identified anew is from then on the later customer.
22023: an argument is null, empty or longer than 1,024 bytes; 42501: not this store';

-- Events that were on their way while their visitor was identified.
CREATE OR REPLACE FUNCTION analytics.name_late_visitors() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET lock_timeout = '200ms'
    SET jit = off
AS $$
DECLARE
    merged pg_snapshot;
    reached pg_snapshot;
    n bigint := 0;
BEGIN
    -- after a restore all events are looked through: some may have been on their way when they were dumped
    INSERT INTO analytics.rollup_state (name, merged, refreshed_at, duration, rows)
    SELECT 'identity', '1:1:', clock_timestamp(), '0', 0
     WHERE EXISTS (SELECT FROM analytics.identity) AND NOT EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'identity')
        ON CONFLICT (name) DO NOTHING;
    SELECT s.merged INTO merged FROM analytics.rollup_state s WHERE s.name = 'identity' FOR UPDATE SKIP LOCKED;
    IF merged IS NULL OR NOT analytics.has_tail(merged) THEN
        RETURN 0;
    END IF;
    reached := analytics.merging_snapshot();
    SELECT coalesce(sum(analytics.name_visitor(k.store_id, k.anonymous_id, k.customer_id)), 0) INTO n
      FROM (SELECT DISTINCT i.store_id, i.anonymous_id, i.customer_id
              FROM (SELECT e.* FROM analytics.event e WHERE e.stamp >= pg_snapshot_xmax(merged) AND e.customer_id IS NULL AND e.sign = 1
                    UNION ALL
                    SELECT e.* FROM analytics.event e WHERE e.stamp = ANY (ARRAY(SELECT pg_snapshot_xip(merged))) AND e.customer_id IS NULL AND e.sign = 1) t
              JOIN analytics.identity i ON i.store_id = t.store_id AND i.anonymous_id = t.anonymous_id
             -- (most were named already: of those the first version was taken back)
             WHERE NOT EXISTS (SELECT FROM analytics.event b
                                WHERE b.sign = -1 AND b.store_id = t.store_id AND b.event_id = t.event_id AND b.event_type = t.event_type
                                  AND b.occurred_at = t.occurred_at AND b.revision = t.revision AND b.order_id IS NOT DISTINCT FROM t.order_id AND b.line = t.line)
            OFFSET 0) k;
    UPDATE analytics.rollup_state s SET merged = reached, refreshed_at = clock_timestamp(), rows = n WHERE s.name = 'identity';
    RETURN n;
EXCEPTION WHEN lock_not_available THEN
    -- an open transaction holds one of the events: another time, from the same P
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.name_late_visitors() IS 'gives events that were written while their visitor was being identified to the customer; null when an open transaction holds one; the caller holds the engine lock';
