-- What one would write without the extension: a body, which is a JSON array here, into a table that knows no duplicates
-- of (store_id, event_id, line). No validation, no rejects, no order that counts once, no revision, one index.
INSERT INTO bench.bare (store_id, event_id, line, event_type, occurred_at, customer_id, anonymous_id, session_id, order_id,
       product_id, quantity, unit_price, amount, discount, tax, shipping, currency, channel, country, device, campaign, properties)
SELECT coalesce(e.store, 'main'), e.event_id, coalesce(i.line, 1), e.event, e.timestamp, e.customer_id, e.anonymous_id,
       e.session_id, e.order_id, i.product_id, i.quantity, i.price, i.price * i.quantity, i.discount, i.tax,
       CASE WHEN coalesce(i.line, 1) = 1 THEN e.shipping END, e.currency, e.channel, e.country, e.device, e.campaign,
       coalesce(e.properties, '{}') || coalesce(jsonb_strip_nulls(jsonb_build_object('name', i.name, 'category', i.category, 'brand', i.brand)), '{}')
  FROM jsonb_to_recordset(%s::jsonb) AS e(store text, event_id text, event text, "timestamp" timestamptz, customer_id text,
       anonymous_id text, session_id text, order_id text, currency text, channel text, country text, device text,
       campaign text, shipping numeric, properties jsonb, items jsonb)
  LEFT JOIN LATERAL ROWS FROM (jsonb_to_recordset(e.items) AS (product_id text, name text, category text, brand text,
       quantity integer, price numeric, discount numeric, tax numeric))
       WITH ORDINALITY AS i(product_id, name, category, brand, quantity, price, discount, tax, line) ON true
    ON CONFLICT DO NOTHING
