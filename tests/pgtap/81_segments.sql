-- RFM segments, worked out by hand: each of the eleven groups, ties, halves, days of a store, refunds; movement, history, erasure.
SELECT plan(67);
SET timezone = 'America/Caracas';

-- A to O have their last orders in this order, each on a day of March and 3 to a recency score. Orders and net sales:
--   1 order: A B D E G J M (rank 1: f 1); 2: F H K O (rank 8: f 1 + 35 / 15 = 3); 3: C I (rank 12: f 4); 5: L N (rank 14: f 5)
--   10: A G J M (rank 1: m 1); 20 D, 30 E (ranks 5, 6: m 2); 40 B, 50 H, 60 K (7 to 9: m 3); 70 F, 80 O, 90 C (10 to 12: m 4);
--   100 I, 110 L, 120 N (13 to 15: m 5)
CREATE TEMP TABLE wanted (customer text, day integer, orders integer, sales numeric, r integer, f integer, m integer, segment text);
INSERT INTO wanted VALUES
    ('A', 1, 1, 10, 1, 1, 1, 'dormant'), ('B', 2, 1, 40, 1, 1, 3, 'at_risk'), ('C', 3, 3, 90, 1, 4, 4, 'previously_loyal'),
    ('D', 4, 1, 20, 2, 1, 2, 'at_risk'),           -- fm 1.5: 2
    ('E', 5, 1, 30, 2, 1, 2, 'at_risk'),
    ('F', 6, 2, 70, 2, 3, 4, 'previously_loyal'),  -- fm 3.5: 4
    ('G', 7, 1, 10, 3, 1, 1, 'almost_lost'), ('H', 8, 2, 50, 3, 3, 3, 'needs_attention'),
    ('I', 9, 3, 100, 3, 4, 5, 'loyal'),            -- fm 4.5: 5, but not recent enough for a champion
    ('J', 10, 1, 10, 4, 1, 1, 'promising'), ('K', 11, 2, 60, 4, 3, 3, 'active'), ('L', 12, 5, 110, 4, 5, 5, 'champions'),
    ('M', 13, 1, 10, 5, 1, 1, 'new'), ('N', 14, 5, 120, 5, 5, 5, 'champions'), ('O', 15, 2, 80, 5, 3, 4, 'loyal'),
    ('P', 16, 0, 0, NULL, NULL, NULL, 'prospects');
