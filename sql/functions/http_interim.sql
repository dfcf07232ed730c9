-- What the HTTP server asks the database, in its simplest form.

CREATE TABLE analytics.ingest_key (
    store_id text NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    rate integer,
    events text[],
    webhook_secret text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    revoked_at timestamptz,
    PRIMARY KEY (store_id, name)
);
COMMENT ON TABLE analytics.ingest_key IS 'keys of POST /api/ingest; for the owner alone';
COMMENT ON COLUMN analytics.ingest_key.store_id IS 'store whose events the key sends';
COMMENT ON COLUMN analytics.ingest_key.name IS 'what the key is called';
COMMENT ON COLUMN analytics.ingest_key.hash IS 'SHA-256 of the key';
COMMENT ON COLUMN analytics.ingest_key.rate IS 'events per second; null: no limit';
COMMENT ON COLUMN analytics.ingest_key.events IS 'event types that it may send; null: all';
COMMENT ON COLUMN analytics.ingest_key.webhook_secret IS 'what webhooks are signed with; null: they are not';
COMMENT ON COLUMN analytics.ingest_key.created_at IS 'when it was made';
COMMENT ON COLUMN analytics.ingest_key.revoked_at IS 'since when it is not taken any more';
REVOKE ALL ON analytics.ingest_key FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.create_ingest_key(name text, store text DEFAULT 'main', rate integer DEFAULT NULL, events text[] DEFAULT NULL, webhook_secret text DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := 'ik_' || translate(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/=', '-_');
BEGIN
    INSERT INTO analytics.ingest_key (store_id, name, hash, rate, events, webhook_secret)
    VALUES (store, create_ingest_key.name, sha256(convert_to(key, 'UTF8')), create_ingest_key.rate, create_ingest_key.events, create_ingest_key.webhook_secret);
    RETURN key;
END
$$;
COMMENT ON FUNCTION analytics.create_ingest_key(text, text, integer, text[], text) IS 'makes a key for POST /api/ingest and shows it this once; only its hash is kept';
REVOKE ALL ON FUNCTION analytics.create_ingest_key(text, text, integer, text[], text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.revoke_ingest_key(name text, store text DEFAULT 'main') RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE analytics.ingest_key k SET revoked_at = now() WHERE k.store_id = store AND k.name = revoke_ingest_key.name AND k.revoked_at IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION analytics.revoke_ingest_key(text, text) IS 'no request with this key is taken any more, a second later at the latest; false: there is no such key';
REVOKE ALL ON FUNCTION analytics.revoke_ingest_key(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.find_ingest_key(hash bytea)
    RETURNS TABLE (store_id text, name text, revoked boolean, rate integer, events text[], webhook_secret text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.store_id, k.name, k.revoked_at IS NOT NULL, k.rate, k.events, k.webhook_secret FROM analytics.ingest_key k WHERE k.hash = find_ingest_key.hash
$$;
COMMENT ON FUNCTION analytics.find_ingest_key(bytea) IS 'the key with this SHA-256; for the HTTP server';
REVOKE ALL ON FUNCTION analytics.find_ingest_key(bytea) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.http_live(since pg_snapshot, OUT snapshot pg_snapshot, OUT as_of timestamptz, OUT events jsonb, OUT counts jsonb, OUT too_old boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    newer xid8 := pg_snapshot_xmax(since);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(since));
BEGIN
    snapshot := pg_current_snapshot();
    as_of := statement_timestamp();
    events := '[]';
    counts := '{}';
    too_old := false;
    IF since IS NULL THEN
        RETURN;
    END IF;
    too_old := coalesce((SELECT e.ingested_at < statement_timestamp() - interval '5 minutes' FROM analytics.event e WHERE e.stamp >= newer ORDER BY e.stamp LIMIT 1), false);
    IF too_old THEN
        RETURN;
    END IF;
    WITH delta AS MATERIALIZED (
        SELECT * FROM analytics.event n WHERE n.stamp >= newer
        UNION ALL
        SELECT * FROM analytics.event p WHERE p.stamp = ANY (running)
    ), shown AS (
        SELECT e.*, row_number() OVER (ORDER BY e.stamp DESC, e.occurred_at DESC, e.event_id, e.line) AS place
          FROM delta e
         WHERE e.sign = 1 AND e.excluded IS NULL
           AND NOT EXISTS (SELECT FROM delta t WHERE t.sign = -1 AND t.store_id = e.store_id AND t.event_id = e.event_id AND t.revision = e.revision AND t.line = e.line)
    )
    SELECT coalesce((SELECT jsonb_agg(jsonb_build_object('event_type', s.event_type, 'occurred_at', s.occurred_at, 'store_id', s.store_id, 'order_id', s.order_id,
                        'product_id', s.product_id, 'quantity', s.quantity, 'value', s.amount, 'currency', s.currency, 'channel', s.channel, 'country', s.country, 'device', s.device)
                        ORDER BY s.place DESC) FROM shown s WHERE s.place <= 1000), '[]'),
           coalesce((SELECT jsonb_object_agg(c.store_id, c.types) FROM (
                        SELECT t.store_id, jsonb_object_agg(t.event_type, t.lines) AS types
                          FROM (SELECT s.store_id, s.event_type, count(*) AS lines FROM shown s GROUP BY s.store_id, s.event_type) t
                         GROUP BY t.store_id) c), '{}')
      INTO events, counts;
END
$$;
COMMENT ON FUNCTION analytics.http_live(pg_snapshot) IS 'the lines that were committed since a snapshot, the newest 1000, and how many of each store and type; too_old: it reaches back more than 5 minutes. For GET /api/live';
REVOKE ALL ON FUNCTION analytics.http_live(pg_snapshot) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.http_health() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('as_of', min(s.last_refresh), 'lag_seconds', round(extract(epoch FROM max(s.lag))::numeric, 3), 'pending_rows', max(s.tail_rows),
                              'problems', '[]'::jsonb)
      FROM analytics.rollup_status s
$$;
COMMENT ON FUNCTION analytics.http_health() IS 'how far the rollups are, for GET /api/health';
REVOKE ALL ON FUNCTION analytics.http_health() FROM PUBLIC;
