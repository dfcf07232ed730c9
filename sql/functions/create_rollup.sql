-- Anybody's own rollups. What is sent is checked, and printed again by the engine: a filter by read_filter(), a dimension here.

COMMENT ON FUNCTION analytics.read_filter(text) IS
'reads a rollup''s filter: the same in one way of writing, and the SQL condition that it means. 42601: it is none (docs/rollups.md has the grammar)';
REVOKE ALL ON FUNCTION analytics.read_filter(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.read_dimension(sent text, OUT dimension text, OUT label text, OUT path text[])
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
AS $$
DECLARE
    columns constant text[] := '{event_type,customer_id,anonymous_id,session_id,order_id,product_id,line_kind,currency,channel,country,device,campaign}';
    key constant text := '->>?\s*(?:''((?:[^'']|'''')+)''|([A-Za-z_][A-Za-z0-9_]*))\s*';
BEGIN
    dimension := btrim(sent, E' \t\r\n');
    IF dimension = ANY (columns) THEN
        label := dimension;
    ELSIF dimension ~ ('^properties\s*(' || key || ')+$') AND (SELECT count(*) FROM regexp_matches(dimension, '->>', 'g')) = 1
          AND dimension ~ ('->>\s*(''([^'']|'''')+''|[A-Za-z_][A-Za-z0-9_]*)$') THEN
        path := ARRAY(SELECT coalesce(replace(m[1], '''''', ''''), m[2]) FROM regexp_matches(dimension, key, 'g') m);
        label := path[cardinality(path)];
        SELECT 'properties' || string_agg(CASE o WHEN cardinality(path) THEN '->>' ELSE '->' END
                                          || CASE WHEN k ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN k ELSE '''' || replace(k, '''', '''''') || '''' END, '' ORDER BY o)
          INTO dimension FROM unnest(path) WITH ORDINALITY u(k, o);
    END IF;
    IF label IS NULL OR octet_length(label) > 63 OR cardinality(path) > 16 THEN
        RAISE EXCEPTION 'unknown dimension' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(sent, 100)),
            HINT = format('Use one of %s, or a path such as properties->>city or properties->a->>b.', array_to_string(columns, ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.read_dimension(text) IS
'reads a rollup''s dimension: in one way of writing, the name of its column, and its keys where it is a path into properties. 22023: it is none';
REVOKE ALL ON FUNCTION analytics.read_dimension(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.require_read_committed(what text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '%() works under READ COMMITTED only', what USING ERRCODE = '25001',
            DETAIL = format('The transaction is %s.', upper(current_setting('transaction_isolation'))), HINT = 'Call it in a transaction of its own.';
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_read_committed(text) IS '25001 in a transaction whose fixed snapshot might not see what others made meanwhile';
REVOKE ALL ON FUNCTION analytics.require_read_committed(text) FROM PUBLIC;

-- DROP EXTENSION drops the functions of custom rollups, too. (Replacing a function forgets that.)
CREATE OR REPLACE FUNCTION analytics.leave_with_extension() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made regprocedure;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'analytics') THEN
        FOR made IN SELECT p.oid::regprocedure FROM pg_proc p
                     WHERE p.pronamespace = 'analytics'::regnamespace AND (p.proname = 'merge_custom_rollups'
                            OR p.proname IN (SELECT u.part || r.name FROM analytics.rollup r, unnest('{tail_,recount_}'::text[]) u(part) WHERE NOT r.builtin)) LOOP
            EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION analytics', made);
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.leave_with_extension() IS 'has the functions of custom rollups dropped with the extension';
REVOKE ALL ON FUNCTION analytics.leave_with_extension() FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.create_rollup(name text, grain text, dimensions text[] DEFAULT '{}', measures text[] DEFAULT NULL,
                                                   filter text DEFAULT NULL) RETURNS regclass
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    known constant text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,events,customers,sessions,visitors,order_value_p50,order_value_p90,order_value_p99}';
    usual constant text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,customers,sessions,events}';
    wanted text[] := '{}';
    -- what every table has, what every rollup's cells have and what measures are made of, what its functions call their arguments
    labels text[] := '{tableoid,ctid,xmin,xmax,cmin,cmax,measure,of_store,of_bucket,of_keys,counted_key,zone,store_id,bucket,lines,lost,day,week,month,customers_recent,sessions_recent,visitors_recent,customers_tail,sessions_tail,visitors_tail,order_values}' || known;
    measured text[] := '{}';
    sent text;
    read record;
    made regclass;
BEGIN
    PERFORM analytics.require_read_committed('create_rollup');
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,47}$' OR starts_with(name, 'event') OR starts_with(name, 'rollup_') THEN
        RAISE EXCEPTION 'invalid name of a rollup' USING ERRCODE = '42602', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'Use 1 to 48 lower-case letters, digits and underscores, a letter first; names that begin with event or rollup_ are the engine''s.';
    ELSIF grain IS NULL OR grain NOT IN ('hour', 'day', 'week', 'month') THEN
        RAISE EXCEPTION 'invalid grain' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(grain, 100)),
            HINT = 'Use hour, day, week or month.';
    ELSIF cardinality(dimensions) > 16 THEN
        RAISE EXCEPTION 'too many dimensions' USING ERRCODE = '54011', DETAIL = format('Got %s.', cardinality(dimensions)),
            HINT = 'Use at most 16.';
    END IF;
    FOREACH sent IN ARRAY coalesce(measures, usual) LOOP
        IF sent IS NULL OR NOT sent = ANY (known) THEN
            RAISE EXCEPTION 'unknown measure' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(sent, 100)),
                HINT = format('Use some of %s.', array_to_string(known, ', '));
        END IF;
        IF NOT sent = ANY (measured) THEN
            measured := measured || sent;
        END IF;
    END LOOP;
    IF measured = '{}' THEN
        RAISE EXCEPTION 'a rollup needs a measure' USING ERRCODE = '22023', HINT = format('Use some of %s.', array_to_string(known, ', '));
    END IF;
    IF analytics.has_money(measured) THEN
        labels := labels || 'currency'::text;
    END IF;
    FOREACH sent IN ARRAY coalesce(dimensions, '{}') LOOP
        SELECT * INTO read FROM analytics.read_dimension(sent);
        CONTINUE WHEN read.dimension = 'currency' AND 'currency' = ANY (labels);  -- money has it anyway
        IF read.label = ANY (labels) THEN
            RAISE EXCEPTION 'two columns of the rollup would have one name' USING ERRCODE = '42701', DETAIL = format('Column %L.', read.label),
                HINT = 'A path gives the name of its last key, which must be no measure, no other dimension, and none of the names that every rollup uses (docs/rollups.md).';
        END IF;
        labels := labels || read.label::text;
        wanted := wanted || read.dimension::text;
    END LOOP;
    PERFORM analytics.lock_engine(true);
    IF to_regclass(format('analytics.%I', name)) IS NOT NULL OR to_regclass(format('analytics.%I', 'rollup_' || name)) IS NOT NULL
       OR to_regclass(format('analytics_api.%I', name)) IS NOT NULL
       OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname IN ('tail_' || name, 'recount_' || name)) THEN
        RAISE EXCEPTION 'analytics.% exists already', name USING ERRCODE = '42P07',
            HINT = 'Choose another name, or drop_rollup() it if it is a rollup of yours.';
    END IF;
    SELECT * INTO read FROM analytics.read_filter(nullif(btrim(filter, E' \t\r\n'), ''));
    made := analytics.make_rollup(name, grain, wanted, measured, read.filter, read.condition, false);
    PERFORM analytics.make_custom_pass();
    PERFORM analytics.outdate_snapshots();  -- a refresh with an older one would not know of this rollup
    PERFORM analytics.leave_with_extension();
    PERFORM analytics.grant_rollup(name);
    RETURN made;
