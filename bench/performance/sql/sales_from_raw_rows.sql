-- The same from the raw rows, by the money rules: signed lines, gift cards apart, refunds on their own day. It reads what
-- sells alone, as a good analyst would, and the partitions of the 90 days alone.
SELECT (occurred_at AT TIME ZONE 'UTC')::date AS bucket, channel,
       coalesce(sum(sign) FILTER (WHERE event_type = 'purchase' AND line = 1), 0) AS orders,
       coalesce(sum(sign * quantity) FILTER (WHERE event_type = 'purchase' AND line_kind = 'product'), 0) AS units,
       coalesce(sum(sign * amount) FILTER (WHERE event_type = 'purchase'), 0) AS gross_sales,
       coalesce(sum(sign * discount) FILTER (WHERE event_type = 'purchase'), 0) AS discounts,
       coalesce(sum(sign * (amount - coalesce(discount, 0))) FILTER (WHERE event_type = 'refund'), 0) AS returns,
       coalesce(sum(CASE event_type WHEN 'purchase' THEN sign ELSE -sign END * (amount - coalesce(discount, 0))), 0) AS net_sales
  FROM analytics.event
 WHERE store_id = '{store}' AND event_type IN ('purchase', 'refund') AND line_kind <> 'gift_card' AND excluded IS NULL
   AND occurred_at >= timestamptz '{until} 00:00+00' - interval '90 days' AND occurred_at < timestamptz '{until} 00:00+00'
 GROUP BY 1, 2
 ORDER BY 1, 2;
