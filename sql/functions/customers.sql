-- Customers, their months and their cohorts: added up anew from a customer's days whenever one of them changed. Days are cells of
-- the rollup customer_daily, which the engine merges like any other; what stands here stands at its P.
-- Money is in the store's currency, at the rate of the event's day; money without a rate is left out (reconcile(): missing_rate).

-- All days of the customers whom the tail touches; of all customers while there is nothing merged to rely on.
CREATE OR REPLACE FUNCTION analytics.touched_customer_days()
    RETURNS TABLE (store_id text, bucket date, customer_id text, orders bigint, units bigint, gross_sales numeric, discounts numeric,
                   returns numeric, first_seen_at timestamptz, last_seen_at timestamptz, first_order text[],
                   last_order_at timestamptz, lines bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET enable_seqscan = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    stores text[] := analytics.allowed_stores();
    stands boolean;
    built boolean := analytics.customers_are_built();
BEGIN
    stands := EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'customer_daily');
    RETURN QUERY
    WITH tail AS MATERIALIZED (
        SELECT * FROM analytics.tail_customer_daily()
    ), touched AS MATERIALIZED (
        SELECT DISTINCT t.store_id, t.customer_id FROM tail t
    ), cell AS (
        SELECT t.store_id, t.bucket, t.customer_id, t.orders, t.units, t.converted_gross_sales, t.converted_discounts,
               t.converted_returns, t.first_seen_at, t.last_seen_at, t.first_order, t.last_order_at, t.lines, t.lost
          FROM tail t
        UNION ALL
        SELECT m.store_id, m.bucket, m.customer_id, m.orders, m.units, m.converted_gross_sales, m.converted_discounts,
               m.converted_returns, m.first_seen_at, m.last_seen_at, m.first_order, m.last_order_at, m.lines, false
          FROM touched k JOIN analytics.rollup_customer_daily m ON m.store_id = k.store_id AND m.customer_id = k.customer_id
         WHERE built
        UNION ALL
        SELECT m.store_id, m.bucket, m.customer_id, m.orders, m.units, m.converted_gross_sales, m.converted_discounts,
               m.converted_returns, m.first_seen_at, m.last_seen_at, m.first_order, m.last_order_at, m.lines, false
          FROM analytics.rollup_customer_daily m
         WHERE NOT built AND (stands OR m.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = m.store_id)) AND (stores IS NULL OR m.store_id = ANY (stores))
    ), day AS MATERIALIZED (
        SELECT c.store_id, c.bucket, c.customer_id, sum(c.orders)::bigint AS orders, sum(c.units)::bigint AS units,
               sum(c.converted_gross_sales) AS gross_sales, sum(c.converted_discounts) AS discounts, sum(c.converted_returns) AS returns,
               min(c.first_seen_at) AS first_seen_at, max(c.last_seen_at) AS last_seen_at, min(c.first_order) AS first_order,
               max(c.last_order_at) AS last_order_at, sum(c.lines)::bigint AS lines,
               bool_or(c.lost) AND (c.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = c.store_id)) IS NOT TRUE AS lost
          FROM cell c
         GROUP BY 1, 2, 3
    )
    SELECT d.store_id, d.bucket, d.customer_id, d.orders, d.units, d.gross_sales, d.discounts, d.returns,
           d.first_seen_at, d.last_seen_at, d.first_order, d.last_order_at, d.lines
      FROM day d WHERE NOT d.lost
    UNION ALL
    -- Each store's day is looked through once, however many customers lost something on it. (Put together by grouping: a planner who takes
    -- thousands for a few would join them row by row.)
    SELECT u.store_id, u.bucket, u.customer_id, max(u.orders), max(u.units), max(u.gross_sales), max(u.discounts), max(u.returns),
           min(u.occurred_at), max(u.occurred_at),
           min(CASE WHEN u.event_type = 'purchase' THEN
                   ARRAY[to_char(u.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') COLLATE "C", u.channel, u.country] END),
           max(u.occurred_at) FILTER (WHERE u.event_type = 'purchase'), max(u.lines)
      FROM (SELECT d.store_id, d.bucket, d.customer_id, d.orders, d.units, d.gross_sales, d.discounts, d.returns, d.lines,
                   NULL::timestamptz AS occurred_at, NULL AS event_type, NULL AS channel, NULL AS country
              FROM day d WHERE d.lost
            UNION ALL
            SELECT b.store_id, b.bucket, l.customer_id, NULL, NULL, NULL, NULL, NULL, NULL, l.occurred_at, l.event_type, l.channel, l.country
              FROM (SELECT DISTINCT x.store_id, x.bucket, analytics.setting_of('timezone', x.store_id) AS zone FROM day x WHERE x.lost) b
             CROSS JOIN LATERAL (SELECT c.* FROM analytics.counted_line c
                                  WHERE c.store_id = b.store_id AND c.day = b.bucket AND c.line = 1 AND c.customer_id IS NOT NULL
                                    AND c.occurred_at >= b.bucket::timestamp AT TIME ZONE b.zone - interval '3 hours'
                                    AND c.occurred_at < (b.bucket::timestamp + interval '1 day') AT TIME ZONE b.zone + interval '3 hours'
                                 -- (pulled up it would be joined with all events there are, even where nothing was lost)
                                 OFFSET 0) l
             GROUP BY b.store_id, b.bucket, l.customer_id, l.occurred_at, l.event_type, l.channel, l.country HAVING sum(l.sign) > 0) u
     GROUP BY 1, 2, 3 HAVING max(u.lines) IS NOT NULL;
END
$$;
COMMENT ON FUNCTION analytics.touched_customer_days() IS 'all days of the customers in events that are not merged yet, these events included; of all customers while they are not built';

CREATE OR REPLACE FUNCTION analytics.customers_are_built() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'customer_daily' AND s.built_from = '-infinity')
$$;
COMMENT ON FUNCTION analytics.customers_are_built() IS 'whether merged customers are there to rely on';

-- A customer, and each of a customer's months, from days d.
CREATE OR REPLACE FUNCTION analytics.customer_totals_sql(days text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT t.store_id, t.customer_id, t.first_seen_at, t.last_seen_at, (t.first_order[1] || ''+00'')::timestamptz AS first_order_at, t.last_order_at, date_trunc(''month'', t.first_order_day::timestamp)::date AS cohort_month, t.orders, t.units, t.gross_sales, t.discounts, t.returns, t.first_order[2] AS channel, t.first_order[3] AS country, t.lines FROM (SELECT d.store_id, d.customer_id, min(d.first_seen_at) AS first_seen_at, max(d.last_seen_at) AS last_seen_at, min(d.first_order) AS first_order, max(d.last_order_at) AS last_order_at, min(d.bucket) FILTER (WHERE d.first_order IS NOT NULL) AS first_order_day, sum(d.orders)::bigint AS orders, sum(d.units)::bigint AS units, sum(d.gross_sales) AS gross_sales, sum(d.discounts) AS discounts, sum(d.returns) AS returns, sum(d.lines)::bigint AS lines FROM %s d GROUP BY 1, 2) t', days)
$$;
COMMENT ON FUNCTION analytics.customer_totals_sql(text) IS 'SQL that adds up customers from their days';

CREATE OR REPLACE FUNCTION analytics.customer_months_sql(days text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT d.store_id, d.customer_id, date_trunc(''month'', d.bucket::timestamp)::date AS bucket, date_trunc(''month'', (min(min(d.bucket) FILTER (WHERE d.first_order IS NOT NULL)) OVER (PARTITION BY d.store_id, d.customer_id))::timestamp)::date AS cohort_month, sum(d.orders)::bigint AS orders, sum(d.units)::bigint AS units, sum(d.gross_sales) AS gross_sales, sum(d.discounts) AS discounts, sum(d.returns) AS returns, sum(d.lines)::bigint AS lines FROM %s d GROUP BY 1, 2, 3', days)
$$;
COMMENT ON FUNCTION analytics.customer_months_sql(text) IS 'SQL that adds up customers'' months from all their days';

-- What months m count for in cohorts, times sign.
CREATE OR REPLACE FUNCTION analytics.cohort_cells_sql(months text, sign text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT m.store_id, m.cohort_month, m.bucket, %2$s * (m.orders > 0)::integer AS customers, %2$s * (m.gross_sales - m.discounts - m.returns) AS net_sales FROM %1$s m WHERE m.cohort_month IS NOT NULL', months, sign)
$$;
COMMENT ON FUNCTION analytics.cohort_cells_sql(text, text) IS 'SQL of what customers'' months add to cohorts';

DO $$
DECLARE
    totals constant text := analytics.customer_totals_sql('day');
    months constant text := analytics.customer_months_sql('day'::text);
    total_columns constant text := 'store_id, customer_id, first_seen_at, last_seen_at, first_order_at, last_order_at, cohort_month, orders, units, gross_sales, discounts, returns, channel, country, lines';
    month_columns constant text := 'store_id, customer_id, bucket, cohort_month, orders, units, gross_sales, discounts, returns, lines';
    -- the days of those who were touched, as merged
    stored_days constant text := 'SELECT m.store_id, m.bucket, m.customer_id, m.orders, m.units, m.converted_gross_sales AS gross_sales, m.converted_discounts AS discounts, m.converted_returns AS returns, m.first_seen_at, m.last_seen_at, m.first_order, m.last_order_at, m.lines FROM analytics.rollup_customer_daily m';
BEGIN
    -- Each customer is looked up: how many there will be is not known to the planner, and a few are to cost no look at all.
    EXECUTE format('CREATE FUNCTION analytics.refresh_customers() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', format('
DECLARE
    n bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM analytics.customer_touched) THEN
        RETURN 0;
    END IF;
    WITH touched AS MATERIALIZED (
        SELECT DISTINCT k.store_id, k.customer_id FROM analytics.customer_touched k
    ), day AS MATERIALIZED (
        %s JOIN touched k ON k.store_id = m.store_id AND k.customer_id = m.customer_id
    ), total AS MATERIALIZED (
        %s
    ), new_month AS MATERIALIZED (
        SELECT * FROM (%s) n WHERE n.lines <> 0
    ), old_month AS MATERIALIZED (
        SELECT m.* FROM touched k JOIN analytics.rollup_customer_month m ON m.store_id = k.store_id AND m.customer_id = k.customer_id
    -- (what has no statistics is put together by sorting: a planner who takes it for a row or two would join it row by row)
    ), month AS MATERIALIZED (
        SELECT u.store_id, u.customer_id, u.bucket, bool_or(u.new) AS stands, 
               ROW (max(u.cohort_month) FILTER (WHERE u.new), max(u.orders) FILTER (WHERE u.new), max(u.units) FILTER (WHERE u.new), max(u.gross_sales) FILTER (WHERE u.new), max(u.discounts) FILTER (WHERE u.new), max(u.returns) FILTER (WHERE u.new), max(u.lines) FILTER (WHERE u.new))
               IS DISTINCT FROM ROW (max(u.cohort_month) FILTER (WHERE NOT u.new), max(u.orders) FILTER (WHERE NOT u.new), max(u.units) FILTER (WHERE NOT u.new), max(u.gross_sales) FILTER (WHERE NOT u.new), max(u.discounts) FILTER (WHERE NOT u.new), max(u.returns) FILTER (WHERE NOT u.new), max(u.lines) FILTER (WHERE NOT u.new)) AS changed,
               max(u.cohort_month) FILTER (WHERE u.new) AS cohort_month, max(u.orders) FILTER (WHERE u.new) AS orders, max(u.units) FILTER (WHERE u.new) AS units,
               max(u.gross_sales) FILTER (WHERE u.new) AS gross_sales, max(u.discounts) FILTER (WHERE u.new) AS discounts,
               max(u.returns) FILTER (WHERE u.new) AS returns, max(u.lines) FILTER (WHERE u.new) AS lines
          FROM (SELECT n.*, true AS new FROM new_month n UNION ALL SELECT o.*, false FROM old_month o) u
         GROUP BY 1, 2, 3
    ), gone AS MATERIALIZED (
        SELECT u.store_id, u.customer_id FROM (SELECT k.store_id, k.customer_id FROM touched k UNION ALL SELECT t.store_id, t.customer_id FROM total t WHERE t.lines <> 0) u
         GROUP BY 1, 2 HAVING count(*) = 1
    ), cohort AS MATERIALIZED (
        SELECT c.store_id, c.cohort_month, c.bucket, sum(c.customers) AS customers, sum(c.net_sales) AS net_sales
          FROM (%s UNION ALL %s) c
         GROUP BY 1, 2, 3 HAVING sum(c.customers) <> 0 OR sum(c.net_sales) <> 0
    ), totals_stored AS (
        INSERT INTO analytics.rollup_customer (%s) SELECT %6$s FROM total WHERE lines <> 0
        ON CONFLICT (store_id, customer_id) DO UPDATE SET (%6$s) = ROW (%7$s)
    ), totals_gone AS (
        DELETE FROM analytics.rollup_customer c USING gone g WHERE g.store_id = c.store_id AND g.customer_id = c.customer_id
    ), months_stored AS (
        INSERT INTO analytics.rollup_customer_month AS m (%8$s)
        SELECT %8$s FROM month WHERE stands AND changed
        ON CONFLICT (store_id, customer_id, bucket) DO UPDATE SET (%8$s) = ROW (%9$s)
    ), months_gone AS (
        DELETE FROM analytics.rollup_customer_month m USING month o
         WHERE NOT o.stands AND o.store_id = m.store_id AND o.customer_id = m.customer_id AND o.bucket = m.bucket
    ), cohorts_stored AS (
        INSERT INTO analytics.rollup_cohort AS m (store_id, cohort_month, bucket, customers, net_sales) SELECT * FROM cohort
        ON CONFLICT (store_id, cohort_month, bucket) DO UPDATE
           SET customers = m.customers + excluded.customers, net_sales = m.net_sales + excluded.net_sales
    )
    SELECT count(*) INTO n FROM total;
    DELETE FROM analytics.customer_touched;
    RETURN n;
END
', stored_days, totals, months, analytics.cohort_cells_sql('new_month', '1'), analytics.cohort_cells_sql('old_month', '(-1)'),
        total_columns, 'excluded.' || replace(total_columns, ', ', ', excluded.'),
        month_columns, 'excluded.' || replace(month_columns, ', ', ', excluded.')));

    EXECUTE format('CREATE FUNCTION analytics.build_customers(store text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET work_mem = ''32MB''
    SET jit = off
AS %L', format('
BEGIN
    DELETE FROM analytics.customer_touched k WHERE store IS NULL OR k.store_id = store;
    DELETE FROM analytics.rollup_customer c WHERE store IS NULL OR c.store_id = store;
    DELETE FROM analytics.rollup_customer_month m WHERE store IS NULL OR m.store_id = store;
    DELETE FROM analytics.rollup_cohort m WHERE store IS NULL OR m.store_id = store;
    INSERT INTO analytics.rollup_customer (%s)
    WITH day AS (%s WHERE store IS NULL OR m.store_id = store)
    SELECT %1$s FROM (%3$s) t WHERE lines <> 0 ORDER BY store_id, customer_id;
    INSERT INTO analytics.rollup_customer_month (%4$s)
    WITH day AS (%2$s WHERE store IS NULL OR m.store_id = store)
    SELECT %4$s FROM (%5$s) t WHERE lines <> 0 ORDER BY store_id, customer_id, bucket;
    INSERT INTO analytics.rollup_cohort (store_id, cohort_month, bucket, customers, net_sales)
    SELECT store_id, cohort_month, bucket, sum(customers), sum(net_sales) FROM (%6$s AND (store IS NULL OR m.store_id = store)) c GROUP BY 1, 2, 3;
END
', total_columns, stored_days, totals, month_columns, months,
        analytics.cohort_cells_sql('analytics.rollup_customer_month', '1')));

    EXECUTE format('CREATE FUNCTION analytics.tail_customer() RETURNS SETOF analytics.rollup_customer
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
AS %L', format('WITH day AS MATERIALIZED (SELECT * FROM analytics.touched_customer_days()) %s', totals));

    EXECUTE format('CREATE FUNCTION analytics.tail_customer_month() RETURNS SETOF analytics.rollup_customer_month
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
AS %L', format('WITH day AS MATERIALIZED (SELECT * FROM analytics.touched_customer_days()) %s', months));

    -- what the tail adds to merged cohorts, and takes from them
    EXECUTE format('CREATE FUNCTION analytics.tail_cohort() RETURNS SETOF analytics.rollup_cohort
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
AS %L', format('
WITH new_month AS MATERIALIZED (SELECT * FROM analytics.tail_customer_month()),
     old_month AS (SELECT m.* FROM (SELECT DISTINCT n.store_id, n.customer_id FROM new_month n) k
                     JOIN analytics.rollup_customer_month m ON m.store_id = k.store_id AND m.customer_id = k.customer_id
                    WHERE analytics.customers_are_built())
SELECT c.store_id, c.cohort_month, c.bucket, sum(c.customers)::bigint, sum(c.net_sales) FROM (%s UNION ALL %s) c GROUP BY 1, 2, 3',
        analytics.cohort_cells_sql('new_month', '1'), analytics.cohort_cells_sql('old_month', '(-1)')));

    -- a customer, or a month, is merged or touched: then the tail has the whole of it
    EXECUTE format('CREATE OR REPLACE VIEW analytics.customer WITH (security_barrier) AS
WITH tail AS MATERIALIZED (SELECT * FROM analytics.tail_customer())
SELECT c.store_id, c.customer_id, c.first_seen_at, c.last_seen_at, c.first_order_at, c.last_order_at, c.orders, c.units, c.gross_sales, c.discounts, c.returns,
       c.gross_sales - c.discounts - c.returns AS net_sales, (c.gross_sales - c.discounts) / nullif(c.orders, 0) AS aov, c.country, c.channel
  FROM (SELECT * FROM analytics.rollup_customer m
         WHERE (SELECT analytics.customers_are_built()) AND NOT EXISTS (SELECT FROM tail t WHERE t.store_id = m.store_id AND t.customer_id = m.customer_id)
        UNION ALL SELECT * FROM tail t WHERE t.lines <> 0) c
 WHERE %s', analytics.allowed_sql('c.store_id'::text));

    EXECUTE format('CREATE OR REPLACE VIEW analytics.customer_month WITH (security_barrier) AS
WITH tail AS MATERIALIZED (SELECT * FROM analytics.tail_customer_month())
SELECT c.store_id, c.bucket, c.customer_id, c.cohort_month, c.orders, c.units, c.gross_sales, c.discounts, c.returns, c.gross_sales - c.discounts - c.returns AS net_sales
  FROM (SELECT * FROM analytics.rollup_customer_month m
         WHERE (SELECT analytics.customers_are_built()) AND NOT EXISTS (SELECT FROM tail t WHERE t.store_id = m.store_id AND t.customer_id = m.customer_id)
        UNION ALL SELECT * FROM tail t WHERE t.lines <> 0) c
 WHERE %s', analytics.allowed_sql('c.store_id'::text));

    EXECUTE format('CREATE OR REPLACE VIEW analytics.cohort_retention WITH (security_barrier) AS
WITH cell AS MATERIALIZED (
    SELECT c.store_id, c.cohort_month, c.bucket, sum(c.customers)::bigint AS customers, sum(c.net_sales) AS net_sales
      FROM (SELECT * FROM analytics.rollup_cohort WHERE (SELECT analytics.customers_are_built())
            UNION ALL SELECT * FROM analytics.tail_cohort()) c
     WHERE %s
     GROUP BY 1, 2, 3
), cohort AS (
    SELECT c.store_id, c.cohort_month, c.customers AS cohort_size,
           (SELECT max(l.bucket) FROM cell l WHERE l.store_id = c.store_id AND (l.customers > 0 OR l.net_sales <> 0)) AS last_month
      FROM cell c
     WHERE c.bucket = c.cohort_month AND c.customers > 0
)
SELECT o.store_id, o.cohort_month, n.months_since, o.cohort_size, coalesce(c.customers, 0) AS customers,
       coalesce(c.customers, 0)::numeric / o.cohort_size AS retention, coalesce(c.net_sales, 0) AS net_sales,
       sum(coalesce(c.net_sales, 0)) OVER (PARTITION BY o.store_id, o.cohort_month ORDER BY n.months_since) AS cumulative_net_sales
  FROM cohort o
 CROSS JOIN LATERAL generate_series(0, (extract(year FROM o.last_month) * 12 + extract(month FROM o.last_month) - extract(year FROM o.cohort_month) * 12 - extract(month FROM o.cohort_month))::integer) n(months_since)
  LEFT JOIN cell c ON c.store_id = o.store_id AND c.cohort_month = o.cohort_month AND c.bucket = (o.cohort_month + make_interval(months => n.months_since))::date', analytics.allowed_sql('c.store_id'::text));
END
$$;

COMMENT ON FUNCTION analytics.refresh_customers() IS 'adds up the customers whose days a merge has changed; the caller holds the engine lock';
COMMENT ON FUNCTION analytics.build_customers(text) IS 'adds up a store''s customers from their days (null: of all stores); the caller holds the engine lock';
COMMENT ON FUNCTION analytics.tail_customer() IS 'customers in events that are not merged yet, as of this moment';
COMMENT ON FUNCTION analytics.tail_customer_month() IS 'months of the customers in events that are not merged yet, as of this moment';
COMMENT ON FUNCTION analytics.tail_cohort() IS 'what events that are not merged yet change in cohorts';

COMMENT ON VIEW analytics.customer IS 'each known customer, with what was bought and returned so far; money in the store''s currency at the rates of the days; right as of this moment';
COMMENT ON COLUMN analytics.customer.store_id IS 'store';
COMMENT ON COLUMN analytics.customer.customer_id IS 'the shop''s id of the customer';
COMMENT ON COLUMN analytics.customer.first_seen_at IS 'first event of any type';
COMMENT ON COLUMN analytics.customer.last_seen_at IS 'latest event of any type';
COMMENT ON COLUMN analytics.customer.first_order_at IS 'first purchase; null: none yet';
COMMENT ON COLUMN analytics.customer.last_order_at IS 'latest purchase';
COMMENT ON COLUMN analytics.customer.orders IS 'purchases; refunded ones too';
COMMENT ON COLUMN analytics.customer.units IS 'units bought (products only)';
COMMENT ON COLUMN analytics.customer.gross_sales IS 'price x quantity before discounts, without tax and gift cards; in the store''s currency';
COMMENT ON COLUMN analytics.customer.discounts IS 'discounts given, positive; in the store''s currency';
COMMENT ON COLUMN analytics.customer.returns IS 'refunded amount less its discount, positive; in the store''s currency';
COMMENT ON COLUMN analytics.customer.net_sales IS 'gross_sales - discounts - returns: historical lifetime value; in the store''s currency';
COMMENT ON COLUMN analytics.customer.aov IS 'average order value: (gross_sales - discounts) / orders; null without orders; in the store''s currency';
COMMENT ON COLUMN analytics.customer.country IS 'country of the first order; ISO 3166-1 alpha-2';
COMMENT ON COLUMN analytics.customer.channel IS 'channel of the first order';

COMMENT ON VIEW analytics.customer_month IS 'what each customer bought and returned by month; money in the store''s currency at the rates of the days; right as of this moment';
COMMENT ON COLUMN analytics.customer_month.store_id IS 'store';
COMMENT ON COLUMN analytics.customer_month.bucket IS 'first day of the month, in the store''s time zone';
COMMENT ON COLUMN analytics.customer_month.customer_id IS 'the shop''s id of the customer';
COMMENT ON COLUMN analytics.customer_month.cohort_month IS 'first day of the month of the customer''s first order; null: no order yet';
COMMENT ON COLUMN analytics.customer_month.orders IS 'purchases';
COMMENT ON COLUMN analytics.customer_month.units IS 'units bought (products only)';
COMMENT ON COLUMN analytics.customer_month.gross_sales IS 'price x quantity before discounts, without tax and gift cards; in the store''s currency';
COMMENT ON COLUMN analytics.customer_month.discounts IS 'discounts given, positive; in the store''s currency';
COMMENT ON COLUMN analytics.customer_month.returns IS 'refunded amount less its discount, positive; in the store''s currency';
COMMENT ON COLUMN analytics.customer_month.net_sales IS 'gross_sales - discounts - returns; in the store''s currency';

COMMENT ON VIEW analytics.cohort_retention IS 'customers by the month of their first order, and what became of them month by month until the store''s latest month with customers'' sales; money in the store''s currency; right as of this moment';
COMMENT ON COLUMN analytics.cohort_retention.store_id IS 'store';
COMMENT ON COLUMN analytics.cohort_retention.cohort_month IS 'first day of the month of the first order, in the store''s time zone';
COMMENT ON COLUMN analytics.cohort_retention.months_since IS 'months after cohort_month; 0 is that month itself';
COMMENT ON COLUMN analytics.cohort_retention.cohort_size IS 'customers whose first order was in cohort_month';
COMMENT ON COLUMN analytics.cohort_retention.customers IS 'those of them who bought in this month';
COMMENT ON COLUMN analytics.cohort_retention.retention IS 'customers / cohort_size, 0 to 1; 1 at month 0';
COMMENT ON COLUMN analytics.cohort_retention.net_sales IS 'net sales to the cohort in this month; in the store''s currency';
COMMENT ON COLUMN analytics.cohort_retention.cumulative_net_sales IS 'the same, this month and all before; in the store''s currency';
