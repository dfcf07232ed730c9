-- Keys of senders over HTTP. Of a key its hash alone is kept; webhook_secret must be kept as it is, since signatures are computed with
-- it. Readable by the owner alone: no level of access has it.
CREATE TABLE analytics.ingest_key (
    hash bytea NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    store_id text NOT NULL CHECK (octet_length(store_id) >= 1 AND octet_length(store_id) <= 1024),
    name text NOT NULL CHECK (octet_length(name) >= 1 AND octet_length(name) <= 200),
    rate integer CHECK (rate > 0),
    events text[] CHECK (cardinality(events) > 0),
    webhook_secret text CHECK (webhook_secret <> ''),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    revoked_at timestamptz
);
COMMENT ON TABLE analytics.ingest_key IS 'keys that senders use over HTTP, made by create_ingest_key(); for the owner alone';
COMMENT ON COLUMN analytics.ingest_key.hash IS 'SHA-256 of the key, its ik_ included';
COMMENT ON COLUMN analytics.ingest_key.store_id IS 'store that it may write to';
COMMENT ON COLUMN analytics.ingest_key.name IS 'name of the key, unique among the store''s keys that are in force';
COMMENT ON COLUMN analytics.ingest_key.rate IS 'events it may send a second; null: as many as it likes';
COMMENT ON COLUMN analytics.ingest_key.events IS 'event types it may send; null: all';
COMMENT ON COLUMN analytics.ingest_key.webhook_secret IS 'secret by which its payloads must be signed (Shopify, WooCommerce); null: none';
COMMENT ON COLUMN analytics.ingest_key.created_at IS 'when it was made';
COMMENT ON COLUMN analytics.ingest_key.revoked_at IS 'when it was revoked; null: it is in force';
CREATE UNIQUE INDEX ingest_key_name ON analytics.ingest_key (store_id, name) WHERE revoked_at IS NULL;
SELECT pg_catalog.pg_extension_config_dump('analytics.ingest_key', '');
