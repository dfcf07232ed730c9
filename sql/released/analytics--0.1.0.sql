\echo Use "CREATE EXTENSION analytics" to load this file. \quit

-- sql/schema/00_header.sql
-- analytics: the extension's script. Everything is qualified; nothing is found by the installer's search_path.
SET LOCAL search_path TO pg_catalog, pg_temp;
SET LOCAL check_function_bodies TO off;
SET LOCAL quote_all_identifiers TO off;
SET LOCAL default_tablespace TO '';
SET LOCAL standard_conforming_strings TO on;

-- What the installer's script calls must be its own: an object planted in the schema beforehand could be a better match.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace)
       OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace)
       OR EXISTS (SELECT FROM pg_operator o WHERE o.oprnamespace = 'analytics'::regnamespace)
       OR EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = 'analytics'::regnamespace) THEN
        RAISE EXCEPTION 'schema analytics is not empty' USING ERRCODE = '42P06',
            DETAIL = 'The extension makes its own objects there and takes over none.',
            HINT = 'Move what is in it to another schema, or drop it, then CREATE EXTENSION analytics again.';
    END IF;
    -- the schema's owner can drop what is in it
    IF (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'analytics') NOT IN (
           SELECT coalesce((SELECT e.extowner FROM pg_extension e WHERE e.extname = 'analytics'), (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user))
           UNION SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()
           UNION SELECT r.oid FROM pg_roles r WHERE r.rolsuper) THEN
        RAISE EXCEPTION 'schema analytics belongs to somebody else' USING ERRCODE = '42501',
            HINT = 'Drop it, or give it to the role that installs the extension: ALTER SCHEMA analytics OWNER TO ...';
    END IF;
END
$$;

-- sql/functions/native.sql
-- The functions that are C++, all of them. The portable edition has functions/native_portable.sql in this place.
-- What they mean, and who may call them, stands beside the SQL functions of their kind.

-- It depends on the transaction, and so is not immutable by nature. It is declared so because a generated column takes
-- no other function, and a generated column is what no sender can set and every way in stamps: COPY, INSERT, restore,
-- logical replication. It is safe there: PostgreSQL evaluates a generation expression, or folds it to a constant, once
-- a statement begins to execute, and a statement runs in one transaction. Use it nowhere else.
CREATE FUNCTION analytics.stamp() RETURNS xid8
    LANGUAGE c IMMUTABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'analytics_stamp';

