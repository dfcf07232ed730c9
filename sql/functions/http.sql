-- What the HTTP server asks of the database: who sends, what just happened, how things stand. Keys are made by administrators; the
-- rest is for the owner, in whose name the executors work.

COMMENT ON FUNCTION analytics.ingest_group(text[], text[], text[], jsonb, boolean[]) IS
'takes in several payloads by one statement for each step, as the HTTP server does with the requests that wait; one row each, member from 1. For tests and measuring.
formats, stores: of each, default auto and main. events: of each null (all) or an array of the types it may send. bound: whether it may write to its store alone.
A payload that is not taken at all has sqlstate, message, detail and hint of its own, and no figures; the others are what ingest() returns';
REVOKE ALL ON FUNCTION analytics.ingest_group(text[], text[], text[], jsonb, boolean[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.require_key_name(name text, store text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL OR name !~ '\S' OR octet_length(name) > 200 THEN
        RAISE EXCEPTION 'invalid name of an ingest key' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'Pass a name of 1 to 200 bytes that says who sends, such as shop-backend.';
    ELSIF store IS NULL OR store = '' OR octet_length(store) > 1024 THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(store, 100)),
            HINT = 'Pass a store id of 1 to 1024 bytes, or leave it out for ''main''.';
    END IF;
    PERFORM analytics.require_store(store);
END
$$;
COMMENT ON FUNCTION analytics.require_key_name(text, text) IS '22023 unless a key may have this name and store; 42501: not this store';
REVOKE ALL ON FUNCTION analytics.require_key_name(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.create_ingest_key(name text, store text DEFAULT 'main', rate integer DEFAULT NULL, events text[] DEFAULT NULL,
    webhook_secret text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    key text;
    wrong text;
BEGIN
    PERFORM analytics.require_key_name(name, store);
    IF rate <= 0 THEN
        RAISE EXCEPTION 'invalid rate of an ingest key' USING ERRCODE = '22023', DETAIL = format('Got %s.', rate),
            HINT = 'Pass how many events it may send a second, 1 or more, or NULL for no limit.';
    ELSIF events = '{}' OR array_ndims(events) > 1 THEN
        RAISE EXCEPTION 'an ingest key that may send nothing' USING ERRCODE = '22023', DETAIL = format('Got events %L.', events),
            HINT = 'Name the event types it may send, such as {page_view,view_item,add_to_cart}, or NULL for all.';
    ELSIF webhook_secret = '' THEN
        RAISE EXCEPTION 'invalid webhook secret' USING ERRCODE = '22023', DETAIL = 'It is empty.',
            HINT = 'Pass the secret that the shop system signs its webhooks with, or NULL for none.';
    END IF;
    SELECT coalesce(e, 'NULL') INTO wrong FROM unnest(events) e WHERE e IS NULL OR e !~ '^[a-z][a-z0-9_]{0,63}$' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid event type' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(wrong, 100)),
            HINT = 'Use a lower-case name such as view_item: [a-z][a-z0-9_]{0,63}.';
    END IF;
    -- 32 random bytes: three UUIDs have 366 bits of chance
    key := 'ik_' || translate(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'), '+/=', '-_');
    INSERT INTO analytics.ingest_key (hash, store_id, name, rate, events, webhook_secret)
    VALUES (sha256(convert_to(key, 'UTF8')), store, name, rate, events, webhook_secret)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an ingest key of this name exists' USING ERRCODE = '42710', DETAIL = format('Key %L of store %L.', name, store),
            HINT = format('Choose another name, or first SELECT analytics.revoke_ingest_key(%L, %L).', name, store);
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION analytics.create_ingest_key(text, text, integer, text[], text) IS
'makes a key for POST /api/ingest and returns it, this once: its hash alone is kept. It can write to the store and do nothing else.
rate: events a second, null: no limit. events: the types it may send, null: all; a browser''s key leaves out purchase and refund. webhook_secret: what Shopify or WooCommerce signs its webhooks with; unsigned payloads are then refused.
22023: an argument is not sound; 42710: the store has a key of that name in force; 42501: not this store';
REVOKE ALL ON FUNCTION analytics.create_ingest_key(text, text, integer, text[], text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.revoke_ingest_key(name text, store text DEFAULT 'main') RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.require_key_name(name, store);
    UPDATE analytics.ingest_key k SET revoked_at = now()
     WHERE k.store_id = revoke_ingest_key.store AND k.name = revoke_ingest_key.name AND k.revoked_at IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION analytics.revoke_ingest_key(text, text) IS
'revokes the store''s key of that name, for good: within two seconds what is sent with it is answered 403. The name may be given anew. False: there is no such key in force. 22023: an argument is not sound; 42501: not this store';
REVOKE ALL ON FUNCTION analytics.revoke_ingest_key(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.find_ingest_key(hash bytea)
    RETURNS TABLE (store_id text, name text, revoked boolean, rate integer, events text[], webhook_secret text)
    LANGUAGE sql STABLE ROWS 1
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.store_id, k.name, k.revoked_at IS NOT NULL, k.rate, k.events, k.webhook_secret FROM analytics.ingest_key k WHERE k.hash = $1
$$;
COMMENT ON FUNCTION analytics.find_ingest_key(bytea) IS 'the key of which this is the SHA-256, revoked or not; no row: there is none';
REVOKE ALL ON FUNCTION analytics.find_ingest_key(bytea) FROM PUBLIC;

-- The snapshot of the calling statement with the own transaction, if it has an id, counted as running: what it wrote is not shown before
-- it is committed (merging_snapshot(), without taking an id). STABLE, so that it is the caller's snapshot.
CREATE OR REPLACE FUNCTION analytics.live_snapshot() RETURNS pg_snapshot
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN s.own < pg_snapshot_xmax(s.now) THEN
                format('%s:%s:%s', pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now),
                       (SELECT string_agg(i.id::text, ',' ORDER BY i.id) FROM (SELECT pg_snapshot_xip(s.now) AS id UNION SELECT s.own) i))::pg_snapshot
                ELSE s.now END
      FROM (SELECT pg_current_snapshot() AS now, pg_current_xact_id_if_assigned() AS own) s
$$;
COMMENT ON FUNCTION analytics.live_snapshot() IS 'the calling statement''s snapshot, the own transaction counted as running; assigns no transaction id';
REVOKE ALL ON FUNCTION analytics.live_snapshot() FROM PUBLIC;

-- The engine's delta between two snapshots, as events: lines that `since` did not see and this statement does. Called again with the
-- snapshot that it returned it goes on exactly there, whatever the order of commits.
--   An event is one entry, however many lines it has. Of what was corrected the version that stands is shown; what was taken back is not;
-- a version that shows nothing new (identify() writes a visitor's events again, with the customer) is not shown again.
--   Lines that moved to another partition are stamped anew: ingest_xid, which moves along, tells whether `since` has seen them. (Of rows
-- that a restore or logical replication brought it is another server's, and nothing is promised.)
CREATE OR REPLACE FUNCTION analytics.http_live(since pg_snapshot, max_events integer DEFAULT 100, OUT snapshot pg_snapshot, OUT as_of timestamptz,
    OUT events jsonb, OUT counts jsonb, OUT dropped bigint)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    newer xid8 := pg_snapshot_xmax(since);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(since));
    own xid8 := coalesce(pg_current_xact_id_if_assigned(), '0');
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not tell what just happened' USING ERRCODE = '25006',
            HINT = 'Ask the primary; a standby''s snapshots are no place to go on from.';
    END IF;
    snapshot := analytics.live_snapshot();
    as_of := clock_timestamp();
    events := '[]';
    counts := '{}';
    dropped := 0;
    IF since IS NULL THEN
        RETURN;
    ELSIF newer > pg_snapshot_xmax(snapshot) THEN
        RAISE EXCEPTION 'the snapshot lies in the future' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(since::text, 100)),
            HINT = 'It is another server''s, or one from before a restore: begin anew with NULL.';
    END IF;
    WITH line AS (
        SELECT l.*
          FROM (SELECT n.store_id, n.event_id, n.event_type, n.order_id, n.occurred_at, n.revision, n.sign, n.product_id, n.quantity,
                       coalesce(n.amount, n.unit_price * coalesce(n.quantity, 1)) - coalesce(n.discount, 0) AS value, n.currency, n.channel, n.country,
                       n.device, n.ingested_at, n.ingest_xid
                  FROM analytics.event n WHERE n.stamp >= newer AND n.stamp <> own AND n.excluded IS NULL
                UNION ALL
                SELECT p.store_id, p.event_id, p.event_type, p.order_id, p.occurred_at, p.revision, p.sign, p.product_id, p.quantity,
                       coalesce(p.amount, p.unit_price * coalesce(p.quantity, 1)) - coalesce(p.discount, 0), p.currency, p.channel, p.country,
                       p.device, p.ingested_at, p.ingest_xid
                  FROM analytics.event p WHERE p.stamp = ANY (running) AND p.stamp <> own AND p.excluded IS NULL) l
         WHERE NOT pg_visible_in_snapshot(l.ingest_xid, since)
    ), version AS MATERIALIZED (
        -- stands: 1, or -1 where it was taken back; written and taken back since then: nothing
        SELECT l.store_id, l.event_id, l.event_type, l.order_id, l.occurred_at, sign(sum(l.sign)) AS stands,
               CASE WHEN min(l.product_id COLLATE "C") = max(l.product_id COLLATE "C") THEN min(l.product_id COLLATE "C") END AS product_id,
               sum(l.quantity) AS quantity, sum(l.value) AS value, min(l.currency) AS currency, min(l.channel) AS channel, min(l.country) AS country,
               min(l.device) AS device, max(l.ingested_at) AS ingested_at
          FROM line l
         GROUP BY l.store_id, l.event_id, l.event_type, l.order_id, l.occurred_at, l.revision
        HAVING sum(l.sign) <> 0
    ), event AS (
        SELECT v.*
          FROM version v
         WHERE v.stands > 0
           AND NOT EXISTS (SELECT FROM version b
                            WHERE b.stands < 0 AND b.store_id = v.store_id AND b.event_id = v.event_id AND b.event_type = v.event_type AND b.occurred_at = v.occurred_at
                              AND (b.order_id, b.product_id, b.quantity, b.value, b.currency, b.channel, b.country, b.device)
                                  IS NOT DISTINCT FROM (v.order_id, v.product_id, v.quantity, v.value, v.currency, v.channel, v.country, v.device))
    ), ranked AS MATERIALIZED (
        SELECT e.*, row_number() OVER (PARTITION BY e.store_id, e.event_type ORDER BY e.occurred_at DESC, e.ingested_at DESC, e.event_id) AS place FROM event e
    ), shown AS (
        -- so many of each store and type, so that whoever listens to some of them misses none of theirs for the others'
        SELECT r.* FROM ranked r WHERE r.place <= max_events ORDER BY r.place, r.occurred_at DESC LIMIT 20 * max_events
    ), counted AS (
        SELECT r.store_id, jsonb_object_agg(r.event_type, r.events) AS types, sum(r.events) AS events
          FROM (SELECT k.store_id, k.event_type, count(*) AS events FROM ranked k GROUP BY k.store_id, k.event_type) r
         GROUP BY r.store_id
    )
    SELECT (SELECT jsonb_agg(jsonb_build_object(
                       'event_type', s.event_type, 'occurred_at', to_char(s.occurred_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'store_id', s.store_id,
                       'order_id', s.order_id, 'product_id', s.product_id, 'quantity', s.quantity, 'value', s.value,
                       'currency', coalesce(s.currency, o.currency, d.currency, 'USD'), 'channel', s.channel, 'country', s.country, 'device', s.device)
                       ORDER BY s.occurred_at, s.ingested_at, s.event_id)
              FROM shown s
              LEFT JOIN analytics.store o ON o.store_id = s.store_id
              LEFT JOIN analytics.store d ON d.store_id = ''),
           (SELECT jsonb_object_agg(c.store_id, c.types) FROM counted c),
           (SELECT sum(c.events) FROM counted c) - (SELECT count(*) FROM shown)
      INTO events, counts, dropped;
    events := coalesce(events, '[]');
    counts := coalesce(counts, '{}');
    dropped := coalesce(dropped, 0);
END
$$;
COMMENT ON FUNCTION analytics.http_live(pg_snapshot, integer) IS
'events committed since a snapshot, for GET /api/live; snapshot: to be passed next time, so that each event is shown once, whatever the order of commits. since null: none, where to begin.
events: one entry an event, oldest first, the newest max_events of each store and type (20 times as many in all); quantity and value (after discounts, before tax and shipping) are sums over its lines, product_id null where they differ. counts: all of them, by store and type. dropped: how many are counted and not shown.
No ids of customers, visitors or sessions; test and bot events are left out. Writes nothing and takes no transaction id. Call it with a snapshot of now (READ COMMITTED). 22023: a snapshot of the future; 25006: on a standby';
REVOKE ALL ON FUNCTION analytics.http_live(pg_snapshot, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.http_live_is_stale(id text, span interval DEFAULT '5 minutes') RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    newer xid8;
BEGIN
    IF id IS NULL OR octet_length(id) > 100000 THEN
        RETURN true;
    END IF;
    BEGIN
        newer := pg_snapshot_xmax(id::pg_snapshot);
    EXCEPTION WHEN data_exception THEN
        RETURN true;
    END;
    -- one probe of an index for each partition: the first that was written after it
    RETURN newer > pg_snapshot_xmax(pg_current_snapshot())
        OR coalesce((SELECT e.ingested_at FROM analytics.event e WHERE e.stamp >= newer ORDER BY e.stamp LIMIT 1) < clock_timestamp() - span, false);
END
$$;
COMMENT ON FUNCTION analytics.http_live_is_stale(text, interval) IS
'whether http_live() had better not go on from this id: it is no snapshot, one of the future, or the first event written after it came in longer ago than the span. Cheap, however much has come in since';
REVOKE ALL ON FUNCTION analytics.http_live_is_stale(text, interval) FROM PUBLIC;

-- Looks at so many at most, so that it costs the same after a restore, when everything is to be merged.
CREATE OR REPLACE FUNCTION analytics.unmerged_lines(merged pg_snapshot, stores text[], OUT lines bigint, OUT oldest timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    most constant integer := 10000;
    newer xid8 := coalesce(pg_snapshot_xmax(merged), '0');
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
BEGIN
    SELECT count(*), min(t.ingested_at) INTO lines, oldest
      FROM ((SELECT e.ingested_at FROM analytics.event e WHERE e.stamp >= newer AND (stores IS NULL OR e.store_id = ANY (stores)) ORDER BY e.stamp LIMIT most)
            UNION ALL
            (SELECT e.ingested_at FROM analytics.event e WHERE e.stamp = ANY (running) AND (stores IS NULL OR e.store_id = ANY (stores)) LIMIT most)) t;
END
$$;
COMMENT ON FUNCTION analytics.unmerged_lines(pg_snapshot, text[]) IS
'event lines of these stores (null: of all) that the snapshot did not see, counted up to 10,000 (and as many of transactions that it saw running), and since when they wait';
REVOKE ALL ON FUNCTION analytics.unmerged_lines(pg_snapshot, text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.http_health(stores text[] DEFAULT NULL, OUT version text, OUT as_of timestamptz, OUT lag_seconds numeric, OUT pending_rows bigint, OUT problems text[])
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target record;
    tail record;
    oldest timestamptz;
    partition text;
BEGIN
    version := coalesce((SELECT e.extversion FROM pg_extension e WHERE e.extname = 'analytics'), 'portable');
    problems := '{}';
    pending_rows := 0;
    FOR target IN SELECT s.merged::text AS merged,
                         array_agg(n.name ORDER BY n.name) FILTER (WHERE s.name IS NULL) AS missing,
                         array_agg(n.name ORDER BY n.name) FILTER (WHERE s.built_from > '-infinity') AS building
                    FROM (SELECT r.name FROM analytics.rollup r UNION ALL SELECT 'session') n
                    LEFT JOIN analytics.rollup_state s USING (name)
                   GROUP BY s.merged::text LOOP
        SELECT * INTO tail FROM analytics.unmerged_lines(target.merged::pg_snapshot, stores);
        pending_rows := greatest(pending_rows, tail.lines);
        oldest := least(oldest, tail.oldest);
        IF target.missing IS NOT NULL AND tail.lines > 0 THEN
            problems := problems || format('not built yet: %s', array_to_string(target.missing, ', '));
        END IF;
        IF target.building IS NOT NULL THEN
            problems := problems || format('being built: %s', array_to_string(target.building, ', '));
        END IF;
    END LOOP;
    as_of := coalesce(least(oldest, clock_timestamp()), clock_timestamp());
    lag_seconds := round(greatest(extract(epoch FROM clock_timestamp() - as_of), 0), 3);
    IF lag_seconds > 60 THEN
        problems := problems || (CASE WHEN EXISTS (SELECT FROM analytics.running_workers() w WHERE w.worker = 'refresh') THEN 'events of more than a minute ago are not merged yet'
                                      ELSE 'events of more than a minute ago are not merged yet, and no refresh worker runs' END);
    END IF;
    SELECT m.name INTO partition FROM analytics.missing_partitions() m WHERE m."from" <= current_date + 7 AND m."to" > current_date ORDER BY m."from" LIMIT 1;
    IF FOUND AND EXISTS (SELECT FROM analytics.event) THEN
        problems := problems || format('partition %s is missing: its events go to the default one', partition);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.http_health(text[]) IS
'how things stand, for GET /api/health. stores: whose events are looked at, null: all. as_of: all that came in before it is merged, now where nothing is pending; lag_seconds: how long ago that is. pending_rows: event lines that some rollup has not merged, counted up to 10,000 (and as many of transactions that ran at the last refresh). problems: in words; none: {}. Views are right whatever stands here';
REVOKE ALL ON FUNCTION analytics.http_health(text[]) FROM PUBLIC;
