-- bought_together(): scores by hand, and against the sums of product_affinity (which 72_affinity.sql tries against brute force): of one product and
-- several, unmerged, merged, taken back, built month by month; what is never among them, and bad arguments.
SELECT plan(43);

-- Six baskets: bread butter | bread butter milk | bread | butter milk | milk | bread eggs. Bread 4, butter 3, milk 3, eggs 1.
SELECT analytics.ingest('[
 {"event":"purchase","order_id":"1","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"butter","price":3},{"product_id":"bread","price":2,"quantity":4}]},
 {"event":"purchase","order_id":"2","timestamp":"2026-02-02T09:00:00Z","items":[{"product_id":"milk","price":1},{"product_id":"bread","price":2},{"product_id":"butter","price":3}]},
 {"event":"purchase","event_id":"3","timestamp":"2026-02-03T09:00:00Z","items":[{"product_id":"bread","price":2}]},
 {"event":"purchase","order_id":"4","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"butter","price":2},{"product_id":"milk","price":1},{"product_id":"card","price":50,"kind":"gift_card"},{"product_id":"bag","price":1,"kind":"fee"}]},
 {"event":"purchase","order_id":"5","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"milk","price":1}]},
 {"event":"purchase","order_id":"6","timestamp":"2026-03-03T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"eggs","price":4}]},
 {"event":"purchase","order_id":"8","timestamp":"2026-03-03T09:00:00Z","test":true,"items":[{"product_id":"bread","price":2},{"product_id":"eggs","price":4}]},
 {"event":"refund","order_id":"2","timestamp":"2026-03-04T09:00:00Z","full":true}]'::jsonb, store => 'hand');
CREATE FUNCTION by_hand(stage text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT results_eq($q$SELECT rank, product_id, round(score::numeric, 6), baskets, round(support::numeric, 4), confidence, round(lift::numeric, 6) FROM analytics.bought_together('{bread}', store => 'hand')$q$,
        -- 2 / sqrt(4 x 3) x 2 / 12; 1 / sqrt(4 x 1) / 11; 1 / sqrt(4 x 3) / 11
        $q$VALUES (1, 'butter', 0.096225, 2::bigint, 0.3333, 0.5::float8, 1.000000), (2, 'eggs', 0.045455, 1, 0.1667, 0.25, 1.500000), (3, 'milk', 0.026243, 1, 0.1667, 0.25, 0.500000)$q$, stage || ': bread');
    RETURN NEXT results_eq($q$SELECT rank, product_id, round(score::numeric, 6), baskets, round(support::numeric, 4), round(confidence::numeric, 4), round(lift::numeric, 6) FROM analytics.bought_together('{bread,milk}', store => 'hand')$q$,
        -- of bread 0.096225, of milk 2 / 3 x 2 / 12, which is more: the measures are milk's
        $q$VALUES (1, 'butter', 0.207336, 2::bigint, 0.3333, 0.6667, 1.333333), (2, 'eggs', 0.045455, 1, 0.1667, 0.2500, 1.500000)$q$, stage || ': bread and milk');
END
$$;
SELECT by_hand('not merged');
SELECT analytics.refresh() AS refreshed;
SELECT by_hand('merged');
SELECT results_eq($$SELECT product_id FROM analytics.bought_together('{bread}', 1, 'hand')$$, $$VALUES ('butter')$$, 'as many as are asked for');
SELECT results_eq($$SELECT product_id, score FROM analytics.bought_together('{milk,bread,milk,unheard of,bread}', store => 'hand')$$, $$SELECT product_id, score FROM analytics.bought_together('{bread,milk}', store => 'hand')$$,
    'order, repetitions and products that nobody bought change nothing');

-- not what the shop does not sell
UPDATE analytics.product SET active = false WHERE store_id = 'hand' AND product_id = 'butter';
SELECT results_eq($$SELECT rank, product_id FROM analytics.bought_together('{bread}', store => 'hand')$$, $$VALUES (1, 'eggs'), (2, 'milk')$$, 'none that is not active');
SELECT results_eq($$SELECT rank, product_id FROM analytics.bought_together('{bread}', 1, 'hand')$$, $$VALUES (1, 'eggs')$$, 'and as many as are asked for nevertheless');
SELECT results_eq($$SELECT product_id FROM analytics.bought_together('{butter}', store => 'hand')$$, $$VALUES ('milk'), ('bread')$$, 'one that is not active may be asked for');
UPDATE analytics.product SET active = true WHERE store_id = 'hand';

-- shops of little
SELECT is_empty($$SELECT * FROM analytics.bought_together('{bread}', store => 'empty')$$, 'an empty shop');
SELECT is_empty($$SELECT * FROM analytics.bought_together('{unheard of}', store => 'hand')$$, 'an unknown product');
SELECT is_empty($$SELECT * FROM analytics.bought_together('{card,bag}', store => 'hand')$$, 'gift cards and fees');
SELECT is_empty($$SELECT * FROM analytics.bought_together(ARRAY[''], store => 'hand')$$, 'no name');
SELECT is_empty($$SELECT * FROM analytics.bought_together('{}', store => 'hand')$$, 'an empty cart');
SELECT is_empty($$SELECT * FROM analytics.bought_together('{bread,butter,milk,eggs}', store => 'hand')$$, 'all there is');
SELECT analytics.ingest('{"event":"purchase","order_id":"1","customer_id":"only","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"a","price":1},{"product_id":"b","price":1}]}'::jsonb, store => 'one');
SELECT results_eq($$SELECT product_id, round(score::numeric, 6), baskets, support, confidence, lift FROM analytics.bought_together('{a}', store => 'one')$$, 'VALUES (''b'', 0.090909, 1::bigint, 1::float8, 1::float8, 1::float8)', 'a shop of one order');
SELECT analytics.ingest('[{"event":"purchase","order_id":"2","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"a","price":1},{"product_id":"c","price":1}]},
    {"event":"purchase","order_id":"3","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"a","price":1}]}]'::jsonb, store => 'one');
SELECT results_eq($$SELECT product_id, confidence, lift FROM analytics.bought_together('{b}', store => 'one')$$, 'VALUES (''a'', 1::float8, 1::float8)', 'a product in every order');
SELECT analytics.retract('purchase:' || i, 'one') FROM generate_series(1, 3) i;
SELECT is_empty($$SELECT * FROM analytics.bought_together('{a}', store => 'one')$$, 'all of it taken back');

SELECT throws_ok(format('SELECT * FROM analytics.bought_together(%s)', a), '22023', m, a)
  FROM (VALUES ('NULL', 'products are no list of products'), ('ARRAY[NULL]::text[]', 'products are no list of products'), ('''{{a,b},{c,d}}''', 'products are no list of products'),
               ('''{a}'', 0', 'n is out of range'), ('''{a}'', 1001', 'n is out of range'), ('''{a}'', NULL', 'n is out of range'), ('''{a}'', 1, NULL', 'invalid store'), ('''{a}'', 1, ''''', 'invalid store')) v(a, m);

-- a shop of baskets of one to nine out of thirty products over half a year, next to another one that sells the same
CREATE FUNCTION shop(first integer, last integer, revision integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'event_id', 'e' || i, 'order_id', CASE WHEN i % 6 > 0 THEN 'o' || i END, 'revision', revision, 'timestamp', timestamptz '2025-09-01 00:00Z' + i * interval '17 hours',
               'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'p' || (i * i + n * n * revision * 7 + n * (i % 5)) % 30, 'price', 1, 'kind', CASE WHEN (i + n) % 17 = 0 THEN 'fee' ELSE 'product' END)) FROM generate_series(1, 1 + i % 9) n)))
      FROM generate_series(first, last) i
$$;
CREATE FUNCTION as_affinity(stage text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    asked text;
BEGIN
    FOREACH asked IN ARRAY ARRAY['{p1}', '{p7,p22}', '{p0,p1,p2,new,p3,p4}'] LOOP
        RETURN NEXT results_eq(format($q$SELECT product_id, round(score::numeric, 7), baskets, round(confidence::numeric, 9), round(lift::numeric, 9), round(support::numeric, 9) FROM analytics.bought_together(%L, 1000) ORDER BY 2 DESC, product_id COLLATE "C"$q$, asked),
            format($q$SELECT v.product_b, round(sum(v.term)::numeric, 7), (array_agg(v.baskets ORDER BY v.term DESC, v.baskets DESC, v.n_a))[1], round((array_agg(v.confidence ORDER BY v.term DESC, v.baskets DESC, v.n_a))[1]::numeric, 9),
                round((array_agg(v.lift ORDER BY v.term DESC, v.baskets DESC, v.n_a))[1]::numeric, 9), round((array_agg(v.support ORDER BY v.term DESC, v.baskets DESC, v.n_a))[1]::numeric, 9)
              FROM (SELECT a.*, round((cosine * baskets / (baskets + 10))::numeric, 12)::float8 AS term, baskets / confidence AS n_a FROM analytics.product_affinity a WHERE store_id = 'main' AND product_a = ANY (%1$L) AND NOT product_b = ANY (%1$L)) v
              GROUP BY 1 ORDER BY 2 DESC, v.product_b COLLATE "C"$q$, asked), stage || ': ' || asked);
    END LOOP;
END
$$;
SELECT analytics.ingest(shop(1, 120, 1), store => s) FROM unnest('{main,other}'::text[]) s;
SELECT as_affinity('not merged');
SELECT analytics.refresh() AS refreshed;
SELECT as_affinity('merged');
SELECT sum(analytics.retract('e' || i, 'main')) AS taken_back FROM generate_series(1, 120, 7) i;
SELECT analytics.ingest(shop(50, 80, 2)), analytics.ingest(shop(121, 130, 1));
SELECT analytics.ingest('{"event":"purchase","order_id":"n","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"p1","price":1},{"product_id":"new","price":1},{"product_id":"newer","price":1}]}'::jsonb);
SELECT as_affinity('merged, and a tail that takes back, revises and brings new products');
SELECT is((SELECT months_done FROM analytics.rebuild('product_pair', 2)), 2, 'half a build');
SELECT as_affinity('half built');
SELECT analytics.refresh() AS refreshed;
SELECT as_affinity('merged again');

-- of an order of many products pairs count some
CREATE OR REPLACE FUNCTION analytics.largest_basket() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 100';
SELECT analytics.ingest(jsonb_build_object('event', 'purchase', 'order_id', 'x', 'timestamp', '2026-03-05T09:00:00Z', 'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'l' || n, 'price', 1)) FROM generate_series(1, 150) n)), store => 'large');
SELECT is((SELECT array_agg(c ORDER BY c) FROM (SELECT (SELECT count(*) FROM analytics.bought_together(ARRAY['l' || n], 1000, 'large')) AS c FROM generate_series(1, 150) n) t),
    array_fill(0::bigint, '{50}') || array_fill(99::bigint, '{100}'), 'each of the hundred that count has the other 99');
SELECT * FROM finish();
