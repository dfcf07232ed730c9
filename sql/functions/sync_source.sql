-- A shop's own tables, kept flowing in: registration, and the step that looks at what changed. Everything runs as the caller, who owns the
-- source; what has more rights is given values alone: ingest(), retract(), sent_revisions(), and the triggers' queue_source().

-- One at a time is at a source: a step leaves where another is, a change of the source waits for the step.
CREATE OR REPLACE FUNCTION analytics.source_lock_id(name text) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hashtextextended('analytics.source ' || name, 0)
$$;
COMMENT ON FUNCTION analytics.source_lock_id(text) IS 'advisory lock of a source';

CREATE OR REPLACE FUNCTION analytics.sync_source(name text, source text, mapping jsonb, watermark text DEFAULT NULL,
                                                 key text DEFAULT NULL, store text DEFAULT 'main',
                                                 path text DEFAULT pg_catalog.current_setting('search_path')) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    s analytics.source;
    described jsonb := analytics.checked_mapping(mapping);
    is_query boolean := analytics.source_is_query(source);
    type_of constant text := 'SELECT pg_catalog.format_type(t.oid, NULL), NULL::jsonb FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.pg_typeof((SELECT %s FROM %s source LIMIT 1))';
    target regclass;
    said text;
BEGIN
    PERFORM analytics.require_read_committed('sync_source');
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,39}$' THEN
        RAISE EXCEPTION 'invalid name of a source' USING ERRCODE = '42602', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'Use 1 to 40 lower-case letters, digits and underscores, a letter first.';
    ELSIF source IS NULL OR btrim(source) = '' THEN
        RAISE EXCEPTION 'source must not be null or empty' USING ERRCODE = '22023', HINT = 'Give a table''s name, or a query.';
    END IF;
    PERFORM analytics.ingest('[]'::jsonb, store => store);  -- may this caller write to this store
    IF NOT is_query THEN
        target := analytics.source_table(path, source);
    ELSIF watermark IS NULL AND described -> 'watch' IS NULL THEN
        RAISE EXCEPTION 'nothing tells when the query''s rows change' USING ERRCODE = '22023',
            HINT = 'Pass a watermark, a column of the query such as updated_at that grows with each change, or list in the mapping which tables to watch: "watch": [{"table": "orders", "column": "id"}].';
    END IF;
    s := jsonb_populate_record(NULL::analytics.source, jsonb_build_object(
        'name', name, 'owner', current_user, 'store_id', store, 'search_path', path, 'mapping', described, 'is_query', is_query,
        'relation', CASE WHEN is_query THEN source ELSE target::text END, 'watermark', watermark,
        'key', coalesce(key, (SELECT min(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                               WHERE i.indrelid = target AND i.indisprimary HAVING min(i.indnkeyatts) = 1))));
    IF s.key IS NULL THEN
        RAISE EXCEPTION 'key is missing' USING ERRCODE = '22023', DETAIL = 'The source is no table with a primary key of one column.',
            HINT = 'Pass key, the column that tells its rows apart.';
    END IF;
    -- what the mapping says must be SQL over the source: tried now, not at night
    BEGIN
        s := jsonb_populate_record(s, jsonb_build_object(
            'key_type', (SELECT r.key FROM analytics.source_run(s, format(type_of, format('source.%I', s.key), analytics.source_relation(s.relation)), '{}') r),
            'watermark_type', (SELECT r.key FROM analytics.source_run(s, format(type_of, analytics.source_value(to_jsonb(watermark)), analytics.source_relation(s.relation)), '{}') r
                                WHERE watermark IS NOT NULL)));
        PERFORM FROM analytics.source_run(s, analytics.source_query(s), '{}');
    EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
        RAISE EXCEPTION 'the source can''t be read as it is described' USING ERRCODE = '22023', DETAIL = said,
            HINT = 'Text in the mapping is a column''s name or an SQL expression over the row: write a constant as ''web'', quotes included. The row is called source, an item''s item.';
    END;
    IF EXISTS (SELECT FROM analytics.source x WHERE x.name = s.name AND x.owner = current_user AND (x.key, x.key_type) <> (s.key, s.key_type)) THEN
        RAISE EXCEPTION 'the key of a source can''t change' USING ERRCODE = '22023', DETAIL = format('It would be %I, %s.', s.key, s.key_type),
            HINT = 'Rows that were taken in are known by it. Choose another name for the source, or drop_source() first: the events that came of it stay.';
    END IF;
    PERFORM pg_advisory_xact_lock(analytics.source_lock_id(name));
    -- (what is in somebody else's name does not show, and clashes)
    BEGIN
        DELETE FROM analytics.source_queue q WHERE q.source = s.name;
        UPDATE analytics.source x SET store_id = s.store_id, relation = s.relation, is_query = s.is_query, key = s.key, key_type = s.key_type,
               mapping = s.mapping, watermark = s.watermark, watermark_type = s.watermark_type, search_path = s.search_path,
               phase = NULL, at_key = NULL, mark = NULL, next_mark = NULL, next_running = NULL, next_at = NULL, last_error = NULL
         WHERE x.name = s.name AND x.owner = current_user;
        IF NOT FOUND THEN
            INSERT INTO analytics.source (name, store_id, relation, is_query, key, key_type, mapping, watermark, watermark_type, search_path)
            VALUES (s.name, s.store_id, s.relation, s.is_query, s.key, s.key_type, s.mapping, s.watermark, s.watermark_type, s.search_path);
        END IF;
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION 'the name is taken' USING ERRCODE = '42710', DETAIL = format('Another role has a source %L.', name), HINT = 'Choose another name.';
    END;
    -- from here on every change is noted, or will be found by its watermark: what was there before is read next
    IF watermark IS NULL THEN
        PERFORM analytics.source_watch(s);
        DELETE FROM analytics.source_queue q WHERE q.source = s.name;
    ELSE
        PERFORM analytics.source_unwatch(s.name);
    END IF;
    PERFORM analytics.source_begin(s.name);
END
$$;
COMMENT ON FUNCTION analytics.sync_source(text, text, jsonb, text, text, text, text) IS
'keeps a table of the shop''s own, or a query, flowing in as events: what is there, then each insert, change and deletion. What there is to do is done by sync_sources(), which schedule() has called every minute.
source: a table''s name or a query. mapping: how a row becomes events (docs/sync.md). watermark: a column or expression that grows with each change, such as updated_at; the source is then polled. Null: statement triggers on the tables, which must be the caller''s. key: the column that tells rows apart; null: the primary key. store: for events that name none. path: search_path for the names in source and mapping; the session''s, unless given.
Called again it replaces the source of that name and looks at every row once more; what became the same events changes nothing.
22023: the mapping or another argument is not sound; 42602: invalid name; 42710: another role''s source has it';


-- In one shape: {"events": [...], "watch": [...], "deleted": "retract"}.
CREATE OR REPLACE FUNCTION analytics.checked_mapping(sent jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mapping jsonb := CASE WHEN jsonb_typeof(sent) = 'array' THEN jsonb_build_object('events', sent)
                          WHEN sent ? 'events' THEN sent
                          ELSE jsonb_strip_nulls(jsonb_build_object('events', jsonb_build_array(sent - '{watch,deleted}'::text[]), 'watch', sent -> 'watch', 'deleted', sent -> 'deleted')) END;
    event jsonb;
    problem text;
BEGIN
    IF sent IS NULL OR jsonb_typeof(sent) NOT IN ('object', 'array') THEN
        problem := 'it is no object';
    ELSIF jsonb_typeof(mapping -> 'events') <> 'array' OR mapping -> 'events' = '[]' THEN
        problem := 'events is no list of events';
    ELSIF coalesce(mapping ->> 'deleted', 'retract') NOT IN ('retract', 'keep') THEN
        problem := 'deleted is neither "retract" nor "keep"';
    ELSIF EXISTS (SELECT FROM jsonb_object_keys(mapping) k WHERE k NOT IN ('events', 'watch', 'deleted')) THEN
        problem := 'beside events there may be watch and deleted';
    ELSIF jsonb_typeof(coalesce(mapping -> 'watch', '[]')) <> 'array'
          OR EXISTS (SELECT FROM jsonb_array_elements(coalesce(mapping -> 'watch', '[]')) w
                      WHERE w ->> 'table' IS NULL OR w ->> 'column' IS NULL OR w - '{table,column,keys}'::text[] <> '{}') THEN
        problem := 'watch is no list of {"table", "column", "keys"}';
    ELSE
        FOR event IN SELECT e FROM jsonb_array_elements(mapping -> 'events') e LOOP
            problem := CASE
                WHEN jsonb_typeof(event) <> 'object' THEN 'an event is no object'
                WHEN jsonb_typeof(event -> 'event') IS DISTINCT FROM 'string' THEN 'event is missing: a name such as "purchase", or an expression'
                WHEN jsonb_typeof(event -> 'timestamp') IS DISTINCT FROM 'string' THEN 'timestamp is missing: the column that says when it happened'
                WHEN event ? 'revision' THEN 'revision is counted by the source itself'
                WHEN event ? 'each' AND jsonb_typeof(event -> 'event_id') IS DISTINCT FROM 'string' THEN 'event_id is missing: what tells the events of "each" apart'
                WHEN EXISTS (SELECT FROM jsonb_each(event) b WHERE b.key IN ('items', 'each') AND NOT (b.key = 'items' AND jsonb_typeof(b.value) = 'string')
                                AND (jsonb_typeof(b.value -> 'table') IS DISTINCT FROM 'string' OR b.value ->> 'key' IS NULL AND b.value ->> 'where' IS NULL))
                    THEN 'items and each need table (a name or a query) and key, its column that holds the key of the source'
                END;
            EXIT WHEN problem IS NOT NULL;
        END LOOP;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'the mapping is not sound: %', problem USING ERRCODE = '22023', DETAIL = format('Got %s.', left(sent::text, 200)),
            HINT = 'Such as {"event": "purchase", "order_id": "id", "timestamp": "created_at", "items": {"table": "order_items", "key": "order_id", "product_id": "product_id", "quantity": "qty", "price": "unit_price"}}; docs/sync.md has more.';
    END IF;
    RETURN mapping;
END
$$;
COMMENT ON FUNCTION analytics.checked_mapping(jsonb) IS 'a mapping in one shape. 22023: it is none';

CREATE OR REPLACE FUNCTION analytics.drop_source(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    -- the extension's owner tidies up after others, whose roles may be gone
    IF NOT EXISTS (SELECT FROM analytics.source s, pg_class c
                    WHERE s.name = name AND c.oid = 'analytics.source'::regclass AND (s.owner = current_user OR pg_has_role(c.relowner, 'USAGE'))) THEN
        RAISE EXCEPTION 'no such source' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'SELECT name, owner FROM analytics.source_status lists them; a role drops its own.';
    END IF;
    PERFORM pg_advisory_xact_lock(analytics.source_lock_id(name));
    PERFORM analytics.source_unwatch(name);
    -- what hangs on the source shows while it is there
    DELETE FROM analytics.source_queue q WHERE q.source = name;
    DELETE FROM analytics.source_key k WHERE k.source = name;
    DELETE FROM analytics.source s WHERE s.name = name;
END
$$;
COMMENT ON FUNCTION analytics.drop_source(text) IS 'ends what sync_source() began: triggers and notes go, the events that came of it stay. The extension''s owner may drop any. 22023: the caller has no such source';

-- What a sync would send for these keys; writes nothing.
CREATE OR REPLACE FUNCTION analytics.source_events(name text, keys text[]) RETURNS TABLE (key text, events jsonb)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    s analytics.source;
BEGIN
    SELECT * INTO s FROM analytics.source x WHERE x.name = source_events.name AND x.owner = current_user;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such source' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(source_events.name, 100)),
            HINT = 'SELECT name, owner FROM analytics.source_status lists them; a role reads its own.';
    END IF;
    RETURN QUERY SELECT r.key, jsonb_path_query_array(r.events, '$[*].event') FROM analytics.source_run(s, analytics.source_query(s), source_events.keys) r;
END
$$;
COMMENT ON FUNCTION analytics.source_events(text, text[]) IS 'the events that rows of a source become, as ingest() would get them; null: there is no such row. Writes nothing';

-- Versions that stand: a source sends the next one. Of a purchase with an order it is the order's, whoever reported it.
CREATE OR REPLACE FUNCTION analytics.sent_revisions(stores text[], event_ids text[], order_ids text[]) RETURNS integer[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET enable_material = off
    SET jit = off
AS $$
BEGIN
    PERFORM analytics.require_store(u.store) FROM (SELECT DISTINCT unnest(stores) AS store) u;
    RETURN ARRAY(SELECT coalesce(k.sent_revision, 0)
                   FROM (SELECT * FROM unnest(stores, event_ids, order_ids) WITH ORDINALITY u(store, event_id, order_id, place)) u
                   LEFT JOIN analytics.event_key k ON k.store_id = u.store AND k.key = coalesce(u.order_id, u.event_id)
                         AND k.kind = CASE WHEN u.order_id IS NULL THEN 'e'::"char" ELSE 'o'::"char" END
                  ORDER BY u.place);
END
$$;
COMMENT ON FUNCTION analytics.sent_revisions(text[], text[], text[]) IS 'the revision that each event was last sent with, 0 if never; order_ids: of purchases that name their order, else null';

-- (By index from the first row on: what is planned while the tables are empty is kept.)
-- Takes in what became of these keys: new and changed rows as a further revision, what is no longer there taken back.
CREATE OR REPLACE FUNCTION analytics.source_send(s analytics.source, keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET enable_material = off
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    changed jsonb;
    events jsonb;
    taken record;
    taken_back bigint := 0;
BEGIN
    -- rows whose events are others than before: [{key, fingerprint, standing, events}], events with their place, store and identity
    SELECT jsonb_agg(jsonb_build_object('key', r.key, 'fingerprint', r.fingerprint, 'standing', coalesce(k.events, '[]'), 'events', coalesce((
               SELECT jsonb_agg(jsonb_build_object('event', e.made -> 'event', 'store', coalesce(e.made #>> '{event,store}', s.store_id), 'order_id', o.order_id,
                                    'event_id', coalesce(e.made #>> '{event,event_id}', 'purchase:' || o.order_id,
                                                         s.name || ':' || r.key || CASE e.made ->> 'place' WHEN '1' THEN '' ELSE ':' || (e.made ->> 'place') END)) ORDER BY e.place)
                 FROM jsonb_array_elements(r.events) WITH ORDINALITY e(made, place)
                CROSS JOIN LATERAL (SELECT CASE WHEN e.made #>> '{event,event}' = 'purchase' THEN nullif(e.made #>> '{event,order_id}', '') END AS order_id) o), '[]')))
      INTO changed
      FROM (SELECT x.key, x.events, md5(x.events::text)::uuid AS fingerprint FROM analytics.source_run(s, analytics.source_query(s), keys) x) r
      LEFT JOIN analytics.source_key k ON k.source = s.name AND k.key = r.key
     WHERE octet_length(r.key) <= 1024  -- as long as an event's ids may be
       AND CASE WHEN r.events IS NULL THEN k.key IS NOT NULL AND coalesce(s.mapping ->> 'deleted', 'retract') = 'retract'
                ELSE k.fingerprint IS DISTINCT FROM r.fingerprint OR k.error IS NOT NULL END;
    IF changed IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(changed) c GROUP BY c ->> 'key' HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'key % is not unique in the source', s.key USING ERRCODE = '21000', HINT = 'Call sync_source() again with a key that tells rows apart.';
    END IF;
    -- what does not stand any more
    FOR taken IN SELECT e ->> 1 AS event_id, e ->> 0 AS store FROM jsonb_array_elements(changed) c, jsonb_array_elements(c -> 'standing') e
                  WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(c -> 'events') n
                                     WHERE (n ->> 'store', n ->> 'event_id', n ->> 'order_id') IS NOT DISTINCT FROM (e ->> 0, e ->> 1, e ->> 2))
                  ORDER BY (e ->> 0) COLLATE "C", (e ->> 1) COLLATE "C" LOOP
        taken_back := taken_back + (analytics.retract(taken.event_id, taken.store) > 0)::integer;
    END LOOP;
    -- what does, each the next revision of what is known; the first is 2, so that the shop's own word is above a tracker's
    WITH sent AS MATERIALIZED (
        SELECT e, row_number() OVER (ORDER BY c.place, n.place) AS place
          FROM jsonb_array_elements(changed) WITH ORDINALITY c(row, place), jsonb_array_elements(c.row -> 'events') WITH ORDINALITY n(e, place)
    ), known AS (
        SELECT analytics.sent_revisions(array_agg(x.e ->> 'store' ORDER BY x.place), array_agg(x.e ->> 'event_id' ORDER BY x.place), array_agg(x.e ->> 'order_id' ORDER BY x.place)) AS revisions
          FROM sent x
    )
    SELECT jsonb_agg((x.e -> 'event') || jsonb_build_object('event_id', x.e -> 'event_id',
                         'revision', least(greatest(k.revisions[x.place]::bigint, 1) + 1, 2147483647)) ORDER BY x.place)
      INTO events FROM sent x CROSS JOIN known k;
    SELECT 0::bigint AS accepted, 0::bigint AS rejected INTO taken;
    IF events IS NOT NULL THEN
        SELECT i.accepted, i.rejected INTO taken FROM analytics.ingest(events, 'native', s.store_id) i;
    END IF;
    DELETE FROM analytics.source_key k USING jsonb_array_elements(changed) c
     WHERE k.source = s.name AND k.key = c ->> 'key' AND c ->> 'fingerprint' IS NULL;
    INSERT INTO analytics.source_key AS k (source, key, fingerprint, events)
    SELECT s.name, c ->> 'key', (c ->> 'fingerprint')::uuid,
           coalesce((SELECT jsonb_agg(jsonb_build_array(n -> 'store', n -> 'event_id', n -> 'order_id') ORDER BY p) FROM jsonb_array_elements(c -> 'events') WITH ORDINALITY u(n, p)), '[]')
      FROM jsonb_array_elements(changed) c WHERE c ->> 'fingerprint' IS NOT NULL
     ORDER BY (c ->> 'key') COLLATE "C"
    ON CONFLICT (source, key) DO UPDATE SET fingerprint = excluded.fingerprint, events = excluded.events, error = NULL;
    UPDATE analytics.source x SET sent = x.sent + taken.accepted, rejected = x.rejected + taken.rejected, retracted = x.retracted + taken_back,
           synced_at = clock_timestamp()
     WHERE x.name = s.name;
END
$$;
COMMENT ON FUNCTION analytics.source_send(analytics.source, text[]) IS 'takes in what became of these keys of a source';

-- The same; a row that the mapping can't be reckoned for is set aside alone.
CREATE OR REPLACE FUNCTION analytics.source_send_each(s analytics.source, keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    half integer := cardinality(keys) / 2;
    said text;
BEGIN
    IF keys IS NULL OR keys = '{}' THEN
        RETURN;
    END IF;
    BEGIN
        PERFORM analytics.source_send(s, keys);
        RETURN;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR raise_exception THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
    END;
    IF half > 0 THEN
        PERFORM analytics.source_send_each(s, keys[:half]);
        PERFORM analytics.source_send_each(s, keys[half + 1:]);
    ELSE
        INSERT INTO analytics.source_key AS k (source, key, events, error) VALUES (s.name, keys[1], '[]', said)
        ON CONFLICT (source, key) DO UPDATE SET error = excluded.error WHERE k.error IS DISTINCT FROM excluded.error;
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.source_send_each(analytics.source, text[]) IS 'takes in what became of these keys; one that fails is noted in source_key.error, and spoils no other';

-- A pass over all rows begins with the next step.
CREATE OR REPLACE FUNCTION analytics.source_begin(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s analytics.source;
    rows bigint;
BEGIN
    SELECT * INTO s FROM analytics.source x WHERE x.name = source_begin.name;
    SELECT greatest(c.reltuples, 0)::bigint INTO rows FROM pg_class c WHERE NOT s.is_query AND c.oid = to_regclass(s.relation) AND c.reltuples >= 0;
    UPDATE analytics.source x SET phase = 'rows', at_key = NULL, pass_rows = 0, pass_of = rows, pass_is_clean = NULL WHERE x.name = s.name;
    IF s.watermark IS NOT NULL AND s.mark IS NULL THEN
        PERFORM analytics.source_note_mark(s);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.source_begin(text) IS 'begins a pass over all rows of a source';

-- Polling. A row can appear with a watermark below the newest: its transaction began earlier and commits later, or a clock is behind. So the mark
-- follows late: the newest watermark is noted together with the transactions that run at that moment; it becomes the mark once all of them have
-- ended and five minutes have passed, for clocks outside of the database. Until then all rows above the older mark are looked at again.
CREATE OR REPLACE FUNCTION analytics.running_transactions() RETURNS text[]
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(l.virtualxid), '{}') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction AND l.pid <> pg_backend_pid()
       AND a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
$$;
COMMENT ON FUNCTION analytics.running_transactions() IS 'transactions of others that run in this database, those without a transaction id included';

CREATE OR REPLACE FUNCTION analytics.have_ended(transactions text[]) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF transactions && analytics.running_transactions() THEN
        RETURN false;
    END IF;
    -- asked afterwards: one of them may have become a prepared one meanwhile
    RETURN NOT EXISTS (SELECT FROM pg_prepared_xacts p WHERE p.database = current_database());
END
$$;
COMMENT ON FUNCTION analytics.have_ended(text[]) IS 'whether none of these runs any more, nor is a prepared transaction left that could be one of them';

CREATE OR REPLACE FUNCTION analytics.source_note_mark(s analytics.source) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest text;
BEGIN
    -- first the watermark, then who runs: a transaction that begins in between has a later one
    SELECT r.key INTO newest FROM analytics.source_run(s, format(
        CASE s.watermark_type WHEN 'timestamp with time zone' THEN 'SELECT least(max(%s), pg_catalog.now())::text, NULL::jsonb FROM %s source'
                              ELSE 'SELECT max(%s)::text, NULL::jsonb FROM %s source' END,
        analytics.source_value(to_jsonb(s.watermark)), analytics.source_relation(s.relation)), '{}') r;
    UPDATE analytics.source x SET next_mark = newest, next_running = analytics.running_transactions(), next_at = clock_timestamp()
     WHERE x.name = s.name;
END
$$;
COMMENT ON FUNCTION analytics.source_note_mark(analytics.source) IS 'notes the newest watermark of a source and what runs meanwhile';

-- Whether nothing can appear any more with a watermark up to next_mark.
CREATE OR REPLACE FUNCTION analytics.source_mark_is_safe(s analytics.source) RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT clock_timestamp() >= s.next_at + interval '5 minutes' AND analytics.have_ended(s.next_running)
$$;
COMMENT ON FUNCTION analytics.source_mark_is_safe(analytics.source) IS 'whether no row can appear any more with a watermark up to the noted one';

CREATE OR REPLACE FUNCTION analytics.source_poll(s analytics.source, slice integer) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_safe boolean := s.mark IS NOT NULL AND analytics.source_mark_is_safe(s);  -- before the rows are read
    above text := format('SELECT source.%1$I::text, NULL::jsonb FROM %2$s source WHERE source.%1$I IS NOT NULL AND %3$s', s.key, analytics.source_relation(s.relation),
        CASE WHEN s.mark IS NOT NULL THEN format('%s > %L::%s', analytics.source_value(to_jsonb(s.watermark)), s.mark, s.watermark_type)
             WHEN s.next_mark IS NOT NULL THEN format('%s >= %L::%s', analytics.source_value(to_jsonb(s.watermark)), s.next_mark, s.watermark_type)
             ELSE 'true' END);
    keys text[];
BEGIN
    keys := ARRAY(SELECT r.key FROM analytics.source_run(s, above || format(' LIMIT %s', slice + 1), '{}') r);
    IF cardinality(keys) <= slice THEN
        PERFORM analytics.source_send_each(s, keys);
    ELSE
        INSERT INTO analytics.source_queue (source, watch, key) SELECT s.name, 0, r.key FROM analytics.source_run(s, above, '{}') r;
    END IF;
    IF is_safe THEN
        IF s.mark <> s.next_mark THEN
            UPDATE analytics.source x SET mark = s.next_mark WHERE x.name = s.name;
        END IF;
        -- (an idle source writes nothing)
        IF keys <> '{}' OR s.mark <> s.next_mark THEN
            PERFORM analytics.source_note_mark(s);
        END IF;
    ELSIF s.next_mark IS NULL AND keys <> '{}' THEN
        PERFORM analytics.source_begin(s.name);  -- there was nothing to note until now
    END IF;
    RETURN cardinality(keys) > slice;
END
$$;
COMMENT ON FUNCTION analytics.source_poll(analytics.source, integer) IS 'looks at the rows of a source above its mark; true: they are many, and were queued';

-- One step of one source, a short transaction; true: call again at once.
CREATE OR REPLACE FUNCTION analytics.source_step(name text, slice integer) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    s analytics.source;
    noted record;
    w record;
    keys text[];
    due text[] := '{}';
    is_clean boolean;
    is_more boolean := false;
BEGIN
    IF NOT pg_try_advisory_xact_lock(analytics.source_lock_id(source_step.name)) THEN
        RETURN false;  -- somebody else is at it
    END IF;
    SELECT * INTO s FROM analytics.source x WHERE x.name = source_step.name AND x.owner = current_user;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    -- what was noted
    WITH taken AS (
        DELETE FROM analytics.source_queue q
         WHERE q.ctid = ANY (ARRAY(SELECT n.ctid FROM analytics.source_queue n WHERE n.source = s.name LIMIT slice))
        RETURNING q.watch, q.key
    )
    SELECT count(*) AS notes, bool_or(t.key IS NULL) AS emptied, array_agg(t.watch) AS watches, array_agg(t.key) AS keys INTO noted FROM taken t;
    IF noted.notes > 0 THEN
        FOR w IN SELECT p.place, v.keys FROM (SELECT DISTINCT unnest(noted.watches) AS place) p
                   LEFT JOIN (SELECT * FROM analytics.source_watches(s) WHERE s.watermark IS NULL) v ON v.place = p.place LOOP
            keys := ARRAY(SELECT DISTINCT u.key FROM unnest(noted.watches, noted.keys) u(watch, key) WHERE u.watch = w.place AND u.key IS NOT NULL);
            IF w.keys IS NOT NULL THEN
                keys := ARRAY(SELECT r.key FROM analytics.source_run(s, format(E'SELECT found.key::text, NULL::jsonb FROM (%s\n) found(key) WHERE found.key IS NOT NULL', w.keys), keys) r);
            END IF;
            due := due || keys;
        END LOOP;
        PERFORM analytics.source_send_each(s, ARRAY(SELECT DISTINCT unnest(due)));
        IF noted.emptied THEN
            PERFORM analytics.source_begin(s.name);
            RETURN true;
        END IF;
        is_more := noted.notes >= slice;
    END IF;

    -- the pass under way
    IF s.phase = 'rows' THEN
        is_clean := CASE WHEN s.at_key IS NULL THEN s.watermark IS NULL OR s.mark IS NOT NULL OR analytics.source_mark_is_safe(s) ELSE s.pass_is_clean END;
        keys := ARRAY(SELECT r.key FROM analytics.source_run(s, format('SELECT source.%1$I::text, NULL::jsonb FROM %2$s source WHERE %3$s ORDER BY source.%1$I LIMIT %4$s',
                          s.key, analytics.source_relation(s.relation),
                          CASE WHEN s.at_key IS NULL THEN format('source.%I IS NOT NULL', s.key) ELSE format('source.%I > %L::%s', s.key, s.at_key, s.key_type) END, slice), '{}') r);
        PERFORM analytics.source_send_each(s, keys);
        UPDATE analytics.source x
           SET at_key = coalesce(keys[cardinality(keys)], s.at_key), pass_rows = s.pass_rows + cardinality(keys), pass_is_clean = is_clean,
               phase = CASE WHEN cardinality(keys) = slice THEN 'rows' WHEN NOT is_clean THEN 'wait' ELSE 'keys' END
         WHERE x.name = s.name RETURNING x.* INTO s;
        IF s.phase = 'keys' THEN
            UPDATE analytics.source x SET at_key = NULL, mark = coalesce(s.mark, s.next_mark) WHERE x.name = s.name RETURNING x.* INTO s;
            IF s.watermark IS NOT NULL THEN
                PERFORM analytics.source_note_mark(s);
            END IF;
        END IF;
        RETURN s.phase <> 'wait' OR is_more;
    ELSIF s.phase = 'wait' AND analytics.source_mark_is_safe(s) THEN
        -- all rows once more, now that none can appear behind the pass
        UPDATE analytics.source x SET phase = 'rows', at_key = NULL, pass_rows = 0 WHERE x.name = s.name;
        RETURN true;
    ELSIF s.phase = 'keys' THEN
        keys := ARRAY(SELECT k.key FROM analytics.source_key k WHERE k.source = s.name AND (s.at_key IS NULL OR k.key > s.at_key) ORDER BY k.source, k.key LIMIT slice);
        IF coalesce(s.mapping ->> 'deleted', 'retract') = 'retract' THEN
            PERFORM analytics.source_send_each(s, ARRAY(SELECT r.key FROM analytics.source_run(s, format(
                'SELECT k.key::text, NULL::jsonb FROM (SELECT pg_catalog.unnest($1::%s[]) AS key) k WHERE NOT EXISTS (SELECT FROM %s source WHERE source.%I = k.key)',
                s.key_type, analytics.source_relation(s.relation), s.key), keys) r));
        END IF;
        UPDATE analytics.source x
           SET at_key = keys[cardinality(keys)], phase = CASE WHEN cardinality(keys) = slice THEN 'keys' END,
               checked_at = CASE WHEN cardinality(keys) = slice THEN x.checked_at ELSE clock_timestamp() END
         WHERE x.name = s.name RETURNING x.* INTO s;
        RETURN s.phase IS NOT NULL OR is_more;
    END IF;

    IF s.watermark IS NOT NULL AND coalesce(noted.notes, 0) < slice THEN
        is_more := analytics.source_poll(s, slice);
        -- deletions leave no watermark
        IF s.phase IS NULL AND s.checked_at < clock_timestamp() - interval '1 day' THEN
            UPDATE analytics.source x SET phase = 'keys', at_key = NULL WHERE x.name = s.name AND x.phase IS NULL;
            RETURN true;
        END IF;
    END IF;
    RETURN is_more;
END
$$;
COMMENT ON FUNCTION analytics.source_step(text, integer) IS 'one step of syncing a source: what was noted, at most so many rows, and a slice of the pass under way; true: call again at once';

CREATE OR REPLACE FUNCTION analytics.sync_sources(slices integer DEFAULT NULL, slice_rows integer DEFAULT 1000) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waiting text[];
    still text[];
    this text;
    said text;
    rounds integer := 0;
BEGIN
    PERFORM analytics.require_read_committed('sync_sources');
    IF slices < 1 OR slice_rows IS NULL OR slice_rows < 1 THEN
        RAISE EXCEPTION 'slices and slice_rows must be at least 1' USING ERRCODE = '22023', HINT = 'Leave them out to sync all there is.';
    END IF;
    waiting := ARRAY(SELECT s.name FROM analytics.source s WHERE s.owner = current_user ORDER BY s.registered_at, s.name);
    WHILE waiting <> '{}' AND (slices IS NULL OR rounds < slices) LOOP
        still := '{}';
        FOREACH this IN ARRAY waiting LOOP
            -- one that fails keeps its place, says why, and holds up no other
            BEGIN
                IF analytics.source_step(this, slice_rows) THEN
                    still := still || this;
                END IF;
                UPDATE analytics.source s SET last_error = NULL WHERE s.name = this AND s.last_error IS NOT NULL;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
                UPDATE analytics.source s SET last_error = said WHERE s.name = this AND s.last_error IS DISTINCT FROM said;
                RAISE WARNING 'source % could not be synced', this USING DETAIL = said,
                    HINT = 'Mend what it says, or call sync_source() with a mapping that fits. Nothing is lost meanwhile.';
            END;
        END LOOP;
        waiting := still;
        rounds := rounds + 1;
    END LOOP;
    RETURN waiting <> '{}';
END
$$;
COMMENT ON FUNCTION analytics.sync_sources(integer, integer) IS
'takes in what is new in the caller''s sources (sync_source). slices: at most so many steps of each, null: until nothing is left; slice_rows: rows a step. True: there is more to do. Interrupted it goes on where it was. Schedulers CALL analytics.run_sync(), which commits each step';

CREATE OR REPLACE PROCEDURE analytics.run_sync(budget interval DEFAULT '1 minute')
    LANGUAGE plpgsql
AS $$
DECLARE
    until timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) budget;
BEGIN
    WHILE analytics.sync_sources(1) AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<) until LOOP
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE analytics.run_sync(interval) IS
'syncs the caller''s sources, step by step, each a transaction of its own, until nothing is left to do or the budget of time is used up; for schedulers. Call it outside of transactions';

DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW analytics.source_status AS
SELECT s.name, s.owner, s.store_id, s.relation AS source, CASE WHEN s.watermark IS NULL THEN ''triggers'' ELSE ''polling'' END AS mode,
       CASE WHEN s.last_error IS NOT NULL THEN ''failed'' WHEN s.phase = ''rows'' THEN ''loading'' WHEN s.phase = ''keys'' THEN ''checking''
            WHEN q.waiting > 0 THEN ''behind'' ELSE ''current'' END AS status,
       s.pass_rows AS rows_read, s.pass_of AS rows_estimated, q.waiting, s.sent, s.rejected, s.retracted, e.failed,
       s.synced_at, s.checked_at, s.mark, s.last_error
  FROM analytics.source s
 CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM analytics.source_queue q WHERE q.source = s.name) q
 CROSS JOIN LATERAL (SELECT count(*) AS failed FROM analytics.source_key k WHERE k.source = s.name AND k.error IS NOT NULL) e
 WHERE %s', analytics.allowed_sql('s.store_id'));
END
$$;
COMMENT ON VIEW analytics.source_status IS 'tables and queries that sync_source() keeps flowing in, and how far they are';
COMMENT ON COLUMN analytics.source_status.name IS 'name that sync_source() gave it';
COMMENT ON COLUMN analytics.source_status.owner IS 'role that syncs it, with its rights';
COMMENT ON COLUMN analytics.source_status.store_id IS 'store of events that name none';
COMMENT ON COLUMN analytics.source_status.source IS 'table or query';
COMMENT ON COLUMN analytics.source_status.mode IS 'triggers: statement triggers note what changes; polling: the watermark tells';
COMMENT ON COLUMN analytics.source_status.status IS 'loading: all rows are being read; checking: deletions are looked for; behind: changes wait; current; failed: see last_error';
COMMENT ON COLUMN analytics.source_status.rows_read IS 'rows that the present or last pass over all rows has read';
COMMENT ON COLUMN analytics.source_status.rows_estimated IS 'rows that the planner reckoned the table has when the pass began; null: not known';
COMMENT ON COLUMN analytics.source_status.waiting IS 'notes of changes that wait';
COMMENT ON COLUMN analytics.source_status.sent IS 'events that were accepted, later versions included';
COMMENT ON COLUMN analytics.source_status.rejected IS 'events that were rejected: analytics.rejected_event has them';
COMMENT ON COLUMN analytics.source_status.retracted IS 'events that were taken back';
COMMENT ON COLUMN analytics.source_status.failed IS 'rows that the mapping could not be reckoned for: analytics.source_key.error says why';
COMMENT ON COLUMN analytics.source_status.synced_at IS 'when something was last taken in or taken back';
COMMENT ON COLUMN analytics.source_status.checked_at IS 'when deletions were last looked for key by key';
COMMENT ON COLUMN analytics.source_status.mark IS 'polling: no row with this watermark or an earlier one is going to appear any more';
COMMENT ON COLUMN analytics.source_status.last_error IS 'why the last sync of it failed; null: it did not';