END
$$;
COMMENT ON FUNCTION analytics.create_rollup(text, text, text[], text[], text) IS
'makes a rollup of your own, the view analytics.NAME (store_id, bucket, currency if any money, the dimensions, the measures), which analytics_api has as well, right from the first moment on; the next refresh builds it.
grain: hour, day, week or month in the store''s time zone. dimensions: columns of event or paths such as properties->>city. measures: null for the usual ones.
filter: conditions on columns and paths with = <> < <= > >= IN LIKE IS NULL AND OR NOT (docs/rollups.md).
42602 invalid name, 42P07 the name is taken, 22023 unknown grain, dimension or measure, 42701 two columns of one name, 42601 invalid filter';
REVOKE ALL ON FUNCTION analytics.create_rollup(text, text, text[], text[], text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.drop_rollup(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    builtin boolean;
    made regprocedure;
BEGIN
    PERFORM analytics.require_read_committed('drop_rollup');
    PERFORM analytics.lock_engine(true);
    SELECT r.builtin INTO builtin FROM analytics.rollup r WHERE r.name = drop_rollup.name;
    IF builtin IS NULL THEN
        RAISE EXCEPTION 'unknown rollup' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'SELECT name FROM analytics.rollup_status lists the rollups.';
    ELSIF builtin THEN
        RAISE EXCEPTION 'a built-in rollup cannot be dropped' USING ERRCODE = '22023', DETAIL = format('Got %L.', name),
            HINT = 'Reports rest on it; drop_rollup() is for those that create_rollup() made.';
    END IF;
    -- without CASCADE: what others built on the views stays, and says so
    BEGIN
        EXECUTE format('DROP VIEW IF EXISTS analytics_api.%I', name);
        EXECUTE format('DROP VIEW IF EXISTS analytics.%I', name);
    EXCEPTION WHEN dependent_objects_still_exist THEN
        RAISE EXCEPTION 'other objects depend on analytics.%', name USING ERRCODE = '2BP01', DETAIL = sqlerrm,
            HINT = format('Drop them first; \d+ and pg_depend name them. Or DROP VIEW analytics.%I CASCADE, then drop_rollup() once more.', name);
    END;
    FOR made IN SELECT p.oid::regprocedure FROM pg_proc p
                 WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname IN ('tail_' || name, 'recount_' || name) LOOP
        EXECUTE format('DROP FUNCTION %s', made);
    END LOOP;
    EXECUTE format('DROP TABLE analytics.%I', 'rollup_' || name);
    DELETE FROM analytics.rollup_state s WHERE s.name = drop_rollup.name;
    DELETE FROM analytics.rollup r WHERE r.name = drop_rollup.name;
    PERFORM analytics.make_custom_pass();
    -- coarser ones may have counted lost cells by way of this one
    PERFORM analytics.make_rollup_recount(analytics.shape_of(r)) FROM analytics.rollup r WHERE NOT r.builtin AND r.grain IN ('week', 'month');
    PERFORM analytics.leave_with_extension();
    PERFORM analytics.outdate_snapshots();
END
$$;
COMMENT ON FUNCTION analytics.drop_rollup(text) IS
'drops a rollup that create_rollup() made, with its view. 22023: there is none of that name, or it is built in; 2BP01: something else depends on the view';
REVOKE ALL ON FUNCTION analytics.drop_rollup(text) FROM PUBLIC;
