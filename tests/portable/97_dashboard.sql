-- Without the library, too: what a dashboard's pages read, of rows written directly.
SELECT plan(11);
SET timezone = 'UTC';
SELECT analytics.set_setting('clock', 'data', 'main');
INSERT INTO analytics.product (product_id, name) VALUES ('mug', 'Mug'), ('jug', 'Jug');
INSERT INTO analytics.event (event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount)
VALUES ('o1', 1, 'purchase', '2026-03-02 10:00Z', 'ada', 'o1', 'mug', 2, 10, 20), ('o1', 2, 'purchase', '2026-03-02 10:00Z', 'ada', 'o1', 'jug', 1, 30, 30),
       ('r1', 1, 'refund', '2026-03-03 09:00Z', NULL, 'o1', 'mug', 1, 10, 10), ('o2', 1, 'purchase', '2026-03-03 10:00Z', 'ben', 'o2', 'jug', 1, 30, 30);
CREATE FUNCTION pg_temp.as_worked_out(moment text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT results_eq($q$SELECT product_id, name, orders, net_sales, spark FROM analytics.product_report('2026-03-02', '2026-03-04')$q$,
        $q$VALUES ('jug', 'Jug', 2::bigint, 60::numeric, '{30,30}'::numeric[]), ('mug', 'Mug', 1, 10, '{20,-10}')$q$, moment || ': products');
    RETURN NEXT is((SELECT jsonb_agg(o - 'items') FROM jsonb_array_elements(analytics.customer_profile('ada') -> 'orders') o),
        '[{"order_id": "o1", "placed_at": "2026-03-02T10:00:00Z", "currency": "USD", "units": 3, "net_sales": 40, "returns": 10, "total_sales": 40}]', moment || ': a customer');
    RETURN NEXT results_eq($q$SELECT sum(customers), sum(net_sales) FROM analytics.value_distribution()$q$, 'VALUES (2::numeric, 80::numeric)', moment || ': values');
END $$;
SELECT pg_temp.as_worked_out('nothing merged');
SELECT ok(analytics.refresh() > 0, 'refreshed');
SELECT pg_temp.as_worked_out('merged');
SELECT results_eq('SELECT sum(events), sum(total_sales) FROM analytics.activity(61)', 'VALUES (2::numeric, 20::numeric)', 'an hour');
SELECT results_eq('SELECT event_type, product_id, value FROM analytics.recent_events(2)', $$VALUES ('purchase', 'jug', 30::numeric), ('refund', 'mug', 10)$$, 'the newest events');
SELECT results_eq('SELECT sum(events), sum(rejected) FROM analytics.ingest_activity()', 'VALUES (3::numeric, 0::numeric)', 'what came in');
SELECT results_eq($$SELECT store_id, today, analytics.health() ->> 'version' FROM analytics.store_profile$$, $$VALUES ('main', '2026-03-03'::date, 'portable')$$, 'the store, and health');
SELECT * FROM finish();
