-- One grain of the hand-written merge: what an engineer would write who knows the delta beforehand, has it in a table of
-- its own, and needs no more than this shop does (no store's time zone, no gift cards taken back, no retractions).
-- {grain} names the table, {bucket} is the bucket of a line, {delta} the delta's table.
INSERT INTO hand_written.{grain} AS m (store_id, bucket, currency, channel, country, orders, units, units_returned,
       gross_sales, discounts, returns, taxes, shipping, gift_card_sales, events, lines, customers, sessions)
SELECT store_id, {bucket}, currency, coalesce(channel, ''), coalesce(country, ''),
       count(*) FILTER (WHERE event_type = 'purchase' AND line = 1),
       coalesce(sum(quantity) FILTER (WHERE event_type = 'purchase' AND line_kind = 'product'), 0),
       coalesce(sum(quantity) FILTER (WHERE event_type = 'refund' AND line_kind = 'product'), 0),
       coalesce(sum(amount) FILTER (WHERE event_type = 'purchase' AND line_kind <> 'gift_card'), 0),
       coalesce(sum(discount) FILTER (WHERE event_type = 'purchase' AND line_kind <> 'gift_card'), 0),
       coalesce(sum(amount - coalesce(discount, 0)) FILTER (WHERE event_type = 'refund' AND line_kind <> 'gift_card'), 0),
       coalesce(sum(CASE event_type WHEN 'purchase' THEN tax ELSE -tax END)
                FILTER (WHERE event_type IN ('purchase', 'refund') AND line_kind <> 'gift_card'), 0),
       coalesce(sum(CASE event_type WHEN 'purchase' THEN shipping ELSE -shipping END)
                FILTER (WHERE event_type IN ('purchase', 'refund')), 0),
       coalesce(sum(CASE event_type WHEN 'purchase' THEN amount - coalesce(discount, 0) ELSE coalesce(discount, 0) - amount END)
                FILTER (WHERE event_type IN ('purchase', 'refund') AND line_kind = 'gift_card'), 0),
       count(*) FILTER (WHERE line = 1), count(*),
       hll_add_agg(hll_hash_text(customer_id), 17, 5, 1024, 1) FILTER (WHERE event_type = 'purchase' AND customer_id IS NOT NULL),
       hll_add_agg(hll_hash_text(session_id), 17, 5, 1024, 1) FILTER (WHERE session_id IS NOT NULL)
  FROM {delta}
 WHERE excluded IS NULL
 GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (store_id, bucket, currency, channel, country) DO UPDATE
   SET orders = m.orders + excluded.orders, units = m.units + excluded.units,
       units_returned = m.units_returned + excluded.units_returned, gross_sales = m.gross_sales + excluded.gross_sales,
       discounts = m.discounts + excluded.discounts, returns = m.returns + excluded.returns, taxes = m.taxes + excluded.taxes,
       shipping = m.shipping + excluded.shipping, gift_card_sales = m.gift_card_sales + excluded.gift_card_sales,
       events = m.events + excluded.events, lines = m.lines + excluded.lines,
       customers = coalesce(m.customers || excluded.customers, m.customers, excluded.customers),
       sessions = coalesce(m.sessions || excluded.sessions, m.sessions, excluded.sessions);
