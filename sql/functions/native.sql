-- The functions that are C++, all of them. The portable edition has functions/native_portable.sql in this place.
-- What they mean, and who may call them, stands beside the SQL functions of their kind.

-- It depends on the transaction, and so is not immutable by nature. It is declared so because a generated column takes
-- no other function, and a generated column is what no sender can set and every way in stamps: COPY, INSERT, restore,
-- logical replication. It is safe there: PostgreSQL evaluates a generation expression, or folds it to a constant, once
-- a statement begins to execute, and a statement runs in one transaction. Use it nowhere else.
CREATE OR REPLACE FUNCTION analytics.stamp() RETURNS xid8
    LANGUAGE c IMMUTABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'analytics_stamp';

CREATE OR REPLACE FUNCTION analytics.ingest(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_jsonb';

CREATE OR REPLACE FUNCTION analytics.ingest(payload text, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_text';

CREATE OR REPLACE FUNCTION analytics.validate(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_validate_jsonb';

CREATE OR REPLACE FUNCTION analytics.validate(payload text, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_validate_text';

CREATE OR REPLACE FUNCTION analytics.replay_rejected(ids bigint[] DEFAULT NULL, store text DEFAULT NULL,
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_replay_rejected';

CREATE OR REPLACE FUNCTION analytics.ingest_group(payloads text[], formats text[] DEFAULT NULL, stores text[] DEFAULT NULL,
    events jsonb DEFAULT NULL, bound boolean[] DEFAULT NULL)
    RETURNS TABLE (member integer, accepted bigint, duplicates bigint, rejected bigint, errors jsonb, sqlstate text, message text,
                   detail text, hint text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_group';

CREATE OR REPLACE FUNCTION analytics.start_workers() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_start_workers';

CREATE OR REPLACE FUNCTION analytics.stop_workers() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_stop_workers';

CREATE OR REPLACE FUNCTION analytics.read_filter(sent text, OUT filter text, OUT condition text)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_read_filter';

CREATE OR REPLACE FUNCTION analytics.merge_cells(description text, newer xid8, running xid8[], names text[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_merge_cells';
