-- analytics: the extension's script. Everything is qualified; nothing is found by the installer's search_path.
SET LOCAL search_path TO pg_catalog, pg_temp;
SET LOCAL check_function_bodies TO off;

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
END
$$;
