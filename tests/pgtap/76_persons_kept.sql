-- A person whose raw events retention has removed is forgotten in the cells of own rollups, too, that nothing can build anew.
SELECT plan(8);
SET timezone = 'UTC';
SELECT lives_ok($$SELECT analytics.create_rollup('by_person', 'day', '{customer_id,properties->>email,channel}', '{orders,net_sales,visitors}'),
                         analytics.create_rollup('by_visitor', 'month', '{anonymous_id}', '{events}'), analytics.create_rollup('by_channel', 'day', '{channel}', '{orders,net_sales}')$$, 'rollups by persons');
-- in one day 10 of ann, 5 of nobody, 7 of bob; ann's page as a visitor; and something of ann that is not old
SELECT is(accepted, 5::bigint, 'events') FROM analytics.ingest(jsonb_build_array(
    '{"event": "purchase", "event_id": "1", "order_id": "1", "timestamp": "2020-03-01T10:00:00Z", "customer_id": "ann", "anonymous_id": "v-ann", "channel": "web", "properties": {"email": "ann@shop"}, "items": [{"product_id": "x", "price": 10}]}'::jsonb,
    '{"event": "purchase", "event_id": "2", "order_id": "2", "timestamp": "2020-03-01T11:00:00Z", "channel": "web", "items": [{"product_id": "x", "price": 5}]}'::jsonb,
    '{"event": "purchase", "event_id": "3", "order_id": "3", "timestamp": "2020-03-01T12:00:00Z", "customer_id": "bob", "channel": "web", "properties": {"email": "bob@shop"}, "items": [{"product_id": "x", "price": 7}]}'::jsonb,
    '{"event": "page_view", "event_id": "4", "timestamp": "2020-03-02T12:00:00Z", "anonymous_id": "v-ann"}'::jsonb,
    jsonb_build_object('event', 'page_view', 'event_id', '5', 'timestamp', now(), 'customer_id', 'ann', 'anonymous_id', 'v-ann')));
SELECT ok(analytics.refresh() > 0 AND analytics.set_setting('event_retention', '1 year') IS NOT NULL AND analytics.apply_retention() > 0, 'old events go');
SELECT is(analytics.erase_customer('main', 'ann'), 1::bigint, 'ann is forgotten, of whom one event is left');
SELECT results_eq('SELECT customer_id, email, orders, net_sales FROM analytics.by_person WHERE bucket = ''2020-03-01'' ORDER BY net_sales',
                  $$VALUES ('bob', 'bob@shop', 1::bigint, 7::numeric), (NULL, NULL, 2, 15)$$, 'what was ann''s is nobody''s, added to what was nobody''s');
SELECT results_eq('SELECT anonymous_id, sum(events)::bigint FROM analytics.by_visitor GROUP BY 1', $$VALUES (NULL::text, 5::bigint)$$, 'so it is with the visitor that ann was');
SELECT results_eq('SELECT sum(orders)::bigint, sum(net_sales) FROM analytics.by_channel', 'VALUES (3::bigint, 22::numeric)', 'figures stay');
-- what was no JSON names persons as JSON would
DO $$ BEGIN PERFORM analytics.ingest(E'{"event":"page_view","event_id":"6"}\n{"customer_id":"o\\"neil",\n{"customer_id": 12345,\n{"customer_id":"somebody else",'::text);
            PERFORM analytics.erase_customer('main', 'o"neil'), analytics.erase_customer('main', '12345'); END $$;
SELECT is(string_agg(convert_from(raw, 'UTF8'), ';'), '{"customer_id":"somebody else",', 'rejected text that names them is gone') FROM analytics.rejected_event;
SELECT * FROM finish();
