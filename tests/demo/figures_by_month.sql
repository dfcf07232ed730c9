-- The figures of the store 'online-retail' as demo/verify.py prints them: name, tab, value.
WITH sales AS (
    SELECT bucket, sum(orders) AS orders, sum(units) AS units, sum(units_returned) AS units_returned,
           sum(gross_sales) AS gross_sales, sum(returns) AS returns, sum(net_sales) AS net_sales,
           sum(shipping) AS shipping, sum(total_sales) AS total_sales, sum(gift_card_sales) AS gift_card_sales
    FROM analytics.sales_monthly
    WHERE store_id = 'online-retail'
    GROUP BY GROUPING SETS ((bucket), ())
)
SELECT coalesce(to_char(bucket, 'YYYY-MM.'), '') || name, value
FROM sales, LATERAL (VALUES ('orders', orders::numeric(30, 0)), ('units', units::numeric(30, 0)),
                            ('units_returned', units_returned::numeric(30, 0))) AS row (name, value)
UNION ALL
SELECT coalesce(to_char(bucket, 'YYYY-MM.'), '') || name, value::numeric(30, 3)
FROM sales, LATERAL (VALUES ('gross_sales', gross_sales), ('returns', returns), ('net_sales', net_sales),
                            ('shipping', shipping), ('total_sales', total_sales),
                            ('gift_card_sales', gift_card_sales)) AS row (name, value);