CREATE FUNCTION analytics.ingest(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_jsonb';

CREATE FUNCTION analytics.ingest(payload text, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_text';

CREATE FUNCTION analytics.validate(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_validate_jsonb';

CREATE FUNCTION analytics.validate(payload text, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_validate_text';

CREATE FUNCTION analytics.replay_rejected(ids bigint[] DEFAULT NULL, store text DEFAULT NULL,
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_replay_rejected';

CREATE FUNCTION analytics.start_workers() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_start_workers';

CREATE FUNCTION analytics.stop_workers() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_stop_workers';

CREATE FUNCTION analytics.read_filter(sent text, OUT filter text, OUT condition text)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_read_filter';

-- sql/schema/10_stores.sql
-- Stores: settings and exchange rates.

CREATE TABLE analytics.store (
    store_id text NOT NULL PRIMARY KEY,
    timezone text,
    currency text,
    week_start text CHECK (week_start IN ('monday', 'sunday', 'saturday')),
    session_gap interval CHECK (session_gap > '0'),
    tax_included boolean,
    clock text CHECK (clock IN ('now', 'data')),
    event_retention interval CHECK (event_retention > '0')
);
COMMENT ON TABLE analytics.store IS 'settings per store, written by set_setting(); the row '''' holds the default of all stores; null: the default (set_setting lists the keys)';
COMMENT ON COLUMN analytics.store.store_id IS 'store; '''' is the default of all stores';
COMMENT ON COLUMN analytics.store.timezone IS 'reporting time zone, an IANA name; default UTC';
COMMENT ON COLUMN analytics.store.currency IS 'currency of events that name none, and of converted reports; ISO 4217; default USD';
COMMENT ON COLUMN analytics.store.week_start IS 'first day of a week: monday (default), sunday or saturday';
COMMENT ON COLUMN analytics.store.session_gap IS 'silence that ends a session; default 30 minutes';
COMMENT ON COLUMN analytics.store.tax_included IS 'whether prices that do not say so include tax; default false';
COMMENT ON COLUMN analytics.store.clock IS 'what reports call now: now (default), or data, the newest event''s time, for demos and archives';
COMMENT ON COLUMN analytics.store.event_retention IS 'how long raw events are kept; null: for ever';
SELECT pg_catalog.pg_extension_config_dump('analytics.store', '');

CREATE TABLE analytics.exchange_rate (
    store_id text NOT NULL DEFAULT '',
    currency text NOT NULL,
    valid_from date NOT NULL,
    rate numeric NOT NULL CHECK (rate > 0 AND rate < 1e12),
    PRIMARY KEY (store_id, currency, valid_from)
);
COMMENT ON TABLE analytics.exchange_rate IS 'dated exchange rates into a store''s reporting currency, written by set_exchange_rate()';
COMMENT ON COLUMN analytics.exchange_rate.store_id IS 'store; '''' serves every store without a rate of its own';
COMMENT ON COLUMN analytics.exchange_rate.currency IS 'currency converted from, ISO 4217';
COMMENT ON COLUMN analytics.exchange_rate.valid_from IS 'first day the rate holds for, until the next one''s';
COMMENT ON COLUMN analytics.exchange_rate.rate IS 'units of the reporting currency for 1 of this currency';
SELECT pg_catalog.pg_extension_config_dump('analytics.exchange_rate', '');

-- sql/schema/20_events.sql
-- Events: the signed, append-only log; the keys that make an event count once; what was rejected.
--
-- Invariants
--   every row carries in stamp the id of the top-level transaction that wrote it in this cluster;
--   all lines of one version of an event are written by one transaction, with one occurred_at;
--   a version is taken back by the same lines with sign -1, in the transaction that writes its successor.
-- stamp is generated, so that a restored or replicated row is stamped anew where it arrives, whoever writes it and
-- with whatever triggers disabled. ingest_xid is what senders see.

CREATE TABLE analytics.event (
    store_id text NOT NULL DEFAULT 'main',
    event_id text NOT NULL,
    line smallint NOT NULL DEFAULT 1,
    revision integer NOT NULL DEFAULT 1,
    sign smallint NOT NULL DEFAULT 1,
    event_type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    customer_id text,
    anonymous_id text,
    session_id text,
    order_id text,
    product_id text,
    quantity integer,
    unit_price numeric,
    amount numeric,
    discount numeric,
    tax numeric,
    shipping numeric,
    tax_included boolean NOT NULL DEFAULT false,
    line_kind text NOT NULL DEFAULT 'product',
    excluded text,
    currency text,
    channel text,
    country text,
    device text,
    campaign text,
    properties jsonb,
    ingested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    ingest_xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    stamp xid8 GENERATED ALWAYS AS (analytics.stamp()) STORED,
    CONSTRAINT event_numbers_are_sound CHECK (
        line > 0 AND revision > 0 AND sign IN (1, -1) AND quantity > 0
    ),
    -- NaN is greater than every number, so that each upper bound also keeps NaN and infinity out
    CONSTRAINT event_money_is_finite CHECK (
        unit_price >= 0 AND unit_price < 1e22 AND amount >= 0 AND amount < 1e33 AND discount >= 0 AND discount < 1e33
        AND tax >= 0 AND tax < 1e33 AND shipping >= 0 AND shipping < 1e33
    ),
    CONSTRAINT event_discount_is_within_amount CHECK (discount <= coalesce(amount, unit_price * coalesce(quantity, 1))),
    CONSTRAINT event_words_are_known CHECK (
        line_kind IN ('product', 'gift_card', 'fee') AND excluded IN ('test', 'bot', 'internal')
    ),
    -- no BETWEEN: a restored partition's check, printed and read again, would no longer equal the parent's
    CONSTRAINT event_keys_are_short CHECK (
        octet_length(store_id) >= 1 AND octet_length(store_id) <= 1024
        AND octet_length(event_id) >= 1 AND octet_length(event_id) <= 1024
        AND octet_length(customer_id) >= 1 AND octet_length(customer_id) <= 1024
        AND octet_length(anonymous_id) >= 1 AND octet_length(anonymous_id) <= 1024
        AND octet_length(session_id) >= 1 AND octet_length(session_id) <= 1024
        AND octet_length(order_id) >= 1 AND octet_length(order_id) <= 1024
        AND octet_length(product_id) >= 1 AND octet_length(product_id) <= 1024
        AND octet_length(channel) >= 1 AND octet_length(channel) <= 1024
        AND octet_length(device) >= 1 AND octet_length(device) <= 1024
        AND octet_length(campaign) >= 1 AND octet_length(campaign) <= 1024
        AND octet_length(currency) = 3
        AND octet_length(country) = 2
        AND octet_length(event_type) >= 1 AND octet_length(event_type) <= 64
    ),
    CONSTRAINT event_time_is_sound CHECK (
        occurred_at >= timestamptz '1990-01-01 00:00:00+00' AND occurred_at < timestamptz '2300-01-01 00:00:00+00'
    )
) PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE analytics.event IS 'one row per event line, append-only and signed: a correction or retraction appends the old lines with sign -1; current_event shows the net. Write with analytics.ingest(), or COPY and INSERT';
COMMENT ON COLUMN analytics.event.store_id IS 'tenant; first in every key';
COMMENT ON COLUMN analytics.event.event_id IS 'the sender''s idempotency key';
COMMENT ON COLUMN analytics.event.line IS 'item number, from 1; an event without items has one line';
COMMENT ON COLUMN analytics.event.revision IS 'version of the event; set by the server on direct writes';
COMMENT ON COLUMN analytics.event.sign IS '+1, or -1 where a line is taken back; every additive figure is a sum over sign';
COMMENT ON COLUMN analytics.event.event_type IS 'what happened: GA4''s names (view_item, add_to_cart, purchase, refund, ...) or any other [a-z][a-z0-9_]{0,63}';
COMMENT ON COLUMN analytics.event.occurred_at IS 'when it happened';
COMMENT ON COLUMN analytics.event.customer_id IS 'the shop''s id of a known customer';
COMMENT ON COLUMN analytics.event.anonymous_id IS 'the tracker''s id of a visitor';
COMMENT ON COLUMN analytics.event.session_id IS 'the sender''s id of a visit';
COMMENT ON COLUMN analytics.event.order_id IS 'order; a purchase is known by it, so that an order counts once, whoever reports it';
COMMENT ON COLUMN analytics.event.product_id IS 'product of the line';
COMMENT ON COLUMN analytics.event.quantity IS 'units, positive, on refunds too';
COMMENT ON COLUMN analytics.event.unit_price IS 'price per unit as sent, in currency';
COMMENT ON COLUMN analytics.event.amount IS 'the line before discount, without tax, in currency';
COMMENT ON COLUMN analytics.event.discount IS 'discount of the line, its share of the order''s included, without tax';
COMMENT ON COLUMN analytics.event.tax IS 'tax of the line';
COMMENT ON COLUMN analytics.event.shipping IS 'the order''s shipping; stands on line 1';
COMMENT ON COLUMN analytics.event.tax_included IS 'whether unit_price contains the tax';
COMMENT ON COLUMN analytics.event.line_kind IS 'product, gift_card (counts in gift_card_sales alone) or fee (money, no units)';
COMMENT ON COLUMN analytics.event.excluded IS 'null, or why the row counts in nothing: test, bot, internal';
COMMENT ON COLUMN analytics.event.currency IS 'ISO 4217; null: the store''s';
COMMENT ON COLUMN analytics.event.channel IS 'where it was sold: web, app, store, marketplace, ...';
COMMENT ON COLUMN analytics.event.country IS 'ISO 3166-1 alpha-2';
COMMENT ON COLUMN analytics.event.device IS 'desktop, mobile, tablet, ...';
COMMENT ON COLUMN analytics.event.campaign IS 'marketing campaign';
COMMENT ON COLUMN analytics.event.properties IS 'everything else that was sent with the event or the item';
COMMENT ON COLUMN analytics.event.ingested_at IS 'when the server took it; never set by the sender';
COMMENT ON COLUMN analytics.event.ingest_xid IS 'transaction that took it; never set by the sender';
COMMENT ON COLUMN analytics.event.stamp IS 'transaction that wrote the row in this cluster; what the incremental engine goes by';

-- Rows outside the partitions that maintain_partitions() makes ahead of time.
CREATE TABLE analytics.event_default PARTITION OF analytics.event DEFAULT;
CREATE INDEX event_default_time ON analytics.event_default (store_id, occurred_at);
CREATE INDEX event_default_refund ON analytics.event_default (store_id, order_id) WHERE event_type = 'refund';
CREATE INDEX event_default_taken_back ON analytics.event_default (store_id, event_id) WHERE sign = -1;
CREATE INDEX event_default_stamp ON analytics.event_default (stamp);
COMMENT ON TABLE analytics.event_default IS 'events outside the monthly and yearly partitions; the worker''s step maintain() empties it';
SELECT pg_catalog.pg_extension_config_dump('analytics.event_default', '');

CREATE TABLE analytics.event_key (
    store_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind "char" NOT NULL CHECK (kind IN ('e', 'o')),
    order_id text COLLATE "C",
    event_id text COLLATE "C",
    sent_revision integer NOT NULL,
    updated_at timestamptz,
    revision integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    lines integer NOT NULL,
    PRIMARY KEY (store_id, key, kind)
);
COMMENT ON TABLE analytics.event_key IS 'what was ingested, so that an event and an order count once; a purchase with an order is known by the order (kind o), everything else by its event_id (kind e)';
COMMENT ON COLUMN analytics.event_key.key IS 'event_id (kind e) or order_id (kind o)';
COMMENT ON COLUMN analytics.event_key.kind IS 'e: an event; o: an order';
COMMENT ON COLUMN analytics.event_key.order_id IS 'on kind e: the order by which this purchase is known; the rest of such a row says nothing';
COMMENT ON COLUMN analytics.event_key.event_id IS 'on kind o: event_id of the lines that stand';
COMMENT ON COLUMN analytics.event_key.sent_revision IS 'revision as the sender gave it; with updated_at decides what supersedes';
COMMENT ON COLUMN analytics.event_key.updated_at IS 'the order''s own version time, where the sender has one';
COMMENT ON COLUMN analytics.event_key.revision IS 'revision of the lines that stand';
COMMENT ON COLUMN analytics.event_key.occurred_at IS 'time of the lines that stand';
COMMENT ON COLUMN analytics.event_key.lines IS 'how many lines stand; 0 after retract()';
SELECT pg_catalog.pg_extension_config_dump('analytics.event_key', '');

CREATE TABLE analytics.rejected_event (
    rejected_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    store_id text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    format text NOT NULL,
    payload jsonb,
    raw bytea,
    index integer NOT NULL,
    code text NOT NULL,
    pointer text NOT NULL,
    message text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'discarded'))
);
COMMENT ON TABLE analytics.rejected_event IS 'events that failed validation, whole; UPDATE payload to mend one, then SELECT analytics.replay_rejected()';
COMMENT ON COLUMN analytics.rejected_event.rejected_id IS 'number of the rejection; replay_rejected() takes it';
COMMENT ON COLUMN analytics.rejected_event.store_id IS 'store the event was sent to';
COMMENT ON COLUMN analytics.rejected_event.received_at IS 'when it was rejected';
COMMENT ON COLUMN analytics.rejected_event.format IS 'format it was read as';
COMMENT ON COLUMN analytics.rejected_event.payload IS 'the event as sent; null where it is not JSON';
COMMENT ON COLUMN analytics.rejected_event.raw IS 'the bytes as sent, where they are not JSON';
COMMENT ON COLUMN analytics.rejected_event.index IS 'its place in the payload, from 0';
COMMENT ON COLUMN analytics.rejected_event.code IS 'why: invalid_json, missing, invalid_timestamp, ... (docs/ingestion.md)';
COMMENT ON COLUMN analytics.rejected_event.pointer IS 'JSON pointer to what is wrong, relative to the event';
COMMENT ON COLUMN analytics.rejected_event.message IS 'what is wrong and what is wanted';
COMMENT ON COLUMN analytics.rejected_event.status IS 'open, replayed or discarded';
CREATE INDEX rejected_event_open ON analytics.rejected_event (store_id, rejected_id) WHERE status = 'open';
SELECT pg_catalog.pg_extension_config_dump('analytics.rejected_event', '');
SELECT pg_catalog.pg_extension_config_dump('analytics.rejected_event_rejected_id_seq', '');

CREATE TABLE analytics.product (
    store_id text NOT NULL DEFAULT 'main',
    product_id text NOT NULL,
    name text,
    category text,
    brand text,
    price numeric CHECK (price >= 0 AND price < 1e22),
    currency text,
    active boolean NOT NULL DEFAULT true,
    properties jsonb,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    name_at timestamptz,
    category_at timestamptz,
    brand_at timestamptz,
    price_at timestamptz,
    PRIMARY KEY (store_id, product_id)
);
COMMENT ON TABLE analytics.product IS 'products, kept current from the items that arrive and by the shop''s own INSERT and UPDATE; of two sources of a field the later one holds';
COMMENT ON COLUMN analytics.product.name IS 'display name';
COMMENT ON COLUMN analytics.product.category IS 'category now; reports by category follow it';
COMMENT ON COLUMN analytics.product.brand IS 'brand';
COMMENT ON COLUMN analytics.product.price IS 'latest price per unit seen';
COMMENT ON COLUMN analytics.product.currency IS 'currency of price';
COMMENT ON COLUMN analytics.product.active IS 'whether it may be recommended';
COMMENT ON COLUMN analytics.product.properties IS 'whatever else the shop keeps here';
COMMENT ON COLUMN analytics.product.updated_at IS 'when the row was last written';
COMMENT ON COLUMN analytics.product.name_at IS 'time of what name says: of the item that brought it, or of the shop''s statement';
COMMENT ON COLUMN analytics.product.category_at IS 'time of what category says';
COMMENT ON COLUMN analytics.product.brand_at IS 'time of what brand says';
COMMENT ON COLUMN analytics.product.price_at IS 'time of what price and currency say';
SELECT pg_catalog.pg_extension_config_dump('analytics.product', '');

-- sql/schema/30_rollups.sql
-- Rollups: what is maintained, and up to where.

CREATE TABLE analytics.rollup (
    name text NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,47}$'),
    grain text NOT NULL CHECK (grain IN ('hour', 'day', 'week', 'month')),
    dimensions text[] NOT NULL,
    measures text[] NOT NULL,
    filter text,
    condition text,
    builtin boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE analytics.rollup IS 'rollups: figures by time bucket and dimensions, kept current by the engine';
COMMENT ON COLUMN analytics.rollup.dimensions IS 'columns of event, or paths such as properties->>city';
COMMENT ON COLUMN analytics.rollup.filter IS 'which lines take part, in the grammar of docs/rollups.md; null: all';
COMMENT ON COLUMN analytics.rollup.condition IS 'the filter as a SQL condition on counted_line, named l; printed by the engine';
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup', 'WHERE NOT builtin');

-- Tables of custom rollups are its children, so that DROP EXTENSION ... CASCADE takes them along.
CREATE TABLE analytics.custom_cells (store_id text NOT NULL);
COMMENT ON TABLE analytics.custom_cells IS 'parent of the tables of custom rollups; holds nothing of its own';

-- Not dumped: where the state is absent all events are the tail, figures are right, and the next refresh builds.
CREATE TABLE analytics.rollup_state (
    name text NOT NULL PRIMARY KEY,
    merged pg_snapshot NOT NULL,
    built_from date NOT NULL DEFAULT '-infinity',
    rebuilding_from date,
    refreshed_at timestamptz NOT NULL,
    duration interval NOT NULL,
    rows bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE analytics.rollup_state IS 'state of each target of the engine; no row: nothing is merged';
COMMENT ON COLUMN analytics.rollup_state.merged IS 'P: the snapshot up to which events are merged';
COMMENT ON COLUMN analytics.rollup_state.built_from IS 'buckets from this day on hold what P says, earlier ones hold nothing; -infinity: all hold';
COMMENT ON COLUMN analytics.rollup_state.rebuilding_from IS 'while rebuild() is under way: buckets from this day on are done';

-- Held in EXCLUSIVE mode by refresh, rebuild, erasure and retention: one at a time.
CREATE TABLE analytics.engine_lock (moves bigint NOT NULL);
COMMENT ON TABLE analytics.engine_lock IS 'locked by whoever changes rollups; its one row by what makes older snapshots useless for that';
COMMENT ON COLUMN analytics.engine_lock.moves IS 'how often lines moved between buckets or partitions: a merge with an older snapshot fails on it (40001)';
INSERT INTO analytics.engine_lock (moves) VALUES (0);

-- Cells whose distinct counts lost a key in the merge under way; empty outside of it.
CREATE TABLE analytics.rollup_recount (
    name text NOT NULL,
    store_id text NOT NULL,
    bucket timestamp NOT NULL,
    dimensions text[] NOT NULL
);
COMMENT ON TABLE analytics.rollup_recount IS 'cells to count anew in the refresh under way; empty when none runs';

-- sql/functions/access.sql
-- Who may do what. PUBLIC has nothing. grant_access() gives a role what a level needs; within that the claim `stores` of a request
-- (request.jwt.claims, as PostgREST and the HTTP workers set it) narrows every view and function to some stores.

CREATE FUNCTION analytics.allowed_stores() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claims text := current_setting('request.jwt.claims', true);
    stores jsonb;
BEGIN
    IF claims IS NULL OR claims = '' THEN
        RETURN NULL;
    END IF;
    BEGIN
        stores := claims::jsonb -> 'stores';
    EXCEPTION WHEN data_exception THEN
        RETURN '{}';  -- claims that nobody can read allow nothing
    END;
    RETURN CASE coalesce(jsonb_typeof(stores), 'null')
        WHEN 'null' THEN NULL
        WHEN 'string' THEN ARRAY[stores #>> '{}']
        WHEN 'array' THEN ARRAY(SELECT s FROM jsonb_array_elements_text(stores) s WHERE s IS NOT NULL)
        ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION analytics.allowed_stores() IS
'stores that the caller may see: those of the claim "stores" in request.jwt.claims; null where there is no such claim: all. A claim that is no list of names allows none';

CREATE FUNCTION analytics.require_store(store text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stores text[] := analytics.allowed_stores();
BEGIN
    IF stores IS NOT NULL AND (store IS NULL OR NOT store = ANY (stores)) THEN
        RAISE EXCEPTION 'permission denied for this store' USING ERRCODE = '42501',
            DETAIL = coalesce(format('Store %L.', left(store, 100)), 'All stores.'),
            HINT = 'The claim "stores" of this session names the stores it may use; pass one of them as store.';
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_store(text) IS '42501 unless the claim "stores" allows this store (null: all)';

-- The same as a condition on a column. Each (SELECT ...) is evaluated once a query, not once a row.
CREATE FUNCTION analytics.allowed_sql(store text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('((SELECT analytics.allowed_stores()) IS NULL OR %s = ANY ((SELECT analytics.allowed_stores())::text[]))', store)
$$;
COMMENT ON FUNCTION analytics.allowed_sql(text) IS 'SQL condition that the caller may see a row of this store';

-- What each level consists of. A level is no role: any role may be given one, or several.
CREATE FUNCTION analytics.level_privileges(level text) RETURNS TABLE (privilege text, object text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- reports: the views, and the functions that stand in them, which look at the claim themselves
    SELECT 'SELECT', format('TABLE %s', c.oid::regclass)
      FROM pg_class c
     WHERE c.relnamespace = 'analytics'::regnamespace AND level IN ('reader', 'admin')
       AND (c.relname IN ('event', 'product', 'current_event', 'product_daily', 'category_daily')
            OR c.relkind = 'v' AND c.relname IN (SELECT r.name FROM analytics.rollup r))
    UNION ALL
    SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND level IN ('reader', 'admin')
       AND (p.proname IN ('allowed_stores', 'get_setting', 'capabilities', 'running_workers', 'tail_product', 'recount_category')
            OR p.proname IN (SELECT u.part || r.name FROM analytics.rollup r, unnest('{tail_,recount_}'::text[]) u(part)))
    -- sending: what comes in, and what of it was rejected; no figures
    UNION ALL
    SELECT u.privilege, u.object
      FROM (VALUES ('SELECT', 'TABLE analytics.rejected_event'), ('UPDATE (payload, status)', 'TABLE analytics.rejected_event'),
                   ('SELECT', 'TABLE analytics.product'),
                   ('INSERT (store_id, product_id, name, category, brand, price, currency, active, properties)', 'TABLE analytics.product'),
                   ('UPDATE (name, category, brand, price, currency, active, properties)', 'TABLE analytics.product')) u(privilege, object)
     WHERE level IN ('writer', 'admin')
    UNION ALL
    SELECT format('INSERT (%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)), 'TABLE analytics.event'
      FROM pg_attribute a
     WHERE a.attrelid = 'analytics.event'::regclass AND a.attnum > 0 AND NOT a.attisdropped
       AND a.attname NOT IN ('revision', 'sign', 'ingested_at', 'ingest_xid', 'stamp') AND level IN ('writer', 'admin')
    HAVING count(*) > 0
    UNION ALL
    SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND level IN ('writer', 'admin')
       AND p.proname IN ('allowed_stores', 'get_setting', 'stamp', 'ingest', 'validate', 'replay_rejected', 'retract')
    -- looking after it
    UNION ALL
    SELECT 'SELECT', format('TABLE analytics.%I', u.name)
      FROM unnest('{rollup_status,rollup,rollup_state,store,exchange_rate}'::text[]) u(name) WHERE level = 'admin'
    UNION ALL
    SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND level = 'admin'
       AND p.proname IN ('set_setting', 'set_exchange_rate', 'refresh', 'rebuild', 'reconcile', 'maintain', 'maintain_partitions', 'missing_partitions',
                         'tail_of', 'create_rollup', 'drop_rollup', 'start_workers', 'stop_workers', 'grant_access')
$$;
COMMENT ON FUNCTION analytics.level_privileges(text) IS 'what grant_access() grants for a level: privilege and object, as SQL';

CREATE FUNCTION analytics.grant_access(grantee name, level text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    IF level IS NULL OR level NOT IN ('reader', 'writer', 'admin') THEN
        RAISE EXCEPTION 'unknown level of access' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(level, 100)),
            HINT = 'Use reader (reports), writer (ingestion) or admin (both, settings and upkeep).';
    ELSIF grantee IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = grantee) THEN
        RAISE EXCEPTION 'role does not exist' USING ERRCODE = '42704', DETAIL = format('Got %L.', grantee),
            HINT = 'CREATE ROLE it first. PUBLIC is given nothing.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA analytics TO %I', grantee);
    FOR granted IN SELECT p.privilege, p.object FROM analytics.level_privileges(level) p LOOP
        EXECUTE format('GRANT %s ON %s TO %I', granted.privilege, granted.object, grantee);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.grant_access(name, text) IS
'gives a role what a level needs. reader: all reports and events. writer: ingestion, INSERT into event, products, its rejected events; no reports. admin: both, settings, rollups, upkeep, and this.
Within it the claim "stores" narrows a session to some stores (allowed_stores). Rollups made later follow: who may read sales_daily may read them. 22023: unknown level; 42704: no such role';

-- A new rollup is for whoever may read sales_daily.
CREATE FUNCTION analytics.grant_rollup(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader name;
    object text;
BEGIN
    FOR reader IN SELECT r.rolname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x JOIN pg_roles r ON r.oid = x.grantee
                   WHERE c.oid = 'analytics.sales_daily'::regclass AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner LOOP
        EXECUTE format('GRANT SELECT ON analytics.%I TO %I', name, reader);
        FOR object IN SELECT p.oid::regprocedure::text FROM pg_proc p
                       WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname IN ('tail_' || name, 'recount_' || name) LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', object, reader);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.grant_rollup(text) IS 'lets those who may read sales_daily read a new rollup';

-- sql/schema/40_row_security.sql
-- Rows of other stores are out of sight for whoever reads the tables: as the views do, by the claim "stores". The owner, and so every
-- function of the extension, sees all.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{event,product,rejected_event}'::text[] LOOP
        EXECUTE format('ALTER TABLE analytics.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY allowed_stores ON analytics.%I USING %s', name, analytics.allowed_sql('store_id'::text));
    END LOOP;
END
$$;

-- sql/functions/settings.sql
-- Settings of stores, exchange rates, and the words a figure may carry.

-- ISO 4217 codes in use, and those withdrawn since 2020, for archives. The parser's own list (src/core/currency.cpp) is
-- the same; a test compares them.
CREATE FUNCTION analytics.known_currency(code text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT code = ANY ('{AED,AFN,ALL,AMD,ANG,AOA,ARS,AUD,AWG,AZN,BAM,BBD,BDT,BGN,BHD,BIF,BMD,BND,BOB,BOV,BRL,BSD,BTN,BWP,BYN,BZD,
        CAD,CDF,CHE,CHF,CHW,CLF,CLP,CNY,COP,COU,CRC,CUC,CUP,CVE,CZK,DJF,DKK,DOP,DZD,EGP,ERN,ETB,EUR,FJD,FKP,GBP,
        GEL,GHS,GIP,GMD,GNF,GTQ,GYD,HKD,HNL,HRK,HTG,HUF,IDR,ILS,INR,IQD,IRR,ISK,JMD,JOD,JPY,KES,KGS,KHR,KMF,KPW,
        KRW,KWD,KYD,KZT,LAK,LBP,LKR,LRD,LSL,LYD,MAD,MDL,MGA,MKD,MMK,MNT,MOP,MRU,MUR,MVR,MWK,MXN,MXV,MYR,MZN,NAD,
        NGN,NIO,NOK,NPR,NZD,OMR,PAB,PEN,PGK,PHP,PKR,PLN,PYG,QAR,RON,RSD,RUB,RWF,SAR,SBD,SCR,SDG,SEK,SGD,SHP,SLE,
        SLL,SOS,SRD,SSP,STN,SVC,SYP,SZL,THB,TJS,TMT,TND,TOP,TRY,TTD,TWD,TZS,UAH,UGX,USD,USN,UYI,UYU,UYW,UZS,VED,
        VES,VND,VUV,WST,XAF,XCD,XCG,XOF,XPF,YER,ZAR,ZMW,ZWG,ZWL}'::text[])
$$;
COMMENT ON FUNCTION analytics.known_currency(text) IS 'whether the code is an ISO 4217 currency in use';

-- The defaults of set_setting's keys, and what the keys are.
CREATE FUNCTION analytics.default_setting(key text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE key WHEN 'timezone' THEN 'UTC' WHEN 'currency' THEN 'USD' WHEN 'week_start' THEN 'monday'
                    WHEN 'session_gap' THEN '30 minutes' WHEN 'tax_included' THEN 'false' WHEN 'clock' THEN 'now'
                    WHEN 'event_retention' THEN '' END
$$;
COMMENT ON FUNCTION analytics.default_setting(text) IS 'default of a setting key; null for a key that is none';

CREATE FUNCTION analytics.get_setting(key text, store text DEFAULT 'main') RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT to_jsonb(s) ->> $1 FROM analytics.store s WHERE s.store_id = $2 AND $1 <> 'store_id'),
        (SELECT to_jsonb(s) ->> $1 FROM analytics.store s WHERE s.store_id = '' AND $1 <> 'store_id'),
        analytics.default_setting($1))
$$;
COMMENT ON FUNCTION analytics.get_setting(text, text) IS 'value of a setting in force for a store';

CREATE FUNCTION analytics.set_setting(key text, value text, store text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := coalesce(set_setting.store, '');
    wanted text := nullif(set_setting.value, '');
    hint text;
    moved boolean;
BEGIN
    IF key IS NULL OR analytics.default_setting(key) IS NULL THEN
        RAISE EXCEPTION 'unknown setting key' USING ERRCODE = '22023', DETAIL = format('Got %L.', key),
            HINT = 'Use one of timezone, currency, week_start, session_gap, tax_included, clock, event_retention.';
    END IF;
    IF octet_length(target) > 1024 OR store = '' THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(store, 100)),
            HINT = 'Pass a store id of 1 to 1024 bytes, or NULL for the default of all stores.';
    END IF;
    PERFORM analytics.require_store(store);
    hint := CASE key
        WHEN 'timezone' THEN 'Use an IANA name such as Europe/London; see pg_timezone_names.'
        WHEN 'currency' THEN 'Use an ISO 4217 code such as EUR.'
        WHEN 'week_start' THEN 'Use monday, sunday or saturday.'
        WHEN 'tax_included' THEN 'Use true or false.'
        WHEN 'clock' THEN 'Use now, or data for the newest event''s time.'
        ELSE 'Use a positive interval such as ''30 minutes''.' END;
    IF wanted IS NOT NULL THEN
        BEGIN
            CASE key
                WHEN 'timezone' THEN
                    IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = wanted AND z.name NOT IN ('localtime', 'posixrules', 'Factory')) THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'currency' THEN
                    wanted := upper(wanted);
                    IF NOT analytics.known_currency(wanted) THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'week_start' THEN
                    wanted := lower(wanted);
                    IF wanted NOT IN ('monday', 'sunday', 'saturday') THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'clock' THEN
                    wanted := lower(wanted);
                    IF wanted NOT IN ('now', 'data') THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'tax_included' THEN
                    wanted := wanted::boolean::text;
                ELSE
                    IF wanted::interval <= interval '0' THEN
                        RAISE invalid_parameter_value;
                    END IF;
                    wanted := wanted::interval::text;
            END CASE;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'invalid value for setting "%"', key USING ERRCODE = '22023',
                DETAIL = format('Got %L.', left(value, 100)), HINT = hint;
        END;
    END IF;
    moved := key IN ('timezone', 'week_start', 'currency');
    IF moved THEN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            -- cells merged since this transaction's snapshot could not be seen, and would stay where they were
            RAISE EXCEPTION 'setting "%" can be changed under READ COMMITTED only', key USING ERRCODE = '25001',
                HINT = 'Call set_setting() in a transaction of its own.';
        END IF;
        PERFORM analytics.lock_engine(true);
    END IF;
    EXECUTE format('INSERT INTO analytics.store (store_id, %1$I) VALUES ($1, $2::%2$s)
                    ON CONFLICT (store_id) DO UPDATE SET %1$I = excluded.%1$I',
                   key, CASE key WHEN 'session_gap' THEN 'interval' WHEN 'event_retention' THEN 'interval'
                                 WHEN 'tax_included' THEN 'boolean' ELSE 'text' END)
        USING target, wanted;
    -- Days, weeks or currencies of what is merged have moved: build it anew, in this very transaction.
    IF moved THEN
        PERFORM analytics.rebuild_store(store);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.set_setting(text, text, text) IS
'sets a setting of a store, or with store null the default of all stores; value null or '''' goes back to the default.
Keys: timezone (UTC), currency (USD), week_start (monday), session_gap (30 minutes), tax_included (false), clock (now), event_retention (for ever).
A change that moves figures rebuilds them in the same transaction. 22023: unknown key or invalid value';

CREATE FUNCTION analytics.set_exchange_rate(currency text, rate numeric, valid_from date, store text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF currency IS NULL OR NOT analytics.known_currency(upper(currency)) THEN
        RAISE EXCEPTION 'unknown currency' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(currency, 100)),
            HINT = 'Use an ISO 4217 code such as EUR.';
    ELSIF rate IS NULL OR NOT (rate > 0 AND rate < 1e12) THEN
        RAISE EXCEPTION 'invalid exchange rate' USING ERRCODE = '22023', DETAIL = format('Got %s.', rate),
            HINT = 'Pass units of the reporting currency for 1 of this currency, a positive number.';
    ELSIF valid_from IS NULL OR NOT isfinite(valid_from) THEN
        RAISE EXCEPTION 'invalid first day of an exchange rate' USING ERRCODE = '22023',
            DETAIL = format('Got %s.', valid_from), HINT = 'Pass the first day the rate holds for.';
    ELSIF store = '' THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023',
            HINT = 'Pass a store id, or NULL for the default of all stores.';
    END IF;
    PERFORM analytics.require_store(store);
    INSERT INTO analytics.exchange_rate AS r (store_id, currency, valid_from, rate)
    VALUES (coalesce(set_exchange_rate.store, ''), upper(set_exchange_rate.currency), set_exchange_rate.valid_from,
            set_exchange_rate.rate)
    ON CONFLICT ON CONSTRAINT exchange_rate_pkey DO UPDATE SET rate = excluded.rate;
END
$$;
COMMENT ON FUNCTION analytics.set_exchange_rate(text, numeric, date, text) IS
'sets a dated exchange rate: units of the reporting currency for 1 of this currency, from valid_from on; store null: for all stores';

-- sql/functions/partitions.sql
-- Partitions of event: months from a year before the installation on, years before, one for the deep past, a default one for
-- the rest. Few, since planning and locking cost grows with each. Made ahead of time, never inside an ingest: CREATE TABLE
-- ... PARTITION OF locks the parent. They are no members of the extension, so that a dump carries them with their rows.

CREATE FUNCTION analytics.make_partition("from" date, "to" date, name text) RETURNS boolean
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

CREATE FUNCTION analytics.missing_partitions() RETURNS TABLE (name text, "from" date, "to" date)
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

CREATE FUNCTION analytics.maintain_partitions() RETURNS integer
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

-- sql/functions/lines.sql
-- The money rules as columns: what each line adds to each figure. Every figure anywhere is a sum over counted_line.

CREATE VIEW analytics.counted_line AS
SELECT e.store_id, e.event_id, e.line, e.revision, e.sign, e.event_type, e.occurred_at, e.stamp,
       e.customer_id, e.anonymous_id, e.session_id, e.order_id, e.product_id, e.line_kind, e.campaign, e.properties,
       e.quantity, e.unit_price, coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) AS amount, e.discount, e.tax,
       e.shipping AS sent_shipping, e.tax_included,
       coalesce(e.currency, s.currency, d.currency, 'USD') AS currency,
       e.channel, e.country, e.device,
       e.occurred_at - (w.wall - date_trunc('hour', w.wall)) AS hour,
       w.wall::date AS day,
       w.wall::date - CASE coalesce(s.week_start, d.week_start)
                          WHEN 'sunday' THEN extract(dow FROM w.wall)::integer
                          WHEN 'saturday' THEN (extract(dow FROM w.wall)::integer + 1) % 7
                          ELSE extract(isodow FROM w.wall)::integer - 1 END AS week,
       date_trunc('month', w.wall)::date AS month,
       CASE WHEN e.line = 1 THEN e.sign END AS events,
       CASE WHEN e.line = 1 AND e.event_type = 'purchase' THEN e.sign END AS orders,
       CASE WHEN e.event_type = 'purchase' AND e.line_kind = 'product' THEN
           e.sign * e.quantity END AS units,
       CASE WHEN e.event_type = 'refund' AND e.line_kind = 'product' THEN
           e.sign * e.quantity END AS units_returned,
       CASE WHEN e.event_type = 'purchase' AND e.line_kind <> 'gift_card' THEN
           CASE WHEN e.sign = 1 THEN coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1))
                ELSE -coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) END END AS gross_sales,
       CASE WHEN e.event_type = 'purchase' AND e.line_kind <> 'gift_card' THEN
           CASE WHEN e.sign = 1 THEN e.discount ELSE -e.discount END END AS discounts,
       CASE WHEN e.event_type = 'refund' AND e.line_kind <> 'gift_card' THEN
           CASE WHEN e.sign = 1 THEN coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) - coalesce(e.discount, 0)
                ELSE coalesce(e.discount, 0) - coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) END END AS returns,
       CASE WHEN e.line_kind <> 'gift_card' AND e.event_type IN ('purchase', 'refund') THEN
           CASE WHEN (e.sign = 1) = (e.event_type = 'purchase') THEN e.tax ELSE -e.tax END END AS taxes,
       CASE WHEN e.event_type IN ('purchase', 'refund') THEN
           CASE WHEN (e.sign = 1) = (e.event_type = 'purchase') THEN e.shipping ELSE -e.shipping END END AS shipping,
       CASE WHEN e.line_kind = 'gift_card' AND e.event_type IN ('purchase', 'refund') THEN
           CASE WHEN (e.sign = 1) = (e.event_type = 'purchase')
                THEN coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) - coalesce(e.discount, 0)
                ELSE coalesce(e.discount, 0) - coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) END END AS gift_card_sales,
       CASE WHEN e.event_type = 'view_item' THEN e.sign END AS views,
       CASE WHEN e.event_type = 'add_to_cart' THEN e.sign END AS add_to_carts,
       CASE WHEN e.event_type = 'purchase' THEN e.customer_id END AS buyer,
       coalesce(e.customer_id, e.anonymous_id) AS visitor
  FROM analytics.event e
  LEFT JOIN analytics.store s ON s.store_id = e.store_id
  LEFT JOIN analytics.store d ON d.store_id = ''
 CROSS JOIN LATERAL (SELECT e.occurred_at AT TIME ZONE coalesce(s.timezone, d.timezone, 'UTC') AS wall) w
 WHERE e.excluded IS NULL;
