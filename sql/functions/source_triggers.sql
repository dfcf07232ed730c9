-- The shop's writers leave a note of what they changed, in their own transaction. This must never fail them, nor run anybody's code: the
-- trigger reads one column of a built-in type, named by the trigger's arguments, and writes its values down.

CREATE OR REPLACE FUNCTION analytics.queue_source() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    read text;
BEGIN
    -- who made this trigger by hand, without transition tables, could have their names read from pg_temp, and views run as the extension's owner
    IF tg_op <> 'TRUNCATE' AND NOT EXISTS (SELECT FROM pg_trigger g
                                            WHERE g.tgrelid = tg_relid AND g.tgname = tg_name
                                              AND (tg_op = 'DELETE' OR g.tgnewtable IS NOT DISTINCT FROM 'new_rows')
                                              AND (tg_op = 'INSERT' OR g.tgoldtable IS NOT DISTINCT FROM 'old_rows')) THEN
        RETURN NULL;
    END IF;
    -- a trigger on a table of somebody else's tells nothing about this source
    IF NOT EXISTS (SELECT FROM analytics.source s JOIN pg_class c ON c.oid = tg_relid
                    WHERE s.name = tg_argv[0] AND pg_has_role(to_regrole(quote_ident(s.owner)), c.relowner, 'USAGE')) THEN
        RETURN NULL;
    END IF;
    IF tg_op = 'TRUNCATE' THEN
        INSERT INTO analytics.source_queue (source, watch, key) VALUES (tg_argv[0], tg_argv[1]::smallint, NULL);
        RETURN NULL;
    END IF;
    -- no cast of anybody's making: built-in types have none
    IF NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                    WHERE a.attrelid = tg_relid AND a.attname = tg_argv[2] AND t.typnamespace = 'pg_catalog'::regnamespace) THEN
        RETURN NULL;
    END IF;
    read := CASE tg_op WHEN 'INSERT' THEN 'SELECT %1$I FROM new_rows' WHEN 'DELETE' THEN 'SELECT %1$I FROM old_rows'
                       ELSE 'SELECT %1$I FROM old_rows UNION ALL SELECT %1$I FROM new_rows' END;
    EXECUTE format('INSERT INTO analytics.source_queue (source, watch, key)
                    SELECT DISTINCT $1, $2, r.%1$I::text FROM (' || read || ') r WHERE r.%1$I IS NOT NULL ORDER BY 3', tg_argv[2])
      USING tg_argv[0], tg_argv[1]::smallint;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.queue_source() IS 'trigger of sync_source(source, watch, column): notes which rows a statement changed. Never fails a statement for what is in its rows';

-- Four statement triggers a table; the names carry the source's and the place of the watch.
CREATE OR REPLACE FUNCTION analytics.source_watch(s analytics.source) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    w record;
    target regclass;
    how record;
BEGIN
    PERFORM analytics.source_unwatch(s.name);
    FOR w IN SELECT * FROM analytics.source_watches(s) LOOP
        target := analytics.source_table(s.search_path, w.relation);
        PERFORM analytics.require_watchable(target, w."column");
        FOR how IN SELECT * FROM (VALUES ('i', 'INSERT', 'NEW TABLE AS new_rows'), ('u', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                                         ('d', 'DELETE', 'OLD TABLE AS old_rows'), ('t', 'TRUNCATE', NULL)) h(letter, event, tables) LOOP
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION analytics.queue_source(%L, %L, %L)',
                           format('analytics_sync_%s_%s%s', s.name, w.place, how.letter), how.event, target, 'REFERENCING ' || how.tables,
                           s.name, w.place, w."column");
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.source_watch(analytics.source) IS 'makes the triggers of a source anew';

-- On tables of others may stand triggers of that name that they made: those are not the caller's to drop, and note nothing (queue_source()).
CREATE OR REPLACE FUNCTION analytics.source_unwatch(source text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT g.tgname, g.tgrelid::regclass AS relation FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid AND pg_has_role(c.relowner, 'USAGE')
              WHERE g.tgfoid = 'analytics.queue_source()'::regprocedure AND g.tgparentid = 0 AND NOT g.tgisinternal
                AND g.tgname ~ ('^analytics_sync_' || source || '_[0-9]+[iudt]$') LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.source_unwatch(text) IS 'drops the triggers of a source';

-- A relation named under somebody's search_path.
CREATE OR REPLACE FUNCTION analytics.source_table(path text, sent text) RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass;
BEGIN
    PERFORM pg_catalog.set_config('search_path', path, true);
    BEGIN
        found := pg_catalog.to_regclass(sent);
    EXCEPTION WHEN invalid_name OR syntax_error THEN
        NULL;
    END;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF found IS NULL THEN
        RAISE EXCEPTION 'no such table' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(sent, 100)),
            HINT = 'Name a table as FROM would, with its schema where it is not in the search_path, or give a query.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION analytics.source_table(text, text) IS 'the relation of a name. 22023: there is none';

-- 22023 unless the caller can make triggers there that read this column.
CREATE OR REPLACE FUNCTION analytics.require_watchable(relation regclass, "column" text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind "char";
    mine boolean;
    type record;
BEGIN
    SELECT c.relkind, pg_has_role(c.relowner, 'USAGE') INTO kind, mine FROM pg_class c WHERE c.oid = relation;
    IF kind NOT IN ('r', 'p') OR NOT mine THEN
        RAISE EXCEPTION 'triggers can''t be made on %', relation USING ERRCODE = '22023',
            DETAIL = CASE WHEN mine THEN 'It is no table.' ELSE format('It does not belong to %s.', current_user) END,
            HINT = 'Pass a watermark, a column such as updated_at that grows with each change: the source is then polled.';
    END IF;
    SELECT t.oid::regtype AS name, t.typnamespace INTO type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = relation AND a.attname = "column" AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such column' USING ERRCODE = '22023', DETAIL = format('Table %s has no column %L.', relation, left("column", 100)),
            HINT = 'Name a column of the table as it is written in the catalog.';
    ELSIF type.typnamespace <> 'pg_catalog'::regnamespace THEN
        RAISE EXCEPTION 'a key must be of a built-in type' USING ERRCODE = '22023', DETAIL = format('Column %I of %s is %s.', "column", relation, type.name),
            HINT = 'Use a column of an integer, text, uuid or the like, or pass a watermark.';
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_watchable(regclass, text) IS '22023 unless the caller can make triggers on the table that read this column';
