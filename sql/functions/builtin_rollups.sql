-- The rollups every shop has, and their views.

DO $$
DECLARE
    grain text[];
    sales text[] := '{orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,aov,customers,sessions,events}';
    r analytics.rollup_shape;
BEGIN
    FOREACH grain SLICE 1 IN ARRAY '{{sales_hourly,hour},{sales_daily,day},{sales_weekly,week},{sales_monthly,month}}'::text[] LOOP
        PERFORM analytics.make_rollup(grain[1], grain[2], '{channel,country}', sales, NULL, NULL, true);
    END LOOP;

    -- order_keys counts an order once in a category, however many of the category's products it holds
    INSERT INTO analytics.rollup (name, grain, dimensions, measures, filter, condition, builtin)
    VALUES ('product_daily', 'day', '{product_id}',
            '{views,add_to_carts,orders,units,units_returned,gross_sales,discounts,returns,net_sales,customers,order_keys}',
            'product_id IS NOT NULL AND line_kind = ''product''', 'l.product_id IS NOT NULL AND l.line_kind = ''product''', true);
    r := analytics.shape_of('product_daily');
    PERFORM analytics.make_rollup_storage(r);
    PERFORM analytics.make_rollup_tail(r);
    PERFORM analytics.make_rollup_recount(r);

    r := jsonb_populate_record(r, jsonb_build_object('measures', array_remove(r.measures, 'order_keys')));
    EXECUTE format('CREATE OR REPLACE VIEW analytics.product_daily WITH (security_barrier) AS SELECT c.store_id, c.bucket, c.currency, c.product_id, %s AS name, %s AS category, %s AS brand, %s FROM %s c LEFT JOIN analytics.product p ON p.store_id = c.store_id AND p.product_id = c.product_id LEFT JOIN analytics.tail_product() t ON t.store_id = c.store_id AND t.product_id = c.product_id WHERE c.lines <> 0 AND %s',
        analytics.later_product_sql('name'), analytics.later_product_sql('category'), analytics.later_product_sql('brand'),
        analytics.measure_columns_sql(r), analytics.live_cells_sql(r), analytics.allowed_sql('c.store_id'::text));
    PERFORM analytics.describe_columns('analytics.product_daily');

    -- Weeks, of what adds alone: made of the days in the same pass, they are what visualize() tiles longer ranges with. No view.
    INSERT INTO analytics.rollup (name, grain, dimensions, measures, filter, condition, builtin)
    SELECT 'product_weekly', 'week', p.dimensions, '{views,add_to_carts,orders,units,units_returned,gross_sales,discounts,returns,net_sales}',
           p.filter, p.condition, true
      FROM analytics.rollup p WHERE p.name = 'product_daily';
    r := analytics.shape_of('product_weekly');
    PERFORM analytics.make_rollup_storage(r);
    PERFORM analytics.make_rollup_tail(r);
END
$$;

COMMENT ON VIEW analytics.sales_hourly IS 'sales by hour, currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.sales_daily IS 'sales by day in the store''s time zone, currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.sales_weekly IS 'sales by week (setting week_start), currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.sales_monthly IS 'sales by month, currency, channel and country; right as of this moment';
COMMENT ON VIEW analytics.product_daily IS 'what each product did by day and currency: views, carts, sales; gift cards and fees left out; right as of this moment';

-- Categories are the products' present ones, so that there is no rollup of their own: the products' cells add. Orders and
-- customers are unions, since one order or customer may have several products of a category.
DO $$
DECLARE
    r analytics.rollup_shape := analytics.shape_of('product_daily');
    category text := format('coalesce(%s, ''(none)'')', analytics.later_product_sql('category'));
    counted text := 'CASE WHEN bool_or(c.lost) THEN analytics.recount_category(%L, c.store_id, c.bucket, c.currency, c.category) ELSE %s END AS %I';
