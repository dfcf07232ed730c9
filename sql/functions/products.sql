-- What products are called and where they belong: learned from items, corrected by the shop. product is a target of the
-- engine like any rollup, with a P of its own: a shop's open transaction on product holds up this target alone.

-- Lines that name something about a product. `properties` holds what an item was sent with.
CREATE OR REPLACE VIEW analytics.product_news AS
SELECT e.store_id, e.product_id, e.properties ->> 'name' AS name, e.properties ->> 'category' AS category,
       e.properties ->> 'brand' AS brand, e.unit_price AS price, e.currency, e.occurred_at, e.revision, e.line, e.stamp
  FROM analytics.event e
 WHERE e.sign = 1 AND e.excluded IS NULL AND e.product_id IS NOT NULL AND e.line_kind = 'product';
COMMENT ON VIEW analytics.product_news IS 'what event lines say of products';

-- The latest of each, from news that P has not.
CREATE OR REPLACE FUNCTION analytics.latest_product_news()
    RETURNS TABLE (store_id text, product_id text, name text, name_at timestamptz, category text, category_at timestamptz,
                   brand text, brand_at timestamptz, price numeric, currency text, price_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    merged pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'product');
    newer xid8 := coalesce(pg_snapshot_xmax(merged), '0');
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
BEGIN
    RETURN QUERY
    -- sorted once: the first of an array is the latest; of the same moment the later revision, then what came later
    SELECT n.store_id, n.product_id,
           (array_agg(n.name) FILTER (WHERE n.name IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.name IS NOT NULL),
           (array_agg(n.category) FILTER (WHERE n.category IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.category IS NOT NULL),
           (array_agg(n.brand) FILTER (WHERE n.brand IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.brand IS NOT NULL),
           (array_agg(n.price) FILTER (WHERE n.price IS NOT NULL))[1],
           (array_agg(n.currency) FILTER (WHERE n.price IS NOT NULL))[1], max(n.occurred_at) FILTER (WHERE n.price IS NOT NULL)
      FROM (SELECT u.* FROM (SELECT * FROM analytics.product_news a WHERE a.stamp >= newer
                             UNION ALL SELECT * FROM analytics.product_news b WHERE b.stamp = ANY (running)) u
             ORDER BY u.store_id, u.product_id, u.occurred_at DESC, u.revision DESC, u.stamp DESC, u.line) n
     GROUP BY n.store_id, n.product_id;
END
$$;
COMMENT ON FUNCTION analytics.latest_product_news() IS 'latest news of each product in the events that are not merged yet';
REVOKE ALL ON FUNCTION analytics.latest_product_news() FROM PUBLIC;

-- What views join: of the stores that the caller may see.
CREATE OR REPLACE FUNCTION analytics.tail_product()
    RETURNS TABLE (store_id text, product_id text, name text, name_at timestamptz, category text, category_at timestamptz,
                   brand text, brand_at timestamptz, price numeric, currency text, price_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM analytics.latest_product_news() n
     WHERE (SELECT analytics.allowed_stores()) IS NULL OR n.store_id = ANY ((SELECT analytics.allowed_stores())::text[])
$$;
COMMENT ON FUNCTION analytics.tail_product() IS 'latest news of each product in the events that are not merged yet, of the stores that the caller may see';
REVOKE ALL ON FUNCTION analytics.tail_product() FROM PUBLIC;

-- Adds news (SQL of latest_product_news()'s columns) to products. The later source of a field holds.
CREATE OR REPLACE FUNCTION analytics.learn_sql(news text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($sql$INSERT INTO analytics.product AS p (store_id, product_id, name, name_at, category, category_at, brand, brand_at, price,
                                            currency, price_at, updated_at)
        SELECT n.store_id, n.product_id, n.name, n.name_at, n.category, n.category_at, n.brand, n.brand_at, n.price, n.currency,
               n.price_at, '-infinity'
          FROM (%s) n
         ORDER BY n.store_id COLLATE "C", n.product_id COLLATE "C"
            ON CONFLICT (store_id, product_id) DO UPDATE
           SET name = CASE WHEN (p.name_at IS NULL OR excluded.name_at >= p.name_at) THEN coalesce(excluded.name, p.name) ELSE p.name END,
               name_at = greatest(p.name_at, excluded.name_at),
               category = CASE WHEN (p.category_at IS NULL OR excluded.category_at >= p.category_at) THEN coalesce(excluded.category, p.category) ELSE p.category END,
               category_at = greatest(p.category_at, excluded.category_at),
               brand = CASE WHEN (p.brand_at IS NULL OR excluded.brand_at >= p.brand_at) THEN coalesce(excluded.brand, p.brand) ELSE p.brand END,
               brand_at = greatest(p.brand_at, excluded.brand_at),
               price = CASE WHEN (p.price_at IS NULL OR excluded.price_at >= p.price_at) THEN coalesce(excluded.price, p.price) ELSE p.price END,
               currency = CASE WHEN (p.price_at IS NULL OR excluded.price_at >= p.price_at) AND excluded.price IS NOT NULL THEN excluded.currency ELSE p.currency END,
               price_at = greatest(p.price_at, excluded.price_at),
               updated_at = '-infinity'
         WHERE excluded.name_at >= p.name_at OR (p.name_at IS NULL AND excluded.name IS NOT NULL)
            OR excluded.category_at >= p.category_at OR (p.category_at IS NULL AND excluded.category IS NOT NULL)
            OR excluded.brand_at >= p.brand_at OR (p.brand_at IS NULL AND excluded.brand IS NOT NULL)
            OR excluded.price_at >= p.price_at OR (p.price_at IS NULL AND excluded.price IS NOT NULL)$sql$, news)
$$;
COMMENT ON FUNCTION analytics.learn_sql(text) IS 'SQL that adds news to what is known of products';

-- Merges the news. An open transaction that holds a product makes it wait for another time, which views do not notice: they read the tail.
DO $$
BEGIN
    -- Learning twice changes nothing: so the own transaction's lines may be learned now and again later, and P may be that of the
    -- rollups, though more was learned; merge_cells() takes products along from then on.
    EXECUTE format('CREATE OR REPLACE FUNCTION analytics.learn_products() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = ''200ms''
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', format('
DECLARE
    merged pg_snapshot;
    upto pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = ''sales_daily'');
    learned bigint;
BEGIN
    INSERT INTO analytics.rollup_state (name, merged, refreshed_at, duration, rows)
    SELECT ''product'', ''1:1:'', clock_timestamp(), ''0'', 0
     WHERE NOT EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = ''product'')
        ON CONFLICT (name) DO NOTHING;
    merged := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = ''product'');
    IF merged::text = upto::text OR NOT analytics.has_tail(merged) THEN
        RETURN 0;
    END IF;
    WITH news AS MATERIALIZED (
        SELECT t.* FROM analytics.latest_product_news() t
    ), learned AS (
        %s
        RETURNING 1
    ), moved AS (
        UPDATE analytics.rollup_state SET merged = coalesce(upto, analytics.merging_snapshot()), refreshed_at = clock_timestamp(), rows = (SELECT count(*) FROM learned)
         WHERE name = ''product''
    )
    SELECT count(*) INTO learned FROM learned;
    RETURN learned;
EXCEPTION WHEN lock_not_available THEN
    RETURN NULL;
END
', analytics.learn_sql('SELECT * FROM news')));

    EXECUTE format('CREATE OR REPLACE FUNCTION analytics.learn_news(stores text[], products text[], names text[], name_ats timestamptz[], categories text[], category_ats timestamptz[],
                                                brands text[], brand_ats timestamptz[], prices text[], currencies text[], price_ats timestamptz[], seen pg_snapshot) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = ''200ms''
    SET jit = off
AS %L', format('
DECLARE
    learned bigint;
BEGIN
    %s;
    GET DIAGNOSTICS learned = ROW_COUNT;
    UPDATE analytics.rollup_state SET merged = seen, refreshed_at = clock_timestamp(), rows = learned WHERE name = ''product'' AND seen IS NOT NULL;
    RETURN learned;
EXCEPTION WHEN lock_not_available THEN
    RETURN NULL;
END
', analytics.learn_sql('SELECT u.store_id, u.product_id, u.name, u.name_at, u.category, u.category_at, u.brand, u.brand_at, u.price::numeric AS price, u.currency, u.price_at FROM unnest(stores, products, names, name_ats, categories, category_ats, brands, brand_ats, prices, currencies, price_ats) u(store_id, product_id, name, name_at, category, category_at, brand, brand_at, price, currency, price_at)')));
END
$$;
COMMENT ON FUNCTION analytics.learn_products() IS 'merges what new events say of products, where merge_cells() did not; null when an open transaction holds one of them; the caller holds the engine lock';
COMMENT ON FUNCTION analytics.learn_news(text[], text[], text[], timestamptz[], text[], timestamptz[], text[], timestamptz[], text[], text[], timestamptz[], pg_snapshot) IS
'merges the latest of each product and moves products'' P to seen (null: not yet), for merge_cells(); null when an open transaction holds one of them: then nothing has moved';

-- Views join product p and tail_product() t: of the two the later one that says something holds.
CREATE OR REPLACE FUNCTION analytics.later_product_sql(field text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN p.%1$I_at IS NULL OR t.%1$I_at >= p.%1$I_at THEN coalesce(t.%1$I, p.%1$I) ELSE p.%1$I END', field)
$$;
COMMENT ON FUNCTION analytics.later_product_sql(text) IS 'SQL of a product''s field as of this very snapshot';
