-- Prints a few figures of the demo's two stores from the views, and compares those of 'online-retail' with what the
-- file itself adds up to (README.md, verify.py). With the psql variable must_agree true a difference is an error;
-- otherwise it is only shown, since whoever tries things out in the demo's store moves its figures.

\pset footer off
\pset linestyle unicode
\pset border 1
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.money(value numeric) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(value, '99,999,990.00')
$$;
CREATE FUNCTION pg_temp.number(value numeric) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(value, '9,999,990')
$$;

\echo
\echo 'online-retail: a year of a real shop (GBP, from analytics.sales_monthly)'
SELECT to_char(bucket, 'YYYY-MM') AS month,
       pg_temp.number(sum(orders)) AS orders,
       pg_temp.money(sum(gross_sales)) AS gross_sales,
       pg_temp.money(sum(returns)) AS returns,
       pg_temp.money(sum(net_sales)) AS net_sales,
       pg_temp.money(sum(shipping)) AS shipping,
       pg_temp.money(sum(total_sales)) AS total_sales,
       CASE WHEN rank() OVER (ORDER BY sum(total_sales) DESC) = 1 THEN 'best month' ELSE '' END AS " "
FROM analytics.sales_monthly
WHERE store_id = 'online-retail'
GROUP BY bucket
ORDER BY bucket;

\echo 'its best products (from analytics.product_daily)'
SELECT product_id, max(name) AS name, pg_temp.number(sum(units)) AS units,
       pg_temp.number(sum(units_returned)) AS returned, pg_temp.money(sum(net_sales)) AS net_sales
FROM analytics.product_daily
WHERE store_id = 'online-retail'
GROUP BY product_id
ORDER BY sum(net_sales) DESC, product_id
LIMIT 5;

CREATE TEMPORARY TABLE comparison AS
SELECT place, measure, expected, actual
FROM (SELECT sum(gross_sales), sum(returns), sum(net_sales), sum(shipping), sum(total_sales), sum(gift_card_sales),
             sum(orders)
      FROM analytics.sales_monthly WHERE store_id = 'online-retail')
    AS sales (gross_sales, returns, net_sales, shipping, total_sales, gift_card_sales, orders),
    LATERAL (VALUES (1, 'gross_sales', 10363535.024, gross_sales),
                    (2, 'returns', 884872.960, returns),
                    (3, 'net_sales', 9478662.064, net_sales),
                    (4, 'shipping', 279462.120, shipping),
                    (5, 'total_sales', 9758124.184, total_sales),
                    (6, 'gift_card_sales', 685.810, gift_card_sales),
                    (7, 'total + gift cards - 11,062.06 of bad debt = all lines of the file',
                        9747747.934, total_sales + gift_card_sales - 11062.060),
                    (8, 'orders', 20725, orders)) AS row (place, measure, expected, actual);

\echo 'the year, against the sums of the file'
SELECT measure, to_char(expected, '999,999,990.000') AS file, to_char(actual, '999,999,990.000') AS database,
       CASE WHEN expected = actual THEN 'equal' ELSE 'differs' END AS " "
FROM comparison
ORDER BY place;

SELECT count(*) FILTER (WHERE expected IS DISTINCT FROM actual) AS differences FROM comparison \gset
SELECT :differences > 0 AND :must_agree AS is_wrong, :differences > 0 AND NOT :must_agree AS has_moved \gset
\if :is_wrong
    DO $$ BEGIN
        RAISE EXCEPTION 'the demo''s figures are not those of its file'
            USING HINT = 'The table above shows which; python3 demo/verify.py computes them from the file, by month.';
    END $$;
\elif :has_moved
    \echo 'The store has changed since the file was loaded: its figures differ for that reason.'
    \echo
\endif

\echo 'synthetic-traffic: generated, not real (EUR, the last days from analytics.sales_daily)'
-- distinct counts do not add over rows in general; here they do, since a session has one channel and one country
SELECT bucket AS day, pg_temp.number(sum(events)) AS events, pg_temp.number(sum(sessions)) AS sessions,
       pg_temp.number(sum(orders)) AS orders, pg_temp.money(sum(net_sales)) AS net_sales,
       pg_temp.money(sum(total_sales)) AS total_sales
FROM analytics.sales_daily
WHERE store_id = 'synthetic-traffic'
  AND bucket > (SELECT max(bucket) - 5 FROM analytics.sales_daily WHERE store_id = 'synthetic-traffic')
GROUP BY bucket
ORDER BY bucket;
