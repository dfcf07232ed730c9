-- Sales by day and channel over 90 days, as a BI tool asks the view.
SELECT bucket, channel, sum(orders) AS orders, sum(units) AS units, sum(gross_sales) AS gross_sales, sum(discounts) AS discounts,
       sum(returns) AS returns, sum(net_sales) AS net_sales
  FROM analytics.sales_daily
 WHERE store_id = '{store}' AND bucket >= date '{until}' - 90 AND bucket < date '{until}'
 GROUP BY bucket, channel
HAVING sum(orders) <> 0 OR sum(gross_sales) <> 0 OR sum(returns) <> 0
 ORDER BY bucket, channel;
