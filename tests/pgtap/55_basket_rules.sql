-- basket_rules(): a textbook's measures by hand; every rule of a shop against counting each set of products; what counts as a basket; large orders; ranges;
-- memory; bad arguments.
SELECT plan(60);

-- Five baskets: bread milk | bread nappies beer eggs | milk nappies beer cola | bread milk nappies beer | bread milk nappies cola
-- (the example of P.-N. Tan, M. Steinbach, V. Kumar, "Introduction to Data Mining", 2005, table 6.1: milk, nappies => beer has support 0.4, confidence 0.67)
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', o, 'timestamp', timestamptz '2026-01-01 12:00Z' + o * interval '1 day',
        'items', (SELECT jsonb_agg(jsonb_build_object('product_id', p, 'price', 1)) FROM unnest(products) p)))
  FROM (VALUES (1, '{bread,milk}'::text[]), (2, '{bread,nappies,beer,eggs}'), (3, '{milk,nappies,beer,cola}'), (4, '{bread,milk,nappies,beer}'), (5, '{bread,milk,nappies,cola}')) v(o, products)), store => 'book');
SELECT results_eq($$SELECT antecedent, consequent, antecedent_count, consequent_count, count, round(support::numeric, 3), round(confidence::numeric, 3), round(lift::numeric, 3), round(leverage::numeric, 3), round(conviction::numeric, 3), round(zhang::numeric, 3), round(p_value::numeric, 3)
      FROM analytics.basket_rules(0.4, 0.6, store => 'book') WHERE antecedent = '{milk,nappies}' ORDER BY consequent$$,
    -- of 3 with both 2 have beer, of 5 3: 0.4 - 0.6 x 0.6; 0.4 / (1 / 3); (2/3 - 1/2) / (2/3); (3 x 2 + 1) / 10 of the ways to choose 3 of 5 have 2 or 3
    $$VALUES ('{milk,nappies}'::text[], 'beer', 3::bigint, 3::bigint, 2::bigint, 0.400, 0.667, 1.111, 0.040, 1.200, 0.250, 0.700),
             ('{milk,nappies}', 'bread', 3, 4, 2, 0.400, 0.667, 0.833, -0.080, 0.600, -0.333, 1.000),
             ('{milk,nappies}', 'cola', 3, 2, 2, 0.400, 0.667, 1.667, 0.160, 1.800, 1.000, 0.300)$$, 'a textbook''s baskets');
SELECT results_eq($$SELECT consequent, confidence, conviction, round(zhang::numeric, 6) FROM analytics.basket_rules(0.4, 1, store => 'book') WHERE antecedent = '{cola}' ORDER BY consequent$$,
    $$VALUES ('milk', 1::float8, 'Infinity'::float8, 0.333333), ('nappies', 1, 'Infinity', 0.333333)$$, 'conviction is infinite at confidence 1');
SELECT is_empty($$SELECT * FROM analytics.basket_rules(0.41, 1, store => 'book') WHERE antecedent = '{cola}'$$, 'both bounds belong to what they allow, and above is less');
SELECT is((SELECT count(*) FROM analytics.basket_rules(0.6, 0, store => 'book')), 8::bigint, 'four pairs in three baskets, both ways');

