-- What three databases that were sent the same must show alike: every table that a merge writes, and every view.
CREATE SCHEMA side;

-- A merge that fails halfway: where it first writes to the table that the setting side.fails names.
CREATE FUNCTION side.fail() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF current_setting('side.fails', true) = TG_TABLE_NAME THEN
        RAISE EXCEPTION 'no more of this' USING ERRCODE = 'P0099';
    END IF;
    RETURN NULL;
END
$$;
DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY '{rollup_sales_hourly,rollup_product_weekly,rollup_session,rollup_session_day,product,rollup_customer}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER fail BEFORE INSERT ON analytics.%I FOR EACH STATEMENT EXECUTE FUNCTION side.fail()', target);
    END LOOP;
END
$$;
CREATE FUNCTION side.refresh_in_vain(target text) RETURNS text
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM set_config('side.fails', target, true);
    PERFORM analytics.refresh();
    RETURN 'it did not fail';
EXCEPTION WHEN SQLSTATE 'P0099' THEN
    RETURN 'failed';
END
$$;

-- Distinct counts as their keys' hashes: both parts of one that is stored in two, whichever holds what. Numbers with their scale, but for
-- days of sessions, which keep the scale of what came and went.
CREATE FUNCTION side.tables() RETURNS TABLE (source text, line text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public
    SET extra_float_digits = 3
AS $$
DECLARE
    columns text;
BEGIN
    FOR source IN SELECT c.relname FROM pg_class c
                   WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'r'
                     AND (starts_with(c.relname, 'rollup_') AND c.relname NOT IN ('rollup_state', 'rollup_shape')
                          OR c.relname IN ('product', 'customer_touched', 'product_pair', 'product_basket'))
                   ORDER BY 1 LOOP
        SELECT string_agg(CASE WHEN a.atttypid = 'hll'::regtype
                               THEN format('(SELECT md5(u::text) || '' '' || round(hll_cardinality(u)) FROM (SELECT coalesce(t.%1$I || t.%2$I, t.%1$I)) v(u))', a.attname, a.attname || '_recent')
                               WHEN source = 'rollup_session_day' AND a.atttypid = 'numeric'::regtype THEN format('trim_scale(t.%I)', a.attname)
                               ELSE format('t.%I', a.attname) END, ', ' ORDER BY a.attnum)
          INTO STRICT columns
          FROM pg_attribute a
         WHERE a.attrelid = format('analytics.%I', source)::regclass AND a.attnum > 0 AND NOT a.attisdropped
           AND NOT (a.atttypid = 'hll'::regtype AND a.attname LIKE '%\_recent') AND a.attname <> 'updated_at';
        RETURN QUERY EXECUTE format('SELECT %L, ROW(%s)::text FROM analytics.%I t%s', source, columns, source,
                                    CASE source WHEN 'rollup_session_day' THEN ' WHERE t.sessions <> 0 OR t.events <> 0 OR t.duration <> ''0'' OR t.value_lost <> 0' END);
    END LOOP;
END
$$;

CREATE FUNCTION side.views() RETURNS TABLE (source text, line text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public
    SET extra_float_digits = 3
AS $$
DECLARE
    columns text;
BEGIN
    FOR source IN SELECT c.relname FROM pg_class c
                   WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v'
                     AND c.relname NOT IN ('rollup_status', 'data_dictionary', 'counted_line', 'current_event', 'product_news', 'ingest_status')
                   ORDER BY 1 LOOP
        SELECT string_agg(format(CASE WHEN a.atttypid = 'numeric'::regtype THEN 'trim_scale(round(t.%I, 12))' ELSE 't.%I' END, a.attname), ', ' ORDER BY a.attnum)
          INTO STRICT columns
          FROM pg_attribute a
         WHERE a.attrelid = format('analytics.%I', source)::regclass AND a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid NOT IN ('xid8'::regtype, 'pg_snapshot'::regtype);
        RETURN QUERY EXECUTE format('SELECT %L, ROW(%s)::text FROM analytics.%I t', source, columns, source);
    END LOOP;
END
$$;
