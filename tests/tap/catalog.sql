-- All that schemas analytics and analytics_api consist of, one line an object or property, so that two databases can be compared. Columns of tables
-- go by name: what is added later stands last.
WITH object AS (
    SELECT 'pg_class'::regclass AS class, c.oid, 0 AS part, c.oid::regclass::text AS name, c.relowner AS owner,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl FROM pg_class c
     WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind IN ('r', 'p', 'v', 'S')
    UNION ALL
    SELECT 'pg_class', c.oid, a.attnum, c.oid::regclass || '.' || a.attname, c.relowner, a.attacl
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind IN ('r', 'p', 'v', 'c')
    UNION ALL
    SELECT 'pg_proc', p.oid, 0, p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
      FROM pg_proc p WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api'))
    UNION ALL
    SELECT 'pg_type', t.oid, 0, t.typname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
      FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE t.typnamespace = 'analytics'::regnamespace AND t.typelem = 0 AND coalesce(c.relkind, 'c') = 'c'
    UNION ALL
    SELECT 'pg_namespace', n.oid, 0, n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')
), line(what, name, value) AS (
    SELECT 'privileges', o.name, (SELECT string_agg(coalesce(x.grantee::regrole::text, '-') || ' ' || x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ', '
                                                    ORDER BY x.grantee::regrole::text, x.privilege_type) FROM unnest(o.acl) a, aclexplode(ARRAY[a]) x) FROM object o
    UNION ALL
    -- what pg_dump takes for granted: nothing, but of the owner and of the superuser whom the extension was installed as
    SELECT 'initial privileges', o.name, (SELECT string_agg(x.grantee::regrole || ' ' || x.privilege_type, ', ' ORDER BY x.grantee::regrole::text, x.privilege_type)
                                            FROM unnest(i.initprivs) a, aclexplode(ARRAY[a]) x WHERE x.grantee NOT IN (SELECT r.oid FROM pg_roles r WHERE r.rolsuper OR r.oid = o.owner))
      FROM object o LEFT JOIN pg_init_privs i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = o.part
    UNION ALL
    SELECT 'comment', o.name, CASE WHEN o.part > 0 THEN col_description(o.oid, o.part) ELSE obj_description(o.oid, o.class::text) END FROM object o
    UNION ALL
    SELECT 'owner', o.name, o.owner::regrole::text FROM object o WHERE o.part = 0
    UNION ALL
    SELECT 'member', o.name, (SELECT string_agg(d.deptype::text || ' ' || e.extname, ', ' ORDER BY e.extname, d.deptype) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                               WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('e', 'x'))
      FROM object o WHERE o.part = 0
    UNION ALL
    SELECT 'relation', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relpersistence, array_to_string(c.reloptions, ','), c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
                                            pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), (SELECT i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = c.oid))
      FROM pg_class c WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind <> 'i'
    UNION ALL
    SELECT 'column', c.oid::regclass || '.' || a.attname,
           concat_ws(' ', CASE WHEN c.relkind IN ('v', 'c') THEN (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attnum BETWEEN 1 AND a.attnum AND NOT b.attisdropped) END,
                     format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END, a.attcollation::regcollation, 'storage ' || a.attstorage::text, 'identity ' || nullif(a.attidentity::text, ''),
                     'generated ' || nullif(a.attgenerated::text, ''), 'default ' || pg_get_expr(d.adbin, d.adrelid))
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind IN ('r', 'p', 'v', 'c')
    UNION ALL
    SELECT 'constraint', k.conrelid::regclass || ' ' || k.conname, pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' not valid' END
      FROM pg_constraint k WHERE k.connamespace = 'analytics'::regnamespace
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api'))
    UNION ALL
    SELECT 'view', c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class c WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND c.relkind = 'v'
    UNION ALL
    SELECT 'routine', p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND p.prokind IN ('f', 'p')
    UNION ALL
    SELECT 'aggregate', p.oid::regprocedure::text, to_jsonb(a)::text FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid WHERE p.pronamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api'))
    UNION ALL
    SELECT 'operator', o.oid::regoperator::text, o.oprcode::text FROM pg_operator o WHERE o.oprnamespace = 'analytics'::regnamespace
    UNION ALL
    SELECT 'sequence', s.seqrelid::regclass::text, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api'))
    UNION ALL
    SELECT 'trigger', t.tgrelid::regclass || ' ' || t.tgname, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api')) AND NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', p.polrelid::regclass || ' ' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('analytics', 'analytics_api'))
    UNION ALL
    SELECT 'dumped', u.oid::regclass::text, u.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) u(oid, condition) WHERE e.extname = 'analytics'
    UNION ALL
    SELECT 'rollup', r.name, to_jsonb(r)::text FROM analytics.rollup r
)
SELECT format('%s %s: %s', what, name, replace(value, E'\n', ' ')) FROM line ORDER BY 1;
