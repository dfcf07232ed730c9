-- After an update: rollups that create_rollup() made, who may do what, and nothing left of the update itself.

DO $$
DECLARE
    name text;
    r analytics.rollup_shape;
BEGIN
    FOR name IN SELECT p.name FROM analytics.rollup p WHERE NOT p.builtin ORDER BY array_position('{hour,day,week,month}'::text[], p.grain), p.name LOOP
        r := analytics.shape_of(name);
        PERFORM analytics.make_rollup_storage(r);
        PERFORM analytics.make_rollup_tail(r);
        PERFORM analytics.make_rollup_recount(r);
        PERFORM analytics.make_rollup_view(name);
    END LOOP;
    PERFORM analytics.make_custom_pass();
END
$$;

-- partitions say of their columns what event says
DO $$
DECLARE
    said record;
BEGIN
    FOR said IN SELECT i.inhrelid::regclass AS part, a.attname AS name, col_description(i.inhparent, e.attnum) AS text
                  FROM pg_inherits i
                  JOIN pg_attribute a ON a.attrelid = i.inhrelid AND a.attnum > 0 AND NOT a.attisdropped
                  JOIN pg_attribute e ON e.attrelid = i.inhparent AND e.attname = a.attname
                 WHERE i.inhparent = 'analytics.event'::regclass AND i.inhrelid <> 'analytics.event_default'::regclass
                   AND col_description(i.inhparent, e.attnum) IS DISTINCT FROM col_description(i.inhrelid, a.attnum) LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', said.part, said.name, said.text);
    END LOOP;
END
$$;

DROP FUNCTION analytics.make_rollup_storage(analytics.rollup_shape);
ALTER FUNCTION analytics.make_new_storage(analytics.rollup_shape) RENAME TO make_rollup_storage;

DO $$
DECLARE
    made record;
BEGIN
    -- what is new is made for nobody
    FOR made IN SELECT p.oid::regprocedure AS routine FROM pg_proc p
                 WHERE p.pronamespace IN ('analytics'::regnamespace, 'analytics_api'::regnamespace) AND p.proacl IS NULL AND analytics.update_is_ours('pg_proc', p.oid) LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', made.routine);
    END LOOP;
    FOR made IN SELECT * FROM (SELECT * FROM analytics.update_grant EXCEPT SELECT * FROM analytics.update_privileges()) g
                 WHERE CASE g.kind WHEN 'TABLE' THEN to_regclass(g.object)::oid ELSE to_regprocedure(g.object)::oid END IS NOT NULL LOOP
        EXECUTE format('GRANT %s ON %s %s TO %s%s', made.privilege, made.kind, made.object, made.grantee,
                       CASE WHEN made.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    FOR made IN SELECT l.grantee, l.level FROM analytics.update_level l ORDER BY l.grantee, l.level LOOP
        PERFORM analytics.grant_access(made.grantee, made.level);
    END LOOP;
    -- whatever a script of an extension makes becomes its member
    FOR made IN SELECT format('VIEW %s', c.oid::regclass) AS object FROM pg_class c JOIN analytics.rollup r ON r.name = c.relname AND NOT r.builtin
                 WHERE c.relnamespace IN ('analytics'::regnamespace, 'analytics_api'::regnamespace) AND c.relkind = 'v' AND EXISTS (
                           SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
                UNION ALL
                SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc p
                 WHERE p.pronamespace = 'analytics'::regnamespace
                   AND (p.proname = 'merge_custom_rollups'
                        OR p.proname IN (SELECT u.part || r.name FROM analytics.rollup r, unnest('{tail_,recount_}'::text[]) u(part) WHERE NOT r.builtin)) LOOP
        EXECUTE format('ALTER EXTENSION analytics DROP %s', made.object);
    END LOOP;
    PERFORM analytics.leave_with_extension();
    PERFORM analytics.outdate_snapshots();
END
$$;

DROP TABLE analytics.update_view, analytics.update_grant, analytics.update_level;
DROP FUNCTION analytics.update_take_down(text[], text[]);
DROP FUNCTION analytics.update_privileges();
DROP FUNCTION analytics.update_is_ours(regclass, oid);
