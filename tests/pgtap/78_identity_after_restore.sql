-- What a dump caught between identify() and the refresh that names events which were on their way: they are named where it is restored.
SELECT plan(4);
CREATE PROCEDURE pg_temp.restore(visitor text) LANGUAGE plpgsql AS $$
BEGIN
    -- the event committed after its visitor was identified; and no state, since dumps have none
    PERFORM analytics.ingest(jsonb_build_object('event', 'purchase', 'event_id', visitor, 'order_id', visitor, 'anonymous_id', visitor, 'timestamp', '2026-03-01T10:00:00Z',
        'items', jsonb_build_array(jsonb_build_object('product_id', 'x', 'price', 10))));
    INSERT INTO analytics.identity (store_id, anonymous_id, customer_id) VALUES ('main', visitor, 'customer ' || visitor);
    DELETE FROM analytics.rollup_state;
END $$;
CALL pg_temp.restore('1');
SELECT ok(analytics.refresh() > 0, 'restored and refreshed');
SELECT results_eq('SELECT customer_id, orders FROM analytics.customer', $$VALUES ('customer 1', 1::bigint)$$, 'the order is the customer''s');
CALL pg_temp.restore('2');
SELECT lives_ok($$SELECT analytics.identify('somebody', 'else'); SELECT analytics.refresh()$$, 'somebody else is identified before the first refresh');
SELECT results_eq('SELECT customer_id, orders FROM analytics.customer ORDER BY 1', $$VALUES ('customer 1', 1::bigint), ('customer 2', 1)$$, 'which changes nothing about it');
SELECT * FROM finish();