COMMENT ON VIEW analytics.counted_line IS 'each line that counts, with what it adds to each measure (sign applied) and its time buckets in the store''s zone; every figure is a sum over these columns';
COMMENT ON COLUMN analytics.counted_line.currency IS 'currency sent, or the store''s';
COMMENT ON COLUMN analytics.counted_line.hour IS 'start of the hour, on the store''s wall clock';
COMMENT ON COLUMN analytics.counted_line.day IS 'day in the store''s time zone';
COMMENT ON COLUMN analytics.counted_line.week IS 'first day of the week';
COMMENT ON COLUMN analytics.counted_line.month IS 'first day of the month';
COMMENT ON COLUMN analytics.counted_line.events IS '1 on line 1 of an event';
COMMENT ON COLUMN analytics.counted_line.orders IS '1 on line 1 of a purchase';
COMMENT ON COLUMN analytics.counted_line.units IS 'units bought, products only';
COMMENT ON COLUMN analytics.counted_line.units_returned IS 'units refunded, products only';
COMMENT ON COLUMN analytics.counted_line.gross_sales IS 'amount of a purchase line, gift cards left out, in currency';
COMMENT ON COLUMN analytics.counted_line.discounts IS 'discount of a purchase line, gift cards left out';
COMMENT ON COLUMN analytics.counted_line.returns IS 'amount - discount of a refund line, gift cards left out';
COMMENT ON COLUMN analytics.counted_line.taxes IS 'tax of a purchase line, minus that of a refund line';
COMMENT ON COLUMN analytics.counted_line.shipping IS 'shipping of a purchase, minus that of a refund';
COMMENT ON COLUMN analytics.counted_line.gift_card_sales IS 'amount - discount of a gift card line sold, minus refunded';
COMMENT ON COLUMN analytics.counted_line.views IS '1 on a line of view_item';
COMMENT ON COLUMN analytics.counted_line.add_to_carts IS '1 on a line of add_to_cart';
COMMENT ON COLUMN analytics.counted_line.buyer IS 'customer_id on purchases; customers counts them';
COMMENT ON COLUMN analytics.counted_line.visitor IS 'customer_id or else anonymous_id; visitors counts them';

CREATE VIEW analytics.current_event WITH (security_barrier) AS
SELECT e.store_id, e.event_id, e.line, e.revision, e.event_type, e.occurred_at, e.customer_id, e.anonymous_id,
       e.session_id, e.order_id, e.product_id, e.quantity, e.unit_price, e.amount, e.discount, e.tax, e.shipping,
       e.tax_included, e.line_kind, e.excluded, e.currency, e.channel, e.country, e.device, e.campaign, e.properties,
       e.ingested_at, e.ingest_xid
  FROM analytics.event e
 WHERE e.sign = 1
   AND ((SELECT analytics.allowed_stores()) IS NULL OR e.store_id = ANY ((SELECT analytics.allowed_stores())::text[]))
   AND NOT EXISTS (SELECT FROM analytics.event t
                    WHERE t.sign = -1 AND t.store_id = e.store_id AND t.event_id = e.event_id
                      AND t.event_type = e.event_type AND t.occurred_at = e.occurred_at AND t.revision = e.revision
                      AND t.order_id IS NOT DISTINCT FROM e.order_id AND t.line = e.line);
COMMENT ON VIEW analytics.current_event IS 'the event lines that stand: the latest revision of each event, retracted ones left out';
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN SELECT v.attname, col_description(e.attrelid, e.attnum) AS text
                   FROM pg_attribute v
                   JOIN pg_attribute e ON e.attrelid = 'analytics.event'::regclass AND e.attname = v.attname
                  WHERE v.attrelid = 'analytics.current_event'::regclass AND v.attnum > 0 LOOP
        EXECUTE format('COMMENT ON COLUMN analytics.current_event.%I IS %L', named.attname, named.text);
    END LOOP;
END
$$;

-- sql/functions/event_triggers.sql
-- COPY and INSERT straight into event: what ingest() checks and claims is checked and claimed here, once a statement.
-- ingest() itself writes into the partitions and does not pass by.

CREATE FUNCTION analytics.claim_direct_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    stores text[] := analytics.allowed_stores();
BEGIN
    IF stores IS NOT NULL AND EXISTS (SELECT FROM written n WHERE NOT n.store_id = ANY (stores)) THEN
        PERFORM analytics.require_store((SELECT min(n.store_id COLLATE "C") FROM written n WHERE NOT n.store_id = ANY (stores)));
    END IF;
    SELECT bool_or(n.ingested_at <> now() OR n.ingest_xid <> n.stamp OR n.revision <> 1 OR n.sign <> 1) AS server_columns,
           min(n.event_type COLLATE "C") FILTER (WHERE n.event_type !~ '^[a-z][a-z0-9_]{0,63}$') AS event_type,
           min(n.occurred_at) AS earliest, max(n.occurred_at) AS latest
      INTO found
      FROM written n;
    IF found.server_columns THEN
        RAISE EXCEPTION 'a column that the server sets was named' USING ERRCODE = '42501',
            DETAIL = 'ingested_at, ingest_xid, revision and sign are set by the server.',
            HINT = 'Leave them out; send corrections to analytics.ingest() with a higher revision, or use analytics.retract().';
    ELSIF found.event_type IS NOT NULL THEN
        RAISE EXCEPTION 'invalid event type' USING ERRCODE = '23514', DETAIL = format('Got %L.', found.event_type),
            HINT = 'Use a lower-case name such as purchase: [a-z][a-z0-9_]{0,63}.';
    ELSIF found.latest > now() + interval '1 day' THEN
        RAISE EXCEPTION 'occurred_at lies in the future' USING ERRCODE = '23514', DETAIL = format('Got %s.', found.latest),
            HINT = 'Send a time before now + 1 day.';
    END IF;
    SELECT min(n.currency COLLATE "C") INTO found
      FROM (SELECT DISTINCT w.currency FROM written w WHERE w.currency IS NOT NULL) n
     WHERE NOT analytics.known_currency(n.currency);
    IF found.min IS NOT NULL THEN
        RAISE EXCEPTION 'unknown currency' USING ERRCODE = '23514', DETAIL = format('Got %L.', found.min),
            HINT = 'Use an ISO 4217 code such as EUR.';
    END IF;

    -- One event: its lines are numbered from 1, and all say the same of when, what and which order. A purchase that
    -- names its order is known by it; its event_id then leads to the order, for retract() and for retries of another kind.
    -- All names in one sorted statement, as ingest() claims them, so that no two writers wait for each other.
    WITH event AS MATERIALIZED (
        SELECT n.store_id, n.event_id, min(n.event_type) AS event_type, min(n.order_id) AS order_id,
               min(n.occurred_at) AS occurred_at, count(*)::integer AS lines,
               min(n.line) = 1 AND max(n.line) = count(*) AND sum(n.line) = count(*) * (count(*) + 1) / 2
               AND min(n.occurred_at) = max(n.occurred_at) AND min(n.event_type) = max(n.event_type)
               AND (count(n.order_id) = 0 OR count(n.order_id) = count(*) AND min(n.order_id) = max(n.order_id)) AS sound
          FROM (SELECT w.store_id COLLATE "C" AS store_id, w.event_id COLLATE "C" AS event_id, w.line, w.occurred_at,
                       w.event_type COLLATE "C" AS event_type, w.order_id COLLATE "C" AS order_id FROM written w) n
         GROUP BY n.store_id, n.event_id
    ), claim AS MATERIALIZED (
        SELECT e.*, e.event_type = 'purchase' AND e.order_id IS NOT NULL AS by_order FROM event e
    ), claimed AS (
        INSERT INTO analytics.event_key (store_id, key, kind, order_id, event_id, sent_revision, revision, occurred_at, lines)
        SELECT c.store_id, CASE WHEN c.by_order THEN c.order_id ELSE c.event_id END,
               CASE WHEN c.by_order THEN 'o' ELSE 'e' END::"char", NULL, CASE WHEN c.by_order THEN c.event_id END,
               1, 1, c.occurred_at, c.lines
          FROM claim c
         UNION ALL
        SELECT c.store_id, c.event_id, 'e', c.order_id, NULL, 1, 1, c.occurred_at, 0
          FROM claim c
         WHERE c.by_order AND c.event_id <> 'purchase:' || c.order_id
         ORDER BY 1, 2, 3
            ON CONFLICT DO NOTHING
        RETURNING store_id, coalesce(event_id, key) AS event_id, order_id IS NOT NULL AS leads_to_order
    ), stands AS MATERIALIZED (
        SELECT k.store_id, k.event_id FROM claimed k WHERE NOT k.leads_to_order
    )
    SELECT (SELECT min(c.event_id) FROM claim c WHERE NOT c.sound) AS unsound,
           (SELECT count(*) FROM claim) > (SELECT count(*) FROM stands) AS known,
           CASE WHEN (SELECT count(*) FROM claim) > (SELECT count(*) FROM stands) THEN
               (SELECT min(format(CASE WHEN c.by_order THEN 'Event %L of order %L.' ELSE 'Event %L.' END, c.event_id, c.order_id))
                  FROM claim c
                 WHERE NOT EXISTS (SELECT FROM stands k WHERE k.store_id = c.store_id AND k.event_id = c.event_id)) END AS which
      INTO found;
    IF found.unsound IS NOT NULL THEN
        RAISE EXCEPTION 'lines of an event do not belong together' USING ERRCODE = '23514',
            DETAIL = format('Event %L.', found.unsound),
            HINT = 'Number the lines of an event from 1, without gaps, with one occurred_at, event_type and order_id, in one statement.';
    ELSIF found.known THEN
        RAISE EXCEPTION 'event is known already' USING ERRCODE = '23505', DETAIL = found.which,
            HINT = 'Send it to analytics.ingest(), which skips what is known and takes higher revisions.',
            TABLE = 'event', SCHEMA = 'analytics', CONSTRAINT = 'event_key_pkey';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.claim_direct_events() IS
'checks rows written straight into event and claims their keys; 42501 a server column was named, 23514 a value is not sound, 23505 an event is known';

CREATE TRIGGER claim_direct_events AFTER INSERT ON analytics.event
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION analytics.claim_direct_events();

CREATE FUNCTION analytics.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = '42501', DETAIL = format('%s on analytics.event.', TG_OP),
        HINT = 'Send a correction to analytics.ingest() with a higher revision, or use analytics.retract().';
END
$$;
COMMENT ON FUNCTION analytics.refuse_change() IS 'keeps event append-only: an UPDATE would stamp a row again, a DELETE would leave its figures behind';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON analytics.event
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.refuse_change();

-- A shop's own statement is news of now, of each column that it names, whether or not the value is another. The engine, which knows
-- the time of its news, signs with updated_at -infinity; a restore brings the times along.
CREATE FUNCTION analytics.touch_product() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'name' THEN
        NEW.name_at := CASE WHEN NEW.name IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.name_at, now()) ELSE now() END;
    END IF;
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'category' THEN
        NEW.category_at := CASE WHEN NEW.category IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.category_at, now()) ELSE now() END;
    END IF;
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'brand' THEN
        NEW.brand_at := CASE WHEN NEW.brand IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.brand_at, now()) ELSE now() END;
    END IF;
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'price' THEN
        NEW.price_at := CASE WHEN NEW.price IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.price_at, now()) ELSE now() END;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION analytics.touch_product() IS 'dates what a shop says of a product';

CREATE FUNCTION analytics.sign_product() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION analytics.sign_product() IS 'dates a row of product';

CREATE TRIGGER touch_new BEFORE INSERT ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product();
CREATE TRIGGER touch_name BEFORE UPDATE OF name ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('name');
CREATE TRIGGER touch_category BEFORE UPDATE OF category ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('category');
CREATE TRIGGER touch_brand BEFORE UPDATE OF brand ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('brand');
CREATE TRIGGER touch_price BEFORE UPDATE OF price, currency ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('price');
-- by its name the last to fire
CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON analytics.product
    FOR EACH ROW EXECUTE FUNCTION analytics.sign_product();

-- sql/functions/retract.sql
-- Taking back what never was.

CREATE FUNCTION analytics.retract(event_id text, store text DEFAULT 'main') RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    k analytics.event_key;
    order_id text;
    part regclass;
    taken bigint := 0;
    n bigint;
BEGIN
    IF event_id IS NULL OR event_id = '' OR store IS NULL OR store = '' THEN
        RAISE EXCEPTION 'event_id and store must not be null or empty' USING ERRCODE = '22023',
            HINT = 'Call analytics.retract(event_id, store).';
    END IF;
    PERFORM analytics.require_store(store);
    SELECT * INTO k FROM analytics.event_key c
     WHERE c.store_id = retract.store AND c.key = retract.event_id AND c.kind = 'e';
    order_id := k.order_id;
    IF NOT FOUND AND starts_with(event_id, 'purchase:') THEN
        order_id := substr(event_id, 10);
    END IF;
    IF order_id IS NOT NULL THEN
        SELECT * INTO k FROM analytics.event_key c
         WHERE c.store_id = retract.store AND c.key = order_id AND c.kind = 'o' FOR UPDATE;
    ELSE
        SELECT * INTO k FROM analytics.event_key c
         WHERE c.store_id = retract.store AND c.key = retract.event_id AND c.kind = 'e' FOR UPDATE;
    END IF;
    IF NOT FOUND OR k.lines = 0 THEN
        RETURN 0;
    END IF;
    -- a move of lines between partitions that is under way must end before the snapshot that looks for them is taken
    LOCK TABLE analytics.event IN ROW EXCLUSIVE MODE;
    FOR part IN SELECT DISTINCT e.tableoid::regclass FROM analytics.event e
                 WHERE e.store_id = k.store_id AND e.occurred_at = k.occurred_at
                   AND e.event_id = coalesce(k.event_id, k.key) AND e.revision = k.revision AND e.sign = 1
                   AND CASE WHEN e.event_type = 'purchase' THEN e.order_id END IS NOT DISTINCT FROM CASE k.kind WHEN 'o' THEN k.key END LOOP
        -- straight into the partition: the parent's trigger is for other people's rows
        EXECUTE format('INSERT INTO %1$s (%2$s, sign) SELECT %2$s, -1 FROM %1$s e
                         WHERE e.store_id = $1 AND e.occurred_at = $2 AND e.event_id = $3 AND e.revision = $4 AND e.sign = 1
                           AND CASE WHEN e.event_type = ''purchase'' THEN e.order_id END IS NOT DISTINCT FROM $5',
                       part, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                               WHERE a.attrelid = 'analytics.event'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                                 AND a.attname NOT IN ('sign', 'stamp', 'ingested_at', 'ingest_xid')))
            USING k.store_id, k.occurred_at, coalesce(k.event_id, k.key), k.revision, CASE k.kind WHEN 'o' THEN k.key END;
        GET DIAGNOSTICS n = ROW_COUNT;
        taken := taken + n;
    END LOOP;
    IF taken <> k.lines AND current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the event''s lines are not in this transaction''s snapshot' USING ERRCODE = '40001',
            HINT = 'Retry the transaction.';
    END IF;
    UPDATE analytics.event_key c SET lines = 0
     WHERE c.store_id = k.store_id AND c.key = k.key AND c.kind = k.kind;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION analytics.retract(text, text) IS
