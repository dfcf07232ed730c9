-- Customers, cohorts, sessions and funnels, told from the contract and worked out by hand: what arrives late, is taken back, or falls on
-- the day the clocks change. Each figure is looked at before and after refresh() and once more built from nothing.
SELECT plan(180);
SET timezone = 'Pacific/Apia';  -- of the session: no figure may depend on it

CREATE TEMP TABLE wanted (name text, query text, "row" jsonb);
CREATE FUNCTION pg_temp.rows_of(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    found jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_agg(r.j ORDER BY r.j), ''[]'') FROM (SELECT to_jsonb(r) AS j FROM (%s) r) r', query) INTO found;
    RETURN found;
END $$;
CREATE FUNCTION pg_temp.compared(moment text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is((SELECT coalesce(jsonb_agg(x.r ORDER BY x.r), '[]') FROM (SELECT jsonb_agg(v.value ORDER BY v.ordinality) FROM jsonb_array_elements(pg_temp.rows_of(w.query)) WITH ORDINALITY o(row, n) CROSS JOIN LATERAL jsonb_array_elements(o.row -> 'a') WITH ORDINALITY v GROUP BY o.n) x(r)),
              w.rows, format('%s (%s)', w.name, moment))
      FROM (SELECT name, query, coalesce(jsonb_agg("row" ORDER BY "row") FILTER (WHERE "row" IS NOT NULL), '[]') AS rows FROM wanted GROUP BY 1, 2 ORDER BY 1 OFFSET 0) w
$$;
CREATE FUNCTION pg_temp.sent(store text, events text) RETURNS text LANGUAGE sql AS
$$ SELECT accepted || '/' || duplicates || '/' || rejected FROM analytics.ingest(events, store => $1) $$;
-- events of one store, each a line: type, time, who (c, a, s and the id), further members
CREATE FUNCTION pg_temp.visits(store text, lines text) RETURNS void LANGUAGE sql AS $$
    SELECT analytics.ingest(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('event', f[2], 'event_id', f[1], 'timestamp', f[3],
               CASE left(f[4], 1) WHEN 'c' THEN 'customer_id' WHEN 'a' THEN 'anonymous_id' ELSE 'session_id' END, f[4])) || coalesce(f[5], '{}')::jsonb), store => $1)
      FROM (SELECT regexp_match(l, '^\s*(\S+) (\S+) (\S+) (\S+)(?: (\{.*))?$') AS f FROM regexp_split_to_table(lines, E'\n') l WHERE l ~ '\S') u
$$;

