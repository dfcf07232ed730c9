-- Who may ask what is bought together, what trends and which rules there are, of which stores, and by what name over HTTP.
BEGIN;
SELECT plan(43);
CREATE ROLE b_reader;
CREATE ROLE b_writer;
CREATE ROLE b_admin;
CREATE ROLE b_stranger;
GRANT b_reader, b_writer, b_admin, b_stranger TO CURRENT_USER;
SELECT analytics.grant_access('b_reader', 'reader'), analytics.grant_access('b_writer', 'writer'), analytics.grant_access('b_admin', 'admin');
CREATE FUNCTION pg_temp.claim(stores text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('request.jwt.claims', stores, true) $$;
GRANT EXECUTE ON FUNCTION pg_temp.claim(text) TO PUBLIC;

-- two shops that sell products of the same names, one of which has rules that the other has not
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'timestamp', now() - i * interval '1 hour', 'order_id', i, 'items', jsonb_build_array(
    jsonb_build_object('product_id', 'p', 'price', 1), jsonb_build_object('product_id', CASE s WHEN 'a' THEN 'with a' ELSE 'with b' END, 'price', 1)))) FROM generate_series(1, 3) i), store => s) FROM unnest('{a,b}'::text[]) s;
CREATE TEMP TABLE question (sql text);
GRANT SELECT ON question TO PUBLIC;
INSERT INTO question SELECT replace(q, 'SCHEMA', s) FROM unnest('{analytics,analytics_api}'::text[]) s, unnest(ARRAY[
    $$SELECT string_agg(product_id, ',' ORDER BY rank) FROM SCHEMA.bought_together('{p}', store => %L)$$,
    $$SELECT string_agg(product_id, ',' ORDER BY rank) FROM SCHEMA.trending_products(store => %L)$$,
    $$SELECT string_agg(consequent, ',' ORDER BY consequent) FROM SCHEMA.basket_rules(0.1, 0.1, store => %L)$$]) q;
CREATE FUNCTION pg_temp.answer(asked text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE answer text; BEGIN EXECUTE asked INTO answer; RETURN answer; END $$;
GRANT EXECUTE ON FUNCTION pg_temp.answer(text) TO PUBLIC;

SET LOCAL ROLE b_reader;
SELECT matches(pg_temp.answer(format(q.sql, s)), 'with ' || s, 'a reader: ' || format(q.sql, s)) FROM question q, unnest('{a,b}'::text[]) s;
SELECT pg_temp.claim('{"stores": ["a"]}');
SELECT doesnt_match(pg_temp.answer(format(q.sql, 'a')), 'with b', 'one of a store: ' || format(q.sql, 'a')) FROM question q;
-- a store that there is and one that there isn't are the same to it
SELECT throws_ok(format(q.sql, s), '42501', 'permission denied for this store', 'of no other: ' || format(q.sql, s)) FROM question q, unnest('{b,none}'::text[]) s;
SELECT pg_temp.claim('{"stores": []}');
SELECT throws_ok(format(q.sql, 'a'), '42501', 'permission denied for this store', 'nor one of none: ' || format(q.sql, 'a')) FROM question q WHERE q.sql LIKE '% analytics.%';
SELECT pg_temp.claim('');
SELECT throws_ok('SELECT * FROM analytics.tail_product_pair_of(''a'', ''{p}'')', '42501', NULL, 'what stands behind them is the engine''s own');
SET LOCAL ROLE b_admin;
SELECT lives_ok(format(q.sql, 'b'), 'an admin: ' || q.sql) FROM question q WHERE q.sql LIKE '% analytics.%';
SET LOCAL ROLE b_writer;
SELECT throws_ok(format(q.sql, 'a'), '42501', NULL, 'a writer: ' || q.sql) FROM question q WHERE q.sql LIKE '% analytics.%';
SET LOCAL ROLE b_stranger;
SELECT throws_ok(format(q.sql, 'a'), '42501', NULL, 'a stranger: ' || q.sql) FROM question q WHERE q.sql LIKE '% analytics.%';
SELECT * FROM finish();
ROLLBACK;
