-- A shop's events, made up from their numbers alone: the same number is the same events, everywhere.
-- Every kind of line takes part: several items, discounts, gift cards, fees, refunds, browsing, tests, missing columns.
CREATE SCHEMA shop;

CREATE FUNCTION shop.item(product integer, quantity integer, price numeric, kind text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('product_id', 'p' || product, 'name', 'Product ' || product,
        'category', 'category ' || product % 4, 'brand', CASE WHEN product % 3 > 0 THEN 'brand ' || product % 3 END,
        'quantity', quantity, 'price', price::text, 'kind', kind))
$$;

-- Event number i: a purchase, and with some of them a refund of a part, a view, a cart. They spread over two years, on
-- both sides of daylight saving time's changes.
CREATE FUNCTION shop.events(first integer, last integer) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_agg(e.event ORDER BY i, e.event ->> 'event_id')
      FROM generate_series(first, last) i
     CROSS JOIN LATERAL (SELECT timestamptz '2024-03-30 20:00:00Z' + i % 40 * interval '17 days' + i * interval '7 minutes' AS at) t
     CROSS JOIN LATERAL (SELECT jsonb_strip_nulls(jsonb_build_object('timestamp', t.at, 'customer_id', 'c' || i % 30,
                'session_id', 's' || i % 50, 'channel', (ARRAY['web', 'app', 'store'])[i % 4],
                'country', (ARRAY['DE', 'FR', 'GB', 'NP'])[i % 5], 'currency', (ARRAY['EUR', 'JPY'])[i % 3],
                'test', CASE WHEN i % 17 = 0 THEN true END)) AS common) c
     CROSS JOIN LATERAL (
         SELECT c.common || jsonb_build_object('event', 'purchase', 'event_id', 'e' || i, 'order_id', 'o' || i,
                    'shipping', i % 6, 'items', (SELECT jsonb_agg(shop.item((i * 7 + j) % 20, 1 + (i + j) % 3, (i + j) % 90 + 10,
                                                       CASE WHEN i % 11 = j THEN 'gift_card' WHEN i % 13 = j THEN 'fee' END)
                                                   || CASE WHEN i % 4 = 0 THEN '{"discount": 2, "tax": 1}' ELSE '{"tax": 3}' END::jsonb)
                                                   FROM generate_series(0, i % 3) j)) AS event
         UNION ALL
         SELECT c.common || jsonb_build_object('event', 'refund', 'event_id', 'r' || i, 'order_id', 'o' || i,
                    'timestamp', t.at + interval '3 days', 'items', jsonb_build_array(shop.item(i * 7 % 20, 1, i % 90 + 10, NULL)))
          WHERE i % 5 = 0
         UNION ALL
         SELECT c.common || jsonb_build_object('event', v.type, 'event_id', left(v.type, 1) || i,
                    'timestamp', t.at - interval '10 minutes', 'items', jsonb_build_array(shop.item(i * 7 % 20, 1, i % 90 + 10, NULL)))
           FROM (VALUES ('view_item', 2), ('add_to_cart', 3)) v(type, every) WHERE i % v.every = 0) e
$$;
