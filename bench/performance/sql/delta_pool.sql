-- Where the 10,000 new rows of a refresh come from: two mixes, each with fresh lines (n up to 9,500) and late ones.
-- Expects the traffic of a shop's year in bench.pool. `traffic` is a stretch of it, whole visits; `orders` is order
-- lines alone, which cost a merge the most.
CREATE TABLE bench.new_line AS
WITH numbered AS (
    SELECT 'traffic' AS mix, row_number() OVER (ORDER BY p.occurred_at, p.event_id, p.line) AS n, p.* FROM bench.pool p
    UNION ALL
    SELECT 'orders', row_number() OVER (ORDER BY p.occurred_at, p.event_id, p.line), p.*
      FROM bench.pool p WHERE p.event_type = 'purchase'
)
SELECT * FROM numbered WHERE mix = 'orders' OR n <= 9500 OR n % 19 = 0;
CREATE INDEX ON bench.new_line (mix, n);
ANALYZE bench.new_line;
DROP TABLE bench.pool;
