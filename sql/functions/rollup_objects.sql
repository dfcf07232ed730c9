-- What a rollup consists of: a table of merged cells, a function that gives the cells of the tail, one that counts a lost
-- cell anew, and the view that puts them together.

CREATE OR REPLACE FUNCTION analytics.extreme_columns_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(format(', %I %s', e, t), '' ORDER BY o), '')
      FROM unnest(r.extremes, r.extreme_types) WITH ORDINALITY u(e, t, o)
$$;
COMMENT ON FUNCTION analytics.extreme_columns_sql(analytics.rollup_shape) IS 'first and last moments of a cell as columns with their types';

CREATE OR REPLACE FUNCTION analytics.make_rollup_storage(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    custom boolean := EXISTS (SELECT FROM analytics.rollup b WHERE b.name = r.name AND NOT b.builtin);
    stored_counts text[] := r.counts || ARRAY(SELECT c || '_recent' FROM unnest(r.counts) c);
BEGIN
    -- room on the page for updates of hot cells, which then stay off the indexes; distinct counts out of line (they are
    -- hashes and do not compress), so that reading sums does not drag them along
    EXECUTE format('CREATE TABLE %s (%sbucket %s NOT NULL%s%s%s%s, lines bigint NOT NULL, PRIMARY KEY (store_id, bucket%s)) %s WITH (fillfactor = 80, toast_tuple_target = 128)',
        r.storage, CASE WHEN custom THEN '' ELSE 'store_id text NOT NULL, ' END, r.bucket_type, analytics.columns_sql(r.keys, ', %I text NOT NULL'),
        (SELECT coalesce(string_agg(format(', %I %s NOT NULL', s, t), '' ORDER BY o), '')
           FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)),
        analytics.columns_sql(stored_counts, format(', %%I %s.hll', analytics.hll_schema())), analytics.extreme_columns_sql(r),
        analytics.names_sql(r.keys),
        CASE WHEN custom THEN 'INHERITS (analytics.custom_cells)' ELSE '' END);
    IF r.counts <> '{}' THEN
        EXECUTE format('ALTER TABLE %s %s', r.storage,
                       substr(analytics.columns_sql(stored_counts, ', ALTER COLUMN %I SET STORAGE EXTERNAL'), 3));
    END IF;
    EXECUTE format('COMMENT ON TABLE %s IS %L', r.storage,
                   'merged cells of rollup ' || r.name || '; read the view analytics.' || r.name || ', which adds what is not merged yet');
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', r.storage);
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_storage(analytics.rollup_shape) IS 'makes the table of a rollup''s merged cells';

