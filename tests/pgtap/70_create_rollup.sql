-- Rollups of one's own: what is made, what is refused, figures by hand, and that nothing of what was sent is run.
BEGIN;
SELECT plan(68);

SELECT analytics.ingest('[
 {"event":"purchase","order_id":"1","timestamp":"2026-03-02T09:00:00Z","customer_id":"ada","country":"DE","channel":"web","currency":"EUR","properties":{"city":"Bonn","plan":{"name":"pro"}},
  "items":[{"product_id":"mug","price":10,"quantity":2},{"product_id":"jug","price":30,"weight":2}]},
 {"event":"purchase","order_id":"2","timestamp":"2026-03-02T10:00:00Z","customer_id":"ben","country":"DE","channel":"app","currency":"EUR","properties":{"city":"Bonn"},
  "items":[{"product_id":"mug","price":10}]},
 {"event":"purchase","order_id":"3","timestamp":"2026-03-03T10:00:00Z","customer_id":"ada","country":"AT","channel":"web","currency":"CHF","properties":{"city":"it''s \\ odd"},
  "items":[{"product_id":"jug","price":30,"weight":5}]},
 {"event":"refund","order_id":"1","timestamp":"2026-03-04T10:00:00Z","customer_id":"ada","country":"DE","channel":"web","currency":"EUR","properties":{"city":"Bonn"},
  "items":[{"product_id":"mug","price":10}]},
 {"event":"page_view","event_id":"v","timestamp":"2026-03-02T11:00:00Z","anonymous_id":"who","session_id":"s","country":"DE"}]'::jsonb);

SELECT is(analytics.create_rollup('by_city', 'day', '{country,properties->>city}', '{orders,units,net_sales,customers,visitors,events}')::text, 'analytics.by_city', 'returns the view');
SELECT columns_are('analytics', 'by_city', '{store_id,bucket,currency,country,city,orders,units,net_sales,customers,visitors,events}'::name[], 'its columns, in order');
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid = 'analytics.by_city'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL$$, 'each with a comment');
SELECT bag_eq('SELECT * FROM analytics.by_city', $$VALUES
    ('main', date '2026-03-02', 'EUR', 'DE', 'Bonn', 2::bigint, 4::bigint, 60::numeric, 2::bigint, 2::bigint, 2::bigint),
    ('main', '2026-03-02', 'USD', 'DE', NULL, 0, 0, 0, 0, 1, 1),
    ('main', '2026-03-03', 'CHF', 'AT', 'it''s \ odd', 1, 1, 30, 1, 1, 1),
    ('main', '2026-03-04', 'EUR', 'DE', 'Bonn', 0, 0, -10, 0, 1, 1)$$, 'figures by country and city');
SELECT is((SELECT dimensions FROM analytics.rollup_status WHERE name = 'by_city'), '{country,properties->>city}', 'rollup_status says what it is');

-- orders of a product, where lines of one order fall into different cells
SELECT lives_ok($$SELECT analytics.create_rollup('by_product', 'month', '{product_id}', '{orders,gross_sales,events}', 'event_type = ''purchase''')$$, 'by product');
SELECT bag_eq('SELECT bucket, currency, product_id, orders, gross_sales, events FROM analytics.by_product', $$VALUES
    (date '2026-03-01', 'EUR', 'mug', 2::bigint, 30::numeric, 2::bigint), ('2026-03-01', 'EUR', 'jug', 1, 30, 1), ('2026-03-01', 'CHF', 'jug', 1, 30, 1)$$, 'an order counts with each of its products');