-- all but the last order in January; the last is paid with what is missing, and 5 more, which are refunded on March 20
CREATE FUNCTION pg_temp.event(customer text, day date, number integer, price numeric) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('event', 'purchase', 'event_id', customer || number, 'order_id', customer || number, 'timestamp', day || 'T12:00:00Z', 'customer_id', customer,
                              'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'price', price)))
$$;
SELECT is((SELECT sum(i.accepted) FROM wanted w, generate_series(1, w.orders - 1) n, analytics.ingest(pg_temp.event(w.customer, '2026-01-10', n, 1), store => 'hand') i), 16::numeric, 'first orders');
SELECT is((SELECT sum(i.accepted) FROM wanted w, analytics.ingest(pg_temp.event(w.customer, date '2026-03-01' + w.day - 1, w.orders, w.sales - w.orders + 1 + CASE WHEN w.orders > 1 THEN 5 ELSE 0 END), store => 'hand') i WHERE w.orders > 0),
          15::numeric, 'last orders');
SELECT is((SELECT sum(i.accepted) FROM wanted w, analytics.ingest(jsonb_build_object('event', 'refund', 'event_id', 'r' || w.customer, 'order_id', w.customer || w.orders, 'timestamp', '2026-03-20T12:00:00Z', 'customer_id', w.customer, 'amount', 5), store => 'hand') i
            WHERE w.orders > 1), 8::numeric, 'refunds');
SELECT is((SELECT accepted FROM analytics.ingest('{"event": "view_item", "timestamp": "2026-03-16T12:00:00Z", "customer_id": "P"}', store => 'hand')), 1::bigint, 'somebody looks');

CREATE FUNCTION pg_temp.as_worked_out(moment text) RETURNS text LANGUAGE sql AS $$
    SELECT set_eq($q$SELECT customer_id, recency_days, frequency, monetary::integer, r_score::integer, f_score::integer, m_score::integer, segment FROM analytics.rfm_at('2026-03-31', 'hand')$q$,
        $q$SELECT customer, CASE WHEN orders > 0 THEN 31 - day END, orders::bigint, sales::integer, r, f, m, segment FROM wanted$q$, 'each customer as worked out: ' || moment)
$$;
SELECT pg_temp.as_worked_out('nothing merged');
SELECT cmp_ok(analytics.refresh(), '>', 0::bigint, 'merged');
SELECT pg_temp.as_worked_out('merged');
SELECT is((SELECT count(DISTINCT segment) FROM wanted), 11::bigint, 'all of the groups are there');

-- on March 19 the refunds are still to come: 5 more of those with several orders, in the same places but K (65) and F (75)
SELECT set_eq($$SELECT customer_id, monetary::integer, recency_days FROM analytics.rfm_at('2026-03-19', 'hand')$$,
    $$SELECT customer, (sales + CASE WHEN orders > 1 THEN 5 ELSE 0 END)::integer, CASE WHEN orders > 0 THEN 19 - day END FROM wanted$$, 'before the refunds');
-- On March 1 there are the first orders, of eight, and A's. Orders of these 9: 1 A F H K O (rank 1: f 1), 2 C I (rank 6: 1 + 25 / 9, f 3), 4 L N
-- (rank 8: 1 + 35 / 9, f 4). Net sales: 1 F H K O (m 1), 2 C I (rank 5: 1 + 20 / 9, m 3), 4 L N (rank 7: 1 + 30 / 9, m 4), 10 A (rank 9: m 5).
SELECT results_eq($$SELECT customer_id, recency_days, frequency, monetary::integer, r_score::integer, f_score::integer, m_score::integer, segment FROM analytics.rfm_at('2026-03-01', 'hand') ORDER BY 1$$,
    $$VALUES ('A', 0, 1::bigint, 10, 5, 1, 5, 'active'), ('C', 50, 2::bigint, 2, 1, 3, 3, 'at_risk'), ('F', 50, 1::bigint, 1, 1, 1, 1, 'dormant'),
             ('H', 50, 1::bigint, 1, 1, 1, 1, 'dormant'), ('I', 50, 2::bigint, 2, 1, 3, 3, 'at_risk'), ('K', 50, 1::bigint, 1, 1, 1, 1, 'dormant'),
             ('L', 50, 4::bigint, 4, 1, 4, 4, 'previously_loyal'), ('N', 50, 4::bigint, 4, 1, 4, 4, 'previously_loyal'), ('O', 50, 1::bigint, 1, 1, 1, 1, 'dormant')$$, 'as of an earlier day');
SELECT is_empty($$SELECT * FROM analytics.rfm_at('2026-01-09', 'hand')$$, 'nobody is known before the first event');
SELECT results_eq($$SELECT as_of, recency_days FROM analytics.rfm_at('2026-01-10', 'hand') GROUP BY 1, 2$$, $$VALUES (date '2026-01-10', 0)$$, 'the day itself counts');

-- SUMMARY as of today: the groups of the last day with an event, since scores do not age by themselves
SELECT set_eq($$SELECT segment, customers, orders, net_sales::integer, round(avg_frequency, 4) AS avg_frequency, round(avg_monetary, 4) AS avg_monetary FROM analytics.segment_summary WHERE store_id = 'hand'$$,
    $$SELECT segment, count(*), sum(orders)::bigint AS orders, sum(sales)::integer AS sales, round(avg(orders), 4), round(avg(sales), 4) AS m FROM wanted GROUP BY 1$$, 'a summary');
SELECT is((SELECT sum(share) FROM analytics.segment_summary WHERE store_id = 'hand'), 1::numeric, 'shares make a whole');
SELECT is((SELECT share FROM analytics.segment_summary WHERE store_id = 'hand' AND segment = 'at_risk'), 3::numeric / 16, 'three of sixteen are at risk');
SELECT is((SELECT avg_recency_days FROM analytics.segment_summary WHERE store_id = 'hand' AND segment = 'champions'), ((now() AT TIME ZONE 'UTC')::date - date '2026-03-13')::numeric, 'champions bought on March 13 on average');
SELECT is((SELECT accepted FROM analytics.ingest('{"event": "purchase", "order_id": "1", "timestamp": "2026-03-05T23:30:00Z", "customer_id": "Z", "items": [{"product_id": "p", "price": 3}]}', store => 'few')), 1::bigint, 'a shop of one');
SELECT results_eq($$SELECT segment, customers, share, orders, net_sales, avg_recency_days IS NULL, avg_frequency, avg_monetary FROM analytics.segment_summary WHERE store_id = 'few' ORDER BY customers, segment COLLATE "C"$$,
    $$SELECT s, CASE s WHEN 'dormant' THEN 1 ELSE 0 END::bigint, CASE s WHEN 'dormant' THEN 1 ELSE 0 END::numeric, CASE s WHEN 'dormant' THEN 1 ELSE 0 END::bigint, CASE s WHEN 'dormant' THEN 3 ELSE 0 END::numeric, s <> 'dormant', CASE s WHEN 'dormant' THEN 1 END::numeric, CASE s WHEN 'dormant' THEN 3 END::numeric
        FROM unnest('{active,almost_lost,at_risk,champions,loyal,needs_attention,new,previously_loyal,promising,prospects,dormant}'::text[]) WITH ORDINALITY u(s, o) ORDER BY o$$, 'rows of nobody are shown; one buyer is first of one');

-- DAYS are the store's: that order, at 23:30 UTC, was on the 6th in Auckland
SELECT lives_ok($$SELECT analytics.set_setting('timezone', 'Pacific/Auckland', 'few')$$, 'a shop in Auckland');
SELECT is_empty($$SELECT * FROM analytics.rfm_at('2026-03-05', 'few')$$, 'nothing on the 5th');
SELECT results_eq($$SELECT recency_days FROM analytics.rfm_at('2026-03-08', 'few')$$, 'VALUES (2)', 'bought two days before the 8th');
SELECT lives_ok($$SELECT analytics.set_setting('clock', 'data', 'few')$$, 'its clock is the newest event''s');
SELECT results_eq($$SELECT as_of, recency_days FROM analytics.rfm WHERE store_id = 'few'$$, $$VALUES (date '2026-03-06', 0)$$, 'which makes today the 6th');

-- At one o'clock on November 2, 2025, Havana's clocks went back to midnight: half past midnight came twice, at 04:30 and 05:30 UTC
SELECT lives_ok($$SELECT analytics.set_setting('timezone', 'America/Havana', 'havana')$$, 'a shop in Havana');
SELECT is((SELECT accepted FROM analytics.ingest('[{"event": "purchase", "order_id": "1", "timestamp": "2025-11-02T04:30:00Z", "customer_id": "first", "items": [{"product_id": "p", "price": 3}]},
    {"event": "purchase", "order_id": "2", "timestamp": "2025-11-02T03:59:59Z", "customer_id": "before", "items": [{"product_id": "p", "price": 3}]}]', store => 'havana')), 2::bigint, 'sells around it');
SELECT cmp_ok(analytics.refresh(), '>', 0::bigint, 'merged');
SELECT results_eq($$SELECT customer_id FROM analytics.rfm_at('2025-11-01', 'havana')$$, $$VALUES ('before')$$, 'the first half past midnight is no longer November 1');
SELECT is((SELECT count(*) FROM analytics.rfm_at('2025-11-02', 'havana')), 2::bigint, 'but the 2nd');

-- REFUSED
SELECT throws_ok($$SELECT * FROM analytics.rfm_at(store => '')$$, '22023', 'invalid store', 'no store');
SELECT throws_ok($$SELECT * FROM analytics.rfm_at('infinity')$$, '22023', 'invalid day', 'no day');
SELECT throws_ok($$SELECT * FROM analytics.segment_movement('2026-03-02', '2026-03-01')$$, '22023', 'invalid range of days', 'no range');
SELECT throws_ok($$SELECT * FROM analytics.segment_movement(NULL, '2026-03-01')$$, '22023', 'invalid range of days', 'half a range');

-- MOVEMENT from the first of March, see above, to the last
SELECT results_eq($$SELECT * FROM analytics.segment_movement('2026-03-01', '2026-03-31', 'hand')$$,
    $$VALUES ('(new)', 'almost_lost', 1::bigint, 10::numeric), ('(new)', 'at_risk', 3::bigint, 90::numeric), ('(new)', 'new', 1::bigint, 10::numeric), ('(new)', 'promising', 1::bigint, 10::numeric),
             ('(new)', 'prospects', 1::bigint, 0::numeric), ('active', 'dormant', 1::bigint, 10::numeric), ('at_risk', 'loyal', 1::bigint, 100::numeric), ('at_risk', 'previously_loyal', 1::bigint, 90::numeric),
             ('dormant', 'active', 1::bigint, 60::numeric), ('dormant', 'loyal', 1::bigint, 80::numeric), ('dormant', 'needs_attention', 1::bigint, 50::numeric), ('dormant', 'previously_loyal', 1::bigint, 70::numeric),
             ('previously_loyal', 'champions', 2::bigint, 230::numeric)$$, 'who moved where');
SELECT set_eq($$SELECT to_segment, sum(customers) FROM analytics.segment_movement('2026-01-01', '2026-03-31', 'hand') GROUP BY 1$$, 'SELECT segment, count(*)::numeric FROM wanted GROUP BY 1', 'all have come since');
SELECT results_eq($$SELECT DISTINCT from_segment, net_sales IS NULL FROM analytics.segment_movement('2025-01-01', '2026-03-31', NULL)$$, $$VALUES ('(new)', false)$$, 'of all stores');
SELECT lives_ok($$SELECT analytics.set_setting('currency', 'NZD', 'few')$$, 'which report in one currency no longer');
SELECT results_eq($$SELECT DISTINCT from_segment, net_sales IS NULL FROM analytics.segment_movement('2025-01-01', '2026-03-31', NULL)$$, $$VALUES ('(new)', true)$$, 'so that their money does not add');

-- HISTORY
CREATE FUNCTION pg_temp.history(customer text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(to_char(day, 'MM-DD ') || coalesce(segment, '-'), ', ' ORDER BY day) FROM analytics.segment_history WHERE store_id = 'hand' AND customer_id = customer $$;
CREATE FUNCTION pg_temp.kept(on_day date) RETURNS text LANGUAGE sql AS $$
    SELECT set_eq(format($q$SELECT DISTINCT ON (customer_id) customer_id, segment FROM analytics.segment_history WHERE store_id = 'hand' AND day <= %1$L ORDER BY customer_id, day DESC$q$, on_day),
                  format($q$SELECT customer_id, segment FROM analytics.rfm_at(%L, 'hand')$q$, on_day), 'history has the segments of ' || on_day)
$$;
SELECT is(analytics.record_segments('2026-03-31', 'hand'), 16::bigint, 'the first day recorded is all new');
SELECT is(analytics.record_segments('2026-04-01', 'hand'), 0::bigint, 'the next one nothing changed');
SELECT is(analytics.record_segments('2026-03-01', 'hand'), 9::bigint, 'days may come in any order');
SELECT is(pg_temp.history('C') || '; ' || pg_temp.history('N') || '; ' || pg_temp.history('P'), '03-01 at_risk, 03-31 previously_loyal; 03-01 previously_loyal, 03-31 champions; 03-31 prospects', 'changes alone are kept');
SELECT cmp_ok(analytics.record_segments('2026-03-19', 'hand'), '>', 0::bigint, 'a day in between');
SELECT pg_temp.kept(d) FROM unnest('{2026-03-01,2026-03-19,2026-03-31,2026-04-01}'::date[]) d;
CREATE TEMP TABLE before AS SELECT * FROM analytics.segment_history;
SELECT lives_ok($$SELECT analytics.record_segments('2026-03-19', 'hand'), analytics.record_segments('2026-03-31', 'hand')$$, 'recorded once more');
SELECT is_empty('(TABLE before EXCEPT ALL TABLE analytics.segment_history) UNION ALL (TABLE analytics.segment_history EXCEPT ALL TABLE before)', 'they stay as they are');
SELECT is((SELECT accepted FROM analytics.ingest(pg_temp.event('P', '2026-03-18', 1, 500), store => 'hand')), 1::bigint, 'what was late');
SELECT lives_ok($$SELECT analytics.record_segments('2026-03-19', 'hand')$$, 'is in a day recorded anew');
SELECT is(pg_temp.history('P'), '03-19 active, 03-31 prospects', 'and not in the later one, which is as it was recorded');

-- ERASED, and known no more
SELECT cmp_ok(analytics.erase_customer('hand', 'C'), '>', 0::bigint, 'somebody is forgotten');
SELECT is(pg_temp.history('C'), NULL, 'by the history, too');
SELECT is_empty($$SELECT FROM analytics.rfm WHERE store_id = 'hand' AND customer_id = 'C'$$, 'and by the scores');
SELECT is(analytics.retract('A1', 'hand'), 1::bigint, 'the only order of another one never was');
SELECT cmp_ok(analytics.record_segments('2026-04-02', 'hand'), '>', 0::bigint, 'recorded');
SELECT is(pg_temp.history('A'), '03-01 active, 03-19 dormant, 04-02 -', 'the history says that there is no such customer');
SELECT is(pg_temp.history('C'), NULL, 'who was forgotten does not come back');
SELECT is(analytics.record_segments(store => 'few'), 0::bigint, 'null records yesterday: before the only order, on the day that is today there');
SELECT results_eq($$SELECT day FROM analytics.segment_recorded WHERE store_id = 'few'$$, $$VALUES (date '2026-03-05')$$, 'the last whole day');
SELECT throws_ok($$SELECT analytics.record_segments('infinity')$$, '22023', 'invalid day', 'no day');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok($$SELECT analytics.record_segments()$$, '25001', NULL, 'not with an old snapshot');
COMMIT;
-- what is to come is not recorded: it would stand between the days that follow
SELECT throws_ok($$SELECT analytics.record_segments(current_date + 3, 'hand')$$, '22023', 'the day is still to come', 'a day to come');
SELECT is_empty($$SELECT * FROM analytics.segment_recorded WHERE day > now() + interval '2 days'$$, 'is not recorded');
SELECT throws_ok($$SELECT analytics.record_segments('2026-03-31', 'nowhere')$$, '22023', 'unknown store', 'a store without events or settings');
SELECT is_empty($$SELECT * FROM analytics.segment_recorded WHERE store_id = 'nowhere'$$, 'is not recorded');
SELECT is(analytics.record_segments('2026-03-31', 'main'), 0::bigint, 'main is a store before its first event');
SELECT * FROM finish();
