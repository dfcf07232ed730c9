-- An update's frame. ALTER EXTENSION runs it as a superuser, on objects that belong to the extension's owner, who may have put
-- anything into them: so nothing of theirs is run here. What an update does, it does step by step in update_step(), as the owner.
SET LOCAL search_path TO pg_catalog, pg_temp;
SET LOCAL check_function_bodies TO off;
SET LOCAL quote_all_identifiers TO off;
SET LOCAL default_tablespace TO '';
SET LOCAL standard_conforming_strings TO on;

-- Workers run the old functions, and the library as it was when they started.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'object' AND l.classid = 'pg_extension'::regclass AND l.objid = 0 AND l.objsubid = 1
                  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) THEN
        RAISE EXCEPTION 'a worker of this database runs' USING ERRCODE = '55006',
            HINT = 'SELECT analytics.stop_workers() before ALTER EXTENSION analytics UPDATE, and analytics.start_workers() after it.';
    END IF;
END
$$;

-- What others planted could be a better match for a call than the function meant.
DO $$
DECLARE
    planted text;
BEGIN
    SELECT string_agg(format('%s (%s)', p.oid::regprocedure, r.rolname), ', ' ORDER BY p.oid::regprocedure::text) INTO planted
      FROM pg_proc p
      JOIN pg_roles r ON r.oid = p.proowner
     WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND NOT r.rolsuper
       AND r.oid NOT IN (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'analytics'
                         UNION ALL SELECT d.datdba FROM pg_database d WHERE d.datname = current_database())
       AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'analytics'
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e');
    IF planted IS NOT NULL THEN
        RAISE EXCEPTION 'schema analytics holds functions of somebody else' USING ERRCODE = '42501', DETAIL = planted,
            HINT = 'Move them to another schema, or drop them, then ALTER EXTENSION analytics UPDATE again.';
    END IF;
END
$$;

CREATE FUNCTION analytics.update_step(step text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET check_function_bodies = off
    SET client_min_messages = warning
AS $$
DECLARE
    problem text;
    context text;
    needed_by text;
BEGIN
    EXECUTE step;
EXCEPTION WHEN invalid_table_definition THEN
    -- a view that kept its place, since objects of others are built on it
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
    SELECT v.needed_by INTO needed_by FROM analytics.update_view v
     WHERE v.view = substring(context FROM 'CREATE OR REPLACE VIEW (\S+)');
    IF FOUND THEN
        RAISE EXCEPTION 'the update changes the columns of a view that other objects are built on' USING ERRCODE = '2BP01',
            DETAIL = needed_by || E'\n' || problem || '.', HINT = 'Drop these objects, ALTER EXTENSION analytics UPDATE, and make them again.';
    END IF;
    RAISE;
END
$$;
