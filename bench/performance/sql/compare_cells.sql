-- How many cells of {grain} differ between the engine's rollup and the hand-written one.
SELECT count(*)
  FROM (SELECT store_id, bucket, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns,
               taxes, shipping, gift_card_sales, events, lines, hll_cardinality(coalesce(customers || customers_recent, customers)),
               hll_cardinality(coalesce(sessions || sessions_recent, sessions))
          FROM analytics.rollup_{grain}) e
  FULL JOIN (SELECT store_id, bucket, currency, channel, country, orders, units, units_returned, gross_sales, discounts, returns,
               taxes, shipping, gift_card_sales, events, lines, hll_cardinality(customers), hll_cardinality(sessions)
          FROM hand_written.{grain}) h USING (store_id, bucket, currency, channel, country)
 WHERE e IS DISTINCT FROM h;
