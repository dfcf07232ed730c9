-- Customers and sessions checked against the events. Months whose raw events are gone are left out: nothing is left to check them by.

CREATE OR REPLACE FUNCTION analytics.reconcile_customers(store text, "from" date, "to" date)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
    SET jit = off
AS $$
    WITH line AS MATERIALIZED (
        SELECT l.store_id, l.month AS bucket, l.customer_id, sum(l.orders) AS orders,
               coalesce(sum(l.gross_sales * l.rate), 0) - coalesce(sum(l.discounts * l.rate), 0) - coalesce(sum(l.returns * l.rate), 0) AS net_sales
          FROM analytics.counted_line l
         WHERE l.customer_id IS NOT NULL AND (store IS NULL OR l.store_id = store)
           AND (l.month < (SELECT w.day FROM analytics.retired w WHERE w.store_id = l.store_id)) IS NOT TRUE
           AND ("from" IS NULL OR l.month >= "from") AND ("to" IS NULL OR l.month < "to")
         GROUP BY 1, 2, 3 HAVING sum(l.sign) <> 0
    ), month AS MATERIALIZED (
        SELECT m.* FROM analytics.customer_month m WHERE store IS NULL OR m.store_id = store
    )
    SELECT coalesce(l.store_id, m.store_id), f.check_name, coalesce(l.bucket, m.bucket), coalesce(l.customer_id, m.customer_id), f.expected, f.actual
      FROM line l
      FULL JOIN (SELECT m.* FROM month m
                  WHERE (m.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = m.store_id)) IS NOT TRUE
                    AND ("from" IS NULL OR m.bucket >= "from") AND ("to" IS NULL OR m.bucket < "to")) m
        ON m.store_id = l.store_id AND m.bucket = l.bucket AND m.customer_id = l.customer_id
     CROSS JOIN LATERAL (VALUES ('customer_month.orders', coalesce(l.orders, 0)::numeric, m.orders::numeric), ('customer_month.net_sales', l.net_sales, m.net_sales)) f(check_name, expected, actual)
     WHERE f.expected IS DISTINCT FROM f.actual
    UNION ALL
    SELECT coalesce(m.store_id, c.store_id), f.check_name, NULL, coalesce(m.customer_id, c.customer_id), f.expected, f.actual
      FROM (SELECT m.store_id, m.customer_id, sum(m.orders) AS orders, sum(m.net_sales) AS net_sales FROM month m GROUP BY 1, 2) m
      FULL JOIN (SELECT c.* FROM analytics.customer c WHERE store IS NULL OR c.store_id = store) c ON c.store_id = m.store_id AND c.customer_id = m.customer_id
     CROSS JOIN LATERAL (VALUES ('customer.orders', m.orders::numeric, c.orders::numeric), ('customer.net_sales', m.net_sales, c.net_sales)) f(check_name, expected, actual)
     WHERE f.expected IS DISTINCT FROM f.actual AND "from" IS NULL AND "to" IS NULL
    UNION ALL
    SELECT coalesce(m.store_id, c.store_id), 'cohort_retention.net_sales', coalesce(m.cohort_month, c.cohort_month), NULL, m.net_sales, c.net_sales
      FROM (SELECT m.store_id, m.cohort_month, sum(m.net_sales) AS net_sales FROM month m WHERE m.bucket >= m.cohort_month GROUP BY 1, 2) m
      FULL JOIN (SELECT c.store_id, c.cohort_month, sum(c.net_sales) AS net_sales FROM analytics.cohort_retention c
                  WHERE store IS NULL OR c.store_id = store GROUP BY 1, 2) c ON c.store_id = m.store_id AND c.cohort_month = m.cohort_month
     WHERE m.net_sales IS DISTINCT FROM c.net_sales AND "from" IS NULL AND "to" IS NULL
$$;
COMMENT ON FUNCTION analytics.reconcile_customers(text, date, date) IS 'customers'' months that differ from the events, customers from their months, cohorts from their customers; the last two without from and to alone';

CREATE OR REPLACE FUNCTION analytics.reconcile_sessions(store text)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format('
    WITH day AS MATERIALIZED (SELECT d.store_id, d.bucket, sum(d.sessions) AS sessions, sum(d.events) AS events, sum(d.orders) AS orders
                                FROM analytics.session_daily d WHERE $1 IS NULL OR d.store_id = $1 GROUP BY 1, 2),
         funnel AS (SELECT f.store_id, f.bucket, sum(f.sessions) AS sessions FROM analytics.funnel_daily f WHERE $1 IS NULL OR f.store_id = $1 GROUP BY 1, 2),
         visit AS (SELECT s.store_id, count(*) AS sessions, sum(s.events) AS events, sum(s.orders) AS orders FROM analytics.session s WHERE $1 IS NULL OR s.store_id = $1 GROUP BY 1),
         line AS (SELECT e.store_id, sum(e.n) AS events, sum(e.n) FILTER (WHERE e.event_type = ''purchase'') AS orders FROM (%s) e WHERE e.key IS NOT NULL GROUP BY 1)
    SELECT d.store_id, ''funnel_daily.sessions'', d.bucket, NULL::text, d.sessions, f.sessions
      FROM day d LEFT JOIN funnel f ON f.store_id = d.store_id AND f.bucket = d.bucket WHERE d.sessions IS DISTINCT FROM f.sessions
    UNION ALL
    SELECT coalesce(v.store_id, d.store_id), x.check_name, NULL, NULL, x.expected, x.actual
      FROM visit v FULL JOIN (SELECT d.store_id, sum(d.sessions) AS sessions, sum(d.events) AS events FROM day d GROUP BY 1) d ON d.store_id = v.store_id
     CROSS JOIN LATERAL (VALUES (''session_daily.sessions'', v.sessions::numeric, d.sessions), (''session_daily.events'', v.events, d.events)) x(check_name, expected, actual)
     WHERE x.expected IS DISTINCT FROM x.actual
    UNION ALL
    SELECT coalesce(l.store_id, v.store_id), x.check_name, NULL, NULL, x.expected, x.actual
      FROM line l FULL JOIN visit v ON v.store_id = l.store_id
     CROSS JOIN LATERAL (VALUES (''session.events'', nullif(l.events, 0), v.events), (''session.orders'', coalesce(l.orders, 0), coalesce(v.orders, 0))) x(check_name, expected, actual)
     WHERE x.expected IS DISTINCT FROM x.actual
       AND NOT EXISTS (SELECT FROM analytics.retired w WHERE w.store_id = coalesce(l.store_id, v.store_id))',
        analytics.session_events_sql('analytics.counted_line l WHERE $1 IS NULL OR l.store_id = $1')) USING store;
END
$$;
COMMENT ON FUNCTION analytics.reconcile_sessions(text) IS 'events, orders and sessions of the session views that differ from the events and from each other, by store';