-- a filter that lets the second line of an order pass, not the first
SELECT lives_ok($$SELECT analytics.create_rollup('jugs', 'week', '{}', '{orders,units,gross_sales}', 'product_id = ''jug'' AND currency = ''EUR''')$$, 'a filter on lines');
SELECT bag_eq('SELECT bucket, currency, orders, units, gross_sales FROM analytics.jugs', $$VALUES (date '2026-03-02', 'EUR', 1::bigint, 1::bigint, 30::numeric)$$, 'counts the order');
SELECT lives_ok($$SELECT analytics.create_rollup('no_money', 'hour', '{currency,channel}', '{orders}', '')$$, 'without money, with a currency, an empty filter');
SELECT columns_are('analytics', 'no_money', '{store_id,bucket,currency,channel,orders}'::name[], 'currency is a dimension then');
SELECT col_type_is('analytics', 'no_money', 'bucket', 'timestamp with time zone', 'hours are instants');
SELECT lives_ok($$SELECT analytics.create_rollup('usual', 'day')$$, 'nothing but a name and a grain');
SELECT columns_are('analytics', 'usual', '{store_id,bucket,currency,orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,customers,sessions,events}'::name[], 'the usual measures');

-- what a filter means, over the lines of purchases and refunds
CREATE FUNCTION pg_temp.lines_of(filter text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM analytics.counted_line l WHERE %s', (analytics.read_filter(filter)).condition) INTO n;
    RETURN n;
END $$;
SELECT is(pg_temp.lines_of(f), n::bigint, f)
  FROM (VALUES ('country = ''DE''', 5), ('country <> ''DE''', 1), ('NOT country = ''DE''', 1), ('quantity >= 2', 1), ('quantity IS NULL', 1), ('amount = 20', 1),
               ('properties->>city = ''it''''s \ odd''', 1), ('properties->>city LIKE ''%\\%''', 1), ('properties->plan->>name = ''pro''', 2), ('properties->>weight > 2', 1),
               ('properties->>weight IN (2, 5)', 2), ('properties->>weight = ''5''', 1), ('properties->>city > 5', 0), ('channel IN (''web'', ''app'') AND country = ''DE''', 4),
               ('channel IS NULL OR country = ''AT''', 2), ('channel NOT IN (''web'')', 1), ('occurred_at < ''2026-03-02T11:00:00+01:00''', 2), ('tax_included = false', 6),
               ('line = 2', 1), ('customer_id = ''ada'' AND NOT (country = ''AT'' OR event_type = ''refund'')', 2), ('currency = ''EUR''', 4), ('shipping IS NULL', 6)) u(f, n);

-- what is refused
SELECT throws_ok(format('SELECT analytics.create_rollup(%L, %L, %L, %L, %L)', name, grain, dimensions, measures, filter), state::char(5), message)
  FROM (VALUES ('By_City', 'day', '{}', '{orders}', NULL, '42602', 'invalid name of a rollup'), ('x"; DROP TABLE y', 'day', '{}', '{orders}', NULL, '42602', 'invalid name of a rollup'),
               ('sales_daily', 'day', '{}', '{orders}', NULL, '42P07', 'analytics.sales_daily exists already'), ('event_m2030_01', 'day', '{}', '{orders}', NULL, '42602', 'invalid name of a rollup'), ('category', 'day', '{}', '{orders}', NULL, '42P07', 'analytics.category exists already'),
               ('x', 'day', '{properties->>measure}', '{orders}', NULL, '42701', 'two columns of the rollup would have one name'),
               ('x', 'year', '{}', '{orders}', NULL, '22023', 'invalid grain'), ('x', 'day', '{colour}', '{orders}', NULL, '22023', 'unknown dimension'),
               ('x', 'day', '{properties->city}', '{orders}', NULL, '22023', 'unknown dimension'), ('x', 'day', '{"properties->>a) FROM x --"}', '{orders}', NULL, '22023', 'unknown dimension'),
               ('x', 'day', '{store_id}', '{orders}', NULL, '22023', 'unknown dimension'), ('x', 'day', '{NULL}', '{orders}', NULL, '22023', 'unknown dimension'),
               ('x', 'day', '{country,country}', '{orders}', NULL, '42701', 'two columns of the rollup would have one name'), ('x', 'day', '{properties->>units}', '{orders}', NULL, '42701', 'two columns of the rollup would have one name'),
               ('x', 'day', '{}', '{profit}', NULL, '22023', 'unknown measure'), ('x', 'day', '{}', '{}', NULL, '22023', 'a rollup needs a measure'),
               ('x', 'day', '{}', '{orders}', 'lower(country) = ''de''', '42601', 'unknown column'), ('x', 'day', '{}', '{orders}', 'country = (SELECT 1)', '42601', 'a column, property or constant is missing'),
               ('x', 'day', '{}', '{orders}', 'country = ''DE''; DROP TABLE x', '42601', 'a filter has no such sign'), (NULL, 'day', '{}', '{orders}', NULL, '42602', 'invalid name of a rollup')) u(name, grain, dimensions, measures, filter, state, message);

SELECT throws_ok($$SELECT analytics.drop_rollup('sales_daily')$$, '22023', 'a built-in rollup cannot be dropped', 'built-in ones stay');
SELECT throws_ok($$SELECT analytics.drop_rollup('nothing')$$, '22023', 'unknown rollup', 'unknown ones are told');
CREATE VIEW pg_temp.depends AS SELECT * FROM analytics.by_city;
SELECT throws_ok($$SELECT analytics.drop_rollup('by_city')$$, '2BP01', NULL, 'one that something depends on stays');
SELECT lives_ok($$SELECT analytics.drop_rollup('by_product')$$, 'one of one''s own can be dropped');
SELECT hasnt_view('analytics', 'by_product', 'with its view');
SELECT is_empty($$SELECT 1 FROM pg_class WHERE relname LIKE '%by_product%' UNION ALL SELECT 1 FROM pg_proc WHERE proname LIKE '%by_product%' UNION ALL SELECT 1 FROM analytics.rollup WHERE name = 'by_product'$$, 'and all that belongs to it');

-- nothing of what was sent gets out of its quotes, whatever the caller's settings are
SET LOCAL check_function_bodies = off;
SET LOCAL standard_conforming_strings = off;
SELECT lives_ok($sent$SELECT analytics.create_rollup('quoted', 'day', E'{"properties->>''$body$''",properties->>key}', '{orders,customers}', E'campaign = ''$body$; CREATE TABLE public.broken_out (); SELECT $body$'' OR campaign LIKE ''a\\\\b'' OR product_id = ''jug''')$sent$, 'dollar quotes, backslashes');
SELECT results_eq('SELECT sum(orders), sum(customers) FROM analytics.quoted', 'VALUES (2::numeric, 2::numeric)', 'which mean what they say');
SELECT hasnt_table('public', 'broken_out', 'nothing of it is run');
SET LOCAL standard_conforming_strings = on;
-- a property may be long
SELECT analytics.ingest(jsonb_build_array(jsonb_build_object('event', 'purchase', 'event_id', 'long', 'amount', 1, 'timestamp', '2026-03-02T09:00:00Z', 'properties',
    jsonb_build_object('city', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) i)))));
SELECT results_eq($$SELECT octet_length(city) <= 1000, orders FROM analytics.by_city WHERE city ~ '~[0-9a-f]{32}$'$$, 'VALUES (true, 1::bigint)', 'its value is cut');
SELECT ok((SELECT max(octet_length(key)) < 1700 FROM (SELECT concat(country, city) AS key FROM analytics.by_city) k), 'to what an index can hold');

SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname ~ '(by_city|no_money|jugs|usual|custom)' AND has_function_privilege('public', p.oid, 'EXECUTE')
    UNION ALL SELECT c.oid::regprocedure FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace AND c.relname ~ '(by_city|no_money|jugs|usual)' AND c.relkind IN ('r', 'v') AND has_table_privilege('public', c.oid, 'SELECT')$$, 'PUBLIC has nothing of them');
SELECT * FROM finish();
ROLLBACK;
