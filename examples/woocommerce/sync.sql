-- Run once as the role that owns the tables and has level writer (or admin).
SELECT analytics.sync_source('woo', $$
    SELECT o.*, d.shipping_total_amount, d.date_paid_gmt
      FROM woo.wp_wc_orders o LEFT JOIN woo.wp_wc_order_operational_data d ON d.order_id = o.id
$$, $${
    "events": [
        {"event": "purchase", "when": "type = 'shop_order' AND date_paid_gmt IS NOT NULL AND status <> 'trash'",
         "order_id": "id", "timestamp": "date_paid_gmt AT TIME ZONE 'UTC'", "currency": "currency", "channel": "'web'",
         "customer_id": "nullif(customer_id, 0)", "shipping": "shipping_total_amount",
         "items": {"table": "woo.order_line", "key": "order_id", "order": "order_item_id",
                   "product_id": "product_id", "name": "name", "quantity": "quantity", "tax": "tax",
                   "price": "round(subtotal / quantity, 10)", "discount": "subtotal - total"}},
        {"event": "refund", "when": "each.type = 'shop_order_refund' AND each.status <> 'trash'",
         "each": {"table": "woo.wp_wc_orders", "key": "parent_order_id", "order": "each.id"},
         "event_id": "'woo-refund-' || each.id", "order_id": "parent_order_id", "currency": "each.currency",
         "amount": "each.tax_amount - each.total_amount", "tax": "-each.tax_amount",
         "timestamp": "each.date_created_gmt AT TIME ZONE 'UTC'"},
        {"event": "refund", "when": "type = 'shop_order' AND date_paid_gmt IS NOT NULL AND status = 'wc-cancelled'",
         "order_id": "id", "full": true, "timestamp": "date_updated_gmt AT TIME ZONE 'UTC'"}
    ],
    "watch": [
        {"table": "woo.wp_wc_orders", "column": "id"},
        {"table": "woo.wp_wc_orders", "column": "parent_order_id"},
        {"table": "woo.wp_wc_order_operational_data", "column": "order_id"},
        {"table": "woo.wp_woocommerce_order_items", "column": "order_id"},
        {"table": "woo.wp_woocommerce_order_itemmeta", "column": "order_item_id",
         "keys": "SELECT i.order_id FROM woo.wp_woocommerce_order_items i WHERE i.order_item_id = ANY ($1::bigint[])"}
    ]
}$$, key => 'id');
