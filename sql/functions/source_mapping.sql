-- How a row of a shop's own tables becomes events: a source's mapping printed as one query. All of this is text of the source's owner, and
-- is run with the owner's rights: no function here is SECURITY DEFINER.

-- A table's name as it is, or a query in parentheses; to be used in FROM.
CREATE OR REPLACE FUNCTION analytics.source_relation(sent text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN analytics.source_is_query(sent) THEN format(E'(%s\n)', sent) ELSE sent END
$$;
COMMENT ON FUNCTION analytics.source_relation(text) IS 'what a source or its items are read from, as SQL';

CREATE OR REPLACE FUNCTION analytics.source_is_query(sent text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sent ~* '^[\s(]*(select|with|values|table)\s'
$$;
COMMENT ON FUNCTION analytics.source_is_query(text) IS 'whether this is a query, not the name of a table';

-- A mapping's value as SQL. Text is a column's name as it is, or else an expression; numbers and booleans stand for themselves.
CREATE OR REPLACE FUNCTION analytics.source_value(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'string' THEN CASE WHEN value #>> '{}' ~ '^[A-Za-z_][A-Za-z0-9_$]*$' THEN quote_ident(value #>> '{}')
                                ELSE format(E'(%s\n)', value #>> '{}') END
        WHEN 'object' THEN analytics.source_object(value)
        WHEN 'array' THEN format('pg_catalog.jsonb_build_array(%s)', (SELECT string_agg(analytics.source_value(v), ', ' ORDER BY o)
                                                                        FROM jsonb_array_elements(value) WITH ORDINALITY u(v, o)))
        WHEN 'null' THEN 'NULL'
        ELSE format('%L::jsonb', value) END
$$;
COMMENT ON FUNCTION analytics.source_value(jsonb) IS 'a value of a mapping as SQL';

CREATE OR REPLACE FUNCTION analytics.source_object(members jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- (a function takes 100 arguments)
    SELECT '(' || coalesce(string_agg(format('pg_catalog.jsonb_build_object(%s)', m.pairs), ' || ' ORDER BY m.part), '''{}''::jsonb') || ')'
      FROM (SELECT (u.place - 1) / 50 AS part, string_agg(format('%L::text, %s', u.key, analytics.source_value(u.value)), ', ' ORDER BY u.place) AS pairs
              FROM jsonb_each(members) WITH ORDINALITY u(key, value, place) GROUP BY 1) m
$$;
COMMENT ON FUNCTION analytics.source_object(jsonb) IS 'an object of a mapping as SQL';

-- FROM and WHERE of rows that belong to one row of the source: an order's items, its refunds.
CREATE OR REPLACE FUNCTION analytics.source_belonging(described jsonb, named text, source_key text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('FROM %s %s WHERE %s', analytics.source_relation(described ->> 'table'), named,
        concat_ws(' AND ', named || '.' || quote_ident(described ->> 'key') || ' = source.' || quote_ident(source_key),
                           analytics.source_value(described -> 'where')))
$$;
COMMENT ON FUNCTION analytics.source_belonging(jsonb, text, text) IS 'where rows come from that belong to a row of the source, as SQL';

-- What an event of a mapping makes of a row named source: an array of {"place", "event"}, one, none, or one for each row that belongs to it.
CREATE OR REPLACE FUNCTION analytics.source_event(event jsonb, place bigint, source_key text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN event ? 'each' THEN format('coalesce((SELECT pg_catalog.jsonb_agg(%s%s) %s AND %s), ''[]'')',
                    m.made, ' ORDER BY ' || analytics.source_value(event #> '{each,order}'), analytics.source_belonging(event -> 'each', 'each', source_key), m.condition)
                ELSE format('CASE WHEN %s THEN pg_catalog.jsonb_build_array(%s) ELSE ''[]'' END', m.condition, m.made) END
      FROM (SELECT coalesce(analytics.source_value(event -> 'when'), 'true') AS condition,
                   format('pg_catalog.jsonb_build_object(''place'', %s, ''event'', pg_catalog.jsonb_strip_nulls(%s || pg_catalog.jsonb_build_object(''event'', %s, ''timestamp'', %s)%s))',
                       place, analytics.source_object(event - '{when,each,items,event,timestamp}'::text[]),
                       CASE WHEN event ->> 'event' ~ '^[a-z][a-z0-9_]{0,63}$' THEN format('%L::text', event ->> 'event') ELSE analytics.source_value(event -> 'event') END,
                       -- without its time an event would be of now, and of another now after each change: this one will be rejected
                       format('coalesce(pg_catalog.to_jsonb(%s), ''"(null)"'')', analytics.source_value(event -> 'timestamp')),
                       CASE WHEN jsonb_typeof(event -> 'items') = 'object' THEN
                           format(' || pg_catalog.jsonb_build_object(''items'', (SELECT pg_catalog.jsonb_agg(%s%s) %s))',
                               analytics.source_object((event -> 'items') - '{table,key,where,order}'::text[]),
                               ' ORDER BY ' || analytics.source_value(event #> '{items,order}'), analytics.source_belonging(event -> 'items', 'item', source_key))
                       ELSE ' || pg_catalog.jsonb_build_object(''items'', ' || analytics.source_value(event -> 'items') || ')' END) AS made) m
$$;
COMMENT ON FUNCTION analytics.source_event(jsonb, bigint, text) IS 'what an event of a mapping makes of a row, as SQL';

-- $1: keys. A row a key: the key as the source has it, and its events; null where there is no such row.
CREATE OR REPLACE FUNCTION analytics.source_query(s analytics.source) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT k.key::text, found.events FROM (SELECT DISTINCT pg_catalog.unnest($1::%1$s[]) AS key) k
                     LEFT JOIN LATERAL (SELECT %2$s AS events FROM %3$s source WHERE source.%4$I = k.key) found ON true',
        s.key_type, (SELECT string_agg(analytics.source_event(e.event, e.place, s.key), ' || ' ORDER BY e.place) FROM jsonb_array_elements(s.mapping -> 'events') WITH ORDINALITY e(event, place)),
        analytics.source_relation(s.relation), s.key)
$$;
COMMENT ON FUNCTION analytics.source_query(analytics.source) IS 'the query that makes events of a source''s rows';

-- Runs text of the source's owner, as the caller, who is the owner; what it finds, it finds as when it was registered. Few keys are looked up at a
-- time, by index where there is one, whatever a column full of one value makes the planner think.
CREATE OR REPLACE FUNCTION analytics.source_run(s analytics.source, query text, keys text[]) RETURNS TABLE (key text, events jsonb)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
    SET enable_seqscan = off
    SET jit = off
AS $$
BEGIN
    IF s.owner <> current_user THEN
        RAISE EXCEPTION 'source % belongs to another role', s.name USING ERRCODE = '42501', HINT = format('Only %I can sync it.', s.owner);
    END IF;
    PERFORM set_config('search_path', s.search_path, true);
    RETURN QUERY EXECUTE query USING keys;
END
$$;
COMMENT ON FUNCTION analytics.source_run(analytics.source, text, text[]) IS 'runs a query of a source''s owner with the owner''s rights and search_path, in UTC';

-- What is watched, where triggers tell what changes: the source itself, and what the mapping lists, or else the tables of what belongs to it.
CREATE OR REPLACE FUNCTION analytics.source_watches(s analytics.source)
    RETURNS TABLE (place integer, relation text, "column" text, keys text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (row_number() OVER (ORDER BY w.kind, w.place))::integer - 1, w.relation, w."column", w.keys
      FROM (SELECT 1 AS kind, 0::bigint AS place, s.relation, s.key, NULL WHERE NOT s.is_query
            UNION ALL
            SELECT 2, min(e.place), b.belonging ->> 'table', b.belonging ->> 'key', NULL
              FROM jsonb_array_elements(s.mapping -> 'events') WITH ORDINALITY e(event, place)
             CROSS JOIN LATERAL (VALUES (e.event -> 'each'), (e.event -> 'items')) b(belonging)
             WHERE s.mapping -> 'watch' IS NULL AND NOT analytics.source_is_query(b.belonging ->> 'table') AND b.belonging ->> 'key' IS NOT NULL
             GROUP BY 3, 4
            UNION ALL
            SELECT 3, e.place, e.watch ->> 'table', e.watch ->> 'column', e.watch ->> 'keys'
              FROM jsonb_array_elements(coalesce(s.mapping -> 'watch', '[]')) WITH ORDINALITY e(watch, place)) w(kind, place, relation, "column", keys)
$$;
COMMENT ON FUNCTION analytics.source_watches(analytics.source) IS 'tables whose changes tell what to look at, the column that tells which, and the query that leads from there to the source''s keys (null: it is the key)';
