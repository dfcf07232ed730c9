-- visualize(): the JSON that a chart needs.

-- Time of a store's newest event, for the setting clock 'data'.
CREATE OR REPLACE FUNCTION analytics.newest_event(store text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN (SELECT max(e.occurred_at) FROM analytics.event e WHERE e.store_id = newest_event.store AND e.excluded IS NULL);
END
$$;
COMMENT ON FUNCTION analytics.newest_event(text) IS 'time of a store''s newest event that counts';

-- Now for a store, by that setting.
CREATE OR REPLACE FUNCTION analytics.store_now(store text) RETURNS timestamptz
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(CASE WHEN analytics.setting_of('clock', store) = 'data' THEN analytics.newest_event(store) END, statement_timestamp())
$$;
COMMENT ON FUNCTION analytics.store_now(text) IS 'now for a store, by its setting clock: the time of its newest event, or what the server says';

-- Stores that have events: one probe a store in what is merged, and what is not.
CREATE OR REPLACE FUNCTION analytics.known_stores() RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
    WITH RECURSIVE merged AS (
        SELECT (SELECT min(m.store_id) FROM analytics.rollup_sales_monthly m) AS store_id
        UNION ALL
        SELECT (SELECT min(m.store_id) FROM analytics.rollup_sales_monthly m WHERE m.store_id > s.store_id)
          FROM merged s WHERE s.store_id IS NOT NULL
    )
    SELECT ARRAY(SELECT s.store_id FROM merged s WHERE s.store_id IS NOT NULL
                 UNION SELECT t.store_id FROM analytics.tail_sales_monthly() t ORDER BY 1)
$$;
COMMENT ON FUNCTION analytics.known_stores() IS 'stores that have events';

CREATE OR REPLACE FUNCTION analytics.require_known_store(store text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF store <> 'main' AND NOT (EXISTS (SELECT FROM analytics.event_key k WHERE k.store_id = store)
                                OR EXISTS (SELECT FROM analytics.event e WHERE e.store_id = store)
                                OR EXISTS (SELECT FROM analytics.rollup_sales_monthly m WHERE m.store_id = store)
                                OR EXISTS (SELECT FROM analytics.store s WHERE s.store_id = store AND s.store_id <> '')) THEN
        RAISE EXCEPTION 'unknown store' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(store, 100)),
            HINT = 'Pass a store that events were sent to or that has settings, or NULL for all.';
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_known_store(text) IS '22023 where a store is named that has neither events nor settings; main is always one';

CREATE OR REPLACE FUNCTION analytics.refuse_report(what text, sent text, hint text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'invalid %', what USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(left(sent, 100), 'null')), HINT = hint;
END
$$;
COMMENT ON FUNCTION analytics.refuse_report(text, text, text) IS 'raises 22023: an argument of visualize() is not sound';

-- Filters as name -> list of texts, '' for what was not sent. Who sends "(none)" as a value of its own has it in the series of that name, and so in
-- the filter of that name, too.
CREATE OR REPLACE FUNCTION analytics.read_report_filters(sent jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known constant text[] := '{channel,country,device,campaign,category,brand,product,currency,store}';
    filters jsonb := '{}';
    filter record;
BEGIN
    IF sent IS NULL OR sent = 'null' THEN
        RETURN filters;
    ELSIF jsonb_typeof(sent) <> 'object' THEN
        PERFORM analytics.refuse_report('filters', sent::text, 'Pass an object such as {"country": ["GB", "DE"]}.');
    END IF;
    FOR filter IN SELECT f.key, CASE jsonb_typeof(f.value) WHEN 'array' THEN f.value ELSE jsonb_build_array(f.value) END AS value FROM jsonb_each(sent) f LOOP
        IF NOT filter.key = ANY (known) THEN
            PERFORM analytics.refuse_report('filter', to_json(filter.key)::text, format('Filter by %s.', array_to_string(known, ', ')));
        ELSIF EXISTS (SELECT FROM jsonb_array_elements(filter.value) v WHERE jsonb_typeof(v) IN ('array', 'object')) THEN
            PERFORM analytics.refuse_report('filter', to_json(filter.key)::text || ': ' || filter.value::text, 'Pass a text or a list of texts; "(none)" is what was not sent.');
        END IF;
        filters := filters || jsonb_build_object(filter.key,
            (SELECT coalesce(jsonb_agg(DISTINCT u.v), '[]') FROM jsonb_array_elements_text(filter.value) s(v)
              CROSS JOIN LATERAL unnest(CASE WHEN coalesce(s.v, '(none)') = '(none)' THEN '{"",(none)}' ELSE ARRAY[s.v] END) u(v)));
    END LOOP;
    RETURN filters;
END
$$;
COMMENT ON FUNCTION analytics.read_report_filters(jsonb) IS 'filters of visualize() as name and list of texts; 22023: they are none';

-- From when until when, and compared with when. today: the stores' present day.
CREATE OR REPLACE FUNCTION analytics.read_report_range(q analytics.report_request, today date, compare text) RETURNS analytics.report_request
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first timestamp;
    last timestamp;
    shift interval;
BEGIN
    last := coalesce(q."to", today + 1);
    first := coalesce(q."from", last - interval '30 days');
    IF first > last OR first < '0001-01-01' OR last > '9999-01-01' THEN
        PERFORM analytics.refuse_report('range', format('%s to %s', first, last), 'Pass "from" before "to", which is not part of the range.');
    ELSIF q.grain <> 'total' AND extract(epoch FROM last - first) / extract(epoch FROM ('1 ' || q.grain)::interval) > 100000 THEN
        PERFORM analytics.refuse_report('range', format('%s to %s by %s', first, last, q.grain), 'At most 100,000 points are drawn: use a coarser grain.');
    END IF;
    CASE
        WHEN compare IS NULL OR compare = 'none' THEN
            RETURN jsonb_populate_record(q, jsonb_build_object('from', first, 'to', last));
        WHEN compare = 'previous_period' THEN
            -- months are not of one length: those before March are February and January
            shift := CASE WHEN q.grain IN ('month', 'total') AND first = date_trunc('month', first) AND last = date_trunc('month', last)
                          THEN age(last, first) ELSE last - first END;
        WHEN compare = 'previous_year' THEN
            shift := CASE WHEN q.grain IN ('day', 'week') THEN interval '364 days' ELSE interval '1 year' END;
        ELSE
            BEGIN
                shift := compare::interval;
                IF shift <= interval '0' OR shift > interval '4000 years' THEN  -- (from there, what is before is still a time)
                    RAISE invalid_parameter_value;
                END IF;
            EXCEPTION WHEN data_exception THEN
                PERFORM analytics.refuse_report('comparison', to_json(compare)::text, 'Use none, previous_period, previous_year, or how long before, such as ''7 days''.');
            END;
    END CASE;
    RETURN jsonb_populate_record(q, jsonb_build_object('from', first, 'to', last, 'previous_from', first - shift, 'previous_to', last - shift));
END
$$;
COMMENT ON FUNCTION analytics.read_report_range(analytics.report_request, date, text) IS 'the range of a report and what it is compared with; 22023: they are not sound';

CREATE OR REPLACE FUNCTION analytics.report_is_there_sql(q analytics.report_request) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN analytics.is_ratio(q.metrics[1]) THEN '%s IS NOT NULL' ELSE 'coalesce(%s, 0) <> 0' END
$$;
COMMENT ON FUNCTION analytics.report_is_there_sql(analytics.report_request) IS 'SQL condition that a value %s says anything';

-- What a report's rows come to, for a WITH list: keyed, the series, and figure, their sums by bucket and over the range. Totals by key tell what is a
-- series from what goes to (other); then parts are summed by series and bucket. Where keys are few, rows are summed by both first. Where they are many
-- (products), sums by key and sums by bucket are made in one pass, the series' own by themselves (own: rows that these are among), and (other) is the
-- difference.
CREATE OR REPLACE FUNCTION analytics.report_figures_sql(q analytics.report_request, parts analytics.report_part[], pieces text, own text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sums text := (SELECT string_agg(format(CASE WHEN p.kind IN ('count', 'order_count') THEN ', %2$s AS %1$I'
                                                WHEN p.kind = 'buyer' THEN ', count(DISTINCT p.%1$I) AS %1$I'
                                                WHEN p.kind = 'values' THEN ', analytics.gather_order_values(string_to_array(string_agg(nullif(array_to_string(p.%1$I, '',''), ''''), '',''), '','')::bigint[]) AS %1$I'
                                                ELSE ', sum(p.%1$I) AS %1$I' END,
                                           p.name, analytics.union_sql(format('p.%I', p.name))), '' ORDER BY o) FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o));
    value text := analytics.metric_value_sql(q.metrics[1], q.of_products);
    compared boolean := q.previous_from IS NOT NULL;
    has_buckets boolean := q.grain <> 'total';
    is_there text := analytics.report_is_there_sql(q);
    has_buyers boolean := EXISTS (SELECT FROM unnest(parts) p WHERE p.kind = 'buyer');
    subtracts boolean := q.dimension = 'product' AND has_buckets AND NOT EXISTS (SELECT FROM unnest(parts) p WHERE p.kind NOT IN ('number', 'money', 'orders'));
    names text := (SELECT string_agg(format(', p.%I', p.name), '' ORDER BY o) FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o));
    statement text;
BEGIN
    statement := CASE WHEN subtracts THEN format('piece AS NOT MATERIALIZED (%s), by_both AS (SELECT p.period, p.key, p.bucket, grouping(p.key) = 1 AS of_bucket%s FROM piece p GROUP BY GROUPING SETS ((p.period, p.key), (p.period, p.bucket)))', pieces, sums)
                                   WHEN has_buyers OR q.dimension IS NULL OR (q.dimension = 'product' AND has_buckets) THEN format('piece AS (%s)', pieces)
                                   ELSE format('piece AS MATERIALIZED (SELECT p.period, p.key, p.bucket%s FROM (%s) p GROUP BY p.period, p.key, p.bucket)', sums, pieces) END;
    IF q.dimension IS NULL THEN
        statement := statement || ', keyed AS (SELECT 1 AS place, NULL::text AS key), placed AS (SELECT p.*, 1 AS place FROM piece p)';
    ELSE
        statement := statement || CASE WHEN subtracts THEN ', by_key AS (SELECT * FROM by_both WHERE NOT of_bucket)' ELSE format(', by_key AS (SELECT p.period, p.key%s FROM piece p GROUP BY p.period, p.key)', sums) END
            || CASE WHEN compared THEN format(', total AS (SELECT f.key, coalesce(max(%1$s) FILTER (WHERE f.period = 0), %3$s) AS now, coalesce(max(%1$s) FILTER (WHERE f.period = 1), %3$s) AS previous FROM (SELECT p.period, p.key, NULL AS bucket%2$s FROM by_key p) f GROUP BY f.key)', value, names,
                                    CASE WHEN analytics.is_ratio(q.metrics[1]) THEN 'NULL' ELSE '0' END)
                    ELSE format(', total AS (SELECT f.key, %s AS now, NULL::numeric AS previous FROM (SELECT p.period, p.key, NULL AS bucket%s FROM by_key p) f)', value, names) END
            || format(', keyed AS (SELECT row_number() OVER () AS place, r.key FROM (SELECT t.key FROM total t ORDER BY %s OR %s DESC, t.now DESC NULLS LAST, t.previous DESC NULLS LAST, t.key LIMIT %s) r)',
                      format(is_there, 't.now'), format(is_there, 't.previous'), q.series);
        IF NOT subtracts THEN
            statement := statement || format(', placed AS (SELECT p.*, coalesce(k.place, %s) AS place FROM piece p LEFT JOIN keyed k ON k.key = p.key)', q.series + 1);
        END IF;
    END IF;
    RETURN statement || CASE
        -- who bought in two buckets is one buyer of the range
        WHEN has_buyers THEN
            format(', figure AS (SELECT p.period, p.place, p.bucket, grouping(p.place) = 1 AS whole%s FROM placed p GROUP BY GROUPING SETS ((p.period, p.place, p.bucket), %s(p.period)))',
                   sums, CASE WHEN q.dimension IS NULL OR NOT has_buckets THEN '' ELSE '(p.period, p.place), ' END)
        ELSE
            -- (another collation, so that no index on product_id is run through once for each key)
            CASE WHEN subtracts THEN
                format(', own AS (SELECT p.period, k.place, p.bucket%s FROM %s p JOIN keyed k ON k.key = p.key WHERE p.key COLLATE "C" = ANY (ARRAY(SELECT key FROM keyed)) GROUP BY p.period, k.place, p.bucket)', sums, coalesce('(' || own || ')', 'piece'))
                || format(', summed AS (SELECT p.period, p.place, p.bucket%s FROM own p UNION ALL SELECT b.period, %s, b.bucket%s FROM by_both b LEFT JOIN (SELECT p.period, p.bucket%s FROM own p GROUP BY p.period, p.bucket) o ON o.period = b.period AND o.bucket = b.bucket WHERE b.of_bucket)',
                          names, q.series + 1, (SELECT string_agg(format(', b.%1$I - coalesce(o.%1$I, 0)', p.name), '' ORDER BY o) FROM unnest(parts) WITH ORDINALITY p(name, kind, terms, o)), sums)
            ELSE format(', summed AS (SELECT p.period, p.place, p.bucket%s FROM placed p GROUP BY p.period, p.place, p.bucket)', sums) END
            || format(', figure AS (SELECT p.period, p.place, p.bucket, false AS whole%s FROM summed p%s UNION ALL SELECT p.period, NULL, NULL, true%s FROM summed p GROUP BY p.period)', names,
                      CASE WHEN has_buckets AND q.dimension IS NOT NULL THEN format(' UNION ALL SELECT p.period, p.place, NULL, false%s FROM summed p GROUP BY p.period, p.place', sums) ELSE '' END, sums) END;
END
$$;
COMMENT ON FUNCTION analytics.report_figures_sql(analytics.report_request, analytics.report_part[], text, text) IS 'SQL of what a report''s rows come to, by series and bucket';

-- SQL of the report: its series, and the value of each metric over the whole range, as JSON.
CREATE OR REPLACE FUNCTION analytics.report_sql(q analytics.report_request, tails text, figures text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    nothing text := (SELECT format('''{%s}''::numeric[]', string_agg(CASE WHEN analytics.is_ratio(m) THEN 'NULL' ELSE '0' END, ',' ORDER BY o))
                       FROM unnest(q.metrics) WITH ORDINALITY u(m, o));
    compared boolean := q.previous_from IS NOT NULL;
    has_buckets boolean := q.grain <> 'total';
    is_there text := analytics.report_is_there_sql(q);
    statement text;
BEGIN
    statement := 'WITH ' || tails || figures || format(', value AS (SELECT f.period, f.place, f.bucket, f.whole, ARRAY[%s]::numeric[] AS v FROM figure f)',
                  (SELECT string_agg(analytics.metric_value_sql(m, q.of_products), ', ' ORDER BY o) FROM unnest(q.metrics) WITH ORDINALITY u(m, o)))
        || CASE WHEN has_buckets THEN
             format(', bucket AS (SELECT u.period, b.bucket, %s AS label FROM (VALUES (0, %L::timestamp, %L::timestamp), (1, %L, %L)) u(period, first, last) CROSS JOIN LATERAL generate_series(%s, u.last, %L) b(bucket) WHERE u.first < u.last AND b.bucket < u.last)',
                    CASE q.grain WHEN 'hour' THEN 'b.bucket' ELSE 'b.bucket::date' END, q."from", q."to", q.previous_from, q.previous_to,
                    analytics.bucket_start_sql(q.grain, 'u.first', q.week_start), ('1 ' || q.grain)::interval)
           ELSE format(', bucket AS (SELECT u.period, NULL::timestamp AS bucket, u.first::date AS label FROM (VALUES (0, %L::timestamp, %L::timestamp), (1, %L, %L)) u(period, first, last) WHERE u.first < u.last)',
                       q."from", q."to", q.previous_from, q.previous_to) END
        || format(', series AS (SELECT place, key FROM keyed%s)', CASE WHEN q.dimension IS NULL THEN '' ELSE format(' UNION ALL SELECT %s, ''(other)''', q.series + 1) END)
        || format(', point AS (SELECT s.place, b.period, b.bucket, b.label, coalesce(v.v, %s) AS v FROM series s CROSS JOIN bucket b LEFT JOIN value v ON v.place = s.place AND v.period = b.period AND %s)', nothing,
                  CASE WHEN has_buckets THEN 'v.bucket = b.bucket' ELSE 'NOT v.whole' END)
        || ', drawn AS (SELECT place, jsonb_agg(jsonb_build_array(label, v[1]) ORDER BY bucket) FILTER (WHERE period = 0) AS points, jsonb_agg(jsonb_build_array(label, v[1]) ORDER BY bucket) FILTER (WHERE period = 1) AS previous, bool_or(' || format(is_there, 'v[1]') || ') AS is_there FROM point GROUP BY place)'
        || format(', shown AS (SELECT s.place, jsonb_build_object(''key'', s.key, ''points'', coalesce(d.points, ''[]''), ''previous'', %s, ''total'', (coalesce(t.v, %s))[1]) AS series FROM series s LEFT JOIN drawn d USING (place) LEFT JOIN value t ON t.period = 0 AND %s)',
                  CASE WHEN compared THEN 'coalesce(d.previous, ''[]'')' ELSE 'NULL::jsonb' END, nothing,
                  CASE WHEN q.dimension IS NULL THEN 't.whole' ELSE format('t.place = s.place AND t.bucket IS NULL WHERE d.is_there OR %s', format(is_there, 't.v[1]')) END);
    RETURN statement || format(' SELECT jsonb_build_object(''series'', (SELECT coalesce(jsonb_agg(s.series ORDER BY s.place), ''[]'') FROM shown s), ''truncated'', EXISTS (SELECT FROM shown s WHERE s.place > %s), ''totals'', (SELECT jsonb_agg(analytics.report_total((coalesce(x.v, %s))[i], %s) ORDER BY i) FROM generate_series(1, %s) i LEFT JOIN value x ON x.whole AND x.period = 0 LEFT JOIN value y ON y.whole AND y.period = 1), ''sparks'', %s)',
        q.series, nothing, CASE WHEN compared THEN format('(coalesce(y.v, %s))[i]', nothing) ELSE 'NULL' END, cardinality(q.metrics),
        CASE WHEN cardinality(q.metrics) > 1 THEN
            format('(SELECT jsonb_agg(s.spark ORDER BY s.i) FROM (SELECT i, coalesce(jsonb_agg(jsonb_build_array(p.label, p.v[i]) ORDER BY p.bucket) FILTER (WHERE p.period = 0), ''[]'') AS spark FROM generate_series(1, %s) i LEFT JOIN point p ON true GROUP BY i) s)', cardinality(q.metrics))
        ELSE 'NULL::jsonb' END);
END
$$;
COMMENT ON FUNCTION analytics.report_sql(analytics.report_request, text, text) IS 'SQL of a report''s series and totals as JSON';

CREATE OR REPLACE FUNCTION analytics.report_total(value numeric, previous numeric) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('value', value, 'previous', previous, 'delta', value - previous, 'percent', round(100 * (value - previous) / nullif(previous, 0), 2))
$$;
COMMENT ON FUNCTION analytics.report_total(numeric, numeric) IS 'a value beside what it is compared with';

-- hll's own aggregates take up to 128 kB each: with them, sorted groups hold one at a time. They count lines, and unite counts where the library is not.
CREATE OR REPLACE FUNCTION analytics.run_report(query text) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET work_mem = '32MB'
AS $$
DECLARE
    answer jsonb;
BEGIN
    EXECUTE query INTO answer;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION analytics.run_report(text) IS 'runs a report''s SQL';

CREATE OR REPLACE FUNCTION analytics.run_report_of_counts(query text) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET work_mem = '32MB'
    SET enable_hashagg = off
AS $$
DECLARE
    answer jsonb;
BEGIN
    EXECUTE query INTO answer;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION analytics.run_report_of_counts(text) IS 'runs the SQL of a report that makes distinct counts by hll''s aggregates';

-- One report: {series, truncated, totals: one a metric, sparks, pending}.
CREATE OR REPLACE FUNCTION analytics.report(q analytics.report_request) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts analytics.report_part[];
    source record;
    query text;
BEGIN
    q := jsonb_populate_record(q, jsonb_build_object('of_products', analytics.is_of_products(q.dimension, q.filters),
        'metrics', CASE WHEN analytics.sessions_answer(q) THEN array_replace(q.metrics, 'conversion', 'session_conversion') ELSE q.metrics END));
    parts := ARRAY(SELECT DISTINCT p FROM unnest(q.metrics) m CROSS JOIN LATERAL analytics.metric_parts(m, q.of_products) p);
    SELECT * INTO source FROM analytics.report_source(q, parts);
    query := analytics.report_sql(q, source.tails, coalesce(source.figures, analytics.report_figures_sql(q, parts, source.pieces, source.own)));
    RETURN CASE WHEN query ~ 'hll_(add|union)_agg' THEN analytics.run_report_of_counts(query)
                ELSE analytics.run_report(query) END || jsonb_build_object('pending', source.pending);
END
$$;
COMMENT ON FUNCTION analytics.report(analytics.report_request) IS 'a report''s series, the total of each of its metrics, and lines not merged yet';

CREATE OR REPLACE FUNCTION analytics.is_of_products(dimension text, filters jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(dimension IN ('product', 'category', 'brand'), false) OR filters ?| '{product,category,brand}'
$$;
COMMENT ON FUNCTION analytics.is_of_products(text, jsonb) IS 'whether a report counts lines of products alone';

-- Present names of products, each of the first of the stores that has one.
CREATE OR REPLACE FUNCTION analytics.product_names(stores text[], products text[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (WITH news AS MATERIALIZED (SELECT * FROM analytics.tail_product())
            SELECT coalesce(jsonb_object_agg(n.product_id, n.name ORDER BY n.store_id DESC), '{}')
              FROM (SELECT p.store_id, p.product_id, p.name FROM analytics.product p
                     WHERE p.store_id = ANY (stores) AND p.product_id = ANY (products) AND p.name IS NOT NULL
                       AND NOT EXISTS (SELECT FROM news t WHERE t.store_id = p.store_id AND t.product_id = p.product_id AND t.name_at >= p.name_at)
                    UNION ALL
                    SELECT t.store_id, t.product_id, t.name FROM news t LEFT JOIN analytics.product p ON p.store_id = t.store_id AND p.product_id = t.product_id
                     WHERE t.store_id = ANY (stores) AND t.product_id = ANY (products) AND t.name IS NOT NULL AND (p.name_at IS NULL OR t.name_at >= p.name_at)) n);
END
$$;
COMMENT ON FUNCTION analytics.product_names(text[], text[]) IS 'present names of products of these stores';

-- What metric null shows.
CREATE OR REPLACE FUNCTION analytics.report_overview(q analytics.report_request) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cards constant text[] := '{total_sales,orders,aov,customers,conversion}';  -- and returning_rate, which is made of buyers and not of cells
    wanted text := q.dimension;
    found jsonb;
    loyal jsonb;
    series jsonb;
    best jsonb;
    names jsonb;
    top jsonb := '{}';
    dimension text;
BEGIN
    q := jsonb_populate_record(q, jsonb_build_object('metrics', cards, 'dimension', NULL));
    found := analytics.report(q);
    loyal := analytics.report(jsonb_populate_record(q, '{"metrics": ["returning_rate"]}'));
    series := found -> 'series';
    IF wanted IS NOT NULL THEN
        series := analytics.report(jsonb_populate_record(q, jsonb_build_object('metrics', '{total_sales}'::text[], 'dimension', wanted))) -> 'series';
    END IF;
    -- products have no shipping: what sold best is told by net sales everywhere
    q := jsonb_populate_record(q, jsonb_build_object('metrics', '{net_sales}'::text[], 'grain', 'total', 'previous_from', NULL, 'previous_to', NULL));
    FOREACH dimension IN ARRAY '{product,channel,country,category}'::text[] LOOP
        q := jsonb_populate_record(q, jsonb_build_object('dimension', dimension));
        best := (SELECT coalesce(jsonb_agg(s.value ORDER BY s.o), '[]') FROM jsonb_array_elements(analytics.report(q) -> 'series') WITH ORDINALITY s(value, o) WHERE s.o <= q.series);
        names := CASE dimension WHEN 'product' THEN analytics.product_names(q.stores, ARRAY(SELECT b ->> 'key' FROM jsonb_array_elements(best) b)) ELSE '{}' END;
        top := top || jsonb_build_object(dimension,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('key', b.value -> 'key', 'name', coalesce(names -> (b.value ->> 'key'), b.value -> 'key'), 'value', b.value -> 'total') ORDER BY b.o), '[]')
               FROM jsonb_array_elements(best) WITH ORDINALITY b(value, o)));
    END LOOP;
    RETURN jsonb_build_object(
        'cards', (SELECT jsonb_object_agg(c, (found #> ARRAY['totals', (o - 1)::text]) || jsonb_build_object('spark', found #> ARRAY['sparks', (o - 1)::text]))
                    FROM unnest(cards) WITH ORDINALITY u(c, o))
            || jsonb_build_object('returning_rate', (loyal #> '{totals,0}') || jsonb_build_object('spark', loyal #> '{series,0,points}')),
        'series', series, 'top', top, 'pending', found -> 'pending');
END
$$;
COMMENT ON FUNCTION analytics.report_overview(analytics.report_request) IS 'cards, the series of total_sales, and what sold best';

-- What a report is asked for, checked and resolved: which stores, in whose zone, currency and weeks, from when until when. The caller looks at its own arguments first.
CREATE OR REPLACE FUNCTION analytics.resolve_report(grain text, dimension text, "from" timestamp, "to" timestamp, compare text, filters jsonb, series integer, store text,
    currency text, basis text) RETURNS analytics.report_request
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted jsonb;
    stores text[];
    default_zone text := analytics.setting_of('timezone', '');
    default_currency text := analytics.setting_of('currency', '');
    default_week_start text := analytics.setting_of('week_start', '');
    default_clock text := analytics.setting_of('clock', '');
    zones text[];
    currencies text[];
    week_starts text[];
    today date;
    as_of timestamptz;
BEGIN
    IF currency IS NOT NULL AND NOT analytics.known_currency(upper(currency)) THEN
        PERFORM analytics.refuse_report('currency', to_json(currency)::text, 'Use an ISO 4217 code such as EUR, or null to convert into the store''s currency.');
    ELSIF store = '' OR octet_length(store) > 1024 THEN
        PERFORM analytics.refuse_report('store', to_json(store)::text, 'Pass a store''s id, or null for all stores.');
    END IF;
    wanted := analytics.read_report_filters(filters);
    IF store IS NULL THEN
        stores := coalesce(analytics.allowed_stores(), analytics.known_stores());
    ELSE
        PERFORM analytics.require_store(store);
        stores := ARRAY[store];
    END IF;
    IF wanted ? 'store' THEN
        stores := ARRAY(SELECT s FROM unnest(stores) s WHERE wanted -> 'store' ? s ORDER BY s);
        wanted := wanted - 'store';
    END IF;
    SELECT array_agg(DISTINCT s.zone), array_agg(DISTINCT s.currency), array_agg(DISTINCT s.week_start), max(s.at), max((s.at AT TIME ZONE s.zone)::date)
      INTO zones, currencies, week_starts, as_of, today
      FROM (SELECT coalesce(s.timezone, default_zone) AS zone, coalesce(s.currency, default_currency) AS currency, coalesce(s.week_start, default_week_start) AS week_start,
                   coalesce(CASE WHEN coalesce(s.clock, default_clock) = 'data' THEN analytics.newest_event(u.store_id) END, statement_timestamp()) AS at
              FROM unnest(CASE stores WHEN '{}' THEN '{""}' ELSE stores END) u(store_id)
              LEFT JOIN analytics.store s ON s.store_id = u.store_id) s;
    -- stores that report in different currencies are shown in the default one, at the rates of all stores
    RETURN analytics.read_report_range(jsonb_populate_record(NULL::analytics.report_request, jsonb_build_object(
        'grain', grain, 'dimension', dimension, 'from', "from", 'to', "to", 'filters', wanted,
        'series', series, 'stores', stores, 'zone', CASE cardinality(zones) WHEN 1 THEN zones[1] END,
        'week_start', CASE cardinality(week_starts) WHEN 1 THEN week_starts[1] ELSE default_week_start END, 'week_starts_agree', cardinality(week_starts) = 1,
        'currency', coalesce(upper(currency), CASE cardinality(currencies) WHEN 1 THEN currencies[1] ELSE default_currency END), 'converts', currency IS NULL,
        'rates_of', CASE WHEN cardinality(currencies) > 1 THEN '' WHEN cardinality(stores) = 1 THEN stores[1] END, 'basis', basis, 'as_of', as_of)), today, compare);
END
$$;
COMMENT ON FUNCTION analytics.resolve_report(text, text, timestamp, timestamp, text, jsonb, integer, text, text, text) IS
'a report''s request from its arguments: stores that the caller may see, their zone, currency and weeks, and the range. 22023: an argument is not sound; 42501: another store';

CREATE OR REPLACE FUNCTION analytics.visualize(metric text DEFAULT NULL, grain text DEFAULT 'day', "by" text DEFAULT NULL, "from" timestamp DEFAULT NULL,
    "to" timestamp DEFAULT NULL, compare text DEFAULT 'none', filters jsonb DEFAULT '{}', "limit" integer DEFAULT 10, store text DEFAULT 'main',
    currency text DEFAULT NULL, basis text DEFAULT 'refund') RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    -- moments are written into the report's SQL, and abbreviated zones (IST) are read as others' than they were written for
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
    SET intervalstyle = 'postgres'
AS $$
DECLARE
    metrics constant text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,events,customers,sessions,visitors,order_value_p50,order_value_p90,order_value_p99,aov,new_customers,returning_rate,conversion}';
    dimensions constant text[] := '{channel,country,device,campaign,category,brand,product,currency,store}';
    q analytics.report_request;
    answer jsonb;
BEGIN
    IF NOT coalesce(metric, 'orders') = ANY (metrics) THEN
        PERFORM analytics.refuse_report('metric', to_json(metric)::text, format('Use one of %s, or null for the overview.', array_to_string(metrics, ', ')));
    ELSIF grain IS NULL OR grain NOT IN ('hour', 'day', 'week', 'month', 'total') THEN
        PERFORM analytics.refuse_report('grain', to_json(grain)::text, 'Use hour, day, week, month, or total for one point of the whole range.');
    ELSIF NOT coalesce("by", 'store') = ANY (dimensions) THEN
        PERFORM analytics.refuse_report('dimension', to_json("by")::text, format('Show it by one of %s, or by null.', array_to_string(dimensions, ', ')));
    ELSIF "limit" NOT BETWEEN 1 AND 1000 THEN
        PERFORM analytics.refuse_report('limit', "limit"::text, 'Draw 1 to 1000 series.');
    ELSIF basis IS NULL OR basis NOT IN ('refund', 'order') THEN
        PERFORM analytics.refuse_report('basis', to_json(basis)::text, 'Use refund (refunds count on their own day) or order (on their order''s day).');
    END IF;
    q := analytics.resolve_report(grain, "by", "from", "to", compare, filters, coalesce("limit", 10), store, currency, basis);
    IF metric IS NOT NULL AND NOT EXISTS (SELECT FROM analytics.metric_parts(metric, analytics.is_of_products("by", q.filters))) THEN
        PERFORM analytics.refuse_report('metric', to_json(metric)::text, 'It is the order''s, not a product''s: leave out product, category and brand, or use net_sales.');
    END IF;
    q := jsonb_populate_record(q, jsonb_build_object('metrics', ARRAY[metric]));
    IF metric IS NULL THEN
        answer := analytics.report_overview(q);
    ELSE
        answer := analytics.report(q);
        answer := jsonb_build_object('metric', metric, 'grain', grain, 'by', "by", 'basis', basis, 'series', answer -> 'series',
                                     'totals', answer #> '{totals,0}', 'truncated', answer -> 'truncated', 'pending', answer -> 'pending');
    END IF;
    RETURN (answer - 'pending') || jsonb_build_object('from', q."from", 'to', q."to", 'timezone', q.zone, 'currency', q.currency,
        'compare', CASE WHEN q.previous_from IS NOT NULL THEN jsonb_build_object('from', q.previous_from, 'to', q.previous_to) END,
        'as_of', to_char(q.as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'pending_rows', answer -> 'pending');
END
$$;
COMMENT ON FUNCTION analytics.visualize(text, text, text, timestamp, timestamp, text, jsonb, integer, text, text, text) IS
'the JSON that a chart needs (docs/visualize.md): a metric by grain (hour, day, week, month; total: one point of the whole range) and by one of channel, country, device, campaign, category, brand, product, currency, store.
metric null: an overview. from, to: wall time of the store, to exclusive; default: the last 30 days. compare: none, previous_period, previous_year or an interval. filters: {"country": ["GB", "DE"]}.
limit: so many series, then (other). store null: all that the caller may see. currency null: converted into the store''s at the day''s rate; given: rows of that currency alone. basis: refunds count on the day of the refund, or of the order.
22023: an argument is not sound; 42501: another store';
