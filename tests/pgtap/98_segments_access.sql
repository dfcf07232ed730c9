-- A reader of one store learns nothing of another from segments: by rows, by functions called directly, by what a cheap function in a
-- WHERE gets to see, by errors. Scores are within the store, whoever asks.
SELECT plan(50);
SET timezone = 'UTC';

-- two stores with the same customers, of whom b's are worth more; part of it merged, and so committed
CREATE FUNCTION pg_temp.sells(first integer, last integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(i.accepted)::bigint FROM unnest('{a,b}'::text[]) s, generate_series(first, last) n,
           analytics.ingest(jsonb_build_object('event', 'purchase', 'event_id', 'p' || n, 'order_id', n::text, 'timestamp', '2026-03-0' || n || 'T09:00:00Z', 'customer_id', 'ada' || n % 4,
               'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'price', CASE s WHEN 'a' THEN 10 + n ELSE 777 + n END))), store => s) i
$$;
SELECT is(pg_temp.sells(1, 5), 10::bigint, 'two stores sell');
SELECT ok(analytics.refresh() > 0, 'merged');
SELECT is(analytics.record_segments('2026-03-04'), 8::bigint, 'recorded');
ANALYZE;

BEGIN;
CREATE ROLE segments_reader;
CREATE ROLE segments_admin;
GRANT segments_reader, segments_admin TO CURRENT_USER;
SELECT lives_ok($$SELECT analytics.grant_access('segments_reader', 'reader'), analytics.grant_access('segments_admin', 'admin')$$, 'two levels');
SELECT is(pg_temp.sells(6, 7), 4::bigint, 'and a tail');

CREATE FUNCTION pg_temp.stores_of(relation text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE stores text[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT s.store_id ORDER BY s.store_id) FROM (SELECT store_id, r::text AS whole FROM %s r) s WHERE length(s.whole) > 0', relation) INTO stores;
    RETURN stores;
END $$;
CREATE TEMP TABLE peeked (what text);
CREATE FUNCTION pg_temp.peek(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO peeked VALUES (what); RETURN true; END $$;
CREATE FUNCTION pg_temp.peeks(relation text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM peeked;
    EXECUTE format('SELECT count(*) FROM %s r WHERE pg_temp.peek(r.store_id)', relation);
    RETURN ARRAY(SELECT DISTINCT what FROM peeked ORDER BY 1);
END $$;
GRANT ALL ON peeked TO segments_reader;
CREATE TEMP TABLE relation AS SELECT unnest('{analytics.rfm,analytics.segment_summary,analytics.segment_history,analytics.rfm_at(),analytics.rfm_at(''2026-03-06''),analytics_api.rfm,analytics_api.segment_summary,analytics_api.segment_history}'::text[]) AS name;
GRANT SELECT ON relation TO segments_reader;
CREATE TEMP TABLE own AS SELECT customer_id, frequency, monetary, r_score, f_score, m_score, segment FROM analytics.rfm_at('2026-03-08', 'a');
GRANT SELECT ON own TO segments_reader;

SET LOCAL ROLE segments_reader;
SELECT is(pg_temp.stores_of(name), '{a,b}', name || ': both stores without a claim') FROM relation;
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT is(pg_temp.stores_of(name), '{a}', name || ': the claimed store alone') FROM relation;
SELECT is(pg_temp.peeks(name), '{a}', name || ': nothing else is seen by a cheap function') FROM relation;
SELECT set_eq($$SELECT customer_id, frequency, monetary, r_score, f_score, m_score, segment FROM analytics.rfm_at('2026-03-08')$$, 'SELECT * FROM own', 'the scores are those within the store');
SELECT is((SELECT sum(net_sales) FROM analytics.segment_summary), 7 * 10 + 28::numeric, 'the money is the store''s');
SELECT is((SELECT sum(net_sales) FROM analytics.segment_movement('2026-03-01', '2026-03-08', NULL)), 98::numeric, 'of a movement, too');
SELECT throws_ok(q, '42501', 'permission denied for this store', 'not asked by name: ' || q)
  FROM unnest(ARRAY[$$SELECT * FROM analytics.rfm_at(store => 'b')$$, $$SELECT * FROM analytics.segment_movement('2026-03-01', '2026-03-08', 'b')$$, $$SELECT * FROM analytics.segment_movement('2026-03-01', '2026-03-08')$$]) q;
SELECT throws_ok(q, '42501', NULL, 'a reader may not: ' || q)
  FROM unnest(ARRAY['SELECT * FROM analytics.segment_change', 'SELECT * FROM analytics.segment_recorded', $$SELECT * FROM analytics.recorded_segments('b', '2026-03-08')$$, $$SELECT * FROM analytics.segment_stores(NULL, 'b')$$,
                    $$SELECT analytics.record_segments(store => 'a')$$, 'SELECT * FROM analytics.segment_cells()']) q;
SELECT lives_ok($$SELECT 1 / (monetary - 777 - 781) FROM analytics.rfm WHERE 1 / (monetary - 778 - 782) < 9$$, 'an error tells of no other store''s row');
SELECT is((SELECT count(*) FROM pg_stats WHERE schemaname = 'analytics' AND tablename ~ '^segment_(change|recorded)'), 0::bigint, 'nor statistics');
SET LOCAL request.jwt.claims TO '{"stores": []}';
SELECT is(pg_temp.stores_of('analytics.rfm'), NULL, 'nothing without a store');
SET LOCAL request.jwt.claims TO 'not json';
SELECT throws_ok($$SELECT * FROM analytics.rfm$$, '22P02', NULL, 'nor with claims that cannot be read');

SET LOCAL ROLE segments_admin;
SET LOCAL request.jwt.claims TO '{"stores": ["a"]}';
SELECT throws_ok($$SELECT analytics.record_segments('2026-03-08', 'b')$$, '42501', 'permission denied for this store', 'an admin with a claim records no other store');
SELECT is(analytics.record_segments('2026-03-08'), (SELECT count(*) FROM (SELECT customer_id, segment FROM analytics.rfm_at('2026-03-08') EXCEPT SELECT customer_id, segment FROM analytics.rfm_at('2026-03-04')) c), 'but its own');
RESET ROLE;
SET LOCAL request.jwt.claims TO '';
SELECT is((SELECT max(day) FROM analytics.segment_recorded WHERE store_id = 'b'), '2026-03-04', 'the other one is as it was');
SELECT lives_ok($$SELECT analytics.erase_customer('a', 'ada1')$$, 'a customer of one store is forgotten');
SELECT results_eq($$SELECT DISTINCT store_id FROM analytics.segment_history WHERE customer_id = 'ada1'$$, $$VALUES ('b')$$, 'the other store''s namesake is not');
SELECT * FROM finish();
ROLLBACK;