'takes back an event that should never have been sent: its lines are written again with sign -1. Returns how many; 0 if the event is unknown or taken back already. Sent again, it stays a duplicate unless its revision is higher. For a cancelled order send a full refund instead';

-- sql/functions/ingestion.sql
-- Ingestion: what the functions of functions/native.sql mean, and who may call them. Retraction: functions/retract.sql.

COMMENT ON FUNCTION analytics.stamp() IS
'id of the top-level transaction; generates event.stamp and serves nothing else';

COMMENT ON FUNCTION analytics.ingest(jsonb, text, text) IS
'takes in one event or an array of events; each counts once, whatever the retry looks like. Bad events are reported, kept in rejected_event, and spoil no others.
format: auto or native. store: the store of events that name none; other than main, events that name another are rejected.
accepted: stored, or replacing a lower revision. duplicates: known already. rejected: see errors, the first 100 of them as {index, event_id, code, pointer, message}, index from 0.
22023: an argument is null, empty or unknown';
COMMENT ON FUNCTION analytics.ingest(text, text, text) IS
'takes in one event, an array of events, or one event a line (NDJSON); each counts once, whatever the retry looks like. Bad events are reported, kept in rejected_event, and spoil no others.
format: auto or native. store: the store of events that name none; other than main, events that name another are rejected.
accepted: stored, or replacing a lower revision. duplicates: known already. rejected: see errors, the first 100 of them as {index, event_id, code, pointer, message}, index from 0.
22P02: the payload is no JSON at all. 22023: an argument is null, empty or unknown';

COMMENT ON FUNCTION analytics.validate(jsonb, text, text) IS
'what ingest() would do with each event, in order; writes nothing, and works in read-only transactions.
outcome: accepted, duplicate, supersedes or rejected (with code, pointer and message). event_id: null where one would be made up. lines: how many new lines it would write.
22023: an argument is null, empty or unknown';
COMMENT ON FUNCTION analytics.validate(text, text, text) IS
'what ingest() would do with each event, in order; writes nothing, and works in read-only transactions.
outcome: accepted, duplicate, supersedes or rejected (with code, pointer and message). event_id: null where one would be made up. lines: how many new lines it would write.
22P02: the payload is no JSON at all. 22023: an argument is null, empty or unknown';

COMMENT ON FUNCTION analytics.replay_rejected(bigint[], text) IS
'takes in the open rows of rejected_event again, in order of rejected_id; ids and store null: all. Accepted ones and duplicates become replayed, the others stay open with the new reason.
Returns as ingest(); index is the place among the replayed rows, from 0. Rows whose payload is null are left alone';

