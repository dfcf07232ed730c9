-- What else is in the baskets that hold these products: from the merged pairs and the tail, for a shop's pages (docs/baskets.md).

-- The score of a pair is the cosine of the two products' columns in the table of baskets (Sarwar et al. 2001), times ab / (ab + 10), as if ten more
-- baskets had said nothing (the shrinkage of Bell and Koren 2007): two products that were sold once, together, are not the best of pairs. A product's
-- score is the sum over those asked for (Deshpande and Karypis 2004); its measures are those of the pair that says most.
CREATE OR REPLACE FUNCTION analytics.bought_together(products text[], n integer DEFAULT 10, store text DEFAULT 'main')
    RETURNS TABLE (rank integer, product_id text, score double precision, baskets bigint, support double precision, confidence double precision, lift double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off  -- after a restore there are no statistics
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    state analytics.rollup_state;
    merged boolean;
    has_tail boolean;
BEGIN
    IF products IS NULL OR array_ndims(products) > 1 OR cardinality(products) > 1000 OR array_position(products, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'products are no list of products' USING ERRCODE = '22023', HINT = 'Pass up to 1,000 product ids: ''{P1,P2}''.';
    ELSIF n IS NULL OR n NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'n is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(n::text, 'null')), HINT = 'Ask for 1 to 1,000 products.';
    ELSIF store IS NULL OR NOT octet_length(store) BETWEEN 1 AND 1024 THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(store, 100)), HINT = 'Pass a store''s id.';
    END IF;
    PERFORM analytics.require_store(store);
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = 'product_pair';
    merged := FOUND;
    has_tail := NOT merged OR state.built_from > '-infinity' OR analytics.pending_lines(state.merged, ARRAY[store]) > 0;
    RETURN QUERY
    WITH tail AS MATERIALIZED (
        SELECT t.a, t.b, t.product_a AS product_id, t.baskets FROM analytics.tail_product_pair_of(store, products) t WHERE has_tail
    ), asked AS MATERIALIZED (
        SELECT u.number, sum(u.baskets)::float8 AS baskets
          FROM (SELECT m.number, CASE WHEN merged THEN m.baskets ELSE m.kept END AS baskets
                  FROM analytics.product_basket m WHERE m.store_id = store AND m.product_id = ANY (products)
                 UNION ALL SELECT t.a, t.baskets FROM tail t WHERE t.a = t.b AND t.product_id = ANY (products)) u
         GROUP BY u.number
    ), store_baskets AS MATERIALIZED (
        SELECT sum(u.baskets)::float8 AS n
          FROM (SELECT CASE WHEN merged THEN m.baskets ELSE m.kept END AS baskets FROM analytics.product_basket m WHERE m.store_id = store AND m.product_id = ''
                 UNION ALL SELECT t.baskets FROM tail t WHERE t.product_id = '' AND t.a = t.b) u
    ), pair AS MATERIALIZED (
        SELECT p.number, p.ab, p.a, p.b, p.product_id, p.ab / sqrt(p.a * p.b) * p.ab / (p.ab + 10) AS term
          FROM (SELECT c.number, c.ab, a.baskets AS a, (CASE WHEN merged THEN coalesce(m.baskets, 0) ELSE coalesce(m.kept, 0) END + coalesce(s.baskets, 0))::float8 AS b,
                       coalesce(m.product_id, s.product_id) AS product_id
                  FROM (SELECT u.asked, u.number, sum(u.baskets)::float8 AS ab
                          FROM (SELECT a.number AS asked, p.b AS number, CASE WHEN merged THEN p.baskets ELSE p.kept END AS baskets
                                  FROM asked a JOIN analytics.product_pair p ON p.a = a.number
                                 UNION ALL
                                SELECT a.number, p.a, CASE WHEN merged THEN p.baskets ELSE p.kept END FROM asked a JOIN analytics.product_pair p ON p.b = a.number
                                 UNION ALL
                                SELECT t.a, t.b, t.baskets FROM tail t WHERE t.a <> t.b AND t.product_id = ANY (products)) u
                         GROUP BY u.asked, u.number HAVING sum(u.baskets) > 0) c
                  JOIN asked a ON a.number = c.asked
                  LEFT JOIN analytics.product_basket m ON m.number = c.number
                  LEFT JOIN tail s ON s.a = c.number AND s.b = c.number
                 WHERE c.number <> ALL (ARRAY(SELECT o.number FROM asked o))) p
    ), best AS MATERIALIZED (
        -- products are looked at for whether they are active in the order of their scores, until there are n
        SELECT c.*
          FROM (SELECT p.number, p.product_id, sum(p.term) AS score, max(p.term) AS most FROM pair p GROUP BY p.number, p.product_id
                 ORDER BY score DESC, p.product_id COLLATE "C" OFFSET 0) c
         WHERE coalesce((SELECT i.active FROM analytics.product i WHERE i.store_id = store AND i.product_id = c.product_id), true)
         LIMIT n
    )
    SELECT (row_number() OVER (ORDER BY f.score DESC, f.product_id COLLATE "C"))::integer, f.product_id, f.score, f.ab::bigint,
           f.ab / f.n, f.ab / f.a, f.ab * f.n / (f.a * f.b)
      FROM (SELECT DISTINCT ON (b.number) b.product_id, b.score, p.ab, p.a, p.b, t.n
              FROM best b JOIN pair p ON p.number = b.number AND p.term = b.most CROSS JOIN store_baskets t
             ORDER BY b.number, p.ab DESC, p.a) f
     ORDER BY 1;
END
$$;
COMMENT ON FUNCTION analytics.bought_together(text[], integer, text) IS
'the n products of a store that belong most to these, by the baskets that hold both, right as of this moment; never one of these, never one that is not active. score: the sum over these of cosine x baskets / (baskets + 10).
baskets (orders with both), support, confidence (from the one that was passed to the one found, 0..1) and lift are those of product_affinity, for the one of these that says most. Products that nobody bought add nothing: no rows where that is all of them.
22023: no list of products, n not 1 to 1,000; 42501: not this store';
