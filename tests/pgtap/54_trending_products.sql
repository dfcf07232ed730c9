-- trending_products(): units of each window against the events that stand, to the microsecond, whatever is merged; the score against the definition of
-- Wilson's interval; filters; bad arguments.
SELECT plan(62);

-- The score as it is defined: the odds at the lower end of Wilson's interval, one-sided at 95 %. That end is where the distance of the share is 1.645
-- standard errors of the end itself.
CREATE FUNCTION growth_score(recent float8, previous float8, orders float8) RETURNS float8 LANGUAGE sql AS $$
    SELECT l / (1 - l) FROM (SELECT (p + zz / (2 * n) - sqrt(zz * (p * (1 - p) / n + zz / (4 * n * n)))) / (1 + zz / n) AS l
        FROM (SELECT recent / (recent + previous) AS p, orders AS n, 1.6448536269514722::float8 ^ 2 AS zz) s) w
$$;
SELECT ok(abs((p - l) ^ 2 - 1.6448536269514722 ^ 2 * l * (1 - l) / n) < 1e-12 AND l < p, format('the definition: %s and %s units of %s orders', recent, previous, n))
  FROM (VALUES (1, 0, 1), (1, 1, 2), (30, 10, 40), (5, 900, 12)) v(recent, previous, n)
 CROSS JOIN LATERAL (SELECT growth_score(recent, previous, n) AS score) s CROSS JOIN LATERAL (SELECT score / (1 + score) AS l, recent::float8 / (recent + previous) AS p) w;
-- one order of a thousand units, which is one voice: 1 / 2.705543; ten times three against ten; three against one
SELECT analytics.set_setting('clock', 'data', 'voices');
SELECT analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', p || o, 'timestamp', timestamptz '2026-03-15 12:00Z' - CASE WHEN o <= recent THEN interval '0' ELSE interval '10 days' END,
        'items', jsonb_build_array(jsonb_build_object('product_id', p, 'price', 1, 'quantity', q))))
  FROM (VALUES ('bulk', 1000, 1, 1), ('many', 1, 30, 40), ('few', 1, 3, 4), ('much before', 100, 1, 12)) v(p, q, recent, orders) CROSS JOIN LATERAL generate_series(1, orders) o), store => 'voices');
SELECT results_eq($$SELECT product_id, round(score::numeric, 6), units, previous_units FROM analytics.trending_products(store => 'voices')$$,
    $$VALUES ('many', round(growth_score(30, 10, 40)::numeric, 6), 30::bigint, 10::bigint), ('few', round(growth_score(3, 1, 4)::numeric, 6), 3, 1), ('bulk', 0.369612, 1000, 0), ('much before', round(growth_score(1, 11, 12)::numeric, 6), 100, 1100)$$,
    'three times as much says more of more orders');

-- by hand: the newest event is at noon of the 15th, so the window begins at noon of the 8th
SELECT analytics.set_setting('clock', 'data', s) FROM unnest('{hand,london,havana,tokyo}'::text[]) s;
SELECT analytics.ingest('[
 {"event":"purchase","order_id":"1","timestamp":"2026-03-15T12:00:00Z","country":"GB","items":[{"product_id":"tea","category":"hot","price":1,"quantity":3},{"product_id":"tea","price":1},{"product_id":"card","price":9,"kind":"gift_card"},{"product_id":"bag","price":1,"kind":"fee"}]},
 {"event":"purchase","order_id":"2","timestamp":"2026-03-08T12:00:00.000001Z","country":"DE","items":[{"product_id":"tea","price":1,"quantity":2}]},
 {"event":"purchase","order_id":"3","timestamp":"2026-03-08T12:00:00Z","country":"GB","items":[{"product_id":"tea","price":1,"quantity":5},{"product_id":"cup","price":1}]},
 {"event":"purchase","order_id":"4","timestamp":"2026-03-01T12:00:00.000001Z","items":[{"product_id":"tea","price":1,"quantity":7}]},
 {"event":"purchase","order_id":"5","timestamp":"2026-03-01T12:00:00Z","items":[{"product_id":"tea","price":1,"quantity":100}]},
 {"event":"purchase","order_id":"6","timestamp":"2026-03-10T12:00:00Z","test":true,"items":[{"product_id":"tea","price":1,"quantity":1000}]},
 {"event":"refund","order_id":"1","timestamp":"2026-03-15T12:00:00Z","full":true},
 {"event":"purchase","order_id":"7","timestamp":"2026-03-12T12:00:00Z","country":"GB","items":[{"product_id":"cocoa","category":"hot","price":1,"quantity":2},{"product_id":"ice","category":"cold","price":1}]}]'::jsonb, store => 'hand');
