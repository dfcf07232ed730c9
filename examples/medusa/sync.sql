-- Run once as the role that owns the tables and has level writer (or admin).
SELECT analytics.sync_source('medusa', 'medusa."order"', $$[
    {"event": "purchase", "when": "status <> 'draft'",
     "order_id": "id", "timestamp": "created_at", "customer_id": "customer_id", "currency": "currency_code",
     "channel": "sales_channel", "country": "upper(country_code)", "shipping": "shipping_total",
     "properties": {"number": "display_id"},
     "items": {"table": "medusa.order_line_item", "key": "order_id", "order": "id",
               "product_id": "variant_sku", "name": "title", "quantity": "quantity", "price": "unit_price",
               "discount": "discount_total", "tax": "tax_total"}},
    {"event": "refund", "each": {"table": "medusa.refund", "key": "order_id", "order": "each.created_at"},
     "event_id": "'refund-' || each.id", "order_id": "order_id", "currency": "currency_code", "amount": "amount",
     "timestamp": "each.created_at"},
    {"event": "refund", "when": "status = 'canceled'",
     "order_id": "id", "full": true, "timestamp": "coalesce(canceled_at, updated_at)"}
]$$);
