-- visualize() by grain 'total': one point of the whole range, the same figure that every other grain has as a series' total.
SELECT plan(7);
SET client_min_messages = warning;
SELECT setseed(0.42);
SELECT analytics.set_setting('timezone', 'America/New_York', 't');
SELECT analytics.set_setting('currency', 'USD', 't');
SELECT analytics.set_exchange_rate('EUR', 1.25, '2026-01-01', 't');
-- two months of a shop: buyers who come back, two currencies, sessions, refunds
SELECT analytics.ingest(jsonb_agg(jsonb_build_object('event_id', 'e' || n, 'event', CASE WHEN n % 3 = 0 THEN 'view_item' ELSE 'purchase' END, 'store', 't',
        'timestamp', '2026-02-01T00:00:00Z'::timestamptz + n * interval '37 minutes', 'session_id', 's' || n / 2, 'customer_id', 'c' || (random() * 40)::int,
        'currency', CASE WHEN n % 5 = 0 THEN 'EUR' ELSE 'USD' END, 'channel', ('{web,app,pos}'::text[])[1 + (random() * 2)::int],
        'country', ('{US,CA}'::text[])[1 + (random())::int], 'device', ('{mobile,desktop}'::text[])[1 + (random())::int], 'campaign', 'k' || n % 4,
        'items', jsonb_build_array(jsonb_build_object('product_id', 'p' || n % 30, 'category', 'cat' || n % 30 % 4, 'brand', 'b' || n % 30 % 3, 'price', 1 + n % 17, 'quantity', 1 + n % 3)))
       || CASE WHEN n % 3 = 0 THEN '{}' ELSE jsonb_build_object('order_id', 'o' || n, 'shipping', 2) END))
  FROM generate_series(1, 2000) n;
SELECT analytics.ingest(jsonb_agg(jsonb_build_object('event', 'refund', 'event_id', 'r' || n, 'store', 't', 'timestamp', '2026-03-10T00:00:00Z'::timestamptz + n * interval '1 hour',
        'order_id', 'o' || 2 + 30 * n, 'full', true))) FROM generate_series(1, 20) n;

CREATE TYPE pg_temp.ask AS (metric text, by text, first timestamp, last timestamp, compare text, "limit" integer);
CREATE FUNCTION pg_temp.run(a pg_temp.ask, grain text, first timestamp, last timestamp, compare text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT analytics.visualize(a.metric, grain, a.by, first, last, compare, "limit" => a."limit", store => 't')
$$;
CREATE TEMP TABLE asked AS  -- a fifth of all that could be
    SELECT a FROM (SELECT row_number() OVER () AS n, ROW(m, nullif(b, ''), r.first, r.last, c, l)::pg_temp.ask AS a
      FROM unnest('{orders,units_returned,net_sales,total_sales,customers,aov,order_value_p50,new_customers,returning_rate,conversion}'::text[]) m,
           unnest('{"",channel,device,category,product}'::text[]) b,
           (VALUES ('2026-02-10'::timestamp, '2026-03-12'::timestamp), ('2026-03-07 06:30', '2026-03-20 18:15'), ('2026-02-01', '2026-03-01')) r(first, last),
           unnest('{none,previous_period}'::text[]) c, unnest('{1,50}'::int[]) l
     WHERE NOT (b IN ('category', 'product') AND m LIKE 'order_value%')) every WHERE n % 5 = 0;
-- (a report's order is that of totals; keys that tie may change places. Days that come to nothing are drawn, a total of nothing is not)
CREATE FUNCTION pg_temp.totals(report jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_array(s -> 'key', s -> 'total') ORDER BY s ->> 'key') FROM jsonb_array_elements(report -> 'series') s WHERE s -> 'total' <> '0'
$$;
CREATE FUNCTION pg_temp.differing() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT a::text FROM asked,
      LATERAL (SELECT pg_temp.run(a, 'total', (a).first, (a).last, (a).compare) AS total, pg_temp.run(a, 'day', (a).first, (a).last, (a).compare) AS days) r
     WHERE pg_temp.totals(total) IS DISTINCT FROM pg_temp.totals(days)
        OR (total -> 'totals', total -> 'truncated') IS DISTINCT FROM (days -> 'totals', days -> 'truncated') AND NOT ((a).compare <> 'none' AND (a).first = '2026-02-01')
        OR EXISTS (SELECT FROM jsonb_array_elements(total -> 'series') s
                    WHERE s -> 'points' IS DISTINCT FROM jsonb_build_array(jsonb_build_array((a).first::date, s -> 'total')))
$$;
-- what came before: the same report of the range before
CREATE FUNCTION pg_temp.differing_before() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT a::text FROM asked,
      LATERAL (SELECT pg_temp.run(a, 'total', (a).first, (a).last, (a).compare) AS total) r,
      LATERAL (SELECT pg_temp.run(a, 'day', (total #>> '{compare,from}')::timestamp, (total #>> '{compare,to}')::timestamp, 'none') AS days) b
     WHERE (a).compare <> 'none' AND (a)."limit" = 50
       AND EXISTS (SELECT FROM jsonb_array_elements(total -> 'series') s LEFT JOIN jsonb_array_elements(days -> 'series') d ON d ->> 'key' IS NOT DISTINCT FROM s ->> 'key'
                    WHERE s #> '{previous,0,1}' IS DISTINCT FROM coalesce(d -> 'total', CASE WHEN analytics.is_ratio((a).metric) THEN 'null' ELSE '0' END::jsonb))
$$;
SELECT is_empty('SELECT pg_temp.differing()', 'nothing merged: the totals of days');
SELECT is_empty('SELECT pg_temp.differing_before()', 'and of the days before');
SELECT analytics.refresh();
SELECT is_empty('SELECT pg_temp.differing()', 'all merged: the totals of days');
SELECT is_empty('SELECT pg_temp.differing_before()', 'and of the days before');
SELECT is(analytics.visualize('orders', 'total', "from" => '2026-03-01', "to" => '2026-04-01', store => 't', compare => 'previous_period') -> 'compare',
          '{"from": "2026-02-01T00:00:00", "to": "2026-03-01T00:00:00"}', 'whole months are compared with whole months');
SELECT is(analytics.visualize('orders', 'total', "from" => '2026-03-01', "to" => '2026-03-01', store => 't') -> 'series', '[{"key": null, "total": 0, "points": [], "previous": null}]', 'an empty range has no point');
SELECT is(jsonb_array_length(analytics.visualize(NULL, 'total', "from" => '2026-03-01', "to" => '2026-04-01', store => 't') #> '{cards,orders,spark}'), 1, 'the overview, too');
