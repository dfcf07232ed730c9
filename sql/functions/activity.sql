-- What happens now: the last minutes, the latest events, and what comes in.

-- The stores that a report of minutes is about.
CREATE OR REPLACE FUNCTION analytics.activity_stores(store text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF store = '' OR octet_length(store) > 1024 THEN
        PERFORM analytics.refuse_report('store', to_json(store)::text, 'Pass a store''s id, or null for all stores.');
    ELSIF store IS NULL THEN
        RETURN coalesce(analytics.allowed_stores(), analytics.known_stores());
    END IF;
    PERFORM analytics.require_store(store);
    RETURN ARRAY[store];
END
$$;
COMMENT ON FUNCTION analytics.activity_stores(text) IS 'stores that the caller may see and asks for; null: all of them. 22023: no store; 42501: another store';

CREATE OR REPLACE FUNCTION analytics.require_minutes(minutes integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF minutes IS NULL OR minutes NOT BETWEEN 1 AND 1440 THEN
        PERFORM analytics.refuse_report('number of minutes', minutes::text, 'Ask for 1 to 1440, which are a day.');
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_minutes(integer) IS '22023 unless a report can be of so many minutes';

CREATE OR REPLACE FUNCTION analytics.activity(minutes integer DEFAULT 30, store text DEFAULT NULL)
    RETURNS TABLE (minute timestamptz, events bigint, purchases bigint, visitors bigint, total_sales numeric, currency text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 30
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
    SET intervalstyle = 'postgres'
    SET enable_seqscan = off
    SET jit = off
AS $$
DECLARE
    q analytics.report_request;
    first timestamptz;
    last timestamptz;
BEGIN
    PERFORM analytics.require_minutes(minutes);
    q := analytics.resolve_report('hour', NULL, NULL, NULL, NULL, NULL, 1, store, NULL, 'refund');
    last := date_trunc('minute', q.as_of);
    first := last - make_interval(mins => minutes - 1);
    RETURN QUERY EXECUTE format('WITH visit AS MATERIALIZED (
            SELECT date_trunc(''minute'', l.occurred_at) AS minute, l.visitor, sum(l.events) AS events, sum(l.orders) AS purchases, sum(l.sign) AS stands,
                   sum(%s) AS total_sales
              FROM analytics.counted_line l
             WHERE l.store_id = ANY ($1) AND l.occurred_at >= $2 AND l.occurred_at < $3 + interval ''1 minute''
             GROUP BY 1, 2)
        SELECT m.minute, coalesce(sum(v.events), 0)::bigint, coalesce(sum(v.purchases), 0)::bigint, count(v.visitor) FILTER (WHERE v.stands > 0), coalesce(sum(v.total_sales), 0), $4
          FROM generate_series($2, $3, interval ''1 minute'') m(minute) LEFT JOIN visit v ON v.minute = m.minute
         GROUP BY m.minute ORDER BY m.minute',
        analytics.report_part_sql(q, ROW('total_sales', 'money', '{gross_sales,-discounts,-returns,taxes,shipping}')::analytics.report_part, 'l', 'l.day', NULL))
      USING q.stores, first, last, q.currency;
END
$$;
COMMENT ON FUNCTION analytics.activity(integer, text) IS
'the last minutes by when things occurred, the present one last, each with what counts of it: events, purchases, distinct visitors, and total_sales in currency, the store''s (stores that differ: the default one), at the day''s rates. Minutes without events are there, too.
store null: all that the caller may see. Now is the newest event of a store whose clock is data. 22023: an argument is not sound; 42501: another store';

-- Of each store the newest, found from the end of the index: line 1 of each event that stands, then all its lines.
CREATE OR REPLACE FUNCTION analytics.recent_events(n integer DEFAULT 50, store text DEFAULT NULL)
    RETURNS TABLE (event_type text, occurred_at timestamptz, store_id text, order_id text, product_id text, quantity bigint, value numeric, currency text, channel text,
                   country text, device text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 50
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    stores text[];
BEGIN
    IF n IS NULL OR n NOT BETWEEN 1 AND 1000 THEN
        PERFORM analytics.refuse_report('number of events', n::text, 'Ask for 1 to 1000.');
    END IF;
    stores := analytics.activity_stores(store);
    RETURN QUERY
    WITH first_line AS MATERIALIZED (
        SELECT f.*
          FROM unnest(stores) s(id)
         CROSS JOIN LATERAL (
             SELECT e.store_id, e.event_id, e.event_type, e.occurred_at, e.order_id, e.revision, e.currency, e.channel, e.country, e.device, e.ingested_at
               FROM analytics.event e
              WHERE e.store_id = s.id AND e.line = 1 AND e.sign = 1 AND e.excluded IS NULL
                AND NOT EXISTS (SELECT FROM analytics.event t
                                 WHERE t.sign = -1 AND t.store_id = e.store_id AND t.event_id = e.event_id AND t.event_type = e.event_type AND t.occurred_at = e.occurred_at
                                   AND t.revision = e.revision AND t.order_id IS NOT DISTINCT FROM e.order_id AND t.line = 1
                                -- (asked of one event at a time: as a join it might be made for all of them)
                                OFFSET 0)
              ORDER BY e.occurred_at DESC LIMIT n) f
         ORDER BY f.occurred_at DESC, f.ingested_at DESC, f.event_id LIMIT n
    )
    SELECT f.event_type, f.occurred_at, f.store_id, f.order_id, l.product_id, l.quantity, l.value, coalesce(f.currency, analytics.setting_of('currency', f.store_id)), f.channel,
           f.country, f.device
      FROM first_line f
     CROSS JOIN LATERAL (
         SELECT CASE WHEN min(e.product_id COLLATE "C") = max(e.product_id COLLATE "C") THEN min(e.product_id) END AS product_id, sum(e.quantity) AS quantity,
                sum(coalesce(e.amount, e.unit_price * coalesce(e.quantity, 1)) - coalesce(e.discount, 0)) AS value
           FROM analytics.event e
          WHERE e.store_id = f.store_id AND e.occurred_at = f.occurred_at AND e.event_id = f.event_id AND e.event_type = f.event_type AND e.revision = f.revision AND e.sign = 1
            AND e.order_id IS NOT DISTINCT FROM f.order_id AND e.excluded IS NULL) l
     ORDER BY f.occurred_at DESC, f.ingested_at DESC, f.event_id;
END
$$;
COMMENT ON FUNCTION analytics.recent_events(integer, text) IS
'the newest events by when they occurred, the newest first, with the columns of GET /api/live: an event is one row, quantity and value (after discounts, before tax and shipping) are sums over its lines, product_id is null where they differ. Of what was corrected the version that stands; nothing that was taken back or is excluded; never who it was.
store null: all that the caller may see. 22023: an argument is not sound; 42501: another store';

CREATE OR REPLACE FUNCTION analytics.ingest_activity(minutes integer DEFAULT 60, store text DEFAULT NULL)
    RETURNS TABLE (minute timestamptz, events bigint, rejected bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 60
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET enable_seqscan = off
    SET jit = off
    SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    stores text[] := analytics.allowed_stores();
    last timestamptz := date_trunc('minute', statement_timestamp());
    first timestamptz;
BEGIN
    PERFORM analytics.require_minutes(minutes);
    IF store IS NOT NULL THEN
        stores := analytics.activity_stores(store);
    END IF;
    first := last - make_interval(mins => minutes - 1);
    RETURN QUERY
    WITH taken AS MATERIALIZED (
        -- (the store is looked at afterwards, so that the index on ingested_at is used)
        SELECT date_trunc('minute', e.ingested_at) AS minute, count(*) AS events
          FROM (SELECT e.ingested_at, e.store_id FROM analytics.event e WHERE e.ingested_at >= first AND e.line = 1 AND e.sign = 1 OFFSET 0) e
         WHERE stores IS NULL OR e.store_id = ANY (stores)
         GROUP BY 1
    ), refused AS MATERIALIZED (
        SELECT date_trunc('minute', r.received_at) AS minute, count(*) AS rejected
          FROM analytics.rejected_event r
         WHERE r.received_at >= first AND (stores IS NULL OR r.store_id = ANY (stores))
         GROUP BY 1
    )
    SELECT m.minute, coalesce(t.events, 0), coalesce(r.rejected, 0)
      FROM generate_series(first, last, interval '1 minute') m(minute)
      LEFT JOIN taken t ON t.minute = m.minute
      LEFT JOIN refused r ON r.minute = m.minute
     ORDER BY m.minute;
END
$$;
COMMENT ON FUNCTION analytics.ingest_activity(integer, text) IS
'what came in over the last minutes, the present one last, whenever it occurred: events taken in (corrections count again), and those that were rejected. Minutes in which nothing came are there, too. store null: all that the caller may see. 22023: an argument is not sound; 42501: another store';
