-- C functions, and aggregates with a state of theirs, need a superuser to be made; they belong to the extension's owner like all the rest, and PUBLIC has nothing.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT p.oid::regprocedure AS function, r.rolname AS owner, p.proacl IS NULL AS public
                  FROM pg_extension e
                  JOIN pg_roles r ON r.oid = e.extowner
                  JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
                  JOIN pg_proc p ON p.oid = d.objid
                  JOIN pg_language l ON l.oid = p.prolang AND (l.lanname = 'c' OR p.prokind = 'a')
                 WHERE e.extname = 'analytics'
                UNION ALL
                SELECT 'analytics.update_step(text)'::regprocedure, r.rolname, true
                  FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner WHERE e.extname = 'analytics' LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %I', made.function, made.owner);
        IF made.public THEN
            EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', made.function);
        END IF;
    END LOOP;
END
$$;
