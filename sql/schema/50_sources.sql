-- Sources: a shop's own tables that are kept flowing in (functions/sync_source.sql).
--
-- Invariants
--   a source belongs to the role that registered it, and whatever its owner wrote into it (query, mapping) runs with that role's rights alone;
--   source_key holds what of the source stands as events: a key's row is written by the transaction that ingests or retracts its events;
--   what a trigger sees is queued by the transaction that changes the shop's row.

CREATE TABLE analytics.source (
    name text NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    owner name NOT NULL DEFAULT current_user,
    store_id text NOT NULL,
    relation text NOT NULL,
    is_query boolean NOT NULL,
    key text NOT NULL,
    key_type text NOT NULL,
    mapping jsonb NOT NULL,
    watermark text,
    watermark_type text,
    search_path text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    phase text CHECK (phase IN ('rows', 'wait', 'keys')),
    at_key text,
    pass_rows bigint NOT NULL DEFAULT 0,
    pass_of bigint,
    pass_is_clean boolean,
    checked_at timestamptz,
    mark text,
    next_mark text,
    next_running text[],
    next_at timestamptz,
    sent bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    retracted bigint NOT NULL DEFAULT 0,
    synced_at timestamptz,
    last_error text
) WITH (fillfactor = 50);
COMMENT ON TABLE analytics.source IS 'tables of a shop that are kept flowing in, written by sync_source(); each role sees its own. source_status shows how far they are';
COMMENT ON COLUMN analytics.source.name IS 'name that sync_source() gave it';
COMMENT ON COLUMN analytics.source.owner IS 'role that registered it; query and mapping run with its rights alone';
COMMENT ON COLUMN analytics.source.store_id IS 'store of events that name none';
COMMENT ON COLUMN analytics.source.relation IS 'qualified name of a table, or a query';
COMMENT ON COLUMN analytics.source.is_query IS 'whether relation is a query';
COMMENT ON COLUMN analytics.source.key IS 'column that tells its rows apart';
COMMENT ON COLUMN analytics.source.key_type IS 'type of key in PostgreSQL';
COMMENT ON COLUMN analytics.source.mapping IS 'how a row becomes events: {"events": [...], "watch": [...], "deleted": "retract"}';
COMMENT ON COLUMN analytics.source.watermark IS 'expression that grows with each change of a row; null: triggers tell what changes';
COMMENT ON COLUMN analytics.source.watermark_type IS 'type of watermark in PostgreSQL; null without one';
COMMENT ON COLUMN analytics.source.search_path IS 'search_path of the session that registered it; query and mapping are read under it';
COMMENT ON COLUMN analytics.source.registered_at IS 'when it was registered';
COMMENT ON COLUMN analytics.source.phase IS 'pass under way. rows: over all rows of the source; wait: they were read, and will be once more, when no row can appear behind the pass; keys: over what is known of it, to find deletions; null: none';
COMMENT ON COLUMN analytics.source.at_key IS 'last key that the pass has done';
COMMENT ON COLUMN analytics.source.pass_rows IS 'rows that the present or last pass over all rows has read';
COMMENT ON COLUMN analytics.source.pass_of IS 'rows that the planner reckoned the table has when the pass began; null: not known';
COMMENT ON COLUMN analytics.source.pass_is_clean IS 'whether all that might still commit with an earlier watermark had ended when the pass began';
COMMENT ON COLUMN analytics.source.checked_at IS 'when deletions were last looked for';
COMMENT ON COLUMN analytics.source.mark IS 'no row with this watermark or an earlier one is going to appear any more';
COMMENT ON COLUMN analytics.source.next_mark IS 'becomes the mark, once the transactions of next_running have ended and next_at is long enough ago';
COMMENT ON COLUMN analytics.source.next_running IS 'transactions that were running when next_mark was noted';
COMMENT ON COLUMN analytics.source.next_at IS 'when next_mark was noted';
COMMENT ON COLUMN analytics.source.sent IS 'events that were accepted, later versions included';
COMMENT ON COLUMN analytics.source.rejected IS 'events that were rejected';
COMMENT ON COLUMN analytics.source.retracted IS 'events that were taken back';
COMMENT ON COLUMN analytics.source.synced_at IS 'when something was last taken in or taken back';
COMMENT ON COLUMN analytics.source.last_error IS 'why the last sync of it failed; null: it did not';
SELECT pg_catalog.pg_extension_config_dump('analytics.source', '');

CREATE TABLE analytics.source_key (
    source text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint uuid,
    events jsonb NOT NULL,
    error text,
    PRIMARY KEY (source, key)
);
COMMENT ON TABLE analytics.source_key IS 'rows of sources that were taken in';
COMMENT ON COLUMN analytics.source_key.source IS 'name of the source';
COMMENT ON COLUMN analytics.source_key.key IS 'key of the row, as text';
COMMENT ON COLUMN analytics.source_key.fingerprint IS 'MD5 of the events that the row became; the same again changes nothing';
COMMENT ON COLUMN analytics.source_key.events IS 'the events: [[store, event_id, order_id], ...]';
COMMENT ON COLUMN analytics.source_key.error IS 'why the row could not be made into events; null: it could';
CREATE INDEX source_key_error ON analytics.source_key (source) WHERE error IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('analytics.source_key', '');

CREATE TABLE analytics.source_queue (
    source text COLLATE "C" NOT NULL,
    watch smallint NOT NULL,
    key text
);
COMMENT ON TABLE analytics.source_queue IS 'what changed in the shop''s tables and is to be looked at';
COMMENT ON COLUMN analytics.source_queue.source IS 'name of the source';
COMMENT ON COLUMN analytics.source_queue.watch IS 'which of the source''s watched tables: 0 is the source itself';
COMMENT ON COLUMN analytics.source_queue.key IS 'value of the watched column; null: the table was emptied';
SELECT pg_catalog.pg_extension_config_dump('analytics.source_queue', '');

-- Roles that may use these tables at all see what is theirs.
ALTER TABLE analytics.source ENABLE ROW LEVEL SECURITY;
ALTER TABLE analytics.source_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE analytics.source_queue ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON analytics.source USING (owner = current_user);
CREATE POLICY own ON analytics.source_key USING (source IN (SELECT s.name FROM analytics.source s WHERE s.owner = current_user));
CREATE POLICY own ON analytics.source_queue USING (source IN (SELECT s.name FROM analytics.source s WHERE s.owner = current_user));
