-- What a script of an extension grants counts as the extension's own, and pg_dump would leave it out. The extension itself grants
-- nothing to anybody but its owner (or the superuser it is installed as), and nothing on columns.
DO $$
DECLARE
    extension pg_extension := (SELECT e FROM pg_extension e WHERE e.extname = 'analytics');
    ours record;
BEGIN
    FOR ours IN SELECT d.classid AS class, d.objid AS object FROM pg_depend d
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension.oid AND d.deptype = 'e'
                UNION ALL
                SELECT 'pg_namespace'::regclass, 'analytics'::regnamespace LOOP
        DELETE FROM pg_init_privs i WHERE i.classoid = ours.class AND i.objoid = ours.object AND i.objsubid > 0;
        UPDATE pg_init_privs i
           SET initprivs = ARRAY(SELECT a FROM unnest(i.initprivs) a
                                  WHERE EXISTS (SELECT FROM aclexplode(ARRAY[a]) x JOIN pg_roles r ON r.oid = x.grantee WHERE r.oid = extension.extowner OR r.rolsuper))
         WHERE i.classoid = ours.class AND i.objoid = ours.object;
    END LOOP;
END
$$;
DROP FUNCTION analytics.update_step(text);