CREATE FUNCTION by_hand(stage text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT results_eq($q$SELECT rank, product_id, round(score::numeric, 9), units, previous_units FROM analytics.trending_products(store => 'hand')$q$,
        $q$VALUES (1, 'cocoa', round(growth_score(2, 0, 1)::numeric, 9), 2::bigint, 0::bigint), (2, 'ice', round(growth_score(1, 0, 1)::numeric, 9), 1, 0), (3, 'tea', round(growth_score(6, 12, 4)::numeric, 9), 6, 12)$q$, stage || ': all');
    RETURN NEXT results_eq($q$SELECT rank, product_id, units, previous_units FROM analytics.trending_products(store => 'hand', category => 'hot')$q$,
        $q$VALUES (1, 'cocoa', 2::bigint, 0::bigint), (2, 'tea', 6, 12)$q$, stage || ': a category');
    RETURN NEXT results_eq($q$SELECT rank, product_id, units, previous_units FROM analytics.trending_products(store => 'hand', country => 'GB')$q$,
        $q$VALUES (1, 'cocoa', 2::bigint, 0::bigint), (2, 'ice', 1, 0), (3, 'tea', 4, 5)$q$, stage || ': a country');
    RETURN NEXT results_eq($q$SELECT product_id FROM analytics.trending_products(store => 'hand', country => 'GB', category => 'hot', n => 1)$q$, $q$VALUES ('cocoa')$q$, stage || ': both, the first');
    RETURN NEXT is_empty($q$SELECT * FROM analytics.trending_products(store => 'hand', category => 'none such')$q$, stage || ': no such category');
    RETURN NEXT is_empty($q$SELECT * FROM analytics.trending_products(store => 'hand', country => 'FR')$q$, stage || ': nothing of that country');
END
$$;
SELECT by_hand('not merged');
SELECT analytics.refresh() AS refreshed;
SELECT by_hand('merged');
UPDATE analytics.product SET active = false WHERE store_id = 'hand' AND product_id = 'cocoa';
SELECT results_eq($$SELECT rank, product_id FROM analytics.trending_products(store => 'hand', category => 'hot')$$, $$VALUES (1, 'tea')$$, 'none that is not active');
UPDATE analytics.product SET category = NULL, category_at = now() WHERE store_id = 'hand' AND product_id = 'ice';
SELECT results_eq($$SELECT product_id FROM analytics.trending_products(store => 'hand', category => '(none)')$$, $$VALUES ('ice')$$, 'of no category');

-- a shop of some orders a day, in three time zones, over a day that London and Havana have put their clocks forward on
CREATE FUNCTION orders(first integer, last integer, revision integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('event', 'purchase', 'event_id', 'e' || i, 'order_id', CASE WHEN i % 5 > 0 THEN 'o' || i END, 'revision', revision, 'country', CASE i % 3 WHEN 0 THEN 'GB' WHEN 1 THEN 'CU' END,
               'timestamp', timestamptz '2026-02-27 00:00Z' + i * interval '2 hours 47 minutes 11.5 seconds',
               'items', (SELECT jsonb_agg(jsonb_build_object('product_id', 'p' || (i * i + n * 3 * revision) % 11, 'price', 1, 'quantity', 1 + (i * n) % 4)) FROM generate_series(1, 1 + i % 4) n)))
      FROM generate_series(first, last) i
$$;
SELECT analytics.set_setting('timezone', z, s) FROM (VALUES ('Europe/London', 'london'), ('America/Havana', 'havana'), ('Asia/Tokyo', 'tokyo')) v(z, s);
CREATE FUNCTION as_events(stage text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    shop record;
    size interval;
    land text;
    until timestamp;
BEGIN
    FOR shop IN SELECT * FROM (VALUES ('Europe/London', 'london'), ('America/Havana', 'havana'), ('Asia/Tokyo', 'tokyo')) v(zone, name) LOOP
        FOR size, land IN SELECT * FROM (VALUES (interval '7 days', NULL), (interval '11 days 5 hours', NULL), (interval '9 hours', NULL), (interval '20 minutes', NULL), (interval '7 days', 'CU')) v LOOP
            SELECT max(occurred_at) AT TIME ZONE shop.zone INTO until FROM analytics.event WHERE store_id = shop.name;
            RETURN NEXT set_eq(format('SELECT product_id, units, previous_units, round(score::numeric, 9) FROM analytics.trending_products(1000, %L, "window" => %L, country => %L)', shop.name, size, land),
                format($q$SELECT product_id, units, previous_units, round(growth_score(units, previous_units, orders)::numeric, 9)
                            FROM (SELECT product_id, coalesce(sum(quantity) FILTER (WHERE occurred_at > %2$L::timestamp AT TIME ZONE %1$L), 0)::bigint AS units,
                                         coalesce(sum(quantity) FILTER (WHERE occurred_at <= %2$L::timestamp AT TIME ZONE %1$L), 0)::bigint AS previous_units, count(DISTINCT event_id) AS orders
                                    FROM analytics.current_event WHERE store_id = %3$L AND event_type = 'purchase' AND occurred_at > %4$L::timestamp AT TIME ZONE %1$L AND (%5$L IS NULL OR country = %5$L) GROUP BY 1) e WHERE units > 0$q$,
                    shop.zone, until - size, shop.name, until - 2 * size, land), format('%s: %s, %s%s', stage, shop.name, size, coalesce(', ' || land, '')));
        END LOOP;
    END LOOP;
END
$$;
SELECT analytics.ingest(orders(1, 280, 1), store => s) FROM unnest('{london,havana,tokyo}'::text[]) s;
SELECT analytics.refresh() AS refreshed;
SELECT sum(analytics.retract('e' || i, s)) AS taken_back FROM generate_series(100, 240, 9) i, unnest('{london,havana,tokyo}'::text[]) s;
SELECT analytics.ingest(orders(160, 200, 2), store => s), analytics.ingest(orders(281, 290, 1), store => s) FROM unnest('{london,havana,tokyo}'::text[]) s;
SELECT as_events('merged and tail');
SELECT analytics.refresh() AS refreshed;
SELECT as_events('merged');

-- the clock of the server
SELECT analytics.ingest(jsonb_build_array(jsonb_build_object('event', 'purchase', 'order_id', 'a', 'timestamp', now() - interval '6 days 23 hours', 'items', jsonb_build_array(jsonb_build_object('product_id', 'in', 'price', 1))),
    jsonb_build_object('event', 'purchase', 'order_id', 'b', 'timestamp', now() - interval '7 days 1 hour', 'items', jsonb_build_array(jsonb_build_object('product_id', 'in', 'price', 1, 'quantity', 2), jsonb_build_object('product_id', 'before', 'price', 1))),
    jsonb_build_object('event', 'purchase', 'order_id', 'c', 'timestamp', now() - interval '14 days 2 hours', 'items', jsonb_build_array(jsonb_build_object('product_id', 'in', 'price', 1, 'quantity', 50)))), store => 'now');
SELECT results_eq($$SELECT product_id, units, previous_units FROM analytics.trending_products(store => 'now')$$, $$VALUES ('in', 1::bigint, 2::bigint)$$, 'up to now');
SELECT is_empty($$SELECT * FROM analytics.trending_products(store => 'empty')$$, 'an empty shop');
SELECT throws_ok(format('SELECT * FROM analytics.trending_products(%s)', a), '22023', m, a)
  FROM (VALUES ('0', 'n is out of range'), ('1001', 'n is out of range'), ('NULL', 'n is out of range'), ('store => NULL', 'invalid store'), ('store => ''''', 'invalid store'), ('country => ''gb''', 'invalid country'), ('country => ''GBR''', 'invalid country'),
               ('"window" => NULL', 'invalid window'), ('"window" => ''0''', 'invalid window'), ('"window" => ''-1 day''', 'invalid window'), ('"window" => ''11 years''', 'invalid window')) v(a, m);
SELECT * FROM finish();