CREATE OR REPLACE FUNCTION analytics.make_rollup_tail(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    allowed constant text := '(stores IS NULL OR l.store_id = ANY (stores))';
    -- what a kept cell, whose other lines are gone, holds already: a week's last days, say
    kept constant text := format(' AND (l.%I < (SELECT w.%I FROM analytics.retired w WHERE w.store_id = l.store_id)) IS NOT TRUE',
                                 r.bucket, CASE r.bucket WHEN 'hour' THEN 'before' ELSE 'day' END);
    result text := format('store_id text, bucket %s%s%s%s%s, lines bigint, lost boolean', r.bucket_type,
        analytics.columns_sql(r.keys, ', %I text'),
        (SELECT coalesce(string_agg(format(', %I %s', s, t), '' ORDER BY o), '')
           FROM unnest(r.sums, r.sum_types) WITH ORDINALITY u(s, t, o)),
        analytics.columns_sql(r.counts, format(', %%I %s.hll', analytics.hll_schema())), analytics.extreme_columns_sql(r));
BEGIN
    EXECUTE format('CREATE FUNCTION analytics.%I() RETURNS TABLE (%s)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashagg = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS %L', 'tail_' || r.name, result, format('
#variable_conflict use_column
DECLARE
    state analytics.rollup_state;
    newer xid8;
    running xid8[];
    stores text[] := analytics.allowed_stores();
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = %L;
    IF NOT FOUND THEN
        RETURN QUERY %s;
    ELSIF state.built_from > ''-infinity'' THEN
        RETURN QUERY %s;
    ELSE
        newer := pg_snapshot_xmax(state.merged);
        running := ARRAY(SELECT pg_snapshot_xip(state.merged));
        RETURN QUERY %s;
    END IF;
END
', r.name,
        analytics.cells_sql(r, 'analytics.counted_line', allowed || kept, false),
        analytics.cells_sql(r, 'analytics.counted_line', allowed || format(' AND (l.%I < %s%s OR NOT pg_visible_in_snapshot(l.stamp, state.merged))', r.bucket,
            CASE r.bucket WHEN 'hour' THEN 'state.built_from::timestamp AT TIME ZONE ''UTC''' ELSE 'state.built_from' END, kept), false),
        analytics.cells_sql(r, analytics.tail_lines_sql('newer', 'running'), allowed, false)));
    EXECUTE format('COMMENT ON FUNCTION analytics.%I() IS %L', 'tail_' || r.name,
                   'cells of rollup ' || r.name || ' of the events that are not merged yet');
    EXECUTE format('REVOKE ALL ON FUNCTION analytics.%I() FROM PUBLIC', 'tail_' || r.name);
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_tail(analytics.rollup_shape) IS 'makes the function that gives the tail''s cells';

-- A retraction can't be subtracted from a distinct count. A lost cell of hours or days is counted from its events; one of
-- weeks or months is the union of its days, of which the lost ones alone are counted from events. COST 1, since it is hardly ever
-- called: by its true cost each query that reads counts would be compiled (jit), which takes longer than running it.
CREATE OR REPLACE FUNCTION analytics.make_rollup_recount(r analytics.rollup_shape) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hll text := analytics.hll_schema();
    finer analytics.rollup_shape := analytics.shape_of(analytics.finer_rollup(r.name, NULL));
    body text := '';
BEGIN
    FOR i IN 1 .. cardinality(r.counts) LOOP
        body := body || format('        WHEN %L THEN RETURN (%s);' || E'\n', r.counts[i],
            CASE WHEN finer IS NULL THEN
                format('SELECT %s FROM (SELECT %s AS key FROM analytics.counted_line l WHERE l.store_id = of_store AND %s AND l.%I = of_bucket%s AND %2$s IS NOT NULL%6$s GROUP BY 1 HAVING sum(l.sign) > 0) k',
                    analytics.hll_of('k.key', NULL), r.count_sql[i], analytics.bucket_span_sql(r, 'of_bucket', 'zone'), r.bucket,
                    (SELECT coalesce(string_agg(format(' AND %s = of_keys[%s]', k, o), '' ORDER BY o), '')
                       FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                    coalesce(' AND (' || r.condition || ')', ''))
            ELSE
                format('SELECT %1$s.hll_union_agg(CASE WHEN f.lost THEN analytics.%2$I(measure, f.store_id, f.bucket, of_keys) ELSE %3$s END) FROM %4$s f WHERE f.store_id = of_store AND f.bucket >= of_bucket AND f.bucket < (of_bucket + interval %5$L)::date%6$s',
                    hll, 'recount_' || finer.name, analytics.live_count_sql('f', r.counts[i]), analytics.live_cells_sql(finer),
                    CASE r.bucket WHEN 'week' THEN '7 days' ELSE '1 month' END,
                    (SELECT coalesce(string_agg(format(' AND f.%I = of_keys[%s]', k, o), '' ORDER BY o), '')
                       FROM unnest(r.keys) WITH ORDINALITY u(k, o))) END);
    END LOOP;
    IF body = '' THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION analytics.%I(measure text, of_store text, of_bucket %s, of_keys text[]) RETURNS %s.hll
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED COST 1
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', 'recount_' || r.name, r.bucket_type, hll, format('
DECLARE
    zone text := analytics.setting_of(''timezone'', of_store);
BEGIN
    PERFORM analytics.require_store(of_store);
    CASE measure
%s    END CASE;
END
', body));
    EXECUTE format('COMMENT ON FUNCTION analytics.%I(text, text, %s, text[]) IS %L', 'recount_' || r.name, r.bucket_type,
                   'distinct keys that stand in one cell of rollup ' || r.name || ', where a line was taken back');
    EXECUTE format('REVOKE ALL ON FUNCTION analytics.%I(text, text, %s, text[]) FROM PUBLIC', 'recount_' || r.name, r.bucket_type);
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_recount(analytics.rollup_shape) IS 'makes the function that counts a lost cell anew';

-- Merged cells with the tail's added: the cells that both have, and those that the tail alone has. One hash probe a
-- merged cell; a GROUP BY over both would sort or hash every cell anew. The tail is aggregated once. Without a
-- state the tail is everything, and of cells that a restore brought along those alone count whose raw events are gone. Counts stay in their parts (live_count_sql),
-- next to the tail's `lost`, so that whoever does not ask for a count does not pay for it.
CREATE OR REPLACE FUNCTION analytics.live_cells_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(WITH tail AS MATERIALIZED (SELECT * FROM analytics.%5$I()) SELECT m.store_id, m.bucket%1$s%2$s%3$s, m.lines + coalesce(t.lines, 0) AS lines, coalesce(t.lost, false) AND (%13$s) IS NOT TRUE AS lost FROM (SELECT * FROM %4$s c WHERE EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = %11$L) OR %12$s) m LEFT JOIN tail t ON t.store_id = m.store_id AND t.bucket = m.bucket%6$s UNION ALL SELECT t.store_id, t.bucket%7$s%8$s%9$s, t.lines, t.lost FROM tail t WHERE NOT EXISTS (SELECT FROM %4$s m WHERE (EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = %11$L) OR %13$s) AND m.store_id = t.store_id AND m.bucket = t.bucket%10$s))',
        analytics.columns_sql(r.keys, ', m.%I'),
        analytics.added_columns_sql(r, 'm', 't', ', %2$s AS %1$I'),
        (SELECT coalesce(string_agg(format(', m.%1$I, m.%2$I, t.%1$I AS %3$I', c, c || '_recent', c || '_tail'), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        r.storage, 'tail_' || r.name,
        analytics.columns_sql(r.keys, ' AND t.%I = m.%I'),
        analytics.columns_sql(r.keys, ', t.%I'), analytics.columns_sql(r.sums, ', t.%I'),
        (SELECT coalesce(string_agg(format(', NULL::%4$s.hll AS %1$I, NULL::%4$s.hll AS %2$I, t.%1$I AS %3$I', c, c || '_recent', c || '_tail', analytics.hll_schema()), '' ORDER BY o), '')
           FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
        analytics.columns_sql(r.keys, ' AND m.%I = t.%I'), r.name, analytics.retired_sql(r.bucket, 'c'), analytics.retired_sql(r.bucket, 'm'))
$$;
COMMENT ON FUNCTION analytics.live_cells_sql(analytics.rollup_shape) IS 'SQL of a rollup''s cells, merged and tail, in one snapshot';

CREATE OR REPLACE FUNCTION analytics.live_count_sql(cell text, count text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN %1$s.%2$I IS NULL THEN %3$s ELSE coalesce(%3$s OPERATOR(%4$s.||) %1$s.%2$I, %1$s.%2$I) END',
                  cell, count || '_tail', analytics.stored_count_sql(cell, count), analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.live_count_sql(text, text) IS 'SQL of a distinct count as one hll, from a live cell';

-- SELECT list of a rollup's view, from its live cells named c.
CREATE OR REPLACE FUNCTION analytics.measure_columns_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(CASE m
        WHEN 'net_sales' THEN 'c.gross_sales - c.discounts - c.returns AS net_sales'
        WHEN 'total_sales' THEN 'c.gross_sales - c.discounts - c.returns + c.taxes + c.shipping AS total_sales'
        WHEN 'order_value_p50' THEN 'analytics.order_value_quantile(c.order_values, 0.5) AS order_value_p50'
        WHEN 'order_value_p90' THEN 'analytics.order_value_quantile(c.order_values, 0.9) AS order_value_p90'
        WHEN 'order_value_p99' THEN 'analytics.order_value_quantile(c.order_values, 0.99) AS order_value_p99'
        WHEN 'aov' THEN '(c.gross_sales - c.discounts) / nullif(c.orders, 0) AS aov'
        ELSE CASE WHEN m = ANY (r.counts) THEN
            format('coalesce(round(%4$s.hll_cardinality(CASE WHEN c.lost THEN analytics.%1$I(%2$L, c.store_id, c.bucket, ARRAY[%3$s]::text[]) ELSE %6$s END))::bigint, 0) AS %5$I',
                   'recount_' || r.name, m, substr(analytics.columns_sql(r.keys, ', c.%I'), 3), analytics.hll_schema(), m,
                   analytics.live_count_sql('c', m))
            ELSE format('c.%I', m) END
        END, ', ' ORDER BY o)
      FROM unnest(r.measures) WITH ORDINALITY u(m, o)
$$;
COMMENT ON FUNCTION analytics.measure_columns_sql(analytics.rollup_shape) IS 'SQL of a rollup''s measures as its view shows them';

CREATE OR REPLACE FUNCTION analytics.rollup_view_sql(r analytics.rollup_shape) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT c.store_id, c.bucket%s, %s FROM %s c WHERE c.lines <> 0 AND %s',
        (SELECT coalesce(string_agg(CASE k WHEN 'currency' THEN ', c.currency' ELSE format(', nullif(c.%1$I, '''') AS %1$I', k) END, '' ORDER BY o), '')
           FROM unnest(r.keys) WITH ORDINALITY u(k, o)),
        analytics.measure_columns_sql(r), analytics.live_cells_sql(r), analytics.allowed_sql('c.store_id'))
$$;
COMMENT ON FUNCTION analytics.rollup_view_sql(analytics.rollup_shape) IS 'SQL of a rollup''s view';

CREATE OR REPLACE FUNCTION analytics.describe_quantile(share text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('smallest order value (gross_sales - discounts of the order''s lines in this row) that at least %s of the orders do not exceed, to three significant digits (within 0.5 %%); refunds do not lower it; null without orders; does not add over rows; in currency', share)
$$;
COMMENT ON FUNCTION analytics.describe_quantile(text) IS 'comment of a column that is a quantile of order values';

CREATE OR REPLACE FUNCTION analytics.describe_columns(view regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts constant boolean := EXISTS (SELECT FROM analytics.rollup r JOIN pg_class c ON c.oid = view AND c.relname = r.name WHERE analytics.parts_events(r.dimensions));
    named record;
BEGIN
    FOR named IN
        SELECT a.attname AS name, CASE a.attname
            WHEN 'store_id' THEN 'store'
            WHEN 'bucket' THEN 'first day of the period in the store''s time zone (hourly: start of the hour)'
            WHEN 'currency' THEN 'ISO 4217; money never adds across currencies'
            WHEN 'channel' THEN 'where it was sold; null: not sent'
            WHEN 'country' THEN 'ISO 3166-1 alpha-2; null: not sent'
            WHEN 'product_id' THEN 'product'
            WHEN 'name' THEN 'product''s present name'
            WHEN 'category' THEN 'product''s present category'
            WHEN 'brand' THEN 'product''s present brand'
            WHEN 'orders' THEN 'purchases'
            WHEN 'units' THEN 'units bought (products only)'
            WHEN 'units_returned' THEN 'units refunded (products only)'
            WHEN 'gross_sales' THEN 'price x quantity before discounts, without tax and gift cards; in currency'
            WHEN 'discounts' THEN 'discounts given on purchases, positive; in currency'
            WHEN 'returns' THEN 'refunded amount less its discount, on the refund''s day, positive; in currency'
            WHEN 'net_sales' THEN 'gross_sales - discounts - returns; in currency'
            WHEN 'taxes' THEN 'tax of purchases less tax of refunds; in currency'
            WHEN 'shipping' THEN 'shipping of purchases less that of refunds; in currency'
            WHEN 'total_sales' THEN 'net_sales + taxes + shipping; in currency'
            WHEN 'gift_card_sales' THEN 'gift cards sold less refunded, in no other measure; in currency'
            WHEN 'aov' THEN 'average order value: (gross_sales - discounts) / orders; null without orders; in currency'
            WHEN 'order_value_p50' THEN analytics.describe_quantile('half')
            WHEN 'order_value_p90' THEN analytics.describe_quantile('90 %')
            WHEN 'order_value_p99' THEN analytics.describe_quantile('99 %')
            WHEN 'customers' THEN 'distinct customers who bought; exact up to about 1,000, within 1 % above; does not add over rows'
            WHEN 'sessions' THEN 'distinct session_ids sent (all sessions: session_daily); exact up to about 1,000, within 1 % above; does not add over rows'
            WHEN 'visitors' THEN 'distinct customers or anonymous visitors; exact up to about 1,000, within 1 % above; does not add over rows'
            WHEN 'events' THEN 'events of all types'
            WHEN 'views' THEN 'views of the product (view_item)'
            WHEN 'add_to_carts' THEN 'times it was put into a cart (add_to_cart)'
            END AS text
          FROM pg_attribute a
         WHERE a.attrelid = view AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, named.name,
            coalesce(named.text, 'as sent; null: not sent') || CASE WHEN parts AND named.name IN ('orders', 'events') THEN ' with a line in the row; does not add over rows' ELSE '' END);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.describe_columns(regclass) IS 'comments the columns of a rollup''s view: unit and definition';

-- Then one order or event may count in several rows.
CREATE OR REPLACE FUNCTION analytics.parts_events(dimensions text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM unnest(dimensions) d WHERE d IN ('product_id', 'line_kind') OR starts_with(d, 'properties'))
$$;
COMMENT ON FUNCTION analytics.parts_events(text[]) IS 'whether a rollup by these dimensions may have the lines of one event in different rows';

CREATE OR REPLACE FUNCTION analytics.make_rollup_view(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rollup analytics.rollup;
BEGIN
    SELECT * INTO STRICT rollup FROM analytics.rollup p WHERE p.name = make_rollup_view.name;
    EXECUTE format('CREATE OR REPLACE VIEW analytics.%I WITH (security_barrier) AS %s', name, analytics.rollup_view_sql(analytics.shape_of(rollup)));
    EXECUTE format('COMMENT ON VIEW analytics.%I IS %L', name,
        format('rollup by %s%s%s; right as of this moment', rollup.grain,
               (SELECT coalesce(string_agg(', ' || d, '' ORDER BY o), '') FROM unnest(rollup.dimensions) WITH ORDINALITY u(d, o)), '; lines with ' || rollup.filter));
    PERFORM analytics.describe_columns(format('analytics.%I', name)::regclass);
    EXECUTE format('REVOKE ALL ON analytics.%I FROM PUBLIC', name);
    IF NOT rollup.builtin THEN
        PERFORM analytics.make_api_view(name, false);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.make_rollup_view(text) IS 'makes a rollup''s view, or makes it anew in its place';

CREATE OR REPLACE FUNCTION analytics.make_api_view(name text, writable boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    described record;
BEGIN
    -- (joined with nothing, what could be written to is only read)
    EXECUTE format('CREATE OR REPLACE VIEW analytics_api.%1$I WITH (security_invoker = true) AS SELECT v.* FROM analytics.%1$I v%2$s', name,
                   CASE WHEN writable OR pg_relation_is_updatable(format('analytics.%I', name)::regclass, true) = 0 THEN '' ELSE ' CROSS JOIN (SELECT) nothing' END);
    EXECUTE format('COMMENT ON VIEW analytics_api.%I IS %L', name, obj_description(format('analytics.%I', name)::regclass, 'pg_class'));
    FOR described IN SELECT a.attname, col_description(a.attrelid, a.attnum) AS text FROM pg_attribute a
                      WHERE a.attrelid = format('analytics.%I', name)::regclass AND a.attnum > 0 AND NOT a.attisdropped LOOP
        EXECUTE format('COMMENT ON COLUMN analytics_api.%I.%I IS %L', name, described.attname, described.text);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.make_api_view(text, boolean) IS 'has analytics_api show a relation of schema analytics, with its comments and the rights of who asks; writable: who may write to it may do so there';

CREATE OR REPLACE FUNCTION analytics.make_rollup(name text, grain text, dimensions text[], measures text[], filter text,
                                                 condition text, builtin boolean) RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r analytics.rollup_shape;
BEGIN
    INSERT INTO analytics.rollup (name, grain, dimensions, measures, filter, condition, builtin)
    VALUES (make_rollup.name, make_rollup.grain, make_rollup.dimensions, make_rollup.measures, make_rollup.filter,
            make_rollup.condition, make_rollup.builtin);
    r := analytics.shape_of(name);
    PERFORM analytics.make_rollup_storage(r);
    PERFORM analytics.make_rollup_tail(r);
    PERFORM analytics.make_rollup_recount(r);
    PERFORM analytics.make_rollup_view(name);
    RETURN format('analytics.%I', name)::regclass;
END
$$;
COMMENT ON FUNCTION analytics.make_rollup(text, text, text[], text[], text, text, boolean) IS
'makes a rollup from checked arguments: registry row, storage, tail and recount functions, view';