REVOKE ALL ON FUNCTION analytics.stamp() FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.ingest(jsonb, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.ingest(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.validate(jsonb, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.validate(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.replay_rejected(bigint[], text) FROM PUBLIC;

-- sql/functions/rollup_sql.sql
-- The SQL of a rollup, written from its registry row: one generator serves refresh, tail, rebuild, reconcile and view.
--
-- Words: a cell is one row of a rollup (store, bucket, [currency,] dimensions). Cells of any set of lines are the sums of
-- counted_line's columns over it, so that cells add: merged + tail = all. Distinct counts are HyperLogLogs (hll), which
-- take a union but give nothing back; `lost` marks cells in which a line was taken back and counts must be made anew.
-- Dimensions are stored with '' for null, so that keys compare with = and joins can hash; views give the null back.

CREATE TYPE analytics.rollup_shape AS (
    name text,
    storage text,          -- table that holds the merged cells
    bucket text,           -- column of counted_line that is the bucket: hour, day, week, month
    bucket_type text,
    keys text[],           -- key columns after store_id and bucket: currency, dimension labels
    key_sql text[],        -- each key from counted_line l, null as ''
    sums text[],           -- additive columns held
    sum_sql text[],        -- each from counted_line l
    sum_types text[],
    counts text[],         -- distinct counts held as hll
    count_sql text[],      -- what each counts
    condition text,        -- which lines take part, or null
    by_line boolean,       -- whether lines of one event may fall into different cells: orders are then distinct ones
    measures text[]        -- what the view shows, in order
);
COMMENT ON TYPE analytics.rollup_shape IS 'what the generator of a rollup''s SQL knows of it';

CREATE FUNCTION analytics.hll_schema() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hll'
$$;
COMMENT ON FUNCTION analytics.hll_schema() IS 'schema of the hll extension, quoted';

-- Cells of up to 1,024 keys are exact, larger ones err by 0.3 % (standard error, 2^17 registers, explicit up to 1,024 hashes).
-- Under aggregation each takes up to 128 kB: whoever aggregates many turns hashing off, so that sorted groups hold one at a time.
-- hll may live in a schema others write to: every call matches its function's arguments exactly.
CREATE FUNCTION analytics.hll_of(value_sql text, condition_sql text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%1$s.hll_add_agg(%1$s.hll_hash_text(%2$s, 0), 17, 5, 1024::bigint, 1) FILTER (WHERE %2$s IS NOT NULL%3$s)',
                  analytics.hll_schema(), value_sql, coalesce(' AND ' || condition_sql, ''))
$$;
COMMENT ON FUNCTION analytics.hll_of(text, text) IS 'SQL of the aggregate that counts distinct values';

-- What is longer is cut, and told apart by a hash of the whole.
CREATE FUNCTION analytics.short_key_sql(value text, longest integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN octet_length(%1$s) <= %2$s THEN %1$s ELSE left(%1$s, %3$s) || ''~'' || md5(%1$s) END', value, longest, (longest - 40) / 4)
$$;
COMMENT ON FUNCTION analytics.short_key_sql(text, integer) IS 'SQL of a dimension''s value, at most so many bytes of it';

CREATE FUNCTION analytics.has_money(measures text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT measures && '{gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,aov}'::text[]
$$;
COMMENT ON FUNCTION analytics.has_money(text[]) IS 'whether any of the measures is money, so that the rollup is by currency';

CREATE FUNCTION analytics.shape_of(rollup analytics.rollup) RETURNS analytics.rollup_shape
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bucket_type text := CASE rollup.grain WHEN 'hour' THEN 'timestamptz' ELSE 'date' END;
    keys text[] := '{}';
    key_sql text[] := '{}';
    sums text[] := '{}';
    sum_sql text[] := '{}';
    sum_types text[] := '{}';
    counts text[] := '{}';
    count_sql text[] := '{}';
    by_line boolean := rollup.condition IS NOT NULL;  -- a filter may let some lines of an event pass and others not
    -- of what a row of an index may hold (2,704 bytes), 1 KiB is the store's; the dimensions share the rest
    longest integer := least(1000, 1500 / greatest(cardinality(rollup.dimensions), 1));
    dimension text;
    label text;
    path text[];
    measure text;
    needed text[] := '{}';
BEGIN
    IF analytics.has_money(rollup.measures) THEN
        keys := '{currency}';
        key_sql := '{l.currency}';
    END IF;
    FOREACH dimension IN ARRAY rollup.dimensions LOOP
        SELECT d.label, d.path INTO STRICT label, path FROM analytics.read_dimension(dimension) d;
        keys := keys || label;
        key_sql := key_sql || CASE WHEN rollup.builtin THEN format('coalesce(l.%I, '''')', dimension)
                                   WHEN path IS NULL THEN analytics.short_key_sql(format('coalesce(l.%I, '''')', dimension), longest)
                                   ELSE analytics.short_key_sql(format('coalesce(l.properties #>> %L, '''')', path), longest) END;
        by_line := by_line OR path IS NOT NULL OR dimension IN ('product_id', 'line_kind');
    END LOOP;
    FOREACH measure IN ARRAY rollup.measures LOOP
        CASE measure
            WHEN 'net_sales' THEN needed := needed || '{gross_sales,discounts,returns}';
            WHEN 'total_sales' THEN needed := needed || '{gross_sales,discounts,returns,taxes,shipping}';
            WHEN 'aov' THEN needed := needed || '{orders,gross_sales,discounts}';
            ELSE needed := needed || measure;
        END CASE;
    END LOOP;
    FOREACH measure IN ARRAY ARRAY(SELECT DISTINCT ON (u.m) u.m FROM unnest(needed) u(m) ORDER BY u.m) LOOP
        CASE
            WHEN measure IN ('customers', 'sessions', 'visitors', 'order_keys') THEN
                counts := counts || measure;
                count_sql := count_sql || CASE measure WHEN 'customers' THEN 'l.buyer' WHEN 'sessions' THEN 'l.session_id'
                    WHEN 'visitors' THEN 'l.visitor'
                    ELSE '(CASE WHEN l.event_type = ''purchase'' THEN coalesce(''o'' || l.order_id, ''e'' || l.event_id) END)' END;
            WHEN measure IN ('orders', 'events') AND by_line THEN
                sums := sums || measure;
                sum_types := sum_types || 'bigint'::text;
                sum_sql := sum_sql || CASE measure
                    WHEN 'orders' THEN '(CASE WHEN l.event_type = ''purchase'' AND l.first_in_cell THEN l.sign END)'
                    ELSE '(CASE WHEN l.first_in_cell THEN l.sign END)' END;
            ELSE
                sums := sums || measure;
                sum_sql := sum_sql || format('l.%I', measure);
                sum_types := sum_types || CASE WHEN measure IN ('orders', 'units', 'units_returned', 'events', 'views',
                    'add_to_carts') THEN 'bigint' ELSE 'numeric' END;
        END CASE;
    END LOOP;
    RETURN ROW(rollup.name, format('analytics.%I', 'rollup_' || rollup.name), rollup.grain, bucket_type, keys, key_sql, sums,
               sum_sql, sum_types, counts, count_sql, rollup.condition, by_line AND sums && '{orders,events}',
               rollup.measures)::analytics.rollup_shape;
END
$$;
COMMENT ON FUNCTION analytics.shape_of(analytics.rollup) IS 'shape of a rollup, from its registry row';

CREATE FUNCTION analytics.shape_of(name text) RETURNS analytics.rollup_shape
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT analytics.shape_of(r) FROM analytics.rollup r WHERE r.name = $1
$$;
COMMENT ON FUNCTION analytics.shape_of(text) IS 'shape of the rollup of that name';

-- Names as a list of columns, each by the template, in which %I stands for the name. (No default arguments: at
-- installation an overload planted beforehand would be the better match.)
CREATE FUNCTION analytics.columns_sql(names text[], template text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(replace(template, '%I', quote_ident(n)), '' ORDER BY o), '')
      FROM unnest(names) WITH ORDINALITY u(n, o)
$$;
COMMENT ON FUNCTION analytics.columns_sql(text[], text) IS 'a list of columns as SQL, each by the template';

CREATE FUNCTION analytics.names_sql(names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT analytics.columns_sql(names, ', %I'::text)
$$;
COMMENT ON FUNCTION analytics.names_sql(text[]) IS 'column names, each after a comma';

-- Cells of the lines of `source` (counted_line's columns, named l), at the rollup's grain. with_buckets adds the cell's
-- day, week and month, by which coarser grains are made from these cells.
CREATE FUNCTION analytics.cells_sql(r analytics.rollup_shape, source text, condition text, with_buckets boolean)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    conditions text := concat_ws(' AND ', '(' || r.condition || ')', '(' || condition || ')');
    lines text := source || ' l';
    columns text := '';
BEGIN
    IF conditions <> '' THEN
        lines := lines || ' WHERE ' || conditions;
    END IF;
    IF r.by_line THEN
        lines := format('(SELECT l.*, row_number() OVER (PARTITION BY l.store_id, l.event_id, l.event_type, l.order_id, l.revision, l.sign, l.%I%s) = 1 AS first_in_cell FROM %s) l',
                        r.bucket, (SELECT coalesce(string_agg(', ' || k, '' ORDER BY o), '') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                        lines);
    END IF;
    FOR i IN 1 .. cardinality(r.keys) LOOP
        columns := columns || format(', %s AS %I', r.key_sql[i], r.keys[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(r.sums) LOOP
        columns := columns || format(', coalesce(sum(%s), 0)%s AS %I', r.sum_sql[i],
                                     CASE r.sum_types[i] WHEN 'bigint' THEN '::bigint' ELSE '' END, r.sums[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(r.counts) LOOP
        columns := columns || format(', %s AS %I', analytics.hll_of(r.count_sql[i], 'l.sign = 1'), r.counts[i]);
    END LOOP;
    IF with_buckets THEN
        columns := columns || ', min(l.day) AS day, min(l.week) AS week, min(l.month) AS month';
    END IF;
    RETURN format('SELECT l.store_id, l.%I AS bucket%s, sum(l.sign)::bigint AS lines, bool_or(l.sign < 0) AS lost FROM %s GROUP BY %s',
                  r.bucket, columns, lines,
                  (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g));
END
$$;
COMMENT ON FUNCTION analytics.cells_sql(analytics.rollup_shape, text, text, boolean) IS 'SQL of the cells of a set of lines';

-- Cells of a coarser grain from finer cells of the same dimensions and measures.
CREATE FUNCTION analytics.coarser_cells_sql(r analytics.rollup_shape, finer text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.%I AS bucket%s%s%s, sum(c.lines)::bigint AS lines, bool_or(c.lost) AS lost, min(c.day) AS day, min(c.week) AS week, min(c.month) AS month FROM %s c GROUP BY %s',
        r.bucket, analytics.columns_sql(r.keys, ', c.%I'),
        (SELECT coalesce(string_agg(format(', sum(c.%1$I)%2$s AS %1$I', s, CASE t WHEN 'bigint' THEN '::bigint' ELSE '' END), '' ORDER BY o), '')
           FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)),
        analytics.columns_sql(r.counts, ', ' || analytics.hll_schema() || '.hll_union_agg(c.%I) AS %I'),
        finer, (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g))
$$;
COMMENT ON FUNCTION analytics.coarser_cells_sql(analytics.rollup_shape, text) IS 'SQL of a coarser grain''s cells from finer ones';

-- A distinct count is stored in two parts: a large one is left alone while what is new gathers beside it, since each change of
-- 80 kB would log 80 kB. Small ones have no second part. The count is the union of the two.
CREATE FUNCTION analytics.stored_count_sql(cell text, count text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('coalesce(%1$s.%2$I OPERATOR(%4$s.||) %1$s.%3$I, %1$s.%2$I)', cell, count, count || '_recent', analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.stored_count_sql(text, text) IS 'SQL of a distinct count as one hll, from a row of a rollup''s table';

CREATE FUNCTION analytics.merge_count_sql(count text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(', %1$I = CASE WHEN m.%1$I IS NULL THEN excluded.%1$I WHEN excluded.%1$I IS NULL THEN m.%1$I WHEN pg_column_size(m.%1$I) < 2048 THEN m.%1$I OPERATOR(%4$s.||) excluded.%1$I WHEN pg_column_size(%3$s) < 2048 THEN m.%1$I ELSE m.%1$I OPERATOR(%4$s.||) %3$s END, %2$I = CASE WHEN m.%1$I IS NULL OR excluded.%1$I IS NULL THEN m.%2$I WHEN pg_column_size(m.%1$I) >= 2048 AND pg_column_size(%3$s) < 2048 THEN %3$s END',
        count, count || '_recent', format('coalesce(m.%2$I OPERATOR(%3$s.||) excluded.%1$I, excluded.%1$I)', count, count || '_recent', analytics.hll_schema()),
        analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.merge_count_sql(text) IS 'SQL that adds a distinct count to the stored one, m and excluded being the two rows';

-- Adds cells to the merged ones.
CREATE FUNCTION analytics.merge_sql(r analytics.rollup_shape, cells text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('INSERT INTO %1$s AS m (store_id, bucket%2$s%3$s%4$s, lines) SELECT store_id, bucket%2$s%3$s%4$s, lines FROM %5$s ON CONFLICT (store_id, bucket%2$s) DO UPDATE SET lines = m.lines + excluded.lines%6$s%7$s',
        r.storage, analytics.names_sql(r.keys), analytics.names_sql(r.sums), analytics.names_sql(r.counts), cells,
        analytics.columns_sql(r.sums, ', %I = m.%I + excluded.%I'),
        (SELECT coalesce(string_agg(analytics.merge_count_sql(c), '' ORDER BY o), '') FROM unnest(r.counts) WITH ORDINALITY u(c, o)))
$$;
COMMENT ON FUNCTION analytics.merge_sql(analytics.rollup_shape, text) IS 'SQL that adds cells to a rollup''s table';

-- Lines not in P. Two index conditions on stamp, whose cost depends on what they find alone: newer than P, or written by
-- a transaction that P saw running.
CREATE FUNCTION analytics.tail_lines_sql(newer text, running text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(SELECT * FROM analytics.counted_line n WHERE n.stamp >= %s UNION ALL SELECT * FROM analytics.counted_line p WHERE p.stamp = ANY (%s))',
                  newer, running)
$$;
COMMENT ON FUNCTION analytics.tail_lines_sql(text, text) IS 'SQL of the lines that a snapshot did not see, given its xmax and its running ids';

-- From when until when a bucket's events occurred, in the store's zone (zone is SQL): what an index on occurred_at can use.
-- Generous by three hours on both sides, for days without a midnight; the bucket itself decides.
CREATE FUNCTION analytics.bucket_span_sql(r analytics.rollup_shape, bucket text, zone text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE r.bucket
        WHEN 'hour' THEN format('l.occurred_at >= %1$s AND l.occurred_at < %1$s + interval ''2 hours''', bucket)
        ELSE format('l.occurred_at >= %1$s::timestamp AT TIME ZONE %2$s - interval ''3 hours'' AND l.occurred_at < (%1$s::timestamp + interval %3$L) AT TIME ZONE %2$s + interval ''3 hours''',
                    bucket, zone, CASE r.bucket WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' ELSE '1 month' END) END
$$;
COMMENT ON FUNCTION analytics.bucket_span_sql(analytics.rollup_shape, text, text) IS 'SQL condition on occurred_at that a bucket''s lines meet';

-- sql/functions/rollup_objects.sql
-- What a rollup consists of: a table of merged cells, a function that gives the cells of the tail, one that counts a lost
-- cell anew, and the view that puts them together.

CREATE FUNCTION analytics.make_rollup_storage(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    custom boolean := EXISTS (SELECT FROM analytics.rollup b WHERE b.name = r.name AND NOT b.builtin);
    stored_counts text[] := r.counts || ARRAY(SELECT c || '_recent' FROM unnest(r.counts) c);
BEGIN
    -- room on the page for updates of hot cells, which then stay off the indexes; distinct counts out of line (they are
    -- hashes and do not compress), so that reading sums does not drag them along
    EXECUTE format('CREATE TABLE %s (%sbucket %s NOT NULL%s%s%s, lines bigint NOT NULL, PRIMARY KEY (store_id, bucket%s)) %s WITH (fillfactor = 80, toast_tuple_target = 128)',
        r.storage, CASE WHEN custom THEN '' ELSE 'store_id text NOT NULL, ' END, r.bucket_type, analytics.columns_sql(r.keys, ', %I text NOT NULL'),
        (SELECT coalesce(string_agg(format(', %I %s NOT NULL', s, t), '' ORDER BY o), '')
           FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)),
        analytics.columns_sql(stored_counts, format(', %%I %s.hll', analytics.hll_schema())),
        analytics.names_sql(r.keys),
        CASE WHEN custom THEN 'INHERITS (analytics.custom_cells)' ELSE '' END);
    IF r.counts <> '{}' THEN
        EXECUTE format('ALTER TABLE %s %s', r.storage,
                       substr(analytics.columns_sql(stored_counts, ', ALTER COLUMN %I SET STORAGE EXTERNAL'), 3));
    END IF;
    EXECUTE format('COMMENT ON TABLE %s IS %L', r.storage,
                   'merged cells of rollup ' || r.name || '; read the view analytics.' || r.name || ', which adds what is not merged yet');
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', r.storage);
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_storage(analytics.rollup_shape) IS 'makes the table of a rollup''s merged cells';

CREATE FUNCTION analytics.make_rollup_tail(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    allowed constant text := '(stores IS NULL OR l.store_id = ANY (stores))';
    result text := format('store_id text, bucket %s%s%s%s, lines bigint, lost boolean', r.bucket_type,
        analytics.columns_sql(r.keys, ', %I text'),
        (SELECT coalesce(string_agg(format(', %I %s', s, t), '' ORDER BY o), '')
           FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)),
        analytics.columns_sql(r.counts, format(', %%I %s.hll', analytics.hll_schema())));
BEGIN
    EXECUTE format('CREATE FUNCTION analytics.%I() RETURNS TABLE (%s)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashagg = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS %L', 'tail_' || r.name, result, format('
#variable_conflict use_column
DECLARE
    state analytics.rollup_state;
    newer xid8;
    running xid8[];
    stores text[] := analytics.allowed_stores();
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = %L;
    IF NOT FOUND THEN
        RETURN QUERY %s;
    ELSIF state.built_from > ''-infinity'' THEN
        RETURN QUERY %s;
    ELSE
        newer := pg_snapshot_xmax(state.merged);
        running := ARRAY(SELECT pg_snapshot_xip(state.merged));
        RETURN QUERY %s;
    END IF;
END
', r.name,
        analytics.cells_sql(r, 'analytics.counted_line', allowed, false),
        analytics.cells_sql(r, 'analytics.counted_line', allowed || format(' AND (l.%I < %s OR NOT pg_visible_in_snapshot(l.stamp, state.merged))', r.bucket,
            CASE r.bucket WHEN 'hour' THEN 'state.built_from::timestamp AT TIME ZONE ''UTC''' ELSE 'state.built_from' END), false),
        analytics.cells_sql(r, analytics.tail_lines_sql('newer', 'running'), allowed, false)));
    EXECUTE format('COMMENT ON FUNCTION analytics.%I() IS %L', 'tail_' || r.name,
                   'cells of rollup ' || r.name || ' of the events that are not merged yet');
    EXECUTE format('REVOKE ALL ON FUNCTION analytics.%I() FROM PUBLIC', 'tail_' || r.name);
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_tail(analytics.rollup_shape) IS 'makes the function that gives the tail''s cells';

-- A retraction can't be subtracted from a distinct count. A lost cell of hours or days is counted from its events; one of
-- weeks or months is the union of its days, of which the lost ones alone are counted from events. COST 1, since it is hardly ever
-- called: by its true cost each query that reads counts would be compiled (jit), which takes longer than running it.
CREATE FUNCTION analytics.make_rollup_recount(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hll text := analytics.hll_schema();
    finer analytics.rollup_shape := analytics.shape_of(analytics.finer_rollup(r.name, NULL));
    body text := '';
BEGIN
    FOR i IN 1 .. cardinality(r.counts) LOOP
        body := body || format('        WHEN %L THEN RETURN (%s);' || E'\n', r.counts[i],
            CASE WHEN finer IS NULL THEN
                format('SELECT %s FROM (SELECT %s AS key FROM analytics.counted_line l WHERE l.store_id = of_store AND %s AND l.%I = of_bucket%s AND %2$s IS NOT NULL%6$s GROUP BY 1 HAVING sum(l.sign) > 0) k',
                    analytics.hll_of('k.key', NULL), r.count_sql[i], analytics.bucket_span_sql(r, 'of_bucket', 'zone'), r.bucket,
                    (SELECT coalesce(string_agg(format(' AND %s = of_keys[%s]', k, o), '' ORDER BY o), '')
                       FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                    coalesce(' AND (' || r.condition || ')', ''))
            ELSE
                format('SELECT %1$s.hll_union_agg(CASE WHEN f.lost THEN analytics.%2$I(measure, f.store_id, f.bucket, of_keys) ELSE %3$s END) FROM %4$s f WHERE f.store_id = of_store AND f.bucket >= of_bucket AND f.bucket < (of_bucket + interval %5$L)::date%6$s',
                    hll, 'recount_' || finer.name, analytics.live_count_sql('f', r.counts[i]), analytics.live_cells_sql(finer),
                    CASE r.bucket WHEN 'week' THEN '7 days' ELSE '1 month' END,
                    (SELECT coalesce(string_agg(format(' AND f.%I = of_keys[%s]', k, o), '' ORDER BY o), '')
                       FROM unnest(r.keys) WITH ORDINALITY u(k, o))) END);
    END LOOP;
    IF body = '' THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION analytics.%I(measure text, of_store text, of_bucket %s, of_keys text[]) RETURNS %s.hll
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED COST 1
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', 'recount_' || r.name, r.bucket_type, hll, format('
DECLARE
    zone text := analytics.get_setting(''timezone'', of_store);
BEGIN
    PERFORM analytics.require_store(of_store);
    CASE measure
%s    END CASE;
END
', body));
    EXECUTE format('COMMENT ON FUNCTION analytics.%I(text, text, %s, text[]) IS %L', 'recount_' || r.name, r.bucket_type,
                   'distinct keys that stand in one cell of rollup ' || r.name || ', where a line was taken back');
    EXECUTE format('REVOKE ALL ON FUNCTION analytics.%I(text, text, %s, text[]) FROM PUBLIC', 'recount_' || r.name, r.bucket_type);
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_recount(analytics.rollup_shape) IS 'makes the function that counts a lost cell anew';

-- Merged cells with the tail's added: the cells that both have, and those that the tail alone has. One hash probe a
-- merged cell; a GROUP BY over both would sort or hash every cell anew. The tail is aggregated once. Without a
-- state the tail is everything, and cells that a restore brought along are none. Counts stay in their parts (live_count_sql),
-- next to the tail's `lost`, so that whoever does not ask for a count does not pay for it.
CREATE FUNCTION analytics.live_cells_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(WITH tail AS MATERIALIZED (SELECT * FROM analytics.%5$I()) SELECT m.store_id, m.bucket%1$s%2$s%3$s, m.lines + coalesce(t.lines, 0) AS lines, coalesce(t.lost, false) AS lost FROM (SELECT * FROM %4$s c WHERE EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = %11$L)) m LEFT JOIN tail t ON t.store_id = m.store_id AND t.bucket = m.bucket%6$s UNION ALL SELECT t.store_id, t.bucket%7$s%8$s%9$s, t.lines, t.lost FROM tail t WHERE NOT EXISTS (SELECT FROM %4$s m WHERE EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = %11$L) AND m.store_id = t.store_id AND m.bucket = t.bucket%10$s))',
        analytics.columns_sql(r.keys, ', m.%I'),
        analytics.columns_sql(r.sums, ', m.%I + coalesce(t.%I, 0) AS %I'),
        (SELECT coalesce(string_agg(format(', m.%1$I, m.%2$I, t.%1$I AS %3$I', c, c || '_recent', c || '_tail'), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        r.storage, 'tail_' || r.name,
        analytics.columns_sql(r.keys, ' AND t.%I = m.%I'),
        analytics.columns_sql(r.keys, ', t.%I'), analytics.columns_sql(r.sums, ', t.%I'),
        (SELECT coalesce(string_agg(format(', NULL::%4$s.hll AS %1$I, NULL::%4$s.hll AS %2$I, t.%1$I AS %3$I', c, c || '_recent', c || '_tail', analytics.hll_schema()), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        analytics.columns_sql(r.keys, ' AND m.%I = t.%I'), r.name)
$$;
COMMENT ON FUNCTION analytics.live_cells_sql(analytics.rollup_shape) IS 'SQL of a rollup''s cells, merged and tail, in one snapshot';

CREATE FUNCTION analytics.live_count_sql(cell text, count text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN %1$s.%2$I IS NULL THEN %3$s ELSE coalesce(%3$s OPERATOR(%4$s.||) %1$s.%2$I, %1$s.%2$I) END',
                  cell, count || '_tail', analytics.stored_count_sql(cell, count), analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.live_count_sql(text, text) IS 'SQL of a distinct count as one hll, from a live cell';

-- SELECT list of a rollup's view, from its live cells named c.
CREATE FUNCTION analytics.measure_columns_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(CASE m
        WHEN 'net_sales' THEN 'c.gross_sales - c.discounts - c.returns AS net_sales'
        WHEN 'total_sales' THEN 'c.gross_sales - c.discounts - c.returns + c.taxes + c.shipping AS total_sales'
        WHEN 'aov' THEN '(c.gross_sales - c.discounts) / nullif(c.orders, 0) AS aov'
        ELSE CASE WHEN m = ANY (r.counts) THEN
            format('coalesce(round(%4$s.hll_cardinality(CASE WHEN c.lost THEN analytics.%1$I(%2$L, c.store_id, c.bucket, ARRAY[%3$s]::text[]) ELSE %6$s END))::bigint, 0) AS %5$I',
                   'recount_' || r.name, m, substr(analytics.columns_sql(r.keys, ', c.%I'), 3), analytics.hll_schema(), m,
                   analytics.live_count_sql('c', m))
            ELSE format('c.%I', m) END
        END, ', ' ORDER BY o)
      FROM unnest(r.measures) WITH ORDINALITY u(m, o)
$$;
COMMENT ON FUNCTION analytics.measure_columns_sql(analytics.rollup_shape) IS 'SQL of a rollup''s measures as its view shows them';

CREATE FUNCTION analytics.rollup_view_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.bucket%s, %s FROM %s c WHERE c.lines <> 0 AND %s',
        (SELECT coalesce(string_agg(CASE k WHEN 'currency' THEN ', c.currency' ELSE format(', nullif(c.%1$I, '''') AS %1$I', k) END, '' ORDER BY o), '')
           FROM unnest(r.keys) WITH ORDINALITY u(k, o)),
        analytics.measure_columns_sql(r), analytics.live_cells_sql(r), analytics.allowed_sql('c.store_id'))
$$;
COMMENT ON FUNCTION analytics.rollup_view_sql(analytics.rollup_shape) IS 'SQL of a rollup''s view';

CREATE FUNCTION analytics.describe_columns(view regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT a.attname AS name, CASE a.attname
            WHEN 'store_id' THEN 'store'
            WHEN 'bucket' THEN 'first day of the period in the store''s time zone (hourly: start of the hour)'
            WHEN 'currency' THEN 'ISO 4217; money never adds across currencies'
            WHEN 'channel' THEN 'where it was sold; null: not sent'
            WHEN 'country' THEN 'ISO 3166-1 alpha-2; null: not sent'
            WHEN 'product_id' THEN 'product'
            WHEN 'name' THEN 'product''s present name'
            WHEN 'category' THEN 'product''s present category'
            WHEN 'brand' THEN 'product''s present brand'
            WHEN 'orders' THEN 'purchases'
            WHEN 'units' THEN 'units bought (products only)'
            WHEN 'units_returned' THEN 'units refunded (products only)'
            WHEN 'gross_sales' THEN 'price x quantity before discounts, without tax and gift cards; in currency'
            WHEN 'discounts' THEN 'discounts given on purchases, positive; in currency'
            WHEN 'returns' THEN 'refunded amount less its discount, on the refund''s day, positive; in currency'
            WHEN 'net_sales' THEN 'gross_sales - discounts - returns; in currency'
            WHEN 'taxes' THEN 'tax of purchases less tax of refunds; in currency'
            WHEN 'shipping' THEN 'shipping of purchases less that of refunds; in currency'
            WHEN 'total_sales' THEN 'net_sales + taxes + shipping; in currency'
            WHEN 'gift_card_sales' THEN 'gift cards sold less refunded, in no other measure; in currency'
            WHEN 'aov' THEN 'average order value: (gross_sales - discounts) / orders; null without orders; in currency'
            WHEN 'customers' THEN 'distinct customers who bought; exact up to about 1,000, within 1 % above; does not add over rows'
            WHEN 'sessions' THEN 'distinct sessions; exact up to about 1,000, within 1 % above; does not add over rows'
            WHEN 'visitors' THEN 'distinct customers or anonymous visitors; exact up to about 1,000, within 1 % above; does not add over rows'
            WHEN 'events' THEN 'events of all types'
            WHEN 'views' THEN 'views of the product (view_item)'
            WHEN 'add_to_carts' THEN 'times it was put into a cart (add_to_cart)'
            END AS text
          FROM pg_attribute a
         WHERE a.attrelid = view AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, named.name, coalesce(named.text, 'as sent; null: not sent'));
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.describe_columns(regclass) IS 'comments the columns of a rollup''s view: unit and definition';

CREATE FUNCTION analytics.make_rollup(name text, grain text, dimensions text[], measures text[], filter text,
                                                 condition text, builtin boolean) RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r analytics.rollup_shape;
BEGIN
    INSERT INTO analytics.rollup (name, grain, dimensions, measures, filter, condition, builtin)
    VALUES (make_rollup.name, make_rollup.grain, make_rollup.dimensions, make_rollup.measures, make_rollup.filter,
            make_rollup.condition, make_rollup.builtin);
    r := analytics.shape_of(name);
    PERFORM analytics.make_rollup_storage(r);
    PERFORM analytics.make_rollup_tail(r);
    PERFORM analytics.make_rollup_recount(r);
    EXECUTE format('CREATE VIEW analytics.%I WITH (security_barrier) AS %s', name, analytics.rollup_view_sql(r));
    PERFORM analytics.describe_columns(format('analytics.%I', name)::regclass);
    EXECUTE format('REVOKE ALL ON analytics.%I FROM PUBLIC', name);
    RETURN format('analytics.%I', name)::regclass;
END
$$;
COMMENT ON FUNCTION analytics.make_rollup(text, text, text[], text[], text, text, boolean) IS
'makes a rollup from checked arguments: registry row, storage, tail and recount functions, view';

-- sql/functions/refresh.sql
-- The incremental engine: merging what was committed since P, exactly once.
--
-- P (rollup_state.merged) is the snapshot up to which a target is merged. S is the snapshot of the merging statement, its
-- own transaction counted as running. The delta is what S sees and P did not: lines stamped >= xmax(P) or by one of P's
-- running transactions, visible to the statement, and not the own transaction's. P := S commits with the merge.
-- Proof sketch and invariants: docs/engine.md.

CREATE FUNCTION analytics.lock_engine(wait boolean) RETURNS boolean
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
CREATE FUNCTION analytics.outdate_snapshots() RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE analytics.engine_lock SET moves = moves + 1
$$;
COMMENT ON FUNCTION analytics.outdate_snapshots() IS 'keeps transactions with an older snapshot from merging; the caller holds the engine lock';

-- The snapshot of the calling statement with the own transaction counted as running: what a bare pg_current_snapshot()
-- leaves out of its running ids would be lost once something later has ended. STABLE, so that it is the caller's snapshot.
CREATE FUNCTION analytics.merging_snapshot() RETURNS pg_snapshot
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

CREATE FUNCTION analytics.has_tail(merged pg_snapshot) RETURNS boolean
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

-- The rollup of days of the same dimensions, measures and filter, whose cells a week's or month's can be made from. (Days are
-- not made from hours: where clocks went back at one minute past midnight, an hour lies in two days.)
CREATE FUNCTION analytics.finer_rollup(name text, among text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.name
      FROM analytics.rollup r
      JOIN analytics.rollup f ON f.builtin = r.builtin AND f.dimensions = r.dimensions AND f.measures = r.measures
                             AND f.filter IS NOT DISTINCT FROM r.filter
                             AND (r.grain, f.grain) IN (('week', 'day'), ('month', 'day'))
     WHERE r.name = $1 AND (among IS NULL OR f.name = ANY (among))
     ORDER BY f.name
     LIMIT 1
$$;
COMMENT ON FUNCTION analytics.finer_rollup(text, text[]) IS 'the rollup that differs in a finer grain alone, if there is one';

-- Columns of counted_line that a piece of SQL takes from its lines l.
CREATE FUNCTION analytics.line_columns_sql(query text) RETURNS text
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
CREATE FUNCTION analytics.merge_pass_sql(names text[]) RETURNS text
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
        IF r.counts <> '{}' THEN
            lost := concat_ws(' UNION ALL ', nullif(lost, ''), format('SELECT %L, store_id, %s, ARRAY[%s]::text[] FROM %I WHERE lost',
                name, CASE r.bucket WHEN 'hour' THEN 'bucket AT TIME ZONE ''UTC''' ELSE 'bucket::timestamp' END,
                substr(analytics.names_sql(r.keys), 3), 'c_' || name));
        END IF;
    END LOOP;
    IF lost <> '' THEN
        merges := merges || format(', to_recount AS (INSERT INTO analytics.rollup_recount (name, store_id, bucket, dimensions) %s)', lost);
    END IF;
    RETURN format('WITH delta AS MATERIALIZED (SELECT %s FROM %s l WHERE l.stamp <> pg_current_xact_id())%s%s, moved AS (UPDATE analytics.rollup_state SET merged = analytics.merging_snapshot(), refreshed_at = clock_timestamp(), rows = (SELECT count(*) FROM delta) WHERE name = ANY ($3)) SELECT count(*) FROM delta',
                  coalesce(analytics.line_columns_sql(cells), 'l.stamp'), analytics.tail_lines_sql('$1', '$2'), cells, merges);
END
$$;
COMMENT ON FUNCTION analytics.merge_pass_sql(text[]) IS 'SQL that merges the delta into rollups and moves their P, in one statement';

-- A pass as a function: its plan is kept by the session that refreshes, where planning over all partitions costs more than
-- merging a handful of events.
CREATE FUNCTION analytics.make_pass(function text, names text[]) RETURNS void
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
    merged_lines bigint;
BEGIN
    %s INTO merged_lines;
    RETURN merged_lines;
END
', analytics.merge_pass_sql(names)));
    EXECUTE format('COMMENT ON FUNCTION analytics.%I(xid8, xid8[], text[]) IS %L', function,
                   'merges the lines that P has not (its xmax, its running ids) into rollups (their names) and moves their P');
    EXECUTE format('REVOKE ALL ON FUNCTION analytics.%I(xid8, xid8[], text[]) FROM PUBLIC', function);
END
$$;
COMMENT ON FUNCTION analytics.make_pass(text, text[]) IS 'makes the function that merges the delta into these rollups';

-- The pass over all rollups that create_rollup() made.
CREATE FUNCTION analytics.make_custom_pass() RETURNS void
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
CREATE FUNCTION analytics.recount_lost_cells() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    lossy text;
    r analytics.rollup_shape;
    finer text;
    merged pg_snapshot;
    keys_match text;
    counted text;
BEGIN
    FOR lossy IN SELECT p.name FROM analytics.rollup p WHERE p.name IN (SELECT c.name FROM analytics.rollup_recount c)
                 ORDER BY array_position('{hour,day,week,month}'::text[], p.grain) LOOP
        r := analytics.shape_of(lossy);
        finer := analytics.finer_rollup(lossy, NULL);
        SELECT s.merged INTO merged FROM analytics.rollup_state s WHERE s.name = lossy;
        FOR i IN 1 .. cardinality(r.counts) LOOP
            IF finer IS NOT NULL AND (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = finer)::text = merged::text THEN
                counted := format('SELECT f.store_id, b.bucket, ARRAY[%s]::text[] AS dimensions, %s.hll_union_agg(%s) AS counted FROM (SELECT DISTINCT q.store_id, q.bucket FROM analytics.rollup_recount q WHERE q.name = $1) b JOIN analytics.%I f ON f.store_id = b.store_id AND f.bucket >= b.bucket AND f.bucket < b.bucket + interval %L GROUP BY 1, 2, 3',
                    substr(analytics.columns_sql(r.keys, ', f.%I'), 3), analytics.hll_schema(), analytics.stored_count_sql('f', r.counts[i]), 'rollup_' || finer,
                    CASE r.bucket WHEN 'week' THEN '7 days' ELSE '1 month' END);
            ELSE
                counted := format('SELECT k.store_id, k.bucket, k.dimensions, %s AS counted FROM (SELECT DISTINCT q.store_id, q.bucket%s AS bucket, analytics.get_setting(''timezone'', q.store_id) AS zone FROM analytics.rollup_recount q WHERE q.name = $1) b CROSS JOIN LATERAL (SELECT l.store_id, b.bucket%s AS bucket, ARRAY[%s]::text[] AS dimensions, %s AS key FROM analytics.counted_line l WHERE l.store_id = b.store_id AND %s AND l.%I = b.bucket AND pg_visible_in_snapshot(l.stamp, $2)%s AND %5$s IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING sum(l.sign) > 0) k GROUP BY 1, 2, 3',
                    analytics.hll_of('k.key', NULL),
                    CASE r.bucket WHEN 'hour' THEN ' AT TIME ZONE ''UTC''' ELSE '::date' END,
                    CASE r.bucket WHEN 'hour' THEN ' AT TIME ZONE ''UTC''' ELSE '::timestamp' END,
                    (SELECT coalesce(string_agg(k, ', ' ORDER BY o), '') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                    r.count_sql[i], analytics.bucket_span_sql(r, 'b.bucket', 'b.zone'), r.bucket,
                    coalesce(' AND (' || r.condition || ')', ''));
            END IF;
            EXECUTE format('UPDATE %s m SET %I = x.counted, %I = NULL FROM (SELECT DISTINCT q.store_id, q.bucket, q.dimensions FROM analytics.rollup_recount q WHERE q.name = $1) d LEFT JOIN (%s) x USING (store_id, bucket, dimensions) WHERE m.store_id = d.store_id AND m.bucket = d.bucket%s AND ARRAY[%s]::text[] = d.dimensions',
                r.storage, r.counts[i], r.counts[i] || '_recent', counted, CASE r.bucket WHEN 'hour' THEN ' AT TIME ZONE ''UTC''' ELSE '' END,
                substr(analytics.columns_sql(r.keys, ', m.%I'), 3))
                USING lossy, merged;
        END LOOP;
        DELETE FROM analytics.rollup_recount q WHERE q.name = lossy;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.recount_lost_cells() IS 'distinct counts of cells in which a line was taken back, from the events at P';

-- Until autovacuum comes by, PostgreSQL takes a table just filled for an empty one, and joins it row by row.
CREATE FUNCTION analytics.analyze_new_tables() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled regclass;
BEGIN
    FOR filled IN SELECT c.oid::regclass FROM pg_class c
                   WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'r' AND c.reltuples < 0
                     AND (c.relname = 'product' OR starts_with(c.relname, 'rollup_')) AND pg_relation_size(c.oid) > 100000 LOOP
        EXECUTE format('ANALYZE %s', filled);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.analyze_new_tables() IS 'gives the planner statistics of what was filled for the first time';

CREATE FUNCTION analytics.refresh(wait boolean DEFAULT true) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
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
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not refresh' USING ERRCODE = '25006',
            HINT = 'Its views are right as they are; call refresh() on the primary.';
    END IF;
    -- nothing to do costs nothing: no lock, no transaction id, no WAL
    IF NOT EXISTS (SELECT FROM analytics.rollup r LEFT JOIN analytics.rollup_state s USING (name)
                    WHERE s.name IS NULL OR s.built_from > '-infinity')
       AND NOT EXISTS (SELECT FROM (SELECT DISTINCT s.merged::text AS merged FROM analytics.rollup_state s OFFSET 0) s
                        WHERE analytics.has_tail(s.merged::pg_snapshot))
       AND EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product') THEN
        RETURN 0;
    END IF;
    IF NOT analytics.lock_engine(coalesce(wait, true)) THEN
        RETURN NULL;
    END IF;
    builtin := ARRAY(SELECT r.name FROM analytics.rollup r WHERE r.builtin);
    custom := ARRAY(SELECT r.name FROM analytics.rollup r WHERE NOT r.builtin);
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
            n := analytics.merge_builtin_rollups(pg_snapshot_xmax(pass.merged), ARRAY(SELECT pg_snapshot_xip(pass.merged)), builtin);
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
        UPDATE analytics.rollup_state s SET duration = clock_timestamp() - started WHERE s.name = ANY (pass.names);
        merged_lines := greatest(merged_lines, n);
    END LOOP;
    PERFORM analytics.learn_products();
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
COMMENT ON FUNCTION analytics.refresh(boolean) IS
'merges into every rollup what was committed since the last refresh; returns the lines merged, 0 when there was nothing, null when another refresh runs and wait is false. Views are right without it: it makes them fast';

-- sql/functions/rebuild.sql
-- Building cells from the events, bucket range by bucket range, at P: after a restore, a change of time zone, or on doubt.
-- At every commit each bucket holds exactly what P says (or, not yet built, nothing, and views count it as tail), so
-- readers and writers go on.

-- Builds the buckets in [from, to) of one rollup at its P, in place: from the next finer rollup's cells where that one is
-- whole and stands at the same P, else from the events.
CREATE FUNCTION analytics.build_range(name text, "from" date, "to" date, store text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET enable_seqscan = on
    SET enable_nestloop = off  -- after a restore there are no statistics, and the cells of a million lines look like one
    SET enable_hashagg = off   -- an hll under aggregation takes up to 128 kB: sorted groups hold one of them at a time
    SET work_mem = '32MB'
    SET jit = off
AS $$
DECLARE
    r analytics.rollup_shape := analytics.shape_of(name);
    state analytics.rollup_state;
    finer text := analytics.finer_rollup(name, NULL);
    cells text;
    n bigint;
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = build_range.name;
    IF EXISTS (SELECT FROM analytics.rollup_state f WHERE f.name = finer AND f.merged::text = state.merged::text
                  AND f.built_from = '-infinity' AND f.rebuilding_from IS NULL) THEN
        cells := analytics.cells_of_finer_sql(r, analytics.shape_of(finer));
    ELSE
        cells := analytics.built_cells_sql(r, format('l.occurred_at >= $1::timestamp - interval ''2 days'' AND l.occurred_at < $2::timestamp + interval %L AND l.%I >= $1 AND l.%2$I < $2 AND pg_visible_in_snapshot(l.stamp, $4) AND ($3 IS NULL OR l.store_id = $3)',
            CASE r.bucket WHEN 'week' THEN '9 days' WHEN 'month' THEN '34 days' ELSE '3 days' END, r.bucket));
    END IF;
    EXECUTE format('DELETE FROM %s m WHERE m.bucket >= $1 AND m.bucket < $2 AND ($3 IS NULL OR m.store_id = $3)', r.storage)
      USING "from", "to", store;
    EXECUTE format('WITH cells AS (%s), stored AS (INSERT INTO %s (store_id, bucket%s%s%s, lines) SELECT store_id, bucket%3$s%4$s%5$s, lines FROM cells ORDER BY store_id, bucket RETURNING lines) SELECT coalesce(sum(lines), 0) FROM stored',
        cells, r.storage, analytics.names_sql(r.keys), analytics.names_sql(r.sums), analytics.names_sql(r.counts))
      INTO n USING "from", "to", store, state.merged;
    RETURN n;
END
$$;
COMMENT ON FUNCTION analytics.build_range(text, date, date, text) IS 'builds a rollup''s buckets of a range at P; returns the lines counted';

-- Cells of a range ($1, $2) and store ($3) from the merged cells of a rollup of days.
CREATE FUNCTION analytics.cells_of_finer_sql(r analytics.rollup_shape, finer analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.%I AS bucket%s%s%s, sum(c.lines)::bigint AS lines FROM (SELECT f.*, %s AS week, date_trunc(''month'', f.bucket)::date AS month FROM %s f LEFT JOIN analytics.store s ON s.store_id = f.store_id LEFT JOIN analytics.store o ON o.store_id = '''' WHERE ($3 IS NULL OR f.store_id = $3) AND f.bucket >= $1 AND f.bucket < ($2::timestamp + interval ''34 days'')) c WHERE c.%1$I >= $1 AND c.%1$I < $2 AND $4 IS NOT NULL GROUP BY %7$s',
        r.bucket, analytics.columns_sql(r.keys, ', c.%I'),
        (SELECT coalesce(string_agg(format(', sum(c.%1$I)%2$s AS %1$I', s, CASE t WHEN 'bigint' THEN '::bigint' ELSE '' END), '' ORDER BY o), '')
           FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)),
        (SELECT coalesce(string_agg(format(', %s.hll_union_agg(%s) AS %I', analytics.hll_schema(), analytics.stored_count_sql('c', u.c), u.c), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        analytics.week_sql('f.bucket', 'coalesce(s.week_start, o.week_start)'), finer.storage,
        (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g))
$$;
COMMENT ON FUNCTION analytics.cells_of_finer_sql(analytics.rollup_shape, analytics.rollup_shape) IS 'SQL of cells made from a finer rollup''s merged cells';

-- First day of the week of a day; the same rule as counted_line's.
CREATE FUNCTION analytics.week_sql(day text, week_start text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(%1$s - CASE %2$s WHEN ''sunday'' THEN extract(dow FROM %1$s)::integer WHEN ''saturday'' THEN (extract(dow FROM %1$s)::integer + 1) %% 7 ELSE extract(isodow FROM %1$s)::integer - 1 END)', day, week_start)
$$;
COMMENT ON FUNCTION analytics.week_sql(text, text) IS 'SQL of the first day of the week that a day is in';

-- Cells as if nothing had ever been taken back: sums as ever, distinct counts over keys that stand.
CREATE FUNCTION analytics.built_cells_sql(r analytics.rollup_shape, condition text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    additive analytics.rollup_shape := jsonb_populate_record(r, '{"counts": [], "count_sql": []}');
    built_sql text;
    keys text := analytics.names_sql(r.keys);
BEGIN
    IF r.counts = '{}' THEN
        RETURN analytics.cells_sql(r, 'analytics.counted_line', condition, false);
    END IF;
    built_sql := format('WITH built AS MATERIALIZED (SELECT %s FROM analytics.counted_line l WHERE %s) SELECT a.*',
        analytics.line_columns_sql(analytics.cells_sql(r, 'built', NULL, false)), condition);
    FOR i IN 1 .. cardinality(r.counts) LOOP
        built_sql := built_sql || format(', d%s.%I', i, r.counts[i]);
    END LOOP;
    built_sql := built_sql || format(' FROM (%s) a', analytics.cells_sql(additive, 'built', NULL, false));
    FOR i IN 1 .. cardinality(r.counts) LOOP
        built_sql := built_sql || format(' LEFT JOIN (SELECT k.store_id, k.bucket%s, %s AS %I FROM (SELECT l.store_id, l.%I AS bucket%s, %s AS counted_key FROM built l WHERE %6$s IS NOT NULL%s GROUP BY %s HAVING sum(l.sign) > 0) k GROUP BY %s) d%s USING (store_id, bucket%1$s)',
            keys, analytics.hll_of('k.counted_key', NULL), r.counts[i], r.bucket,
            (SELECT coalesce(string_agg(format(', %s AS %I', e, k), '' ORDER BY o), '') FROM unnest(r.key_sql, r.keys) WITH ORDINALITY u(e, k, o)),
            r.count_sql[i], coalesce(' AND (' || r.condition || ')', ''),
            (SELECT string_agg(g::text, ', ') FROM generate_series(1, 3 + cardinality(r.keys)) g),
            (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g), i);
    END LOOP;
    RETURN built_sql;
END
$$;
COMMENT ON FUNCTION analytics.built_cells_sql(analytics.rollup_shape, text) IS 'SQL of cells from all events that meet the condition';

-- First days of the months that hold events or cells, newest first. Only the outermost partitions that hold rows, and the
-- default one, are looked into.
CREATE FUNCTION analytics.event_months(name text) RETURNS SETOF date
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET standard_conforming_strings = on
AS $$
DECLARE
    parts regclass[] := ARRAY(SELECT c.oid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                               WHERE i.inhparent = 'analytics.event'::regclass
                               ORDER BY substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''')::timestamptz);
    first_time timestamptz;
    last_time timestamptz;
    first_day date;
    last_day date;
    found timestamptz;
BEGIN
    -- the default partition has no bound and sorts last
    EXECUTE format('SELECT min(occurred_at), max(occurred_at) FROM ONLY %s', parts[cardinality(parts)]) INTO first_time, last_time;
    FOR i IN 1 .. cardinality(parts) - 1 LOOP
        EXECUTE format('SELECT min(occurred_at) FROM ONLY %s', parts[i]) INTO found;
        first_time := least(first_time, found);
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    FOR i IN REVERSE cardinality(parts) - 1 .. 1 LOOP
        EXECUTE format('SELECT max(occurred_at) FROM ONLY %s', parts[i]) INTO found;
        last_time := greatest(last_time, found);
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    -- a day, a week or a month may begin before its first event
    EXECUTE format('SELECT least($1, min(bucket)::date), greatest($2, max(bucket)::date) FROM analytics.%I', 'rollup_' || name)
       INTO first_day, last_day USING first_time::date - 32, last_time::date + 1;
    RETURN QUERY SELECT m::date FROM generate_series(date_trunc('month', first_day::timestamp), last_day, interval '1 month') m
                  ORDER BY 1 DESC;
END
$$;
COMMENT ON FUNCTION analytics.event_months(text) IS 'months to build of a rollup, newest first';

-- Goes on building: all that is left (max_months null) or the next months. The caller holds the engine lock.
CREATE FUNCTION analytics.build(name text, max_months integer) RETURNS TABLE (months_done integer, months_left integer, rows bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state analytics.rollup_state;
    month date;
    started timestamptz := clock_timestamp();
    reached date;
BEGIN
    months_done := 0;
    months_left := 0;
    rows := 0;
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = build.name;
    IF NOT FOUND THEN
        -- P and nothing built: from here on the tail is what P has not, and what is older than built_from
        -- A P that another rollup has, if there is one: those that stand at one P share a pass, for good.
        INSERT INTO analytics.rollup_state (name, merged, built_from, rebuilding_from, refreshed_at, duration, rows)
        SELECT build.name, coalesce((SELECT o.merged FROM analytics.rollup_state o JOIN analytics.rollup r USING (name)
                                      ORDER BY r.builtin DESC, o.name = analytics.finer_rollup(build.name, NULL) DESC NULLS LAST
                                      LIMIT 1),
                                    analytics.merging_snapshot()),
               'infinity', 'infinity', clock_timestamp(), '0', 0
        -- (a state made after an older snapshot was taken is a 40001 by this, not a duplicate)
            ON CONFLICT ON CONSTRAINT rollup_state_pkey DO NOTHING
        RETURNING * INTO state;
        -- cells of a rollup of one's own come along with a dump
        EXECUTE format('DELETE FROM analytics.%I', 'rollup_' || build.name);
    END IF;
    reached := coalesce(state.rebuilding_from, 'infinity');
    IF max_months IS NULL THEN
        -- all at once reads each event once, where a month of a year's partition reads the year
        months_done := (SELECT count(*) FROM analytics.event_months(build.name) m WHERE m < reached);
        rows := analytics.build_range(build.name, '-infinity', reached);
    ELSE
        FOR month IN SELECT m FROM analytics.event_months(build.name) m WHERE m < reached ORDER BY m DESC LOOP
            IF months_done = max_months THEN
                months_left := months_left + 1;
                CONTINUE;
            END IF;
            rows := rows + analytics.build_range(build.name, month, reached);
            reached := month;
            months_done := months_done + 1;
        END LOOP;
    END IF;
    UPDATE analytics.rollup_state s
       SET built_from = CASE WHEN months_left = 0 THEN '-infinity' WHEN s.built_from > '-infinity' THEN reached ELSE s.built_from END,
           rebuilding_from = CASE WHEN months_left > 0 THEN reached END,
           refreshed_at = clock_timestamp(), duration = clock_timestamp() - started, rows = build.rows
     WHERE s.name = build.name;
    IF months_left = 0 THEN
        PERFORM analytics.analyze_new_tables();
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION analytics.build(text, integer) IS 'builds the next months of a rollup, newest first; the caller holds the engine lock';

CREATE FUNCTION analytics.rebuild(name text, max_months integer DEFAULT NULL)
    RETURNS TABLE (months_done integer, months_left integer, rows bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM analytics.rollup r WHERE r.name = rebuild.name) THEN
        RAISE EXCEPTION 'unknown rollup' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'SELECT name FROM analytics.rollup_status lists the rollups.';
    ELSIF max_months < 1 THEN
        RAISE EXCEPTION 'max_months must be positive' USING ERRCODE = '22023', DETAIL = format('Got %s.', max_months),
            HINT = 'Pass how many months to build in this call, or leave it out to build all.';
    END IF;
    PERFORM analytics.lock_engine(true);
    RETURN QUERY SELECT * FROM analytics.build(rebuild.name, rebuild.max_months);
END
$$;
COMMENT ON FUNCTION analytics.rebuild(text, integer) IS
'builds a rollup from the events, newest month first; with max_months that many months a call, each call a transaction of yours, going on where the last one stopped. Figures are right throughout. Months whose raw events are gone are left empty: see event_retention';

-- Builds one store (null: all) anew in every rollup, within the caller's transaction: its days have moved.
CREATE FUNCTION analytics.rebuild_store(store text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    built_from date;
BEGIN
    -- what a build under way has not reached yet stays tail. Finer rollups first: coarser ones are made from them
    FOR name, built_from IN SELECT s.name, s.built_from FROM analytics.rollup_state s JOIN analytics.rollup r USING (name)
                             ORDER BY array_position('{hour,day,week,month}'::text[], r.grain) LOOP
        PERFORM analytics.build_range(name, built_from, 'infinity', store);
    END LOOP;
    PERFORM analytics.outdate_snapshots();
END
$$;
COMMENT ON FUNCTION analytics.rebuild_store(text) IS 'builds all rollups of a store anew; the caller holds the engine lock';

-- sql/functions/products.sql
-- What products are called and where they belong: learned from items, corrected by the shop. product is a target of the
-- engine like any rollup, with a P of its own: a shop's open transaction on product holds up this target alone.

-- Lines that name something about a product. `properties` holds what an item was sent with.
CREATE VIEW analytics.product_news AS
SELECT e.store_id, e.product_id, e.properties ->> 'name' AS name, e.properties ->> 'category' AS category,
       e.properties ->> 'brand' AS brand, e.unit_price AS price, e.currency, e.occurred_at, e.revision, e.line, e.stamp
  FROM analytics.event e
 WHERE e.sign = 1 AND e.excluded IS NULL AND e.product_id IS NOT NULL AND e.line_kind = 'product';
COMMENT ON VIEW analytics.product_news IS 'what event lines say of products';

-- The latest of each, from news that P has not.
CREATE FUNCTION analytics.latest_product_news()
    RETURNS TABLE (store_id text, product_id text, name text, name_at timestamptz, category text, category_at timestamptz,
                   brand text, brand_at timestamptz, price numeric, currency text, price_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    merged pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'product');
    newer xid8 := coalesce(pg_snapshot_xmax(merged), '0');
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
BEGIN
    RETURN QUERY
    -- sorted once: the first of an array is the latest; of the same moment the later revision, then what came later
    SELECT n.store_id, n.product_id,
           (array_agg(n.name) FILTER (WHERE n.name IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.name IS NOT NULL),
           (array_agg(n.category) FILTER (WHERE n.category IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.category IS NOT NULL),
           (array_agg(n.brand) FILTER (WHERE n.brand IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.brand IS NOT NULL),
           (array_agg(n.price) FILTER (WHERE n.price IS NOT NULL))[1],
           (array_agg(n.currency) FILTER (WHERE n.price IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.price IS NOT NULL)
      FROM (SELECT u.* FROM (SELECT * FROM analytics.product_news a WHERE a.stamp >= newer
                             UNION ALL SELECT * FROM analytics.product_news b WHERE b.stamp = ANY (running)) u
             ORDER BY u.store_id, u.product_id, u.occurred_at DESC, u.revision DESC, u.stamp DESC, u.line) n
     GROUP BY n.store_id, n.product_id;
END
$$;
COMMENT ON FUNCTION analytics.latest_product_news() IS 'latest news of each product in the events that are not merged yet';
REVOKE ALL ON FUNCTION analytics.latest_product_news() FROM PUBLIC;

-- What views join: of the stores that the caller may see.
CREATE FUNCTION analytics.tail_product()
    RETURNS TABLE (store_id text, product_id text, name text, name_at timestamptz, category text, category_at timestamptz,
                   brand text, brand_at timestamptz, price numeric, currency text, price_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM analytics.latest_product_news() n
     WHERE (SELECT analytics.allowed_stores()) IS NULL OR n.store_id = ANY ((SELECT analytics.allowed_stores())::text[])
$$;
COMMENT ON FUNCTION analytics.tail_product() IS 'latest news of each product in the events that are not merged yet, of the stores that the caller may see';
REVOKE ALL ON FUNCTION analytics.tail_product() FROM PUBLIC;

-- Merges the news. The later source of a field holds; an open transaction that holds a product makes it wait for
-- another time, which views do not notice: they read the tail.
CREATE FUNCTION analytics.learn_products() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '200ms'
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    learned bigint;
BEGIN
    INSERT INTO analytics.rollup_state (name, merged, refreshed_at, duration, rows)
    SELECT 'product', '1:1:', clock_timestamp(), '0', 0
     WHERE NOT EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product')
        ON CONFLICT (name) DO NOTHING;
    IF NOT (SELECT analytics.has_tail(s.merged) FROM analytics.rollup_state s WHERE s.name = 'product') THEN
        RETURN 0;
    END IF;
    WITH news AS MATERIALIZED (
        SELECT t.* FROM analytics.latest_product_news() t
    ), learned AS (
        INSERT INTO analytics.product AS p (store_id, product_id, name, name_at, category, category_at, brand, brand_at, price,
                                            currency, price_at, updated_at)
        SELECT n.store_id, n.product_id, n.name, n.name_at, n.category, n.category_at, n.brand, n.brand_at, n.price, n.currency,
               n.price_at, '-infinity'
          FROM news n
         ORDER BY n.store_id COLLATE "C", n.product_id COLLATE "C"
            ON CONFLICT (store_id, product_id) DO UPDATE
           SET name = CASE WHEN (p.name_at IS NULL OR excluded.name_at >= p.name_at) THEN coalesce(excluded.name, p.name) ELSE p.name END,
               name_at = greatest(p.name_at, excluded.name_at),
               category = CASE WHEN (p.category_at IS NULL OR excluded.category_at >= p.category_at) THEN coalesce(excluded.category, p.category) ELSE p.category END,
               category_at = greatest(p.category_at, excluded.category_at),
               brand = CASE WHEN (p.brand_at IS NULL OR excluded.brand_at >= p.brand_at) THEN coalesce(excluded.brand, p.brand) ELSE p.brand END,
               brand_at = greatest(p.brand_at, excluded.brand_at),
               price = CASE WHEN (p.price_at IS NULL OR excluded.price_at >= p.price_at) THEN coalesce(excluded.price, p.price) ELSE p.price END,
               currency = CASE WHEN (p.price_at IS NULL OR excluded.price_at >= p.price_at) AND excluded.price IS NOT NULL THEN excluded.currency ELSE p.currency END,
               price_at = greatest(p.price_at, excluded.price_at),
               updated_at = '-infinity'
         WHERE excluded.name_at >= p.name_at OR (p.name_at IS NULL AND excluded.name IS NOT NULL)
            OR excluded.category_at >= p.category_at OR (p.category_at IS NULL AND excluded.category IS NOT NULL)
            OR excluded.brand_at >= p.brand_at OR (p.brand_at IS NULL AND excluded.brand IS NOT NULL)
            OR excluded.price_at >= p.price_at OR (p.price_at IS NULL AND excluded.price IS NOT NULL)
        RETURNING 1
    ), moved AS (
        -- the own transaction's lines may be learned now and again later: learning twice changes nothing
        UPDATE analytics.rollup_state SET merged = analytics.merging_snapshot(), refreshed_at = clock_timestamp(),
               rows = (SELECT count(*) FROM learned)
         WHERE name = 'product'
    )
    SELECT count(*) INTO learned FROM learned;
    RETURN learned;
EXCEPTION WHEN lock_not_available THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.learn_products() IS 'merges what new events say of products; null when an open transaction holds one of them; the caller holds the engine lock';

-- Views join product p and tail_product() t: of the two the later one that says something holds.
CREATE FUNCTION analytics.later_product_sql(field text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN p.%1$I_at IS NULL OR t.%1$I_at >= p.%1$I_at THEN coalesce(t.%1$I, p.%1$I) ELSE p.%1$I END', field)
$$;
COMMENT ON FUNCTION analytics.later_product_sql(text) IS 'SQL of a product''s field as of this very snapshot';

-- sql/functions/create_rollup.sql
-- Anybody's own rollups. What is sent is checked, and printed again by the engine: a filter by read_filter(), a dimension here.

COMMENT ON FUNCTION analytics.read_filter(text) IS
'reads a rollup''s filter: the same in one way of writing, and the SQL condition that it means. 42601: it is none (docs/rollups.md has the grammar)';
REVOKE ALL ON FUNCTION analytics.read_filter(text) FROM PUBLIC;

CREATE FUNCTION analytics.read_dimension(sent text, OUT dimension text, OUT label text, OUT path text[])
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
AS $$
DECLARE
    columns constant text[] := '{event_type,customer_id,anonymous_id,session_id,order_id,product_id,line_kind,currency,channel,country,device,campaign}';
    key constant text := '->>?\s*(?:''((?:[^'']|'''')+)''|([A-Za-z_][A-Za-z0-9_]*))\s*';
BEGIN
    dimension := btrim(sent, E' \t\r\n');
    IF dimension = ANY (columns) THEN
        label := dimension;
    ELSIF dimension ~ ('^properties\s*(' || key || ')+$') AND (SELECT count(*) FROM regexp_matches(dimension, '->>', 'g')) = 1
          AND dimension ~ ('->>\s*(''([^'']|'''')+''|[A-Za-z_][A-Za-z0-9_]*)$') THEN
        path := ARRAY(SELECT coalesce(replace(m[1], '''''', ''''), m[2]) FROM regexp_matches(dimension, key, 'g') m);
        label := path[cardinality(path)];
        SELECT 'properties' || string_agg(CASE o WHEN cardinality(path) THEN '->>' ELSE '->' END
                                          || CASE WHEN k ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN k ELSE '''' || replace(k, '''', '''''') || '''' END, '' ORDER BY o)
          INTO dimension FROM unnest(path) WITH ORDINALITY u(k, o);
    END IF;
    IF label IS NULL OR octet_length(label) > 63 OR cardinality(path) > 16 THEN
        RAISE EXCEPTION 'unknown dimension' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(sent, 100)),
            HINT = format('Use one of %s, or a path such as properties->>city or properties->a->>b.', array_to_string(columns, ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.read_dimension(text) IS
'reads a rollup''s dimension: in one way of writing, the name of its column, and its keys where it is a path into properties. 22023: it is none';
REVOKE ALL ON FUNCTION analytics.read_dimension(text) FROM PUBLIC;

CREATE FUNCTION analytics.require_read_committed(what text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '%() works under READ COMMITTED only', what USING ERRCODE = '25001',
            DETAIL = format('The transaction is %s.', upper(current_setting('transaction_isolation'))), HINT = 'Call it in a transaction of its own.';
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_read_committed(text) IS '25001 in a transaction whose fixed snapshot might not see what others made meanwhile';
REVOKE ALL ON FUNCTION analytics.require_read_committed(text) FROM PUBLIC;

-- DROP EXTENSION drops the functions of custom rollups, too. (Replacing a function forgets that.)
CREATE FUNCTION analytics.leave_with_extension() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made regprocedure;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'analytics') THEN
        FOR made IN SELECT p.oid::regprocedure FROM pg_proc p
                     WHERE p.pronamespace = 'analytics'::regnamespace AND (p.proname = 'merge_custom_rollups'
                            OR p.proname IN (SELECT u.part || r.name FROM analytics.rollup r, unnest('{tail_,recount_}'::text[]) u(part) WHERE NOT r.builtin)) LOOP
            EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION analytics', made);
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.leave_with_extension() IS 'has the functions of custom rollups dropped with the extension';
REVOKE ALL ON FUNCTION analytics.leave_with_extension() FROM PUBLIC;

CREATE FUNCTION analytics.create_rollup(name text, grain text, dimensions text[] DEFAULT '{}', measures text[] DEFAULT NULL,
                                                   filter text DEFAULT NULL) RETURNS regclass
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    known constant text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,events,customers,sessions,visitors}';
    usual constant text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,customers,sessions,events}';
    wanted text[] := '{}';
    -- what every table has, what every rollup's cells have and what measures are made of, what its functions call their arguments
    labels text[] := '{tableoid,ctid,xmin,xmax,cmin,cmax,measure,of_store,of_bucket,of_keys,counted_key,zone,store_id,bucket,lines,lost,day,week,month,customers_recent,sessions_recent,visitors_recent,customers_tail,sessions_tail,visitors_tail}' || known;
    measured text[] := '{}';
    sent text;
    read record;
    made regclass;
BEGIN
    PERFORM analytics.require_read_committed('create_rollup');
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,47}$' OR starts_with(name, 'event') OR starts_with(name, 'rollup_') THEN
        RAISE EXCEPTION 'invalid name of a rollup' USING ERRCODE = '42602', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'Use 1 to 48 lower-case letters, digits and underscores, a letter first; names that begin with event or rollup_ are the engine''s.';
    ELSIF grain IS NULL OR grain NOT IN ('hour', 'day', 'week', 'month') THEN
        RAISE EXCEPTION 'invalid grain' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(grain, 100)),
            HINT = 'Use hour, day, week or month.';
    ELSIF cardinality(dimensions) > 16 THEN
        RAISE EXCEPTION 'too many dimensions' USING ERRCODE = '54011', DETAIL = format('Got %s.', cardinality(dimensions)),
            HINT = 'Use at most 16.';
    END IF;
    FOREACH sent IN ARRAY coalesce(measures, usual) LOOP
        IF sent IS NULL OR NOT sent = ANY (known) THEN
            RAISE EXCEPTION 'unknown measure' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(sent, 100)),
                HINT = format('Use some of %s.', array_to_string(known, ', '));
        END IF;
        IF NOT sent = ANY (measured) THEN
            measured := measured || sent;
        END IF;
    END LOOP;
    IF measured = '{}' THEN
        RAISE EXCEPTION 'a rollup needs a measure' USING ERRCODE = '22023', HINT = format('Use some of %s.', array_to_string(known, ', '));
    END IF;
    IF analytics.has_money(measured) THEN
        labels := labels || 'currency'::text;
    END IF;
    FOREACH sent IN ARRAY coalesce(dimensions, '{}') LOOP
        SELECT * INTO read FROM analytics.read_dimension(sent);
        CONTINUE WHEN read.dimension = 'currency' AND 'currency' = ANY (labels);  -- money has it anyway
        IF read.label = ANY (labels) THEN
            RAISE EXCEPTION 'two columns of the rollup would have one name' USING ERRCODE = '42701', DETAIL = format('Column %L.', read.label),
                HINT = 'A path gives the name of its last key, which must be no measure, no other dimension, and none of the names that every rollup uses (docs/rollups.md).';
        END IF;
        labels := labels || read.label::text;
        wanted := wanted || read.dimension::text;
    END LOOP;
    PERFORM analytics.lock_engine(true);
    IF to_regclass(format('analytics.%I', name)) IS NOT NULL OR to_regclass(format('analytics.%I', 'rollup_' || name)) IS NOT NULL
       OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname IN ('tail_' || name, 'recount_' || name)) THEN
        RAISE EXCEPTION 'analytics.% exists already', name USING ERRCODE = '42P07',
            HINT = 'Choose another name, or drop_rollup() it if it is a rollup of yours.';
    END IF;
    SELECT * INTO read FROM analytics.read_filter(nullif(btrim(filter, E' \t\r\n'), ''));
    made := analytics.make_rollup(name, grain, wanted, measured, read.filter, read.condition, false);
    PERFORM analytics.make_custom_pass();
    PERFORM analytics.outdate_snapshots();  -- a refresh with an older one would not know of this rollup
    PERFORM analytics.leave_with_extension();
    PERFORM analytics.grant_rollup(name);
    RETURN made;
END
$$;
COMMENT ON FUNCTION analytics.create_rollup(text, text, text[], text[], text) IS
'makes a rollup of your own, the view analytics.NAME (store_id, bucket, currency if any money, the dimensions, the measures), right from the first moment on; the next refresh builds it.
grain: hour, day, week or month in the store''s time zone. dimensions: columns of event or paths such as properties->>city. measures: null for the usual ones.
filter: conditions on columns and paths with = <> < <= > >= IN LIKE IS NULL AND OR NOT (docs/rollups.md).
42602 invalid name, 42P07 the name is taken, 22023 unknown grain, dimension or measure, 42701 two columns of one name, 42601 invalid filter';
REVOKE ALL ON FUNCTION analytics.create_rollup(text, text, text[], text[], text) FROM PUBLIC;

CREATE FUNCTION analytics.drop_rollup(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    builtin boolean;
    made regprocedure;
BEGIN
    PERFORM analytics.require_read_committed('drop_rollup');
    PERFORM analytics.lock_engine(true);
    SELECT r.builtin INTO builtin FROM analytics.rollup r WHERE r.name = drop_rollup.name;
    IF builtin IS NULL THEN
        RAISE EXCEPTION 'unknown rollup' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'SELECT name FROM analytics.rollup_status lists the rollups.';
    ELSIF builtin THEN
        RAISE EXCEPTION 'a built-in rollup cannot be dropped' USING ERRCODE = '22023', DETAIL = format('Got %L.', name),
            HINT = 'Reports rest on it; drop_rollup() is for those that create_rollup() made.';
    END IF;
    -- without CASCADE: what others built on the view stays, and says so
    BEGIN
        EXECUTE format('DROP VIEW IF EXISTS analytics.%I', name);
    EXCEPTION WHEN dependent_objects_still_exist THEN
        RAISE EXCEPTION 'other objects depend on analytics.%', name USING ERRCODE = '2BP01', DETAIL = sqlerrm,
            HINT = format('Drop them first; \d+ and pg_depend name them. Or DROP VIEW analytics.%I CASCADE, then drop_rollup() once more.', name);
    END;
    FOR made IN SELECT p.oid::regprocedure FROM pg_proc p
                 WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname IN ('tail_' || name, 'recount_' || name) LOOP
        EXECUTE format('DROP FUNCTION %s', made);
    END LOOP;
    EXECUTE format('DROP TABLE analytics.%I', 'rollup_' || name);
    DELETE FROM analytics.rollup_state s WHERE s.name = drop_rollup.name;
    DELETE FROM analytics.rollup r WHERE r.name = drop_rollup.name;
    PERFORM analytics.make_custom_pass();
    -- coarser ones may have counted lost cells by way of this one
    PERFORM analytics.make_rollup_recount(analytics.shape_of(r)) FROM analytics.rollup r WHERE NOT r.builtin AND r.grain IN ('week', 'month');
    PERFORM analytics.leave_with_extension();
    PERFORM analytics.outdate_snapshots();
END
$$;
COMMENT ON FUNCTION analytics.drop_rollup(text) IS
'drops a rollup that create_rollup() made, with its view. 22023: there is none of that name, or it is built in; 2BP01: something else depends on the view';
REVOKE ALL ON FUNCTION analytics.drop_rollup(text) FROM PUBLIC;

-- sql/functions/builtin_rollups.sql
-- The rollups every shop has, and their views.

DO $$
DECLARE
    grain text[];
    sales text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,aov,customers,sessions,events}';
    r analytics.rollup_shape;
BEGIN
    FOREACH grain SLICE 1 IN ARRAY '{{sales_hourly,hour},{sales_daily,day},{sales_weekly,week},{sales_monthly,month}}'::text[] LOOP
        PERFORM analytics.make_rollup(grain[1], grain[2], '{channel,country}', sales, NULL, NULL, true);
    END LOOP;

    -- order_keys counts an order once in a category, however many of the category's products it holds
    INSERT INTO analytics.rollup (name, grain, dimensions, measures, filter, condition, builtin)
    VALUES ('product_daily', 'day', '{product_id}',
            '{views,add_to_carts,orders,units,units_returned,gross_sales,discounts,returns,net_sales,customers,order_keys}',
            'product_id IS NOT NULL AND line_kind = ''product''', 'l.product_id IS NOT NULL AND l.line_kind = ''product''', true);
    r := analytics.shape_of('product_daily');
    PERFORM analytics.make_rollup_storage(r);
    PERFORM analytics.make_rollup_tail(r);
    PERFORM analytics.make_rollup_recount(r);

    r := jsonb_populate_record(r, jsonb_build_object('measures', array_remove(r.measures, 'order_keys')));
    EXECUTE format('CREATE VIEW analytics.product_daily WITH (security_barrier) AS SELECT c.store_id, c.bucket, c.currency, c.product_id, %s AS name, %s AS category, %s AS brand, %s FROM %s c LEFT JOIN analytics.product p ON p.store_id = c.store_id AND p.product_id = c.product_id LEFT JOIN analytics.tail_product() t ON t.store_id = c.store_id AND t.product_id = c.product_id WHERE c.lines <> 0 AND %s',
        analytics.later_product_sql('name'), analytics.later_product_sql('category'), analytics.later_product_sql('brand'),
        analytics.measure_columns_sql(r), analytics.live_cells_sql(r), analytics.allowed_sql('c.store_id'::text));
    PERFORM analytics.describe_columns('analytics.product_daily');
END
$$;

COMMENT ON VIEW analytics.sales_hourly IS 'sales by hour, currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.sales_daily IS 'sales by day in the store''s time zone, currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.sales_weekly IS 'sales by week (setting week_start), currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.sales_monthly IS 'sales by month, currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.product_daily IS 'what each product did by day and currency: views, carts, sales; gift cards and fees left out; right as of this moment';

-- Categories are the products' present ones, so that there is no rollup of their own: the products' cells add. Orders and
-- customers are unions, since one order or customer may have several products of a category.
DO $$
DECLARE
    r analytics.rollup_shape := analytics.shape_of('product_daily');
    category text := format('coalesce(%s, ''(none)'')', analytics.later_product_sql('category'));
    counted text := 'CASE WHEN bool_or(c.lost) THEN analytics.recount_category(%L, c.store_id, c.bucket, c.currency, c.category) ELSE coalesce(round(%s.hll_cardinality(%2$s.hll_union_agg(%s)))::bigint, 0) END AS %I';
BEGIN
    EXECUTE format($function$CREATE FUNCTION analytics.recount_category(measure text, of_store text, of_bucket date, of_currency text, of_category text)
    RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED COST 1
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS $body$
    SELECT count(*)
      FROM (SELECT CASE measure WHEN 'customers' THEN l.buyer
                                ELSE CASE WHEN l.event_type = 'purchase' THEN coalesce('o' || l.order_id, 'e' || l.event_id) END END AS key
              FROM analytics.counted_line l
              LEFT JOIN analytics.product p ON p.store_id = l.store_id AND p.product_id = l.product_id
              LEFT JOIN analytics.tail_product() t ON t.store_id = l.store_id AND t.product_id = l.product_id
             WHERE l.store_id = of_store AND (analytics.allowed_stores() IS NULL OR of_store = ANY (analytics.allowed_stores())) AND %s
               AND l.day = of_bucket AND l.currency = of_currency
               AND l.product_id IS NOT NULL AND l.line_kind = 'product' AND %s = of_category
             GROUP BY 1
            HAVING sum(l.sign) > 0) k
     WHERE k.key IS NOT NULL
$body$
$function$, analytics.bucket_span_sql(r, 'of_bucket', 'analytics.get_setting(''timezone'', of_store)'), category);
    COMMENT ON FUNCTION analytics.recount_category(text, text, date, text, text) IS 'distinct orders or customers of a category''s day from the events, where a line was taken back';
    EXECUTE format('CREATE VIEW analytics.category_daily WITH (security_barrier) AS SELECT c.store_id, c.bucket, c.currency, c.category, sum(c.views)::bigint AS views, sum(c.add_to_carts)::bigint AS add_to_carts, %s, sum(c.units)::bigint AS units, sum(c.units_returned)::bigint AS units_returned, sum(c.gross_sales) AS gross_sales, sum(c.discounts) AS discounts, sum(c.returns) AS returns, sum(c.gross_sales - c.discounts - c.returns) AS net_sales, %s FROM (SELECT l.*, %s AS category FROM %s l LEFT JOIN analytics.product p ON p.store_id = l.store_id AND p.product_id = l.product_id LEFT JOIN analytics.tail_product() t ON t.store_id = l.store_id AND t.product_id = l.product_id WHERE l.lines <> 0 AND %s) c GROUP BY c.store_id, c.bucket, c.currency, c.category',
        format(counted, 'orders', analytics.hll_schema(), analytics.live_count_sql('c', 'order_keys'), 'orders'),
        format(counted, 'customers', analytics.hll_schema(), analytics.live_count_sql('c', 'customers'), 'customers'), category, analytics.live_cells_sql(r), analytics.allowed_sql('l.store_id'::text));
    PERFORM analytics.describe_columns('analytics.category_daily');
    COMMENT ON COLUMN analytics.category_daily.orders IS 'distinct orders with a product of the category; exact up to about 1,000, within 1 % above; does not add over categories';
END
$$;
COMMENT ON VIEW analytics.category_daily IS 'what each category did by day and currency; products count under their present category, ''(none)'' without one; an order counts once in each category it touches';

-- The pass over the built-in rollups, which all stand at one P as a rule.
DO $$
BEGIN
    PERFORM analytics.make_pass('merge_builtin_rollups'::text, ARRAY(SELECT r.name FROM analytics.rollup r WHERE r.builtin));
END
$$;

-- sql/functions/reconcile.sql
-- The books checked against the events, and the state of the engine.

CREATE FUNCTION analytics.reconcile_rollup(name text, store text, "from" date, "to" date)
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
    range text;
BEGIN
    r := jsonb_populate_record(r, jsonb_build_object('measures', array_remove(r.measures, 'order_keys')));
    range := format('($1 IS NULL OR %%1$s.store_id = $1) AND ($2 IS NULL OR %%1$s.%%2$I >= $2) AND ($3 IS NULL OR %%1$s.%%2$I < $3)');
    RETURN QUERY EXECUTE format(
        'WITH expected AS MATERIALIZED (SELECT x.store_id, x.bucket, %1$s AS key, to_jsonb(x) AS figures FROM (SELECT c.store_id, c.bucket%2$s, %3$s FROM (SELECT store_id, bucket%4$s%5$s%6$s, lines, false AS lost FROM (%7$s) b) c WHERE c.lines <> 0) x),
              actual AS MATERIALIZED (SELECT x.store_id, x.bucket, %1$s AS key, to_jsonb(x) AS figures FROM analytics.%8$I x WHERE %9$s)
         SELECT coalesce(e.store_id, a.store_id), %8$L || ''.'' || m.measure, coalesce(e.bucket, a.bucket)::date, coalesce(e.key, a.key), (e.figures ->> m.measure)::numeric, (a.figures ->> m.measure)::numeric
           FROM expected e FULL JOIN actual a ON a.store_id = e.store_id AND a.bucket = e.bucket AND a.key = e.key
          CROSS JOIN unnest($4) m(measure)
          WHERE (e.figures ->> m.measure)::numeric IS DISTINCT FROM (a.figures ->> m.measure)::numeric',
        key,
        (SELECT coalesce(string_agg(CASE k WHEN 'currency' THEN ', c.currency' ELSE format(', nullif(c.%1$I, '''') AS %1$I', k) END, '' ORDER BY o), '')
           FROM unnest(r.keys) WITH ORDINALITY u(k, o)),
        analytics.measure_columns_sql(r),
        analytics.names_sql(r.keys), analytics.names_sql(r.sums),
        (SELECT coalesce(string_agg(format(', %1$I, NULL::%4$s.hll AS %2$I, NULL::%4$s.hll AS %3$I', c, c || '_recent', c || '_tail', analytics.hll_schema()), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        analytics.built_cells_sql(r, format(range, 'l', r.bucket)), name, format(range, 'x', 'bucket'))
      USING store, "from", "to", r.measures;
END
$$;
COMMENT ON FUNCTION analytics.reconcile_rollup(text, text, date, date) IS 'figures of a rollup''s view that differ from the events';

CREATE FUNCTION analytics.reconcile(store text DEFAULT NULL, "from" date DEFAULT NULL, "to" date DEFAULT NULL)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM analytics.require_store(store);
    -- every view against the events
    RETURN QUERY SELECT f.* FROM (SELECT r.name FROM analytics.rollup r WHERE to_regclass(format('analytics.%I', r.name)) IS NOT NULL OFFSET 0) r
                  CROSS JOIN LATERAL analytics.reconcile_rollup(r.name, reconcile.store, reconcile."from", reconcile."to") f;
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
       AND (e.event_id IS NOT NULL OR EXISTS (SELECT FROM analytics.event x WHERE x.occurred_at <= k.occurred_at))
       AND (reconcile.store IS NULL OR coalesce(k.store_id, e.store_id) = reconcile.store)
       AND (reconcile."from" IS NULL OR coalesce(k.occurred_at, e.occurred_at)::date >= reconcile."from")
       AND (reconcile."to" IS NULL OR coalesce(k.occurred_at, e.occurred_at)::date < reconcile."to");
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
'compares every view with the events, grains with each other and keys with lines, in days from (inclusive) to (exclusive); returns what differs: no rows';

CREATE FUNCTION analytics.tail_of(merged pg_snapshot, OUT tail_rows bigint, OUT oldest timestamptz)
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

CREATE VIEW analytics.rollup_status AS
SELECT r.name, r.grain, r.dimensions, array_remove(r.measures, 'order_keys') AS measures, r.filter,
       t.tail_rows, coalesce(greatest(clock_timestamp() - t.oldest, interval '0'), interval '0') AS lag,
       s.refreshed_at AS last_refresh, s.duration AS last_duration,
       pg_total_relation_size(format('analytics.%I', 'rollup_' || r.name)::regclass) AS size_bytes,
       CASE WHEN s.name IS NULL THEN 'not built' WHEN s.built_from > '-infinity' THEN 'building'
            WHEN s.rebuilding_from IS NOT NULL THEN 'rebuilding' WHEN t.tail_rows > 0 THEN 'behind' ELSE 'current' END AS status
  FROM analytics.rollup r
  LEFT JOIN analytics.rollup_state s USING (name)
 CROSS JOIN LATERAL analytics.tail_of(s.merged) t;
COMMENT ON VIEW analytics.rollup_status IS 'each rollup, what of the events it has not merged yet, and how long the last refresh took; views are right whatever stands here';
COMMENT ON COLUMN analytics.rollup_status.name IS 'the rollup, and its view in schema analytics';
COMMENT ON COLUMN analytics.rollup_status.dimensions IS 'what it is by: columns of event, or paths such as properties->>city';
COMMENT ON COLUMN analytics.rollup_status.measures IS 'what it measures';
COMMENT ON COLUMN analytics.rollup_status.filter IS 'which lines take part; null: all';
COMMENT ON COLUMN analytics.rollup_status.grain IS 'hour, day, week or month';
COMMENT ON COLUMN analytics.rollup_status.tail_rows IS 'event lines not merged yet; views add them';
COMMENT ON COLUMN analytics.rollup_status.lag IS 'age of the oldest line not merged yet';
COMMENT ON COLUMN analytics.rollup_status.last_refresh IS 'when lines were last merged';
COMMENT ON COLUMN analytics.rollup_status.last_duration IS 'how long that took';
COMMENT ON COLUMN analytics.rollup_status.size_bytes IS 'size on disk with indexes';
COMMENT ON COLUMN analytics.rollup_status.status IS 'current, behind (a tail is waiting), building, rebuilding or not built';

-- One step of what the refresh worker does: partitions that are due, then a refresh, or a month of a build under way.
CREATE FUNCTION analytics.maintain() RETURNS boolean
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
    PERFORM analytics.refresh(false);
    RETURN false;
END
$$;
COMMENT ON FUNCTION analytics.maintain() IS 'one step of the refresh worker, a short transaction; true: call again at once';

CREATE FUNCTION analytics.capabilities() RETURNS TABLE (name text, available boolean, detail text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'library', l.present, CASE WHEN l.present THEN 'analytics.so is installed' ELSE 'portable edition: COPY and INSERT, views, refresh() by pg_cron' END
      FROM (SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_language g ON g.oid = p.prolang
                            WHERE p.oid = 'analytics.stamp()'::regprocedure AND g.lanname = 'c') AS present) l
    UNION ALL
    SELECT 'preload', p.loaded, CASE WHEN p.loaded THEN 'the launcher starts workers by itself'
                                     ELSE 'add analytics to shared_preload_libraries, or call start_workers(), or schedule refresh() with pg_cron' END
      FROM (SELECT EXISTS (SELECT FROM analytics.running_workers() w WHERE w.worker = 'launcher') AS loaded) p
    UNION ALL
    SELECT 'hll', true, 'hll ' || e.extversion || ': distinct counts' FROM pg_extension e WHERE e.extname = 'hll'
    UNION ALL
    SELECT 'pg_cron', EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron'),
           CASE WHEN EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN 'jobs can be scheduled'
                WHEN EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_cron') THEN 'can be installed: add pg_cron to shared_preload_libraries, restart, then CREATE EXTENSION pg_cron in the database that cron.database_name names'
                ELSE 'not on this server' END
    UNION ALL
    SELECT 'refresh worker', w.running, CASE WHEN w.running THEN 'merges events into rollups in the background'
                                             ELSE 'SELECT analytics.start_workers() starts one; views are right without it' END
      FROM (SELECT EXISTS (SELECT FROM analytics.running_workers() r WHERE r.worker = 'refresh') AS running) w
$$;
COMMENT ON FUNCTION analytics.capabilities() IS 'what this installation can do, and what would have to be done for the rest';

-- sql/functions/workers.sql
-- Workers by hand. The functions are in native.sql, with all that needs the library; what workers do is maintain().

COMMENT ON FUNCTION analytics.start_workers() IS
'starts the refresh worker of this database, unless it runs; returns how many workers were started. Needed where the library is not preloaded, or after stop_workers(). 53400: no background worker slot is free; 55000: it did not start, or the launcher does not serve this database; 25006 on a standby';
REVOKE ALL ON FUNCTION analytics.start_workers() FROM PUBLIC;

COMMENT ON FUNCTION analytics.stop_workers() IS
'stops the workers of this database and waits until they are gone; returns how many were stopped. Holds until start_workers() or the next start of the server. 55006: one did not stop in time';
REVOKE ALL ON FUNCTION analytics.stop_workers() FROM PUBLIC;

-- Workers hold a lock that nobody else can take, as the sign that they are there: pg_stat_activity does not show a
-- superuser's processes to an owner.
CREATE FUNCTION analytics.running_workers() RETURNS TABLE (worker text, pid integer)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE l.database WHEN 0 THEN 'launcher' ELSE 'refresh' END, l.pid
      FROM pg_locks l
     WHERE l.locktype = 'object' AND l.classid = 'pg_extension'::regclass AND l.objid = 0 AND l.objsubid = 1
       AND l.database IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
$$;
COMMENT ON FUNCTION analytics.running_workers() IS 'the launcher and the workers of this database that run, with their process ids';
REVOKE ALL ON FUNCTION analytics.running_workers() FROM PUBLIC;

-- sql/schema/90_privileges.sql
-- PUBLIC has nothing; everything belongs to whoever installed the extension, so that a managed server's owner can dump it.
DO $$
DECLARE
    object record;
BEGIN
    REVOKE ALL ON SCHEMA analytics FROM PUBLIC;
    REVOKE ALL ON ALL TABLES IN SCHEMA analytics FROM PUBLIC;
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA analytics FROM PUBLIC;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA analytics FROM PUBLIC;
    -- @extowner@ comes quoted
    FOR object IN
        SELECT format('ALTER %s %s OWNER TO %s',
                   CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass, '@extowner@') AS command
          FROM pg_class c
         WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO %s', p.oid::regprocedure, '@extowner@')
          FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO %s', t.oid::regtype, '@extowner@')
          FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
         WHERE t.typnamespace = 'analytics'::regnamespace AND c.relkind = 'c'
    LOOP
        EXECUTE object.command;
    END LOOP;
END
$$;

-- sql/schema/95_partitions.sql
-- The partitions of now, before any event comes. They leave the extension at once, since a dump carries them with their rows;
-- so that a restored dump finds room for its own, none are made where row_security is off, as pg_dump's scripts set it.
DO $$
DECLARE
    part record;
BEGIN
    IF current_setting('row_security')::boolean THEN
        FOR part IN SELECT m.* FROM analytics.missing_partitions() m ORDER BY m."from" LOOP
            PERFORM analytics.make_partition(part."from", part."to", part.name);
            -- (the portable edition may be a plain script)
            IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'analytics') THEN
                EXECUTE format('ALTER EXTENSION analytics DROP TABLE analytics.%I', part.name);
            END IF;
        END LOOP;
    END IF;
END
$$;
