-- PUBLIC has nothing; everything belongs to whoever installed the extension, so that a managed server's owner can dump it.
DO $$
DECLARE
    object record;
BEGIN
    REVOKE ALL ON SCHEMA analytics, analytics_api FROM PUBLIC;
    REVOKE ALL ON ALL TABLES IN SCHEMA analytics, analytics_api FROM PUBLIC;
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA analytics, analytics_api FROM PUBLIC;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA analytics, analytics_api FROM PUBLIC;
    -- @extowner@ comes quoted
    FOR object IN
        SELECT format('ALTER %s %s OWNER TO %s',
                   CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass, '@extowner@') AS command
          FROM pg_class c
         WHERE c.relnamespace IN ('analytics'::regnamespace, 'analytics_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO %s', p.oid::regprocedure, '@extowner@')
          FROM pg_proc p WHERE p.pronamespace IN ('analytics'::regnamespace, 'analytics_api'::regnamespace)
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO %s', t.oid::regtype, '@extowner@')
          FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
         WHERE t.typnamespace = 'analytics'::regnamespace AND c.relkind = 'c'
        UNION ALL
        SELECT 'ALTER SCHEMA analytics_api OWNER TO @extowner@'
    LOOP
        EXECUTE object.command;
    END LOOP;
END
$$;
