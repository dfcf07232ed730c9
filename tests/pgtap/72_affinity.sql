-- Products bought together: every measure by hand, and all of it against brute force over the raw events, unmerged, merged, half of
-- it, revised, taken back, built month by month.
SELECT plan(81);

-- Six baskets: bread butter | bread butter milk | bread | butter milk | milk | bread eggs. Bread 4, butter 3, milk 3, eggs 1.
SELECT analytics.ingest('[
 {"event":"purchase","order_id":"1","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"butter","price":3},{"product_id":"bread","price":2,"quantity":4}]},
 {"event":"purchase","order_id":"2","timestamp":"2026-02-02T09:00:00Z","items":[{"product_id":"milk","price":1},{"product_id":"bread","price":2},{"product_id":"butter","price":3}]},
 {"event":"purchase","event_id":"3","timestamp":"2026-02-03T09:00:00Z","items":[{"product_id":"bread","price":2}]},
 {"event":"purchase","order_id":"4","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"butter","price":2},{"product_id":"milk","price":1},{"product_id":"card","price":50,"kind":"gift_card"},{"product_id":"bag","price":1,"kind":"fee"}]},
 {"event":"purchase","order_id":"5","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"milk","price":1},{"price":7}]},
 {"event":"purchase","order_id":"6","timestamp":"2026-03-03T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"eggs","price":4}]},
 {"event":"purchase","order_id":"7","timestamp":"2026-03-03T09:00:00Z","items":[{"product_id":"card","price":50,"kind":"gift_card"},{"price":7}]},
 {"event":"purchase","order_id":"8","timestamp":"2026-03-03T09:00:00Z","test":true,"items":[{"product_id":"bread","price":2},{"product_id":"eggs","price":4}]},
 {"event":"refund","order_id":"2","timestamp":"2026-03-04T09:00:00Z","full":true},
 {"event":"add_to_cart","event_id":"c","timestamp":"2026-03-03T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"eggs","price":4}]}]'::jsonb);
SELECT analytics.ingest('[{"event":"purchase","order_id":"1","timestamp":"2026-01-02T09:00:00Z","items":[{"product_id":"eggs","price":2},{"product_id":"bread","price":3}]}]'::jsonb, store => 'other');

CREATE TABLE by_hand AS SELECT v.*, b / 6.0::float8 AS support FROM (VALUES
    -- bread and butter are independent: 2 of 6 = 4/6 x 3/6
    ('bread', 'butter', 2, 0.5, 1, 0.577350, 0.4, 0), ('butter', 'bread', 2, 0.666667, 1, 0.577350, 0.4, 0),
    -- 2 (2 ln 4/3 + ln 2/3 + ln 2/3 + 2 ln 4/3)
    ('butter', 'milk', 2, 0.666667, 1.333333, 0.666667, 0.5, 0.679596), ('milk', 'butter', 2, 0.666667, 1.333333, 0.666667, 0.5, 0.679596),
    -- of 4 and 3 one together, none without either: 2 (ln 1/2 + 3 ln 3/2 + 2 ln 2)
    ('bread', 'milk', 1, 0.25, 0.5, 0.288675, 0.166667, NULL), ('milk', 'bread', 1, 0.333333, 0.5, 0.288675, 0.166667, NULL),
    -- 2 (ln 3/2 + 3 ln 9/10 + 2 ln 6/5)
    ('bread', 'eggs', 1, 0.25, 1.5, 0.5, 0.25, 0.908052), ('eggs', 'bread', 1, 1, 1.5, 0.5, 0.25, 0.908052)) v(a, c, b, confidence, lift, cosine, jaccard, llr);
UPDATE by_hand SET llr = 2 * (ln(0.5::float8) + 3 * ln(1.5::float8) + 2 * ln(2::float8)) WHERE llr IS NULL;
CREATE FUNCTION as_by_hand(stage text) RETURNS text LANGUAGE sql AS $$
    SELECT set_eq('SELECT product_a, product_b, baskets, ARRAY[round(support::numeric, 5), round(confidence::numeric, 5), round(lift::numeric, 5), round(cosine::numeric, 5), round(jaccard::numeric, 5), round(llr::numeric, 5)] FROM analytics.product_affinity WHERE store_id = ''main''',
                  'SELECT a, c, b::bigint, ARRAY[round(support::numeric, 5), round(confidence::numeric, 5), round(lift::numeric, 5), round(cosine::numeric, 5), round(jaccard::numeric, 5), round(llr::numeric, 5)] FROM by_hand', stage)
$$;

-- Every pair of every store from the events: baskets that stand, and the measures in other words than the view's; llr by entropies.
CREATE FUNCTION xlx(x float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN x > 0 THEN x * ln(x) ELSE 0 END $$;
CREATE VIEW brute_force AS
WITH item AS MATERIALIZED (
    SELECT DISTINCT e.store_id, e.event_id, e.revision, e.product_id FROM analytics.event e
     WHERE e.event_type = 'purchase' AND e.line_kind = 'product' AND e.product_id IS NOT NULL AND e.excluded IS NULL AND e.sign = 1
       AND NOT EXISTS (SELECT FROM analytics.event t WHERE t.sign = -1 AND (t.store_id, t.event_id, t.revision) = (e.store_id, e.event_id, e.revision))
), basket AS (
    SELECT store_id, array_agg(product_id) AS products FROM item GROUP BY store_id, event_id, revision
), product AS (
    SELECT DISTINCT store_id, product_id FROM item
), counted AS (
    SELECT store_id, a.product_id AS product_a, b.product_id AS product_b,
           count(*) FILTER (WHERE a.product_id = ANY (products) AND b.product_id = ANY (products)) AS k11,
           count(*) FILTER (WHERE a.product_id = ANY (products) AND NOT b.product_id = ANY (products)) AS k12,
           count(*) FILTER (WHERE NOT a.product_id = ANY (products) AND b.product_id = ANY (products)) AS k21,
           count(*) FILTER (WHERE NOT a.product_id = ANY (products) AND NOT b.product_id = ANY (products)) AS k22
      FROM product a JOIN product b USING (store_id) JOIN basket USING (store_id)
     WHERE a.product_id <> b.product_id GROUP BY 1, 2, 3
)
SELECT store_id, product_a, product_b, k11 AS baskets, k11::float8 / (k11 + k12 + k21 + k22) AS support, k11::float8 / (k11 + k12) AS confidence,
       (k11::float8 / (k11 + k12)) / ((k11 + k21)::float8 / (k11 + k12 + k21 + k22)) AS lift,
       sqrt((k11::float8 / (k11 + k12)) * (k11::float8 / (k11 + k21))) AS cosine, k11::float8 / (k11 + k12 + k21) AS jaccard,
       2 * (xlx(k11) + xlx(k12) + xlx(k21) + xlx(k22) + xlx(k11 + k12 + k21 + k22) - xlx(k11 + k12) - xlx(k21 + k22) - xlx(k11 + k21) - xlx(k12 + k22)) AS llr
  FROM counted WHERE k11 > 0;
CREATE FUNCTION as_brute_force(stage text) RETURNS text LANGUAGE sql AS $$
    SELECT is_empty('SELECT v, f FROM analytics.product_affinity v FULL JOIN brute_force f USING (store_id, product_a, product_b)
                      WHERE v.baskets IS DISTINCT FROM f.baskets OR NOT greatest(abs(v.support - f.support), abs(v.confidence - f.confidence), abs(v.lift - f.lift),
                            abs(v.cosine - f.cosine), abs(v.jaccard - f.jaccard), abs(v.llr - f.llr)) < 1e-9', stage)
$$;

SELECT as_by_hand('not built');
SELECT as_brute_force('not built');
SELECT is(analytics.refresh_pairs(true), 14::bigint, 'the lines of products that were bought are merged');
SELECT is((SELECT count(*) FROM analytics.tail_product_pair()), 0::bigint, 'nothing is left');
SELECT as_by_hand('merged');
SELECT as_brute_force('merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'nothing to reconcile');
SELECT is((SELECT count(*) FROM analytics.product_pair), 5::bigint, 'each pair is stored once');

-- no more of the same: half of it merged, then all, then taken back
SELECT analytics.ingest('[{"event":"purchase","order_id":"9","timestamp":"2026-01-09T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"butter","price":3},{"product_id":"salt","price":1},{"product_id":"ash","price":1}]}]'::jsonb);
SELECT as_brute_force('merged, and a tail with new products');
SELECT results_eq($$SELECT baskets, confidence, lift FROM analytics.product_affinity WHERE product_a = 'salt' AND product_b = 'ash'$$, 'VALUES (1::bigint, 1::float8, 7::float8)', 'new products have all measures, of seven baskets');
SELECT is(analytics.refresh_pairs(true), 4::bigint, 'merged');
SELECT as_brute_force('merged again');
SELECT is(analytics.retract('purchase:9'), 4::bigint, 'taken back');
SELECT as_by_hand('as before, of the tail');
SELECT is(analytics.refresh_pairs(true), 4::bigint, 'which is merged');
SELECT as_by_hand('as before');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'nothing to reconcile then');
SELECT analytics.ingest('[{"event":"purchase","order_id":"1","revision":2,"timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"milk","price":3}]}]'::jsonb);
SELECT results_eq($$SELECT product_b, baskets FROM analytics.product_affinity WHERE product_a = 'bread' AND store_id = 'main' ORDER BY 1$$, $$VALUES ('butter', 1::bigint), ('eggs', 1), ('milk', 2)$$, 'a revision changes the basket');
SELECT as_brute_force('revised');
SELECT is(analytics.refresh_pairs(true), 5::bigint, 'merged: three lines taken back, two new');
SELECT as_brute_force('revision merged');
SELECT analytics.ingest('[{"event":"purchase","order_id":"10","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"tea","price":3}]}]'::jsonb);
SELECT analytics.retract('purchase:10');
SELECT as_brute_force('come and gone');
SELECT is(analytics.refresh_pairs(true), 4::bigint, 'merged: nothing');
SELECT as_brute_force('nothing');
SELECT is(analytics.refresh_pairs(true), 0::bigint, 'there is nothing more');

-- one's own transaction sees what it writes, and merges it later
SELECT analytics.ingest('[{"event":"purchase","order_id":"before","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"milk","price":2},{"product_id":"tea","price":3}]}]'::jsonb);
BEGIN;
SELECT analytics.ingest('[{"event":"purchase","order_id":"11","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"bread","price":2},{"product_id":"tea","price":3}]}]'::jsonb);
SELECT as_brute_force('in a transaction');
SELECT is(analytics.refresh_pairs(true), 2::bigint, 'what others committed is merged, its own lines are not');
SELECT analytics.ingest('[{"event":"purchase","order_id":"12","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"eggs","price":2},{"product_id":"tea","price":3}]}]'::jsonb);
SELECT as_brute_force('after a refresh within it');
COMMIT;
SELECT as_brute_force('committed');
SELECT is(analytics.refresh_pairs(true), 4::bigint, 'and then they are');
SELECT as_brute_force('merged');

-- a shop of baskets of one to nine out of thirty products over half a year, two stores
CREATE FUNCTION shop(first integer, last integer, revision integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'event_id', 'e' || i, 'order_id', CASE WHEN i % 6 > 0 THEN 'o' || i END, 'revision', revision, 'timestamp', timestamptz '2025-09-01 00:00Z' + i * interval '17 hours',
               'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'p' || (i * i + n * n * revision * 7 + n * (i % 5)) % 30, 'price', 1, 'kind', CASE WHEN (i + n) % 17 = 0 THEN 'fee' ELSE 'product' END)) FROM generate_series(1, 1 + i % 9) n)))
      FROM generate_series(first, last) i
$$;
SELECT is((SELECT sum(accepted) FROM unnest('{main,other}'::text[]) s, analytics.ingest(shop(1, 120, 1), store => s)), 240::numeric, 'a shop');
SELECT as_brute_force('a shop: unmerged');
SELECT is(analytics.refresh() > 500, true, 'refresh() merges pairs, too');
SELECT is((SELECT status FROM analytics.rollup_status WHERE name = 'product_pair'), 'current', 'as rollup_status says');
SELECT as_brute_force('a shop: merged');
SELECT sum(analytics.retract('e' || i, 'other')) AS taken_back FROM generate_series(1, 120, 3) i;
SELECT is((SELECT accepted FROM analytics.ingest(shop(50, 80, 2))), 31::bigint, 'some are revised');
SELECT is((SELECT accepted FROM analytics.ingest(shop(121, 130, 1))), 10::bigint, 'some are new');
SELECT as_brute_force('a shop: merged and tail');
SELECT is((SELECT status FROM analytics.rollup_status WHERE name = 'product_pair'), 'behind', 'which rollup_status shows');
-- built anew, month by month, with all of that in the way
SELECT is((SELECT months_done FROM analytics.rebuild('product_pair', 2)), 2, 'rebuild() begins');
SELECT is((SELECT status FROM analytics.rollup_status WHERE name = 'product_pair'), 'building', 'which rollup_status shows');
SELECT as_brute_force('a shop: two months built');
SELECT is((SELECT months_done FROM analytics.rebuild('product_pair', 3)), 3, 'goes on');
SELECT as_brute_force('a shop: five months built');
SELECT is((SELECT months_left FROM analytics.rebuild('product_pair')), 0, 'and ends');
SELECT as_brute_force('a shop: built, and a tail');
SELECT is(analytics.refresh() > 50, true, 'the tail is merged');
SELECT as_brute_force('a shop: all merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'nothing to reconcile');
-- a refresh that finds half a build ends it
SELECT is((SELECT months_done FROM analytics.rebuild('product_pair', 1)), 1, 'half a build');
SELECT analytics.refresh() AS refreshed;
SELECT is((SELECT status FROM analytics.rollup_status WHERE name = 'product_pair'), 'current', 'is ended by refresh()');
SELECT as_brute_force('a shop: ended');
-- maintain() does it in steps
SELECT is((SELECT months_done FROM analytics.rebuild('product_pair', 1)), 1, 'half a build again');
DO $$ BEGIN FOR i IN 1 .. 100 LOOP EXIT WHEN NOT analytics.maintain(); END LOOP; END $$;
SELECT is((SELECT status FROM analytics.rollup_status WHERE name = 'product_pair'), 'current', 'is ended by maintain(), step by step');
SELECT as_brute_force('a shop: ended in steps');
-- and then merges, after the sales, not at once
SELECT analytics.ingest(shop(131, 132, 1));
SELECT is(analytics.maintain(), false, 'sales are merged');
SELECT results_eq($$SELECT name FROM analytics.rollup_status WHERE tail_rows > 0$$, $$VALUES ('product_pair')$$, 'pairs wait');
UPDATE analytics.rollup_state SET refreshed_at = refreshed_at - interval '1 minute' WHERE name = 'product_pair';
SELECT is(analytics.maintain(), true, 'a minute later they are merged');
SELECT is_empty($$SELECT name FROM analytics.rollup_status WHERE tail_rows > 0$$, 'by a step of their own');
SELECT analytics.ingest(shop(133, 134, 1));
UPDATE analytics.rollup_state SET refreshed_at = refreshed_at - interval '1 hour' WHERE name = 'product_pair';
UPDATE analytics.rollup_state SET refreshed_at = refreshed_at - interval '2 hours' WHERE name <> 'product_pair';
SELECT is(analytics.maintain(), true, 'where both are due, sales go first');
SELECT results_eq($$SELECT name FROM analytics.rollup_status WHERE tail_rows > 0$$, $$VALUES ('product_pair')$$, 'alone');
SELECT is(analytics.maintain(), true, 'then pairs');
SELECT is(analytics.maintain(), false, 'and then nothing is left');

UPDATE analytics.product_pair SET baskets = baskets + 1 WHERE (a, b) = (SELECT a, b FROM analytics.product_pair ORDER BY 1, 2 LIMIT 1);
UPDATE analytics.product_basket SET baskets = baskets - 1 WHERE store_id = 'other' AND product_id IN ('', 'p1');
SELECT results_eq($$SELECT count(*), count(*) FILTER (WHERE store_id = 'other' AND key IN ('', 'p1') AND expected = actual + 1) FROM analytics.reconcile() WHERE check_name = 'product_affinity.baskets'$$, 'VALUES (3::bigint, 2::bigint)', 'reconcile() finds what is wrong');
SELECT is((SELECT count(*) FROM analytics.rebuild('product_pair')), 1::bigint, 'built anew');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'it is right');

-- large baskets: 150 products, of which 100 count in pairs (1,000 would be half a million pairs)
SELECT is(analytics.largest_basket(), 1000, 'a thousand products count in pairs');
CREATE OR REPLACE FUNCTION analytics.largest_basket() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 100';
CREATE FUNCTION large(id text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('event', 'purchase', 'order_id', id, 'timestamp', '2026-03-05T09:00:00Z', 'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'l' || n, 'price', 1)) FROM generate_series(1, 150) n))
$$;
SELECT is((SELECT accepted FROM analytics.ingest(jsonb_build_array(large('x'), large('y')), store => 'large')), 2::bigint, 'two large baskets');
SELECT results_eq($$SELECT sum(baskets), max(baskets), min(round(baskets / confidence)), max(round(baskets / support)) FROM analytics.product_affinity WHERE store_id = 'large'$$,
    'VALUES (2 * 2 * 4950::numeric, 2::bigint, 2::float8, 2::float8)', '100 of each count in pairs, all by themselves');
SELECT is_empty($$SELECT 1 FROM analytics.product_affinity WHERE store_id = 'large' AND NOT (llr >= 0 AND llr < 100 AND jaccard <= 1 AND lift <= 1)$$, 'measures stay within their bounds');
CREATE TABLE large_pairs AS SELECT * FROM analytics.product_affinity WHERE store_id = 'large';
SELECT analytics.refresh() AS refreshed;
SELECT set_eq($$SELECT * FROM analytics.product_affinity WHERE store_id = 'large'$$, 'TABLE large_pairs', 'merged, the same are chosen');
SELECT analytics.ingest(large('z'), store => 'large');
SELECT is(analytics.refresh(), 150::bigint, 'a third');
SELECT is(analytics.retract('purchase:z', 'large'), 150::bigint, 'is taken back');
SELECT set_eq($$SELECT * FROM analytics.product_affinity WHERE store_id = 'large'$$, 'TABLE large_pairs', 'with what was chosen of it');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'nothing to reconcile');

-- who sees it
CREATE ROLE affinity_reader;
SET ROLE affinity_reader;
SELECT throws_ok('SELECT * FROM analytics.product_affinity', '42501', NULL, 'a stranger reads nothing');
RESET ROLE;
SELECT analytics.grant_access('affinity_reader', 'reader');
SELECT analytics.ingest('[{"event":"purchase","order_id":"tail","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"p1","price":2},{"product_id":"only here","price":3}]}]'::jsonb, store => s) FROM unnest('{main,other}'::text[]) s;
SET ROLE affinity_reader;
SELECT results_eq('SELECT DISTINCT store_id FROM analytics.product_affinity ORDER BY 1', $$VALUES ('large'), ('main'), ('other')$$, 'a reader sees all stores');
SET request.jwt.claims TO '{"stores": ["other"]}';
SELECT results_eq('SELECT DISTINCT store_id FROM analytics.product_affinity', $$VALUES ('other')$$, 'one with a claim the claimed one alone');
SELECT results_eq('SELECT DISTINCT store_id FROM analytics.tail_product_pair()', $$VALUES ('other')$$, 'of the tail, too');
RESET request.jwt.claims;
RESET ROLE;
SELECT as_brute_force('at last') WHERE (SELECT analytics.retract('purchase:' || o, 'large') FROM unnest('{x}'::text[]) o) = 150 AND analytics.retract('purchase:y', 'large') = 150;
DROP OWNED BY affinity_reader;
DROP ROLE affinity_reader;
SELECT * FROM finish();
