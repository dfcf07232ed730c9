-- A pass in C++: the lines that targets have not merged are read once, and become cells of any number of rollups by hashing
-- (src/core/cells), where SQL would sort them once for each. What SQL knows of a rollup's shape is written down here for it.

-- What a line adds to a sum, without what the pass does itself: conversion at the line's rate, and counting one line of an event.
CREATE OR REPLACE FUNCTION analytics.fetched_sql(sum_line text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT replace(regexp_replace(sum_line, ' [*] l[.]rate$', ''), 'l.first_in_cell', 'true')
$$;
COMMENT ON FUNCTION analytics.fetched_sql(text) IS 'SQL of the column that a pass reads for a sum';
REVOKE ALL ON FUNCTION analytics.fetched_sql(text) FROM PUBLIC;

-- The description of a pass over rollups that stand at one P: the query of the lines ($1 and $2 as tail_lines_sql() has them), and of
-- each rollup what it takes of a line, by places of the query's columns, and the statements that read its cells. Null: a
-- rollup among them holds what only SQL adds up (order values).
CREATE OR REPLACE FUNCTION analytics.pass_of(names text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- as cells::Column has them; what the rollups ask for comes after
    columns text[] := '{l.sign,l.line,l.store_id,l.event_id,l.event_type,l.order_id,l.revision,l.occurred_at,l.channel,l.country,l.clock,l.first_day,l.week_start,l.kept_week,l.rate}';
    wanted text[];
    ordered text[] := ARRAY(SELECT p.name FROM analytics.rollup p WHERE p.name = ANY (names)
                             ORDER BY array_position('{hour,day,week,month}'::text[], p.grain), p.name);
    name text;
    finer text;
    r analytics.rollup_shape;
    merges jsonb;
    rollups jsonb := '[]';
    session jsonb;
    session_parts text[];
    session_writes constant text[] := analytics.store_sessions_sql(true);
    product_parts constant text[] := '{l.product_id,l.line_kind,l.properties,l.unit_price,l.sent_currency,l.stamp}';
    product jsonb;
BEGIN
    FOREACH name IN ARRAY ordered LOOP
        r := analytics.shape_of(name);
        IF array_position(r.sum_line, NULL) IS NOT NULL THEN
            RETURN NULL;
        END IF;
        finer := analytics.finer_rollup(name, names);
        wanted := r.key_sql || r.count_sql || ARRAY(SELECT analytics.fetched_sql(a) FROM unnest(r.sum_line) a) || CASE WHEN r.condition IS NULL THEN '{}'::text[] ELSE ARRAY['(' || r.condition || ')'] END;
        columns := columns || ARRAY(SELECT DISTINCT w FROM unnest(wanted) w WHERE NOT w = ANY (columns));
        merges := jsonb_build_array(analytics.merge_sql(r, format('%I', 'c_' || name)));
        IF name = 'customer_daily' THEN
            merges := merges || to_jsonb('INSERT INTO analytics.customer_touched (store_id, customer_id) SELECT DISTINCT store_id, customer_id FROM c_customer_daily'::text);
        END IF;
        rollups := rollups || jsonb_build_object(
            'cells', 'c_' || name, 'bucket', r.bucket,
            'finer', array_position(ordered, finer) - 1,
            'condition', array_position(columns, '(' || r.condition || ')') - 1,
            'keys', (SELECT coalesce(jsonb_agg(array_position(columns, k) - 1 ORDER BY o), '[]') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
            'sums', (SELECT coalesce(jsonb_agg(jsonb_build_object('column', array_position(columns, analytics.fetched_sql(a)) - 1, 'amount', t = 'numeric',
                                                                  'first', strpos(a, 'l.first_in_cell') > 0, 'converted', a LIKE '% * l.rate') ORDER BY o), '[]')
                       FROM unnest(r.sum_line, r.sum_types) WITH ORDINALITY u(a, t, o)),
            'counts', (SELECT coalesce(jsonb_agg(array_position(columns, c) - 1 ORDER BY o), '[]') FROM unnest(r.count_sql) WITH ORDINALITY u(c, o)),
            'extremes', to_jsonb(r.extremes),
            'columns', to_jsonb(r.keys || r.sums || r.counts || r.extremes),
            'merges', merges,
            'lost', CASE WHEN r.counts <> '{}' OR r.extremes <> '{}' THEN
                format('INSERT INTO analytics.rollup_recount (name, store_id, bucket, dimensions) SELECT %L, store_id, %s, ARRAY[%s]::text[] FROM %I WHERE lost',
                       name, CASE r.bucket WHEN 'hour' THEN 'bucket AT TIME ZONE ''UTC''' ELSE 'bucket::timestamp' END,
                       substr(analytics.names_sql(r.keys), 3), 'c_' || name) END);
    END LOOP;
    IF 'session' = ANY (names) THEN
        session_parts := ARRAY[analytics.session_key_sql(), 'l.session_gap', 'l.device', 'l.currency', 'l.amount IS NOT NULL',
            'CASE l.event_type WHEN ''add_to_cart'' THEN l.sign * (l.amount - coalesce(l.discount, 0)) WHEN ''remove_from_cart'' THEN -l.sign * (l.amount - coalesce(l.discount, 0)) END'];
        columns := columns || ARRAY(SELECT w FROM unnest(session_parts) w WHERE NOT w = ANY (columns));
        session := jsonb_build_object(
            'columns', (SELECT jsonb_agg(array_position(columns, w) - 1 ORDER BY o) FROM unnest(session_parts) WITH ORDINALITY u(w, o)),
            'probe', format('SELECT %s, (c.started_at < r.before) IS TRUE, %s FROM probe p CROSS JOIN LATERAL (SELECT * FROM analytics.rollup_session s WHERE s.store_id = p.store_id AND s.key = p.key COLLATE "C" AND s.started_at <= p.to_at AND s.ended_at >= p.from_at OFFSET 0) c LEFT JOIN analytics.store o ON o.store_id = c.store_id LEFT JOIN analytics.store d ON d.store_id = '''' LEFT JOIN analytics.retired r ON r.store_id = c.store_id',
                            'c.' || replace(analytics.session_columns(), ', ', ', c.'), analytics.session_day_sql()),
            'gone', session_writes[1], 'known', session_writes[2], 'writes', to_jsonb(session_writes[3:]));
    END IF;
    IF 'product' = ANY (names) THEN
        columns := columns || ARRAY(SELECT w FROM unnest(product_parts) w WHERE NOT w = ANY (columns));
        product := jsonb_build_object('columns', (SELECT jsonb_agg(array_position(columns, w) - 1 ORDER BY o) FROM unnest(product_parts) WITH ORDINALITY u(w, o)));
    END IF;
    RETURN jsonb_build_object('hll', analytics.hll_schema(), 'rollups', rollups, 'session', session, 'product', product,
        'query', format('SELECT %s FROM %s l WHERE l.stamp <> pg_current_xact_id()', array_to_string(columns, ', '),
                        analytics.tail_lines_sql('$1', '$2')));
END
$$;
COMMENT ON FUNCTION analytics.pass_of(text[]) IS 'description of a pass over these rollups for merge_cells(); null: there is one that needs merge_pass_sql()';
REVOKE ALL ON FUNCTION analytics.pass_of(text[]) FROM PUBLIC;

COMMENT ON FUNCTION analytics.merge_cells(text, xid8, xid8[], text[]) IS
'merges the lines that P has not (its xmax, its running ids) as the description says, and moves the P of the targets named; returns the lines. Null: this installation can''t';
REVOKE ALL ON FUNCTION analytics.merge_cells(text, xid8, xid8[], text[]) FROM PUBLIC;
