-- One customer, with all that is known of the customer; and how customers spread over what they are worth.

-- The newest orders, at most so many, as JSON. The customer's days tell from when until when to look: so of the events, which no index finds by
-- customer, only those of such moments are read, and refunds by their order.
CREATE OR REPLACE FUNCTION analytics.customer_orders(customer text, store text, most integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    built boolean := analytics.customers_are_built();
    has_tail boolean := NOT built OR analytics.pending_lines((SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'customer_daily'), ARRAY[store]) > 0;
    orders jsonb;
    names jsonb;
BEGIN
    WITH touched AS MATERIALIZED (
        -- (called in an OFFSET 0 subquery of its own, so that it is not called at all where there is no tail)
        SELECT d.bucket, d.orders, d.first_order, d.last_order_at
          FROM (SELECT t.* FROM analytics.touched_customer_days() t WHERE has_tail OFFSET 0) d
         WHERE d.store_id = customer_orders.store AND d.customer_id = customer_orders.customer
    ), day AS MATERIALIZED (
        SELECT (d.first_order[1] || '+00')::timestamptz AS first, d.last_order_at AS last
          FROM (SELECT t.* FROM touched t
                UNION ALL
                SELECT m.bucket, m.orders, m.first_order, m.last_order_at FROM analytics.rollup_customer_daily m
                 WHERE built AND m.store_id = customer_orders.store AND m.customer_id = customer_orders.customer AND NOT EXISTS (SELECT FROM touched)) d
         WHERE d.orders > 0
         ORDER BY d.bucket DESC LIMIT most
    ), line AS MATERIALIZED (
        -- those that stand
        SELECT coalesce(l.order_id, l.event_id) AS key, l.order_id, l.occurred_at, l.currency, l.line, l.product_id, l.line_kind, l.quantity, l.amount, l.discount, min(l.name) AS name,
               sum(l.orders) AS orders, sum(l.units) AS units, coalesce(sum(l.gross_sales), 0) - coalesce(sum(l.discounts), 0) AS sold,
               coalesce(sum(l.taxes), 0) + coalesce(sum(l.shipping), 0) AS extra
          FROM day d
         CROSS JOIN LATERAL (SELECT c.*, c.properties ->> 'name' AS name FROM analytics.counted_line c
                              WHERE c.store_id = customer_orders.store AND c.occurred_at >= d.first AND c.occurred_at <= d.last
                                AND c.customer_id = customer_orders.customer AND c.event_type = 'purchase'
                             OFFSET 0) l
         GROUP BY l.event_id, l.order_id, l.revision, l.occurred_at, l.currency, l.line, l.product_id, l.line_kind, l.quantity, l.amount, l.discount HAVING sum(l.sign) > 0
    ), sold AS MATERIALIZED (
        SELECT l.key, l.order_id, l.occurred_at AS placed_at, l.currency, coalesce(sum(l.units), 0) AS units, sum(l.sold) AS sold, sum(l.extra) AS extra,
               jsonb_agg(jsonb_build_object('product_id', l.product_id, 'name', l.name, 'kind', l.line_kind, 'quantity', l.quantity, 'amount', l.amount, 'discount', l.discount)
                         ORDER BY l.line) AS items
          FROM line l
         GROUP BY l.key, l.order_id, l.occurred_at, l.currency HAVING sum(l.orders) > 0
         ORDER BY placed_at DESC, l.key LIMIT most
    )
    SELECT jsonb_agg(jsonb_build_object('order_id', s.order_id, 'placed_at', to_char(s.placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'currency', s.currency, 'units', s.units,
                                        'net_sales', s.sold - coalesce(r.returns, 0), 'returns', coalesce(r.returns, 0),
                                        'total_sales', s.sold - coalesce(r.returns, 0) + s.extra + coalesce(r.extra, 0), 'items', s.items)
                     ORDER BY s.placed_at DESC, s.key)
      INTO orders
      FROM sold s
      LEFT JOIN LATERAL (SELECT sum(c.returns) AS returns, coalesce(sum(c.taxes), 0) + coalesce(sum(c.shipping), 0) AS extra
                           FROM analytics.counted_line c
                          WHERE c.store_id = customer_orders.store AND c.order_id = s.order_id AND c.event_type = 'refund' AND c.currency = s.currency) r ON true;
    names := analytics.product_names(ARRAY[store], ARRAY(SELECT DISTINCT i ->> 'product_id' FROM jsonb_path_query(orders, '$[*].items[*]') i));
    RETURN (SELECT coalesce(jsonb_agg(o.value || jsonb_build_object('items', (SELECT jsonb_agg(i.value || jsonb_build_object('name', coalesce(names -> (i.value ->> 'product_id'), i.value -> 'name'))
                                                                                                       ORDER BY i.o)
                                                                                FROM jsonb_array_elements(o.value -> 'items') WITH ORDINALITY i(value, o))) ORDER BY o.o), '[]')
              FROM jsonb_array_elements(orders) WITH ORDINALITY o(value, o));
END
$$;
COMMENT ON FUNCTION analytics.customer_orders(text, text, integer) IS 'newest orders of a customer with their items, at most so many, as JSON';

CREATE OR REPLACE FUNCTION analytics.customer_profile(customer text, store text DEFAULT 'main') RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
    SET jit = off
AS $$
DECLARE
    found jsonb;
BEGIN
    IF store IS NULL OR store = '' OR octet_length(store) > 1024 THEN
        PERFORM analytics.refuse_report('store', to_json(store)::text, 'A customer is one store''s: pass its id.');
    ELSIF customer IS NULL THEN
        PERFORM analytics.refuse_report('customer', NULL, 'Pass the shop''s id of a customer.');
    END IF;
    PERFORM analytics.require_store(store);
    found := (SELECT to_jsonb(c) FROM analytics.customer c WHERE c.store_id = customer_profile.store AND c.customer_id = customer);
    IF found IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object(
        'customer', found,
        'rfm', (SELECT to_jsonb(r) FROM analytics.rfm_at(NULL, store) r WHERE r.customer_id = customer),
        'value', (SELECT to_jsonb(v) FROM analytics.customer_value v WHERE v.store_id = customer_profile.store AND v.customer_id = customer),
        'clusters', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', k.name, 'cluster', k.cluster) ORDER BY k.name), '[]')
                       FROM analytics.customer_cluster k WHERE k.store_id = customer_profile.store AND k.customer_id = customer),
        'orders', analytics.customer_orders(customer, store, 50),
        'months', (SELECT coalesce(jsonb_agg(jsonb_build_array(s.month::date, coalesce(m.net_sales, 0)) ORDER BY s.month), '[]')
                     FROM (SELECT generate_series(min(b.bucket)::timestamp, max(b.bucket)::timestamp, interval '1 month') AS month FROM analytics.customer_month b
                            WHERE b.store_id = customer_profile.store AND b.customer_id = customer) s
                     LEFT JOIN analytics.customer_month m ON m.store_id = customer_profile.store AND m.customer_id = customer AND m.bucket = s.month::date));
END
$$;
COMMENT ON FUNCTION analytics.customer_profile(text, text) IS
'all that is known of one customer: {"customer": the row of customer, "rfm": that of rfm, "value": that of customer_value, "clusters": [{"name", "cluster"}], "orders": the newest 50, "months": [["2026-03-01", net_sales], ..]}, null where there is none of it; null: no such customer.
orders: net_sales, returns and total_sales are what stands after all refunds of the order, units what was bought, in the order''s currency; items: amount before discount, without tax. Orders whose events retention has removed are missing. months: from the first to the latest with an event; in the store''s currency.
Scores take a look at all customers of the store; all else is looked up. 22023: an argument is null; 42501: another store';

-- The smallest of 1, 2, 5, 10, 20, ... that is not less.
CREATE OR REPLACE FUNCTION analytics.readable_width(least_width numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN least_width > 0 THEN
        (SELECT min(trim_scale(u.step * p.power)) FROM (SELECT 10::numeric ^ floor(log(least_width)) AS power) p, unnest('{1,2,5,10}'::numeric[]) u(step) WHERE u.step * p.power >= least_width)
        ELSE 1 END
$$;
COMMENT ON FUNCTION analytics.readable_width(numeric) IS 'the next of 0.1, 0.2, 0.5, 1, 2, 5, 10, ...; 1 of what is not positive';

-- Nineteen of twenty customers are told apart; the few that are worth far more share the last bucket.
CREATE OR REPLACE FUNCTION analytics.value_distribution(store text DEFAULT 'main', buckets integer DEFAULT 20)
    RETURNS TABLE (lower numeric, upper numeric, customers bigint, net_sales numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET work_mem = '32MB'
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF store IS NULL OR store = '' OR octet_length(store) > 1024 THEN
        PERFORM analytics.refuse_report('store', to_json(store)::text, 'Money does not add over stores: pass the id of one.');
    ELSIF buckets IS NULL OR buckets NOT BETWEEN 2 AND 1000 THEN
        PERFORM analytics.refuse_report('number of buckets', buckets::text, 'Ask for 2 to 1000.');
    END IF;
    PERFORM analytics.require_store(store);
    RETURN QUERY
    WITH buyer AS MATERIALIZED (
        SELECT c.net_sales FROM analytics.customer c WHERE c.store_id = value_distribution.store AND c.orders > 0
    ), span AS MATERIALIZED (
        SELECT bool_or(b.net_sales < 0)::integer AS below, percentile_disc(0.95) WITHIN GROUP (ORDER BY b.net_sales) AS most FROM buyer b HAVING count(*) > 0
    ), width AS MATERIALIZED (
        SELECT s.below, buckets - s.below AS above, analytics.readable_width(s.most / greatest(buckets - s.below - 1, 1)) AS width FROM span s
    ), summed AS (
        SELECT least(floor(b.net_sales / w.width), w.above - 1)::integer AS nth, b.net_sales FROM buyer b CROSS JOIN width w WHERE b.net_sales >= 0
        UNION ALL
        SELECT -1, b.net_sales FROM buyer b WHERE b.net_sales < 0
    )
    SELECT CASE WHEN n.nth >= 0 THEN n.nth * w.width END, CASE WHEN n.nth < w.above - 1 THEN (n.nth + 1) * w.width END, count(s.nth), coalesce(sum(s.net_sales), 0)
      FROM width w
     CROSS JOIN LATERAL generate_series(-w.below, w.above - 1) n(nth)
      LEFT JOIN summed s ON s.nth = n.nth
     GROUP BY n.nth, w.width, w.above
     ORDER BY n.nth;
END
$$;
COMMENT ON FUNCTION analytics.value_distribution(text, integer) IS
'customers of a store who have bought, by their net_sales so far: from lower until before upper, in equal buckets 1, 2 or 5 times a power of ten wide; the last one has no upper bound (null) and at most about a twentieth of them. Where some returned more than they bought the first bucket is theirs, without a lower bound.
net_sales: what the bucket''s customers amount to; in the store''s currency. No rows: nobody has bought. 22023: an argument is not sound; 42501: another store';
