-- The library's aggregates of distinct counts give what hll's own give, byte by byte.
SELECT plan(12);
SET client_min_messages = warning;

-- sets of n keys in ten overlapping parts, below, at and above what is exact, and with registers sparse and full
CREATE TEMP TABLE counted AS
SELECT n, part, hll_add_agg(hll_hash_text(n || ' ' || key, 0), 17, 5, 1024::bigint, 1) AS counted
  FROM unnest('{1,2,9,100,1023,1024,1025,1100,3000,20000,80000,400000}'::integer[]) n
 CROSS JOIN LATERAL generate_series(1, n) key
 CROSS JOIN LATERAL (VALUES (key % 10), (key % 7)) p(part)
 GROUP BY n, part;
SELECT is_empty($$SELECT n FROM counted GROUP BY n HAVING hll_union_agg(counted)::text <> analytics.union_counts(counted)::hll::text$$, 'unions');
SELECT is_empty($$SELECT n FROM counted GROUP BY n HAVING hll_cardinality(hll_union_agg(counted)) <> analytics.distinct_count(counted)$$, 'what they count');
SELECT is_empty($$SELECT n FROM counted GROUP BY n HAVING hll_union_agg(counted ORDER BY part)::text <> analytics.union_counts(counted ORDER BY part DESC)::hll::text$$, 'in whatever order');
SELECT results_eq($$SELECT n, analytics.distinct_count(counted) FROM counted WHERE n <= 1024 GROUP BY n ORDER BY n$$, $$SELECT u, u::float8 FROM unnest('{1,2,9,100,1023,1024}'::integer[]) u$$, 'exact up to 1,024');
-- unions of unions
SELECT is((SELECT analytics.union_counts(u)::hll::text FROM (SELECT analytics.union_counts(counted)::hll AS u FROM counted GROUP BY n, part % 3) x),
          (SELECT hll_union_agg(counted)::text FROM counted), 'unions of unions');
SELECT is((SELECT round(analytics.distinct_count(hll_add_agg) - hll_cardinality(hll_union_agg(hll_add_agg))) FROM (SELECT hll_add_agg(hll_hash_bigint(key), 17, 5, 1024::bigint, 1) FROM generate_series(1, 1000000) key) x), 0::float8, 'a million');

SELECT is(analytics.distinct_count(counted), NULL, 'of no rows nothing') FROM counted WHERE false;
SELECT is((SELECT analytics.distinct_count(x) FROM (VALUES (NULL::hll), (hll_empty(17, 5, 1024::bigint, 1))) v(x)), 0::float8, 'nothing counts nothing');
SELECT throws_ok('SELECT analytics.distinct_count(1)', '42804', 'only distinct counts (hll) can be united', 'a number is none');
SELECT throws_ok($$SELECT analytics.distinct_count('\x14914b00'::bytea)$$, '22023', 'this is no distinct count of a rollup', 'nor any bytes');
SELECT throws_ok('SELECT analytics.distinct_count(hll_empty(11, 5))', '22023', 'this is no distinct count of a rollup', 'nor one of another shape');
SELECT is((SELECT count(*) FROM (SELECT analytics.distinct_count(counted) OVER (ORDER BY n, part) FROM counted) w), (SELECT count(*) FROM counted), 'as a window function, which asks in between');
SELECT * FROM finish();