BEGIN
    EXECUTE format($function$CREATE FUNCTION analytics.recount_category(measure text, of_store text, of_bucket date, of_currency text, of_category text)
    RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED COST 1
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS $body$
    SELECT count(*)
      FROM (SELECT CASE measure WHEN 'customers' THEN l.buyer
                                ELSE CASE WHEN l.event_type = 'purchase' THEN coalesce('o' || l.order_id, 'e' || l.event_id) END END AS key
              FROM analytics.counted_line l
              LEFT JOIN analytics.product p ON p.store_id = l.store_id AND p.product_id = l.product_id
              LEFT JOIN analytics.tail_product() t ON t.store_id = l.store_id AND t.product_id = l.product_id
             WHERE l.store_id = of_store AND (analytics.allowed_stores() IS NULL OR of_store = ANY (analytics.allowed_stores())) AND %s
               AND l.day = of_bucket AND l.currency = of_currency
               AND l.product_id IS NOT NULL AND l.line_kind = 'product' AND %s = of_category
             GROUP BY 1
            HAVING sum(l.sign) > 0) k
     WHERE k.key IS NOT NULL
$body$
$function$, analytics.bucket_span_sql(r, 'of_bucket', 'analytics.setting_of(''timezone'', of_store)'), category);
    COMMENT ON FUNCTION analytics.recount_category(text, text, date, text, text) IS 'distinct orders or customers of a category''s day from the events, where a line was taken back';
    EXECUTE format('CREATE OR REPLACE VIEW analytics.category_daily WITH (security_barrier) AS SELECT c.store_id, c.bucket, c.currency, c.category, sum(c.views)::bigint AS views, sum(c.add_to_carts)::bigint AS add_to_carts, %s, sum(c.units)::bigint AS units, sum(c.units_returned)::bigint AS units_returned, sum(c.gross_sales) AS gross_sales, sum(c.discounts) AS discounts, sum(c.returns) AS returns, sum(c.gross_sales - c.discounts - c.returns) AS net_sales, %s FROM (SELECT l.*, %s AS category FROM %s l LEFT JOIN analytics.product p ON p.store_id = l.store_id AND p.product_id = l.product_id LEFT JOIN analytics.tail_product() t ON t.store_id = l.store_id AND t.product_id = l.product_id WHERE l.lines <> 0 AND %s) c GROUP BY c.store_id, c.bucket, c.currency, c.category',
        format(counted, 'orders', analytics.union_count_sql(analytics.live_count_sql('c', 'order_keys')), 'orders'),
        format(counted, 'customers', analytics.union_count_sql(analytics.live_count_sql('c', 'customers')), 'customers'), category, analytics.live_cells_sql(r), analytics.allowed_sql('l.store_id'::text));
    PERFORM analytics.describe_columns('analytics.category_daily');
    COMMENT ON COLUMN analytics.category_daily.orders IS 'distinct orders with a product of the category; exact up to about 1,000, within 1 % above; does not add over categories';
END
$$;
COMMENT ON VIEW analytics.category_daily IS 'what each category did by day and currency; products count under their present category, ''(none)'' without one; an order counts once in each category it touches';

-- Each customer's days, in the store's currency: what customers, their months and cohorts are added up from (customers.sql).
DO $$
DECLARE
    r analytics.rollup_shape;
BEGIN
    INSERT INTO analytics.rollup (name, grain, dimensions, measures, filter, condition, builtin)
    VALUES ('customer_daily', 'day', '{customer_id}',
            '{orders,units,converted_gross_sales,converted_discounts,converted_returns,first_seen_at,last_seen_at,first_order,last_order_at}',
            NULL, 'l.customer_id IS NOT NULL', true);
    r := analytics.shape_of('customer_daily');
    PERFORM analytics.make_rollup_storage(r);
    PERFORM analytics.make_rollup_tail(r);
END
$$;
CREATE INDEX rollup_customer_daily_customer ON analytics.rollup_customer_daily (store_id, customer_id);

-- Figures whose raw events are gone come along with a dump.
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_sales_hourly', 'WHERE bucket < (SELECT w.before FROM analytics.retired w WHERE w.store_id = rollup_sales_hourly.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_sales_daily', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_sales_daily.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_sales_weekly', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_sales_weekly.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_sales_monthly', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_sales_monthly.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_product_daily', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_product_daily.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_product_weekly', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_product_weekly.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_customer_daily', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_customer_daily.store_id)');
