-- The library's aggregate fifths() gives what percentile_disc() gives.
SELECT plan(8);
SET client_min_messages = warning;
SELECT setseed(0.5);

CREATE TEMP TABLE sample AS
SELECT n, round((random() * 100)::numeric, 2) - 20 AS money, floor(random() * 6)::bigint AS orders, now() - random() * interval '9 days' AS at
  FROM generate_series(1, 40) n CROSS JOIN LATERAL generate_series(1, n)
UNION ALL
SELECT 5000, round((random() * 1000)::numeric, (random() * 4)::integer), (1e18 * (random() - 0.5))::bigint, now() + random() * interval '1 day' FROM generate_series(1, 5000);
SELECT is_empty(format($$SELECT n FROM sample GROUP BY n HAVING analytics.fifths(%1$s) IS DISTINCT FROM percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY %1$s)$$, c), c)
  FROM unnest('{money,orders,at}'::text[]) c;
-- what is more exact, larger, or no number, among others
SELECT is_empty($$SELECT n FROM (SELECT n, money FROM sample UNION ALL SELECT n, m FROM sample, unnest('{0.00000000001,1e30,NaN,92233720368547758.07,-92233720368547758.08,1e15}'::numeric[]) m) x
                   GROUP BY n HAVING analytics.fifths(money) IS DISTINCT FROM percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY money)$$, 'any numeric');
SELECT is((SELECT analytics.fifths(x) FROM (VALUES (NULL::bigint), (3), (NULL), (1)) v(x)), '{1,1,3,3}'::bigint[], 'null values are left out');
SELECT is((SELECT analytics.fifths(NULL::numeric)), NULL, 'of nothing, nothing');
SELECT throws_ok('SELECT analytics.fifths(1.5::float8)', '42804', 'fifths() takes bigint, timestamp with time zone or numeric', 'no other type');
SELECT throws_ok('SELECT analytics.fifths(''x''::text)', '42804', 'fifths() takes bigint, timestamp with time zone or numeric', 'nor text');
SELECT * FROM finish();
