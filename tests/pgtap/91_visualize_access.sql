-- visualize(): who sees what, and that a rollup with a filter answers only what asks for it.
SELECT plan(11);
SET client_min_messages = warning;
SELECT analytics.ingest(jsonb_agg(jsonb_build_object('event', 'purchase', 'store', s, 'order_id', s || n, 'timestamp', '2026-03-02T09:00:00Z', 'country', 'GB',
        'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'price', 10 * n), jsonb_build_object('product_id', 'gift', 'kind', 'gift_card', 'price', 7)))))
  FROM (VALUES ('a', 1), ('a', 2), ('b', 3), ('b', 4), ('b', 5)) u(s, n);
SELECT analytics.refresh();
CREATE FUNCTION pg_temp.series(by text, store text, filters jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(s ->> 'key', s -> 'total')
      FROM jsonb_array_elements(analytics.visualize('net_sales', 'month', by, '2026-03-01', '2026-04-01', store => store, filters => filters) -> 'series') s
$$;

-- one that has lines of products alone, and one that has those of a country, which no report asks for
SELECT analytics.create_rollup('product_months', 'month', '{product_id}', '{net_sales}', 'product_id IS NOT NULL AND line_kind = ''product''');
SELECT analytics.create_rollup('british', 'month', '{channel}', '{net_sales}', 'country = ''GB''');
SELECT analytics.refresh();
UPDATE analytics.rollup_product_months SET gross_sales = gross_sales + 1000 WHERE store_id = 'a';
UPDATE analytics.rollup_british SET gross_sales = gross_sales + 1000000;
SELECT is(pg_temp.series('product', 'a', '{}'), '{"mug": 1030}', 'with the filter of product_daily it answers for products');
SELECT is(pg_temp.series('country', 'a', '{}'), '{"GB": 30}', 'but not for what is more than products');
SELECT is(pg_temp.series('channel', 'a', '{}'), '{"(none)": 30}', 'and another filter answers nothing');
UPDATE analytics.rollup_product_months SET gross_sales = gross_sales - 1000 WHERE store_id = 'a';

CREATE ROLE a_viewer;
GRANT a_viewer TO CURRENT_USER;
SELECT analytics.grant_access('a_viewer', 'reader');
SET ROLE a_viewer;
SELECT is(pg_temp.series('store', NULL, '{}'), '{"a": 30, "b": 120}', 'a reader sees all stores');
SET request.jwt.claims = '{"stores": ["a"]}';
SELECT is(pg_temp.series('store', NULL, '{}'), '{"a": 30}', 'with a claim the claimed ones');
SELECT is(pg_temp.series('store', NULL, '{"store": ["a", "b"]}'), '{"a": 30}', 'whatever the filter asks for');
SELECT is(analytics.visualize("from" => '2026-03-01', "to" => '2026-04-01', store => NULL) #> '{top,product}', '[{"key": "mug", "name": "mug", "value": 30}]', 'in the overview, too');
SELECT throws_ok($$SELECT analytics.visualize('orders', store => 'b')$$, '42501', 'permission denied for this store', 'and no other by name');
SET request.jwt.claims = '{"stores": []}';
SELECT is(pg_temp.series('store', NULL, '{}'), NULL, 'or none');
SELECT throws_ok($$SELECT analytics.run_report('SELECT to_jsonb(s) FROM analytics.store s')$$, '42501', NULL, 'what runs SQL is not for readers');
RESET request.jwt.claims;
RESET ROLE;
SELECT is(analytics.visualize('orders', store => NULL, "from" => '2026-03-01', "to" => '2026-04-01') -> 'pending_rows', '0', 'nothing is waiting');
DROP OWNED BY a_viewer;
DROP ROLE a_viewer;
SELECT * FROM finish();