-- Counting: all sets of seven products, all their parts.
CREATE FUNCTION choose(n bigint, k bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN k BETWEEN 0 AND n THEN factorial(n) / factorial(k) / factorial(n - k) ELSE 0 END $$;
CREATE VIEW basket AS
SELECT e.store_id, min(e.occurred_at) AS at, bit_or(1 << substr(e.product_id, 2)::integer) AS products
  FROM analytics.current_event e
 WHERE e.event_type = 'purchase' AND e.line_kind = 'product' AND e.product_id ~ '^p[0-6]$' AND e.excluded IS NULL
 GROUP BY e.store_id, e.event_id;
CREATE FUNCTION counted(often float8, sure float8, longest integer, of_store text, since timestamptz, until timestamptz)
    RETURNS TABLE (antecedent text[], consequent text, a bigint, c bigint, ac bigint, support numeric, confidence numeric, lift numeric, leverage numeric, conviction float8, zhang numeric, p_value numeric)
    LANGUAGE sql AS $$
    WITH b AS MATERIALIZED (
        SELECT b.products FROM basket b WHERE b.store_id = of_store AND (b.at >= since OR since IS NULL) AND (b.at < until OR until IS NULL)
    ), n AS (
        SELECT count(*) AS n FROM b
    ), s AS MATERIALIZED (
        SELECT s AS set, (SELECT count(*) FROM b WHERE b.products & s = s) AS times, (SELECT count(*) FROM generate_series(0, 6) i WHERE s >> i & 1 = 1) AS length FROM generate_series(1, 127) s
    ), r AS (
        SELECT a.set AS antecedent, i AS consequent, a.times AS a, c.times AS c, s.times AS ac, n.n
          FROM s CROSS JOIN generate_series(0, 6) i JOIN s a ON a.set = s.set - (1 << i) JOIN s c ON c.set = 1 << i CROSS JOIN n
         WHERE s.set >> i & 1 = 1 AND s.length <= longest AND s.times > 0 AND s.times::float8 / n.n >= often AND s.times::float8 / a.times >= sure
    )
    SELECT (SELECT array_agg('p' || i ORDER BY i) FROM generate_series(0, 6) i WHERE r.antecedent >> i & 1 = 1), 'p' || r.consequent, r.a, r.c, r.ac, ac::numeric / n, ac::numeric / a, ac::numeric * n / a / c,
           ac::numeric / n - a::numeric / n * c / n, CASE WHEN ac = a THEN 'Infinity' ELSE ((1 - c::numeric / n) / (1 - ac::numeric / a))::float8 END,
           -- how much surer the consequent is with the antecedent than without, of the surer one
           CASE WHEN a = n THEN 0 ELSE (ac::numeric / a - (c - ac)::numeric / (n - a)) / greatest(ac::numeric / a, (c - ac)::numeric / (n - a)) END,
           (SELECT sum(choose(r.a, k) * choose(r.n - r.a, r.c - k)) / choose(r.n, r.c) FROM generate_series(r.ac, least(r.a, r.c)) k)
      FROM r
$$;
CREATE FUNCTION as_counted(stage text, often float8, sure float8, longest integer DEFAULT 5, of_store text DEFAULT 'main', since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE found ON COMMIT DROP AS SELECT * FROM analytics.basket_rules(often, sure, longest, of_store, since, until) WITH ORDINALITY;
    CREATE TEMP TABLE wanted ON COMMIT DROP AS SELECT * FROM counted(often, sure, longest, of_store, since, until);
    RETURN NEXT is_empty('SELECT f, w FROM found f FULL JOIN wanted w USING (antecedent, consequent)
        WHERE (f.antecedent_count, f.consequent_count, f.count) IS DISTINCT FROM (w.a, w.c, w.ac)
           OR NOT greatest(abs(f.support - w.support), abs(f.confidence - w.confidence), abs(f.lift - w.lift), abs(f.leverage - w.leverage), abs(f.zhang - w.zhang), abs(f.p_value - w.p_value)) < 1e-9
           OR NOT (f.conviction = w.conviction OR abs(f.conviction - w.conviction) < 1e-9 * w.conviction)', stage || ': as counted');
    RETURN NEXT is_empty('SELECT * FROM found f JOIN found g ON g.ordinality = f.ordinality + 1
        WHERE (-f.lift, -f.count, f.antecedent COLLATE "C", f.consequent COLLATE "C") > (-g.lift, -g.count, g.antecedent COLLATE "C", g.consequent COLLATE "C")', stage || ': in order');
    RETURN NEXT ok((SELECT count(*) > 0 FROM found), format('%s: %s rules', stage, (SELECT count(*) FROM found)));
    DROP TABLE found, wanted;
END
$$;
CREATE FUNCTION orders(first integer, last integer, revision integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'event_id', 'e' || i, 'order_id', CASE WHEN i % 5 > 0 THEN 'o' || i END, 'revision', revision, 'test', i % 13 = 0,
               'timestamp', timestamptz '2026-01-01 00:00Z' + i * interval '1 day',
               'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'p' || (i * i / 3 + n * n * revision + n * (i % 4)) % 7, 'price', 1, 'quantity', n, 'kind', CASE (i + n) % 11 WHEN 0 THEN 'fee' WHEN 1 THEN 'gift_card' ELSE 'product' END)) FROM generate_series(1, 1 + i % 8) n)))
      FROM generate_series(first, last) i
$$;
SELECT analytics.ingest(orders(1, 100, 1), store => s) FROM unnest('{main,other}'::text[]) s;
SELECT analytics.ingest('{"event":"purchase","order_id":"no product","timestamp":"2026-02-01T00:00:00Z","items":[{"price":1},{"product_id":"p1","price":1,"kind":"fee"}]}'::jsonb);
SELECT as_counted('all', 0.001, 0);
SELECT as_counted('often and surely', 0.1, 0.6);
SELECT as_counted('pairs', 0.05, 0.3, 2);
SELECT as_counted('up to seven', 0.01, 0.2, 7);
SELECT analytics.refresh() AS refreshed;
SELECT sum(analytics.retract('e' || i)) AS taken_back FROM generate_series(1, 100, 7) i;
SELECT analytics.ingest(orders(50, 70, 2));
SELECT analytics.ingest(jsonb_build_object('event', 'refund', 'order_id', 'o' || i, 'timestamp', '2026-06-01T00:00:00Z', 'full', true)) FROM generate_series(31, 34) i;
SELECT as_counted('retracted, revised, refunded', 0.001, 0);
SELECT as_counted('another store', 0.001, 0, 5, 'other');
SELECT as_counted('from', 0.02, 0.1, 5, 'main', '2026-03-01 00:00Z');
SELECT as_counted('to', 0.02, 0.1, 5, 'main', NULL, '2026-03-01 00:00Z');
SELECT as_counted('from and to', 0.02, 0.1, 5, 'main', '2026-02-10 00:00Z', '2026-04-02 00:00Z');

-- An order of 250 products counts with 100 of them, whatever other orders there are and however its lines stand
CREATE FUNCTION large(id text, first integer, step integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('event', 'purchase', 'order_id', id, 'timestamp', '2026-03-05T09:00:00Z', 'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'l' || n, 'price', 1) ORDER BY n * step) FROM generate_series(first, first + 249) n))
$$;
SELECT analytics.ingest(large('x', 1000, 1), store => 'large');
SELECT is((SELECT count(*) FROM analytics.basket_rules(1, 1, 2, 'large')), 9900::bigint, 'each of a hundred products with each other');
CREATE TABLE chosen AS SELECT antecedent, consequent FROM analytics.basket_rules(1, 1, 2, 'large');
SELECT analytics.ingest(large('x', 1000, -1), store => 'again'), analytics.ingest(large('y', 100, 1), store => 'again');
CREATE TABLE of_both AS SELECT antecedent, consequent FROM analytics.basket_rules(0.5, 0, 2, 'again');
SELECT is_empty('TABLE chosen EXCEPT TABLE of_both', 'the same hundred of the same order');
SELECT is((SELECT count(DISTINCT consequent) FROM chosen WHERE consequent < 'l1125') BETWEEN 30 AND 70, true, 'from all of it, not its first');

-- little to find
SELECT is_empty($$SELECT * FROM analytics.basket_rules(0.01, 0.01, store => 'empty')$$, 'an empty shop');
SELECT is_empty($$SELECT * FROM analytics.basket_rules(0.01, 0.01, "from" => '2030-01-01')$$, 'a time without orders');
SELECT analytics.ingest('[{"event":"purchase","order_id":"1","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"a","price":1},{"product_id":"b","price":1}]},
    {"event":"purchase","order_id":"2","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"a","price":1}]}]'::jsonb, store => 'one');
SELECT results_eq($$SELECT antecedent, consequent, confidence, lift, leverage, conviction, zhang, p_value FROM analytics.basket_rules(0.1, 0, store => 'one') ORDER BY 1$$,
    $$VALUES ('{a}'::text[], 'b', 0.5::float8, 1::float8, 0::float8, 1::float8, 0::float8, 1::float8), ('{b}', 'a', 1, 1, 0, 'Infinity', 0, 1)$$, 'a product in every order');
SELECT analytics.ingest('{"event":"purchase","order_id":"3","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"sole","price":1}]}'::jsonb, store => 'sole');
SELECT is_empty($$SELECT * FROM analytics.basket_rules(0.1, 0, store => 'sole')$$, 'one product');

SET analytics.work_mem = '64kB';
SELECT throws_like($$SELECT * FROM analytics.basket_rules(0.001, 0, 5, 'large')$$, 'the model needs more memory than it may take', 'too many sets for the memory');
SELECT throws_ok($$SELECT * FROM analytics.basket_rules(0.001, 0, 5, 'large')$$, '53200', NULL, 'by its own code');
RESET analytics.work_mem;
SELECT throws_ok(format('SELECT * FROM analytics.basket_rules(%s)', a), '22023', m, a)
  FROM (VALUES ('0, 0.5', 'min_support is out of range'), ('1.1, 0.5', 'min_support is out of range'), ('''NaN'', 0.5', 'min_support is out of range'), ('0.1, -0.1', 'min_confidence is out of range'), ('0.1, 1.5', 'min_confidence is out of range'), ('0.1, ''NaN''', 'min_confidence is out of range'),
               ('0.1, 0.5, 1', 'max_length is out of range'), ('0.1, 0.5, 101', 'max_length is out of range'), ('NULL, 0.5', 'arguments must not be null'), ('0.1, NULL', 'arguments must not be null'), ('0.1, 0.5, NULL', 'arguments must not be null'),
               ('0.1, 0.5, store => NULL', 'arguments must not be null'), ('0.1, 0.5, store => ''''', 'invalid store'), ('0.1, 0.5, "from" => ''2026-02-02'', "to" => ''2026-02-01''', 'invalid range')) v(a, m);
-- A month of a grocery's baskets (M. Hahsler, K. Hornik, T. Reutterer 2006), whose licence is not stated, so that it is not here. What arules 1.7 finds in
-- them: numbers of rules, and those of the highest lift.
\getenv groceries ANALYTICS_GROCERIES
\if :{?groceries}
\set lines `xz -dcf :'groceries'`
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, order_id, product_id, quantity, unit_price, amount)
SELECT 'groceries', m[1], row_number() OVER (PARTITION BY m[1]), 'purchase', '2026-01-01Z', m[1], m[2], 1, 1, 1
  FROM regexp_split_to_table(:'lines', E'\n') l CROSS JOIN LATERAL regexp_match(l, '^(\d+),"?([^"]*)"?$') m WHERE m IS NOT NULL;
SELECT is((SELECT jsonb_object_agg(length, rules) FROM (SELECT cardinality(antecedent) + 1 AS length, count(*) AS rules FROM analytics.basket_rules(often, sure, 10, 'groceries') GROUP BY 1) f), wanted, format('groceries: support %s, confidence %s', often, sure))
  FROM (VALUES (0.001, 0.8, '{"3": 29, "4": 229, "5": 140, "6": 12}'::jsonb), (0.001, 0.5, '{"2": 11, "3": 1461, "4": 3211, "5": 939, "6": 46}'), (0.006, 0.25, '{"2": 150, "3": 297, "4": 16}'), (0.01, 0.5, '{"3": 15}')) v(often, sure, wanted);
SELECT results_eq($$SELECT antecedent, consequent, count, round(support::numeric, 9), round(confidence::numeric, 7), round(lift::numeric, 5) FROM analytics.basket_rules(0.001, 0.8, 10, 'groceries') LIMIT 1$$,
    $$VALUES ('{liquor,red/blush wine}'::text[], 'bottled beer', 19::bigint, 0.001931876, 0.9047619, 11.23527)$$, 'groceries: the highest lift');
SELECT results_eq($$SELECT antecedent, consequent, count, round(support::numeric, 9), round(confidence::numeric, 7), round(lift::numeric, 5) FROM analytics.basket_rules(0.001, 0.5, 10, 'groceries') LIMIT 1$$,
    $$VALUES ('{Instant food products,soda}'::text[], 'hamburger meat', 12::bigint, 0.001220132, 0.6315789, 18.99565)$$, 'groceries: of lower confidence');
\else
SELECT skip('ANALYTICS_GROCERIES names no copy of arules'' Groceries (transaction_id,item as CSV, xz or not)', 6);
\endif
SELECT * FROM finish();
