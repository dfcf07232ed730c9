-- Products side by side: what each did in a range, sorted, searched and in pages; what product pages of a dashboard list.

-- What product_report() returns: a composite type, since a column has the name of an argument.
CREATE TYPE analytics.product_figures AS (product_id text, name text, category text, brand text, views bigint, add_to_carts bigint, orders bigint, units bigint,
    units_returned bigint, gross_sales numeric, discounts numeric, returns numeric, net_sales numeric, previous_net_sales numeric, spark numeric[], currency text, total_rows bigint);
COMMENT ON TYPE analytics.product_figures IS 'a row of product_report()';

-- Net sales of some products in runs of days, for their sparks: at most so many runs, equally long, the last one shorter where days are over.
CREATE OR REPLACE FUNCTION analytics.product_sparks(q analytics.report_request, products text[], most integer) RETURNS TABLE (product_id text, spark numeric[])
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET work_mem = '32MB'
AS $$
DECLARE
    first date := q."from"::date;
    days integer := (q."to" - interval '1 microsecond')::date - first + 1;
    run integer := greatest(ceil(days / most::numeric), 1);
    source record;
BEGIN
    q := jsonb_populate_record(q, jsonb_build_object('grain', 'day', 'previous_from', NULL, 'previous_to', NULL, 'series', cardinality(products)));
    SELECT * INTO source FROM analytics.report_source(q, ARRAY[ROW('net_sales', 'money', '{gross_sales,-discounts,-returns}')::analytics.report_part]);
    RETURN QUERY EXECUTE format('WITH %skeyed AS (SELECT k.key FROM unnest($1) k(key)),
        point AS (SELECT p.key, (p.bucket::date - $2) / $3 AS run, sum(p.net_sales) AS net_sales FROM (%s) p WHERE p.key = ANY ($1) GROUP BY 1, 2)
        SELECT k.key, array_agg(coalesce(p.net_sales, 0) ORDER BY r.run)
          FROM keyed k CROSS JOIN generate_series(0, ($4 - 1) / $3) r(run) LEFT JOIN point p ON p.key = k.key AND p.run = r.run GROUP BY k.key', source.tails, coalesce(source.own, source.pieces))
      USING products, first, run, days;
END
$$;
COMMENT ON FUNCTION analytics.product_sparks(analytics.report_request, text[], integer) IS 'net sales of products over the range of a report, in at most so many equal runs of days';

CREATE OR REPLACE FUNCTION analytics.product_report("from" timestamp DEFAULT NULL, "to" timestamp DEFAULT NULL, compare text DEFAULT 'none', filters jsonb DEFAULT '{}',
    search text DEFAULT NULL, sort text DEFAULT 'net_sales', "limit" integer DEFAULT 50, "offset" integer DEFAULT 0, store text DEFAULT 'main', currency text DEFAULT NULL)
    RETURNS SETOF analytics.product_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 50
    SET search_path = pg_catalog, pg_temp
    -- as in visualize()
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
    SET intervalstyle = 'postgres'
    SET jit = off
    SET work_mem = '32MB'
AS $$
DECLARE
    numbers constant text[] := '{views,add_to_carts,orders,units,units_returned,gross_sales,discounts,returns,net_sales,previous_net_sales}';
    words constant text[] := '{product_id,name,category,brand}';
    known constant text := 'LEFT JOIN known k ON k.product_id = %I.product_id';
    by_column text := ltrim(sort, '-');
    by_words boolean := coalesce(search, '') <> '' OR by_column = ANY (words[2:]);  -- then names are needed of all products, else of those on the page
    q analytics.report_request;
    source record;
    query text;
    page analytics.product_figures[];
BEGIN
    IF sort IS NULL OR sort LIKE '--%' OR NOT by_column = ANY (words || numbers) THEN
        PERFORM analytics.refuse_report('sort', to_json(sort)::text, format('Sort by one of %s: the highest first, or with - before it the lowest.', array_to_string(words || numbers, ', ')));
    ELSIF "limit" IS NULL OR "limit" NOT BETWEEN 1 AND 1000 THEN
        PERFORM analytics.refuse_report('limit', "limit"::text, 'Ask for 1 to 1000 products at a time.');
    ELSIF "offset" IS NULL OR "offset" < 0 THEN
        PERFORM analytics.refuse_report('offset', "offset"::text, 'Pass how many products to skip, 0 or more.');
    END IF;
    q := analytics.resolve_report('day', 'product', "from", "to", compare, filters, "limit", store, currency, 'refund');
    q := jsonb_populate_record(q, '{"grain": "total", "of_products": true}');
    SELECT * INTO source FROM analytics.report_source(q, ARRAY[
        ROW('views', 'number', '{views}'), ROW('add_to_carts', 'number', '{add_to_carts}'), ROW('orders', 'product_orders', '{product_orders}'), ROW('units', 'number', '{units}'),
        ROW('units_returned', 'number', '{units_returned}'), ROW('gross_sales', 'money', '{gross_sales}'), ROW('discounts', 'money', '{discounts}'),
        ROW('returns', 'money', '{returns}')]::analytics.report_part[]);
    query := format('WITH %1$s"tail product" AS MATERIALIZED (SELECT * FROM analytics.tail_product()),
        known AS (SELECT %2$s n.product_id, %3$s AS name, %4$s AS category, %5$s AS brand
                    FROM (SELECT o.store_id, o.product_id FROM analytics.product o WHERE o.store_id = ANY ($1) UNION SELECT o.store_id, o.product_id FROM "tail product" o WHERE o.store_id = ANY ($1)) n
                    LEFT JOIN analytics.product p ON p.store_id = n.store_id AND p.product_id = n.product_id
                    LEFT JOIN "tail product" t ON t.store_id = n.store_id AND t.product_id = n.product_id%15$s),
        piece AS (%6$s),
        summed AS (SELECT p.key AS product_id, %7$s, coalesce(sum(p.gross_sales - p.discounts - p.returns) FILTER (WHERE p.period = 1), 0) AS previous_net_sales
                     FROM piece p GROUP BY p.key),
        figure AS (SELECT s.*, s.gross_sales - s.discounts - s.returns AS net_sales%8$s FROM summed s %9$s
                    WHERE (s.views <> 0 OR s.add_to_carts <> 0 OR s.orders <> 0 OR s.units <> 0 OR s.units_returned <> 0 OR s.gross_sales <> 0 OR s.discounts <> 0 OR s.returns <> 0 OR s.previous_net_sales <> 0)%10$s),
        page AS (SELECT f.*, row_number() OVER (ORDER BY f.%11$I %12$s NULLS LAST, f.product_id) AS place, count(*) OVER () AS total_rows
                   FROM figure f ORDER BY place LIMIT $3 OFFSET $4)
        SELECT array_agg(ROW(f.product_id, %13$s, f.views, f.add_to_carts, f.orders, f.units, f.units_returned, f.gross_sales, f.discounts, f.returns, f.net_sales, f.previous_net_sales,
                             NULL, $5, f.total_rows)::analytics.product_figures ORDER BY f.place) FROM page f %14$s',
        source.tails,
        CASE WHEN cardinality(q.stores) > 1 THEN 'DISTINCT ON (n.product_id)' ELSE '' END, analytics.later_product_sql('name'), analytics.later_product_sql('category'), analytics.later_product_sql('brand'),
        source.pieces,
        (SELECT string_agg(format('coalesce(sum(p.%1$I) FILTER (WHERE p.period = 0), 0)%2$s AS %1$I', n, CASE WHEN o <= 5 THEN '::bigint' ELSE '' END), ', ' ORDER BY o)
           FROM unnest(numbers[1:8]) WITH ORDINALITY u(n, o)),
        CASE WHEN by_words THEN ', k.name, k.category, k.brand' ELSE '' END, CASE WHEN by_words THEN format(known, 's') ELSE '' END,
        CASE WHEN coalesce(search, '') <> '' THEN ' AND strpos(lower(concat_ws(E''\n'', s.product_id, k.name, k.category, k.brand)), lower($2)) > 0' ELSE '' END,
        by_column, CASE WHEN starts_with(sort, '-') THEN 'ASC' ELSE 'DESC' END,
        CASE WHEN by_words THEN 'f.name, f.category, f.brand' ELSE 'k.name, k.category, k.brand' END, CASE WHEN by_words THEN '' ELSE format(known, 'f') END,
        CASE WHEN cardinality(q.stores) > 1 THEN ' ORDER BY n.product_id, n.store_id' ELSE '' END);
    EXECUTE query INTO page USING q.stores, search, "limit", "offset", q.currency;
    RETURN QUERY
    SELECT p.product_id, p.name, p.category, p.brand, p.views, p.add_to_carts, p.orders, p.units, p.units_returned, p.gross_sales, p.discounts, p.returns, p.net_sales,
           CASE WHEN q.previous_from IS NOT NULL THEN p.previous_net_sales END, coalesce(s.spark, '{}'), p.currency, p.total_rows
      FROM unnest(page) WITH ORDINALITY p(product_id, name, category, brand, views, add_to_carts, orders, units, units_returned, gross_sales, discounts, returns, net_sales,
                                          previous_net_sales, spark, currency, total_rows, place)
      LEFT JOIN analytics.product_sparks(q, ARRAY(SELECT u.product_id FROM unnest(page) u), 30) s ON s.product_id = p.product_id
     ORDER BY p.place;
END
$$;
COMMENT ON FUNCTION analytics.product_report(timestamp, timestamp, text, jsonb, text, text, integer, integer, text, text) IS
'what each product did in a range, as product_daily counts it (gift cards and fees left out): one row a product that did anything in it, or sold in what it is compared with; net_sales add up to visualize(''net_sales'', by => ''product'') of the range.
from, to, compare, filters, store, currency: as in visualize(), by day. search: part of the id, name, category or brand, in any case. sort: a column, the highest first, or with - before it the lowest. limit, offset: the page, of total_rows products.
orders: orders with the product. previous_net_sales: null without a comparison. spark: net_sales in at most 30 equal runs of days, the last one shorter where days are over. Money in currency.
22023: an argument is not sound; 42501: another store';
