-- Before an update: what is made by code, views and the functions that a rollup consists of, goes, to be made again. Tables stay.

LOCK TABLE analytics.engine_lock IN EXCLUSIVE MODE;

CREATE TABLE analytics.update_view (view text NOT NULL, needed_by text NOT NULL);
CREATE TABLE analytics.update_grant (kind text NOT NULL, object text NOT NULL, privilege text NOT NULL, grantee text NOT NULL, grantable boolean NOT NULL);
CREATE TABLE analytics.update_level (grantee name NOT NULL, level text NOT NULL);

-- The extension's objects, and those of rollups that create_rollup() made.
CREATE FUNCTION analytics.update_is_ours(class regclass, object oid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'analytics'
                    WHERE d.classid = class AND d.objid = object AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
        OR class = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c JOIN analytics.rollup r ON r.name = c.relname AND NOT r.builtin
                                                     WHERE c.oid = object AND c.relkind = 'v')
        OR class = 'pg_proc'::regclass AND EXISTS (SELECT FROM pg_proc p
                                                    WHERE p.oid = object AND (p.proname = 'merge_custom_rollups'
                                                          OR p.proname IN (SELECT u.part || r.name FROM analytics.rollup r, unnest('{tail_,recount_}'::text[]) u(part) WHERE NOT r.builtin)))
$$;

CREATE FUNCTION analytics.update_privileges() RETURNS TABLE (kind text, object text, privilege text, grantee text, grantable boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.kind, o.object, o.privilege, coalesce(quote_ident(r.rolname), 'PUBLIC'), o.is_grantable
      FROM (SELECT 'TABLE' AS kind, c.oid::regclass::text AS object, c.relowner AS owner, x.grantee, x.privilege_type AS privilege, x.is_grantable
              FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x
             WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind IN ('r', 'p', 'v') AND analytics.update_is_ours('pg_class', c.oid)
            UNION ALL
            SELECT 'TABLE', c.oid::regclass::text, c.relowner, x.grantee, format('%s (%I)', x.privilege_type, a.attname), x.is_grantable
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped CROSS JOIN LATERAL aclexplode(a.attacl) x
             WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind IN ('r', 'p', 'v') AND analytics.update_is_ours('pg_class', c.oid)
            UNION ALL
            SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, x.grantee, x.privilege_type, x.is_grantable
              FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) x
             WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND analytics.update_is_ours('pg_proc', p.oid)) o
      LEFT JOIN pg_roles r ON r.oid = o.grantee
     WHERE o.grantee <> o.owner AND (o.grantee = 0 OR r.oid IS NOT NULL)
$$;

INSERT INTO analytics.update_grant SELECT * FROM analytics.update_privileges();

-- Whoever has all that a level of access consisted of, to whom granting it would change nothing, is given what it consists of then.
DO $$
DECLARE
    holder record;
    held boolean;
BEGIN
    FOR holder IN SELECT DISTINCT r.rolname, l.level
                    FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x JOIN pg_roles r ON r.oid = x.grantee
                   CROSS JOIN unnest('{reader,writer,admin}'::text[]) l(level)
                   WHERE n.nspname = 'analytics' AND x.grantee <> n.nspowner LOOP
        BEGIN
            PERFORM analytics.grant_access(holder.rolname, holder.level);
            held := NOT EXISTS (SELECT * FROM analytics.update_privileges() EXCEPT SELECT * FROM analytics.update_grant);
            RAISE EXCEPTION USING ERRCODE = 'UN001';  -- undone either way
        EXCEPTION WHEN SQLSTATE 'UN001' THEN
            NULL;
        END;
        IF held THEN
            INSERT INTO analytics.update_level (grantee, level) VALUES (holder.rolname, holder.level);
        END IF;
    END LOOP;
END
$$;

-- plain: functions that stand in the scripts as they are, and are replaced; others are made by code. types: to be made anew.
CREATE FUNCTION analytics.update_take_down(plain text[], types text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    dropped boolean := true;
    needed_by text;
BEGIN
    -- a view that objects of others are built on keeps its place and columns, empty until it is made anew
    WHILE dropped LOOP
        dropped := false;
        FOR found IN SELECT c.oid::regclass AS view FROM pg_class c
                      WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind = 'v' AND analytics.update_is_ours('pg_class', c.oid) LOOP
            BEGIN
                EXECUTE format('DROP VIEW %s', found.view);
                dropped := true;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                NULL;
            END;
        END LOOP;
    END LOOP;
    FOR found IN SELECT c.oid::regclass AS view,
                        (SELECT string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                                                  CASE WHEN a.attcollation <> t.typcollation THEN format(' COLLATE %s', a.attcollation::regcollation) END, a.attname), ', ' ORDER BY a.attnum)
                           FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
                   FROM pg_class c
                  WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind = 'v' AND analytics.update_is_ours('pg_class', c.oid) LOOP
        BEGIN
            EXECUTE format('DROP VIEW %s', found.view);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            GET STACKED DIAGNOSTICS needed_by = PG_EXCEPTION_DETAIL;
            INSERT INTO analytics.update_view (view, needed_by) VALUES (found.view::text, needed_by);
            IF NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = found.view AND d.deptype = 'e') THEN
                EXECUTE format('ALTER EXTENSION analytics ADD VIEW %s', found.view);  -- else a script of an extension must not replace it
            END IF;
            EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE false', found.view, found.columns);
        END;
    END LOOP;
    FOR found IN SELECT p.oid::regprocedure AS function FROM pg_proc p
                  WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND analytics.update_is_ours('pg_proc', p.oid) AND NOT p.proname = ANY (plain)
                 UNION
                 SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_type t ON t.typnamespace = 'analytics'::regnamespace AND t.typname = ANY (types)
                  WHERE p.prorettype IN (t.oid, t.typarray) OR p.proargtypes::oid[] && ARRAY[t.oid, t.typarray] OR p.proallargtypes && ARRAY[t.oid, t.typarray] LOOP
        EXECUTE format('DROP ROUTINE %s', found.function);
    END LOOP;
    FOR found IN SELECT t.oid::regtype AS type FROM pg_type t WHERE t.typnamespace = 'analytics'::regnamespace AND t.typname = ANY (types) LOOP
        EXECUTE format('DROP TYPE %s', found.type);
    END LOOP;
    DELETE FROM analytics.rollup WHERE builtin;
END
$$;
