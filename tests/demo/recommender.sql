-- For check_recommender.sh: what evaluate_recommender() says, and popularity's figures by brute force.
SET jit = off;
SET work_mem = '64MB';
CREATE TEMP TABLE said AS SELECT * FROM analytics.evaluate_recommender('2011-09-25 00:00Z', 10, 'online-retail');

CREATE TEMP TABLE did AS
SELECT e.customer_id COLLATE "C" AS customer, e.product_id COLLATE "C" AS product,
       coalesce(sum(e.sign) FILTER (WHERE e.event_type = 'purchase' AND early), 0) > 0 AS had,
       coalesce(sum(e.sign) FILTER (WHERE e.event_type = 'purchase'), 0) > 0 AND coalesce(sum(e.sign) FILTER (WHERE e.event_type = 'purchase' AND early), 0) <= 0 AS came_to_it,
       coalesce(sum(e.sign * e.quantity) FILTER (WHERE e.event_type = 'purchase' AND early), 0) > coalesce(sum(e.sign * e.quantity) FILTER (WHERE e.event_type = 'refund' AND early), 0) AS kept
  FROM (SELECT *, occurred_at < '2011-09-25 00:00Z' AS early FROM analytics.event) e
 WHERE e.store_id = 'online-retail' AND e.excluded IS NULL AND e.customer_id IS NOT NULL AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.event_type IN ('purchase', 'refund')
 GROUP BY 1, 2;
CREATE INDEX ON did (customer, product);
ANALYZE did;
CREATE TEMP TABLE popular AS
SELECT product, row_number() OVER (ORDER BY count(*) DESC, product) AS place FROM did WHERE had GROUP BY product;
CREATE INDEX ON popular (place);
ANALYZE popular;
CREATE TEMP TABLE judged AS
WITH tested AS (
    SELECT customer, count(*) FILTER (WHERE came_to_it) AS relevant FROM did GROUP BY customer HAVING bool_or(kept) AND bool_or(came_to_it)
), listed AS (
    SELECT t.customer, t.relevant, l.product, row_number() OVER (PARTITION BY t.customer ORDER BY l.place) AS place
      FROM tested t
     CROSS JOIN LATERAL (SELECT p.* FROM popular p WHERE NOT EXISTS (SELECT FROM did d WHERE d.customer = t.customer AND d.product = p.product AND d.had) ORDER BY p.place LIMIT 10) l
)
SELECT l.customer, l.relevant, coalesce(sum(1 / log(2, 1 + l.place)) FILTER (WHERE d.came_to_it), 0) / (SELECT sum(1 / log(2, 1 + i)) FROM generate_series(1, least(10, l.relevant)::int) i) AS ndcg,
       count(*) FILTER (WHERE d.came_to_it) AS hits
  FROM listed l LEFT JOIN did d ON d.customer = l.customer AND d.product = l.product
 GROUP BY l.customer, l.relevant;

SELECT CASE WHEN (SELECT customers FROM said WHERE method = 'popularity') = count(*) AND abs((SELECT ndcg_at_k FROM said WHERE method = 'popularity') - avg(ndcg)) < 1e-9
                 AND abs((SELECT recall_at_k FROM said WHERE method = 'popularity') - avg(hits::float8 / relevant)) < 1e-9 THEN 'ok' ELSE 'not ok' END
       || format(' - popularity''s figures are those of the events: %s customers, NDCG@10 %s', count(*), round(avg(ndcg), 4)) FROM judged;
SELECT CASE WHEN m.ndcg_at_k >= 1.5 * p.ndcg_at_k THEN 'ok' ELSE 'not ok' END || format(' - the model''s NDCG@10, %s, is %s times popularity''s', round(m.ndcg_at_k::numeric, 4), round((m.ndcg_at_k / p.ndcg_at_k)::numeric, 2))
  FROM said m, said p WHERE m.method = 'model' AND p.method = 'popularity';
SELECT CASE WHEN m.ndcg_at_k > i.ndcg_at_k THEN 'ok' ELSE 'not ok' END || format(' - and above item-to-item''s, %s', round(i.ndcg_at_k::numeric, 4))
  FROM said m, said i WHERE m.method = 'model' AND i.method = 'item_item';
