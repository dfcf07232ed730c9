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
