-- While an update runs: the table of a rollup's merged cells stays, cells and all. If its columns are others now, they are brought
-- into line, and nothing counts as merged: views are right at once, and the next refresh builds it anew.
ALTER FUNCTION analytics.make_rollup_storage(analytics.rollup_shape) RENAME TO make_new_storage;

CREATE FUNCTION analytics.make_rollup_storage(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted constant text := 'analytics.update_storage';
    col record;
    outdated boolean := false;
BEGIN
    IF to_regclass(r.storage) IS NULL THEN
        PERFORM analytics.make_new_storage(r);
        RETURN;
    END IF;
    PERFORM analytics.make_new_storage(jsonb_populate_record(r, jsonb_build_object('storage', wanted)));
    FOR col IN
        SELECT coalesce(w.attname, h.attname) AS name, h.attname IS NOT NULL AS is_there, w.attname IS NOT NULL AS is_wanted,
               format_type(w.atttypid, w.atttypmod) AS type, w.attnotnull AS needed, w.attstorage AS storage
          FROM (SELECT * FROM pg_attribute a WHERE a.attrelid = to_regclass(r.storage) AND a.attnum > 0 AND NOT a.attisdropped) h
          FULL JOIN (SELECT * FROM pg_attribute a WHERE a.attrelid = to_regclass(wanted) AND a.attnum > 0) w
            ON w.attname = h.attname AND w.atttypid = h.atttypid AND w.attnotnull = h.attnotnull
         WHERE h.attname IS NULL OR w.attname IS NULL
         ORDER BY w.attnum NULLS FIRST
    LOOP
        outdated := true;
        IF col.name = ANY (r.keys || '{store_id,bucket}'::text[]) THEN
            RAISE EXCEPTION 'rollup % has other dimensions than before', r.name USING ERRCODE = '0A000',
                HINT = 'The update script must drop its table.';
        END IF;
        IF col.is_there THEN
            EXECUTE format('ALTER TABLE %s DROP COLUMN %I', r.storage, col.name);
        ELSE
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s%s', r.storage, col.name, col.type, CASE WHEN col.needed
                               THEN format(' DEFAULT %L NOT NULL', CASE WHEN col.type LIKE '%[]' THEN '{}' ELSE '0' END) ELSE '' END);
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %2$I SET STORAGE %s', r.storage, col.name,
                           CASE col.storage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END);
        END IF;
    END LOOP;
    IF outdated THEN
        DELETE FROM analytics.rollup_state s WHERE s.name = r.name;
    END IF;
    EXECUTE format('COMMENT ON TABLE %s IS %L', r.storage, obj_description(to_regclass(wanted)));
    EXECUTE format('DROP TABLE %s', wanted);
END
$$;