-- the query of each report, one JSON array a row
CREATE FUNCTION pg_temp.wants(report text, store text, VARIADIC rows jsonb[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM wanted w WHERE w.name = store || ': ' || report;
    INSERT INTO wanted
    SELECT store || ': ' || report, format('SELECT jsonb_build_array(%s) AS a FROM analytics.%I WHERE store_id = %L', CASE report
               WHEN 'customer' THEN 'customer_id, first_seen_at AT TIME ZONE ''UTC'', last_seen_at AT TIME ZONE ''UTC'', first_order_at AT TIME ZONE ''UTC'', last_order_at AT TIME ZONE ''UTC'', orders, round(aov, 4), channel, country'
               WHEN 'customer_month' THEN 'customer_id, bucket, cohort_month, orders, net_sales'
               WHEN 'cohort_retention' THEN 'cohort_month, months_since, cohort_size, customers, retention, net_sales, cumulative_net_sales'
               WHEN 'session' THEN 'coalesce(session_id, customer_id, anonymous_id), started_at AT TIME ZONE ''UTC'', ended_at AT TIME ZONE ''UTC'', events, orders'
               WHEN 'session_daily' THEN 'bucket, channel, country, device, sessions, bounces, events, orders, round(conversion, 4), extract(epoch FROM avg_duration)'
               WHEN 'funnel_daily' THEN 'bucket, channel, device, currency, sessions, view_item, add_to_cart, begin_checkout, purchase, value_lost' END, report, store), r
      FROM unnest(rows) r
$$;

-- A CUSTOMER'S FIRST AND LAST. Lou looks, buys by web in Germany, by app in France, looks again. Mia only looks. Ned buys by app.
SELECT lives_ok($$SELECT pg_temp.visits('people', '
    l1 view_item 2026-01-05T10:00:00Z c-lou {"channel":"email"}
    l2 purchase 2026-01-10T10:00:00Z c-lou {"order_id":"L2","channel":"web","country":"DE","items":[{"price":30}]}
    l3 purchase 2026-02-11T10:00:00Z c-lou {"order_id":"L3","channel":"app","country":"FR","items":[{"price":15}]}
    l4 login 2026-03-01T10:00:00Z c-lou
    m1 view_item 2026-01-07T10:00:00Z c-mia {"channel":"web","country":"DE"}
    n1 purchase 2026-02-10T10:00:00Z c-ned {"order_id":"N1","channel":"app","country":"FR","items":[{"price":10}]}')$$, 'three customers');
SELECT pg_temp.wants('customer', 'people',
    '["c-lou","2026-01-05T10:00:00","2026-03-01T10:00:00","2026-01-10T10:00:00","2026-02-11T10:00:00",2,22.5,"web","DE"]',  -- (30 + 15) / 2
    '["c-mia","2026-01-07T10:00:00","2026-01-07T10:00:00",null,null,0,null,null,null]',
    '["c-ned","2026-02-10T10:00:00","2026-02-10T10:00:00","2026-02-10T10:00:00","2026-02-10T10:00:00",1,10,"app","FR"]');
-- in February, the last month with sales, Lou came back
SELECT pg_temp.wants('cohort_retention', 'people', '["2026-01-01",0,1,1,1,30,30]', '["2026-01-01",1,1,1,1,15,45]', '["2026-02-01",0,1,1,1,10,10]');

-- COHORTS. January: c1 for 100, c2 for 30; c1 again in March for 50. March: c3 for 20, of which 5 go back in April.
SELECT lives_ok($$SELECT pg_temp.visits('cohorts', '
    1 purchase 2026-01-02T10:00:00Z c1 {"order_id":"1","items":[{"price":100}]}
    2 purchase 2026-01-20T10:00:00Z c2 {"order_id":"2","items":[{"price":30}]}
    3 purchase 2026-03-05T10:00:00Z c1 {"order_id":"3","items":[{"price":50}]}
    4 purchase 2026-03-06T10:00:00Z c3 {"order_id":"4","items":[{"price":20}]}
    5 refund 2026-04-01T10:00:00Z c3 {"order_id":"4","amount":5}')$$, 'two cohorts');
SELECT pg_temp.wants('cohort_retention', 'cohorts',
    '["2026-01-01",0,2,2,1,130,130]', '["2026-01-01",1,2,0,0,0,130]', '["2026-01-01",2,2,1,0.5,50,180]', '["2026-01-01",3,2,0,0,0,180]',
    '["2026-03-01",0,1,1,1,20,20]', '["2026-03-01",1,1,0,0,-5,15]');

-- MONEY BACK BEFORE THE FIRST ORDER that is known: the month before a cohort's first is in no cohort, and that is no mistake.
SELECT lives_ok($$SELECT pg_temp.visits('early', '
    1 refund 2026-01-02T10:00:00Z c1 {"amount":7}
    2 purchase 2026-02-20T10:00:00Z c1 {"order_id":"2","items":[{"price":30}]}')$$, 'money back for an order of before the books');
SELECT pg_temp.wants('cohort_retention', 'early', '["2026-02-01",0,1,1,1,30,30]');
SELECT pg_temp.wants('customer_month', 'early', '["c1","2026-01-01","2026-02-01",0,-7]', '["c1","2026-02-01","2026-02-01",1,30]');

-- THE GAP RULE (30 minutes): exactly the gap is no silence, a microsecond more is. A sender's session has no gap; whoever names
-- nobody is in none, and a refund is no visit.
SELECT lives_ok($$SELECT pg_temp.visits('gap', '
    1 page_view 2026-03-02T10:00:00Z a1
    2 page_view 2026-03-02T10:30:00Z a1
    3 page_view 2026-03-02T11:00:00.000001Z a1
    4 page_view 2026-03-02T10:00:00Z c1
    5 page_view 2026-03-02T10:01:00Z c1 {"anonymous_id":"a1"}
    6 page_view 2026-03-02T10:00:00Z s1 {"customer_id":"c1"}
    7 page_view 2026-03-02T15:00:00Z s1 {"customer_id":"c1"}
    9 refund 2026-03-02T10:02:00Z c1 {"amount":1}
    10 page_view 2026-03-02T10:00:00Z a1 {"test":true}'), analytics.ingest('{"event":"page_view","timestamp":"2026-03-02T10:00:00Z"}', store => 'gap')$$, 'visits');
SELECT pg_temp.wants('session', 'gap',
    '["a1","2026-03-02T10:00:00","2026-03-02T10:30:00",2,0]', '["a1","2026-03-02T11:00:00.000001","2026-03-02T11:00:00.000001",1,0]',
    '["c1","2026-03-02T10:00:00","2026-03-02T10:01:00",2,0]', '["s1","2026-03-02T10:00:00","2026-03-02T15:00:00",2,0]');
-- (1800 + 0 + 60 + 18000) / 4 seconds
SELECT pg_temp.wants('session_daily', 'gap', '["2026-03-02",null,null,null,4,1,7,0,0,4965]');

-- WHAT ARRIVES LATE OR IS TAKEN BACK (further below): b is bridged, d begins the day before, y is split, z loses its start.
SELECT lives_ok($$SELECT pg_temp.visits('late', '
    b1 page_view 2026-03-02T10:00:00Z a-b
    b2 page_view 2026-03-02T11:00:00Z a-b
    d1 page_view 2026-03-03T00:10:00Z a-d
    y1 page_view 2026-03-04T10:00:00Z a-y
    y2 page_view 2026-03-04T10:20:00Z a-y
    y3 page_view 2026-03-04T10:40:00Z a-y
    z1 page_view 2026-03-05T23:50:00Z a-z
    z2 page_view 2026-03-06T00:05:00Z a-z')$$, 'visits');
SELECT pg_temp.wants('session', 'late',
    '["a-b","2026-03-02T10:00:00","2026-03-02T10:00:00",1,0]', '["a-b","2026-03-02T11:00:00","2026-03-02T11:00:00",1,0]',
    '["a-d","2026-03-03T00:10:00","2026-03-03T00:10:00",1,0]', '["a-y","2026-03-04T10:00:00","2026-03-04T10:40:00",3,0]',
    '["a-z","2026-03-05T23:50:00","2026-03-06T00:05:00",2,0]');
SELECT pg_temp.wants('session_daily', 'late', '["2026-03-02",null,null,null,2,2,2,0,0,0]', '["2026-03-03",null,null,null,1,1,1,0,0,0]',
    '["2026-03-04",null,null,null,1,0,3,0,0,2400]', '["2026-03-05",null,null,null,1,0,2,0,0,900]');

-- DAYS OF THE STORE. Each pair of moments is the last of a day and the first of the next on the store's clock; a visit of 20 minutes
-- across the hour that is left out or comes twice is one of 20 minutes.
SELECT lives_ok($$SELECT analytics.set_setting('timezone', 'Asia/Kathmandu', 'kathmandu'), analytics.set_setting('timezone', 'America/New_York', 'newyork'), analytics.set_setting('timezone', 'Australia/Lord_Howe', 'lordhowe')$$, 'stores in three zones');
SELECT lives_ok($$SELECT pg_temp.visits('kathmandu', '
    1 page_view 2026-03-09T18:14:59.999999Z s1
    2 page_view 2026-03-09T18:15:00Z s2'),
pg_temp.visits('newyork', '
    1 page_view 2026-03-08T04:59:59Z s1
    2 page_view 2026-03-08T05:00:00Z s2
    3 page_view 2026-03-09T03:59:59Z s3
    4 page_view 2026-03-09T04:00:00Z s4
    5 page_view 2026-03-08T06:50:00Z a5
    6 page_view 2026-03-08T07:10:00Z a5
    11 page_view 2025-11-02T03:59:59Z s11
    12 page_view 2025-11-02T04:00:00Z s12
    13 page_view 2025-11-03T04:59:59Z s13
    14 page_view 2025-11-03T05:00:00Z s14
    15 page_view 2025-11-02T05:50:00Z a15
    16 page_view 2025-11-02T06:10:00Z a15'),
pg_temp.visits('lordhowe', '
    1 page_view 2026-04-04T12:59:59Z s1
    2 page_view 2026-04-04T13:00:00Z s2
    3 page_view 2026-04-05T13:29:59Z s3
    4 page_view 2026-04-05T13:30:00Z s4
    5 page_view 2026-04-04T14:50:00Z a5
    6 page_view 2026-04-04T15:10:00Z a5
    11 page_view 2025-10-04T13:29:59Z s11
    12 page_view 2025-10-04T13:30:00Z s12
    13 page_view 2025-10-05T12:59:59Z s13
    14 page_view 2025-10-05T13:00:00Z s14
    15 page_view 2025-10-04T15:20:00Z a15
    16 page_view 2025-10-04T15:40:00Z a15')$$, 'visits around midnights');
SELECT pg_temp.wants('session_daily', 'kathmandu', '["2026-03-09",null,null,null,1,1,1,0,0,0]', '["2026-03-10",null,null,null,1,1,1,0,0,0]');
-- the changing days have two bounces and a visit of 1200 s: 1200 / 3
SELECT pg_temp.wants('session_daily', 'newyork', '["2026-03-07",null,null,null,1,1,1,0,0,0]', '["2026-03-08",null,null,null,3,2,4,0,0,400]', '["2026-03-09",null,null,null,1,1,1,0,0,0]',
    '["2025-11-01",null,null,null,1,1,1,0,0,0]', '["2025-11-02",null,null,null,3,2,4,0,0,400]', '["2025-11-03",null,null,null,1,1,1,0,0,0]');
SELECT pg_temp.wants('session_daily', 'lordhowe', '["2026-04-04",null,null,null,1,1,1,0,0,0]', '["2026-04-05",null,null,null,3,2,4,0,0,400]', '["2026-04-06",null,null,null,1,1,1,0,0,0]',
    '["2025-10-04",null,null,null,1,1,1,0,0,0]', '["2025-10-05",null,null,null,3,2,4,0,0,400]', '["2025-10-06",null,null,null,1,1,1,0,0,0]');

-- THE FUNNEL. Each session counts in every step up to its furthest, whether or not the steps before were seen.
SELECT lives_ok($$SELECT pg_temp.visits('funnel', '
    1 page_view 2026-03-02T10:00:00Z s1 {"device":"phone"}
    2 view_item 2026-03-02T10:00:00Z s2 {"device":"phone"}
    3a view_item 2026-03-02T10:00:00Z s3 {"device":"phone"}
    3b add_to_cart 2026-03-02T10:01:00Z s3 {"items":[{"price":10,"quantity":2}]}
    3c remove_from_cart 2026-03-02T10:02:00Z s3 {"items":[{"price":5}]}
    4a add_to_cart 2026-03-02T10:00:00Z s4 {"device":"phone","items":[{"price":30}]}
    4b begin_checkout 2026-03-02T10:04:00Z s4 {"device":"tablet"}
    5a view_item 2026-03-02T10:00:00Z s5 {"device":"phone"}
    5b add_to_cart 2026-03-02T10:01:00Z s5 {"items":[{"price":40}]}
    5c begin_checkout 2026-03-02T10:02:00Z s5
    5d purchase 2026-03-02T10:05:00Z s5 {"order_id":"5","items":[{"price":40}]}
    6 purchase 2026-03-02T10:00:00Z s6 {"device":"phone","order_id":"6","items":[{"price":1}]}
    7a view_item 2026-03-02T10:00:00Z s7 {"device":"desktop","channel":"app"}
    7b add_to_cart 2026-03-02T10:06:00Z s7 {"currency":"EUR","channel":"web","items":[{"price":12.5},{"price":2.5}]}')$$, 'sessions');
-- phone, in dollars: s1 .. s6. Lost: s3 20 - 5, s4 30
-- phone, 13 events; s1 0, s2 0, s3 120, s4 240, s5 300, s6 0 seconds: 660 / 6; 2 orders / 6
SELECT pg_temp.wants('funnel_daily', 'funnel', '["2026-03-02",null,"phone","USD",6,5,4,3,2,45]', '["2026-03-02","app","desktop","EUR",1,1,1,0,0,15]');
SELECT pg_temp.wants('session_daily', 'funnel', '["2026-03-02",null,null,"phone",6,3,12,2,0.3333,110]', '["2026-03-02","app",null,"desktop",1,0,2,0,0,360]');
SELECT results_eq($$SELECT round(view_to_cart, 4), round(cart_to_checkout, 4), round(checkout_to_purchase, 4), round(conversion, 4) FROM analytics.funnel_daily WHERE store_id = 'funnel' AND device = 'phone'$$,
    $$VALUES (0.8, 0.75, 0.6667, 0.3333)$$, 'the ratios: 4 / 5, 3 / 4, 2 / 3, 2 / 6');

-- CARTS IN OTHER MONEY. What was put into the cart has a price in euros, be it on the second line alone, or given as an amount.
SELECT lives_ok($$SELECT pg_temp.visits('carts', '
    1 add_to_cart 2026-03-02T10:00:00Z s1 {"currency":"EUR","items":[{"product_id":"a"},{"product_id":"b","price":8}]}
    2 add_to_cart 2026-03-03T10:00:00Z s2 {"currency":"EUR","amount":9}')$$, 'carts');
SELECT lives_ok($$INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, session_id, product_id, quantity, amount, currency) VALUES ('carts', '3', 'add_to_cart', '2026-03-04 10:00Z', 's3', 'a', 1, 7, 'EUR')$$, 'a cart by INSERT');
SELECT pg_temp.wants('funnel_daily', 'carts', '["2026-03-02",null,null,"EUR",1,1,1,0,0,8]', '["2026-03-03",null,null,"EUR",1,1,1,0,0,9]', '["2026-03-04",null,null,"EUR",1,1,1,0,0,7]');

SELECT pg_temp.compared('nothing merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() > 0, 'refresh');
SELECT pg_temp.compared('merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');

-- LATE: Ned's true first order; b is bridged; d's visit began the day before. TAKEN BACK: Lou's first order, all of Mia, y's middle, z's start.
SELECT lives_ok($$SELECT pg_temp.visits('people', 'n0 purchase 2026-01-03T10:00:00Z c-ned {"order_id":"N0","channel":"shop","country":"IT","items":[{"price":5}]}'),
    analytics.retract('l2', 'people'), analytics.retract('m1', 'people'),
    pg_temp.visits('late', '
    b3 page_view 2026-03-02T10:30:00Z a-b
    d0 page_view 2026-03-02T23:50:00Z a-d'), analytics.retract('y2', 'late'), analytics.retract('z1', 'late')$$, 'late events and retractions');
SELECT pg_temp.wants('customer', 'people',
    '["c-lou","2026-01-05T10:00:00","2026-03-01T10:00:00","2026-02-11T10:00:00","2026-02-11T10:00:00",1,15,"app","FR"]',
    '["c-ned","2026-01-03T10:00:00","2026-02-10T10:00:00","2026-01-03T10:00:00","2026-02-10T10:00:00",2,7.5,"shop","IT"]');  -- (10 + 5) / 2
SELECT pg_temp.wants('cohort_retention', 'people', '["2026-01-01",0,1,1,1,5,5]', '["2026-01-01",1,1,1,1,10,15]', '["2026-02-01",0,1,1,1,15,15]');
SELECT pg_temp.wants('session', 'late',
    '["a-b","2026-03-02T10:00:00","2026-03-02T11:00:00",3,0]', '["a-d","2026-03-02T23:50:00","2026-03-03T00:10:00",2,0]',
    '["a-y","2026-03-04T10:00:00","2026-03-04T10:00:00",1,0]', '["a-y","2026-03-04T10:40:00","2026-03-04T10:40:00",1,0]', '["a-z","2026-03-06T00:05:00","2026-03-06T00:05:00",1,0]');
-- 2 March: b 3600 s, d 1200 s
SELECT pg_temp.wants('session_daily', 'late', '["2026-03-02",null,null,null,2,0,5,0,0,2400]', '["2026-03-04",null,null,null,2,2,2,0,0,0]', '["2026-03-06",null,null,null,1,1,1,0,0,0]');
SELECT pg_temp.compared('corrections not merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() > 0, 'refresh');
SELECT pg_temp.compared('corrections merged');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT lives_ok($$SELECT analytics.rebuild(name) FROM unnest('{customer,session_daily}'::text[]) name$$, 'built anew');
SELECT pg_temp.compared('built anew');

-- A REVISION that says the same of when and where takes nothing away; one that moves an order moves all that hangs on it.
SELECT lives_ok($$SELECT pg_temp.visits('people', '
    l3 purchase 2026-03-11T10:00:00Z c-lou {"order_id":"L3","revision":2,"channel":"tv","country":"ES","items":[{"price":16}]}
    n0 purchase 2026-01-03T10:00:00Z c-ned {"order_id":"N0","revision":2,"channel":"shop","country":"IT","items":[{"price":6}]}')$$, 'revisions');
SELECT pg_temp.wants('customer', 'people',
    '["c-lou","2026-01-05T10:00:00","2026-03-11T10:00:00","2026-03-11T10:00:00","2026-03-11T10:00:00",1,16,"tv","ES"]',
    '["c-ned","2026-01-03T10:00:00","2026-02-10T10:00:00","2026-01-03T10:00:00","2026-02-10T10:00:00",2,8,"shop","IT"]');
SELECT pg_temp.wants('cohort_retention', 'people', '["2026-01-01",0,1,1,1,6,6]', '["2026-01-01",1,1,1,1,10,16]', '["2026-01-01",2,1,0,0,0,16]', '["2026-03-01",0,1,1,1,16,16]');
-- A CHANGED GAP. Of 10 minutes: b's visit is three, d's two. Of a day: y and z are one each, b is one.
SELECT lives_ok($$SELECT analytics.set_setting('session_gap', '10 minutes', 'late')$$, 'a gap of ten minutes');
SELECT pg_temp.wants('session', 'late',
    '["a-b","2026-03-02T10:00:00","2026-03-02T10:00:00",1,0]', '["a-b","2026-03-02T10:30:00","2026-03-02T10:30:00",1,0]', '["a-b","2026-03-02T11:00:00","2026-03-02T11:00:00",1,0]',
    '["a-d","2026-03-02T23:50:00","2026-03-02T23:50:00",1,0]', '["a-d","2026-03-03T00:10:00","2026-03-03T00:10:00",1,0]',
    '["a-y","2026-03-04T10:00:00","2026-03-04T10:00:00",1,0]', '["a-y","2026-03-04T10:40:00","2026-03-04T10:40:00",1,0]', '["a-z","2026-03-06T00:05:00","2026-03-06T00:05:00",1,0]');
SELECT pg_temp.wants('session_daily', 'late', '["2026-03-02",null,null,null,4,4,4,0,0,0]', '["2026-03-03",null,null,null,1,1,1,0,0,0]', '["2026-03-04",null,null,null,2,2,2,0,0,0]', '["2026-03-06",null,null,null,1,1,1,0,0,0]');
SELECT pg_temp.compared('gap of ten minutes');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT ok(analytics.refresh() >= 0, 'refresh');
SELECT pg_temp.compared('gap of ten minutes, merged');

-- A GAP OF A DAY is one of 24 hours, whatever zone the reading or the refreshing session is in: on 8 March New York has 23.
SELECT lives_ok($$SELECT analytics.set_setting('session_gap', '1 day', 'day'), pg_temp.visits('day', '
    1 page_view 2026-03-07T17:00:00Z a1
    2 page_view 2026-03-08T16:30:00Z a1
    3 page_view 2026-10-31T12:00:00Z a2')$$, 'visits');
SELECT pg_temp.wants('session', 'day', '["a1","2026-03-07T17:00:00","2026-03-08T16:30:00",2,0]', '["a2","2026-10-31T12:00:00","2026-10-31T12:00:00",1,0]');
SET timezone = 'America/New_York';
SELECT pg_temp.compared('read in New York');
SELECT ok(analytics.refresh() > 0, 'refreshed in New York');
SELECT lives_ok($$SELECT pg_temp.visits('day', '4 page_view 2026-11-01T12:30:00Z a2')$$, 'more than 24 hours later');
SELECT pg_temp.wants('session', 'day', '["a1","2026-03-07T17:00:00","2026-03-08T16:30:00",2,0]', '["a2","2026-10-31T12:00:00","2026-10-31T12:00:00",1,0]', '["a2","2026-11-01T12:30:00","2026-11-01T12:30:00",1,0]');
SELECT pg_temp.compared('in New York, where 1 November has 25 hours');
SET timezone = 'UTC';
SELECT pg_temp.compared('in UTC');
SELECT is_empty('SELECT * FROM analytics.reconcile()', 'the books balance');
SELECT * FROM finish();
