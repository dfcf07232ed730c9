-- Customer value of CDNOW's 1/10 sample (tests/data/cdnow): what was published of it, from events, merged and not, as of the end of the
-- papers' calibration period.
CREATE TABLE public.sent (master_id text, customer_id text, day date, units integer, worth numeric);
\copy public.sent FROM PROGRAM 'xz -dc tests/data/cdnow/sample.csv.xz' (FORMAT csv, HEADER)
SELECT plan(74);
SELECT analytics.maintain_partitions();
-- merged: what came until July, and is read as what is merged; the rest is the tail
CREATE FUNCTION public.send(sent_from date, sent_until date, store text) RETURNS bigint LANGUAGE sql AS $$
    WITH w AS (INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
               SELECT store, 'e' || n, 1, 'purchase', (day + time '12:00') AT TIME ZONE 'UTC', customer_id, 'o' || n, 'cd', units, worth / units, worth, 'USD'
                 FROM (SELECT s.*, row_number() OVER (ORDER BY customer_id, day, units, worth) AS n FROM public.sent s) s
                WHERE day >= sent_from AND day < sent_until RETURNING 1)
    SELECT count(*) FROM w
$$;
SELECT is(public.send('1997-01-01', '1997-07-01', 'cdnow') + public.send('1997-07-01', '1999-01-01', 'cdnow'), 6919::bigint, 'sent');
-- each customer by hand: days with purchases
CREATE VIEW public.by_hand AS
SELECT customer_id, count(*) - 1 AS frequency, (max(day) - min(day)) / 7.0 AS recency, (date '1997-09-30' - min(day)) / 7.0 AS t,
       avg(worth) FILTER (WHERE nth > 1) AS monetary_value, count(*) FILTER (WHERE nth > 1) AS x
  FROM (SELECT customer_id, day, sum(worth) AS worth, row_number() OVER (PARTITION BY customer_id ORDER BY day) AS nth
          FROM public.sent WHERE day <= '1997-09-30' GROUP BY 1, 2) d
 GROUP BY 1;

CREATE FUNCTION public.figures(m analytics.model) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s %s %s %s | %s %s %s %s | %s', round((m.metrics #>> '{bgnbd,r}')::numeric, 4), round((m.metrics #>> '{bgnbd,alpha}')::numeric, 3), round((m.metrics #>> '{bgnbd,a}')::numeric, 3),
                  round((m.metrics #>> '{bgnbd,b}')::numeric, 3), round((m.metrics #>> '{bgnbd,log_likelihood}')::numeric, 2), round((m.metrics #>> '{gamma_gamma,p}')::numeric, 2),
                  round((m.metrics #>> '{gamma_gamma,q}')::numeric, 2), round((m.metrics #>> '{gamma_gamma,v}')::numeric, 2), round((m.metrics #>> '{gamma_gamma,log_likelihood}')::numeric, 2), m.rows)
$$;
\set as_of '''1997-10-01 00:00+00'''
-- nothing merged
SELECT is(public.figures(analytics.fit_customer_value('cdnow', :as_of, '273 days')), '0.2426 4.414 0.793 2.426 -9582.43 | 6.25 3.74 15.44 -4055.92 | 2357', 'the published estimates, from the tail alone');
SELECT is(round((SELECT sum(expected_purchases) FROM analytics.customer_value)::numeric, 1), 1653.4, 'and the purchases that they let expect in 39 weeks');
-- a part merged
SELECT analytics.refresh();
SELECT is(public.figures(analytics.fit_customer_value('cdnow', :as_of, '273 days')), '0.2426 4.414 0.793 2.426 -9582.43 | 6.25 3.74 15.44 -4055.92 | 2357', 'the same when all is merged');
SELECT analytics.retract('e1', 'cdnow');
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT 'cdnow', 'e1-again', 1, 'purchase', (day + time '13:00') AT TIME ZONE 'UTC', customer_id, 'o1-again', 'cd', units, worth / units, worth, 'USD'
  FROM public.sent ORDER BY customer_id, day, units, worth LIMIT 1;
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id) VALUES ('cdnow', 'v1', 'page_view', '1997-08-01 09:00+00', '0002'), ('cdnow', 'v2', 'page_view', '1997-08-01 09:00+00', 'nobody');
SELECT is(public.figures(analytics.fit_customer_value('cdnow', :as_of, '273 days')), '0.2426 4.414 0.793 2.426 -9582.43 | 6.25 3.74 15.44 -4055.92 | 2357', 'and when some is taken back and sent anew, and visits come');
SELECT results_eq($$SELECT version, status, promoted FROM analytics.model ORDER BY 1$$, $$VALUES (1, 'ready', true), (2, 'ready', true), (3, 'ready', true)$$, 'three versions');
SELECT is_empty($$
    SELECT * FROM analytics.customer_value v FULL JOIN public.by_hand h USING (customer_id)
     WHERE v.frequency IS DISTINCT FROM h.frequency OR abs(v.recency - h.recency) > 1e-9 OR abs(v.t - h.t) > 1e-9 OR v.monetary_value IS NULL <> (h.x = 0)
        OR abs(v.monetary_value - h.monetary_value) > 1e-9 OR v.recency IS NULL $$, 'each customer is what adding up by hand makes of it');
SELECT is_empty($$SELECT * FROM analytics.customer_value WHERE NOT (p_alive BETWEEN 0 AND 1 AND expected_purchases > 0 AND expected_value > 0 AND clv > 0 AND clv < expected_purchases * expected_value)$$, 'all figures are sound');
SELECT results_eq($$SELECT DISTINCT store_id, horizon, as_of, model_version FROM analytics.customer_value$$, $$VALUES ('cdnow', interval '273 days', timestamptz '1997-10-01 00:00+00', 3)$$, 'of the version that serves');
SELECT results_eq($$SELECT frequency, round(recency::numeric, 2), round(t::numeric, 2), monetary_value, round(p_alive::numeric, 4), round(expected_purchases::numeric, 3), round(expected_value::numeric, 2)
                      FROM analytics.customer_value WHERE customer_id = '0001'$$,
    $$VALUES (2, 30.43, 38.86, 22.345::float8, 0.7266, 1.226, 24.65)$$, 'the papers'' first customer');
-- the discount by hand: 273 days are nine months of 30 days, and three days
SELECT is(round((SELECT clv FROM analytics.customer_value WHERE customer_id = '0001')::numeric, 6),
    (SELECT round((sum((analytics.bgnbd_expected(m.metrics -> 'bgnbd', 2, 213 / 7.0, 272 / 7.0, least(30.0 * i, 273) / 7) - analytics.bgnbd_expected(m.metrics -> 'bgnbd', 2, 213 / 7.0, 272 / 7.0, 30.0 * (i - 1) / 7))
                       * 1.01 ^ -(least(30.0 * i, 273) / 30) * analytics.gamma_gamma_value(m.metrics -> 'gamma_gamma', 2, 22.345)))::numeric, 6)
       FROM analytics.model m, generate_series(1, 10) i WHERE m.version = 3), 'clv is what is expected of each month, discounted by 1 % a month');
SELECT is((SELECT round(extract(epoch FROM expected_next_order_at - as_of) / 86400, 1) FROM analytics.customer_value WHERE customer_id = '0001'),
    (SELECT round(((4.4136020 + 272 / 7.0) * ((1 - 0.5 / p_alive) ^ (-1 / (2 + 0.2425945)) - 1) * 7)::numeric, 1) FROM analytics.customer_value WHERE customer_id = '0001'), 'the next order: the median of the time to it');
SELECT is_empty($$SELECT * FROM analytics.customer_value WHERE expected_next_order_at IS NOT NULL AND (p_alive <= 0.5 OR expected_next_order_at > as_of + interval '11 years') OR expected_next_order_at < as_of$$, 'none of who is more likely gone');

-- another moment, unit and horizon
CREATE TEMP TABLE by_week AS SELECT customer_id, expected_next_order_at AS at FROM analytics.customer_value;
SELECT is((analytics.fit_customer_value('cdnow', :as_of, '273 days', '1 day')).metrics #>> '{bgnbd,r}' IS NOT NULL, true, 'in days');
SELECT is(round((SELECT (metrics #>> '{bgnbd,alpha}')::numeric FROM analytics.model ORDER BY version DESC LIMIT 1), 2), 30.90, 'alpha is in days then: 7 times 4.4136');
SELECT is((SELECT count(*) FROM analytics.customer_value WHERE customer_id = '0001' AND recency = 213 AND t = 272 AND round(expected_purchases::numeric, 3) = 1.226), 1::bigint, 'times too; expectations are the same');
-- (weeks of 1997-10 to 1998 in New York are an hour longer or shorter where the clocks change)
SET timezone = 'America/New_York';
SELECT is((SELECT status FROM analytics.fit_customer_value('cdnow', :as_of, '273 days', '1 month')), 'ready', 'in months, told in another time zone');
SELECT is_empty($$SELECT * FROM analytics.customer_value v JOIN by_week w USING (customer_id)
                   WHERE v.expected_next_order_at IS NULL <> (w.at IS NULL) OR abs(extract(epoch FROM v.expected_next_order_at - w.at)) > 60$$, 'the next order is at the same moment');
RESET timezone;
SELECT is((analytics.fit_customer_value('cdnow', '1997-04-01 00:00+00')).rows, (SELECT count(DISTINCT customer_id) FROM public.sent WHERE day < '1997-04-01'), 'as of a past day: who had bought by then');
SELECT is((SELECT count(*) FROM analytics.customer_value), (SELECT count(DISTINCT customer_id) FROM public.sent WHERE day < '1997-04-01'), 'and nobody else is shown');
SELECT is((SELECT array_agg(version ORDER BY version) FROM analytics.model), '{4,5,6}', 'three versions are kept');
SELECT is((SELECT count(DISTINCT model_id) FROM analytics.customer_prediction), 3::bigint, 'with what they predict, and no others');
SELECT is((analytics.promote_model((SELECT model_id FROM analytics.model WHERE version = 4))).promoted, true, 'back to an older version');
SELECT results_eq('SELECT count(*), min(model_version) FROM analytics.customer_value', 'VALUES (2357::bigint, 4)', 'which shows what it predicted');
-- within a day: midday of 30 September is before that day's purchases at 12:00 count
SELECT is((SELECT sum(frequency) FROM analytics.customer_purchases('cdnow', '1997-09-30 12:00+00')), (SELECT count(*) - count(DISTINCT customer_id) FROM (SELECT DISTINCT customer_id, day FROM public.sent WHERE day < '1997-09-30') d)::bigint, 'a purchase at the moment itself is not before it');
SELECT is((SELECT sum(frequency) FROM analytics.customer_purchases('cdnow', '1997-09-30 12:00:01+00')), 2457::bigint, 'a moment later it is');
-- what is null: one who bought once
SELECT is((SELECT count(*) FROM analytics.customer_value WHERE frequency = 0 AND (monetary_value IS NOT NULL OR p_alive <> 1 OR recency <> 0)), 0::bigint, 'of those who bought once nothing is known but that');
-- the same seed, the same figures
SELECT is((SELECT count(DISTINCT m) FROM (SELECT (analytics.fit_customer_value('cdnow', :as_of, '273 days', '7 days', s)).metrics AS m FROM unnest('{7,7}'::bigint[]) s OFFSET 0) u), 1::bigint, 'a seed gives the same to the last digit');

-- money in another currency since
SELECT analytics.set_setting('currency', 'EUR', 'cdnow');
SELECT results_eq('SELECT count(*), count(clv), count(monetary_value), count(expected_value), count(p_alive) FROM analytics.customer_value', 'VALUES (2357::bigint, 0::bigint, 0::bigint, 0::bigint, 2357::bigint)', 'money of before is not shown as the new currency''s');
SELECT analytics.set_setting('currency', 'USD', 'cdnow');
SELECT is((SELECT count(clv) FROM analytics.customer_value), 2357::bigint, 'back in the old one it is');

-- somebody is forgotten
SELECT is(analytics.erase_customer('cdnow', '0001'), 5::bigint, 'a customer is erased: four purchases, and the one that was sent anew');
SELECT is((SELECT count(*) FROM analytics.customer_value WHERE customer_id = '0001'), 0::bigint, 'and gone from customer_value');
SELECT is((SELECT count(*) FROM analytics.customer_prediction WHERE customer_id = '0001'), 0::bigint, 'from all versions');
SELECT is((SELECT count(*) FROM analytics.customer_value), 2356::bigint, 'nobody else is');
SELECT is((SELECT rows FROM analytics.fit_customer_value('cdnow', :as_of)), 2356::bigint, 'the next fit does without');

-- too little, and what can't be
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT store, format('%s-%s-%s', store, c, d), 1, 'purchase', timestamptz '2020-01-01 12:00+00' + d * interval '10 days', 'c' || c, format('%s-%s-%s', store, c, d), 'p', 1, price, price, 'USD'
  FROM (VALUES ('one', 1, 1, 10.0), ('once', 50, 1, 10), ('few', 30, 2, 10), ('same', 40, 4, 10), ('free', 40, 4, 0)) s(store, customers, times, price)
 CROSS JOIN LATERAL generate_series(1, customers) c CROSS JOIN LATERAL generate_series(1, CASE WHEN store = 'few' AND c > 9 THEN 1 WHEN store IN ('same', 'free') THEN times ELSE times END) d;
CREATE FUNCTION public.outcome(store text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(': ', m.status, m.error) FROM analytics.fit_customer_value(store, '2020-06-01 00:00+00') m
$$;
SELECT is(public.outcome('nobody'), 'insufficient_data: too few customers: 0 have bought, 0 of them on more than one day; it takes 20 and 10', 'a store without customers');
SELECT is(public.outcome('one'), 'insufficient_data: too few customers: 1 have bought, 0 of them on more than one day; it takes 20 and 10', 'a store with one');
SELECT is(public.outcome('once'), 'insufficient_data: too few customers: 50 have bought, 0 of them on more than one day; it takes 20 and 10', 'one-time buyers alone');
SELECT is(public.outcome('few'), 'insufficient_data: too few customers: 30 have bought, 9 of them on more than one day; it takes 20 and 10', 'nine who bought again');
SELECT is(public.outcome('same'), 'ready', 'all alike: an answer');
SELECT is((SELECT count(*) FROM analytics.customer_value WHERE store_id = 'same' AND p_alive BETWEEN 0 AND 1 AND expected_purchases >= 0 AND expected_purchases < 'Infinity' AND expected_value IS NULL AND clv IS NULL), 40::bigint, 'about purchases; what all pay alike is nothing to learn from');
SELECT is((SELECT metrics #>> '{gamma_gamma,reason}' FROM analytics.model WHERE store_id = 'same'), 'all customers spend the same', 'which it says');
SELECT is(public.outcome('free'), 'ready', 'and of what costs nothing');
SELECT is((SELECT metrics #>> '{gamma_gamma,reason}' FROM analytics.model WHERE store_id = 'free'), 'fewer than two customers with purchases of a positive value', 'there is no worth');
SELECT is_empty($$SELECT * FROM analytics.model WHERE metrics::text ~ 'NaN|Infinity'$$, 'no figure is none');
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow', 'infinity')$$, '22023', 'invalid as_of', 'no moment');
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow', now() + interval '2 days')$$, '22023', 'invalid as_of', 'nor one to come');
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow', horizon => '0')$$, '22023', 'invalid horizon', 'no horizon');
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow', horizon => '20 years')$$, '22023', 'invalid horizon', 'one too far');
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow', time_unit => '-1 day')$$, '22023', 'invalid time_unit', 'no unit');
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow', seed => NULL)$$, '22023', 'invalid seed', 'no seed');
SELECT throws_ok($$SELECT analytics.fit_customer_value(NULL)$$, '22023', 'invalid store', 'no store');

-- the functions by themselves
SELECT is(analytics.bgnbd_fit('{}', '{}', '{}'), '{"converged": false, "reason": "fewer than two customers"}'::jsonb, 'no customers');
SELECT is(analytics.bgnbd_fit('{0,0}', '{0,0}', '{5,6}'), '{"converged": false, "reason": "no customer has bought again"}'::jsonb, 'no purchases');
SELECT is(analytics.gamma_gamma_fit('{1,2}', '{0,0}'), '{"converged": false, "reason": "fewer than two customers with purchases of a positive value"}'::jsonb, 'nothing paid');
SELECT is(analytics.bgnbd_fit(NULL, '{}', '{}'), NULL, 'null of null');
SELECT throws_ok($$SELECT analytics.bgnbd_fit('{1,NULL}', '{1,2}', '{3,4}')$$, '22023', 'frequency must be a list of numbers without null', 'null in a list');
SELECT throws_ok($$SELECT analytics.bgnbd_fit('{{1},{1}}', '{1,2}', '{3,4}')$$, '22023', 'frequency must be a list of numbers without null', 'a list of lists');
SELECT throws_ok($$SELECT analytics.bgnbd_fit('{1,1}', '{1,2}', '{3}')$$, '22023', 'frequency, recency and t must be of one length', 'lists of different lengths');
SELECT throws_ok($$SELECT analytics.bgnbd_fit('{1,NaN}', '{1,2}', '{3,4}')$$, '22023', 'frequency must be a whole number from 0 to 1,000,000,000', 'no number');
SELECT throws_ok($$SELECT analytics.bgnbd_expected('{"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}', 2, 30, 38, 1e300)$$, '22023', 'horizon is farther away than can be computed', 'a horizon that is no time');
SELECT throws_ok($$SELECT analytics.bgnbd_p_alive('{}', 1, 1, 2)$$, '22023', 'params holds no number "r"', 'no parameters');
SELECT throws_ok($$SELECT analytics.bgnbd_p_alive('{"converged": false, "reason": "x"}', 1, 1, 2)$$, '22023', 'params holds no number "r"', 'of a fit that failed');
SELECT throws_ok($$SELECT analytics.bgnbd_p_alive('[1]', 1, 1, 2)$$, '22023', 'params holds no number "r"', 'a list');
SELECT throws_ok($$SELECT analytics.bgnbd_p_alive('{"r": 1, "alpha": -1, "a": 1, "b": 1}', 1, 1, 2)$$, '22023', 'parameter alpha of BG/NBD must be positive', 'a negative one');
SELECT throws_ok($$SELECT analytics.gamma_gamma_value('{"p": 1, "q": "2", "v": 1}', 1, 1)$$, '22023', 'params holds no number "q"', 'a text');
SELECT is(analytics.gamma_gamma_value('{"p": 1, "q": 0.5, "v": 1}', 0, 0), NULL, 'no mean: null');
-- parameters change from row to row
SELECT results_eq($$SELECT round(analytics.gamma_gamma_value(jsonb_build_object('p', p, 'q', 3, 'v', 4), 0, 0)::numeric, 6) FROM generate_series(1, 3) p$$, 'VALUES (2.0), (4.0), (6.0)', 'each row has its own parameters');

-- who sees what
SELECT analytics.fit_customer_value('same', '2020-06-01 00:00+00');
CREATE ROLE v_reader; CREATE ROLE v_admin;
GRANT v_reader, v_admin TO CURRENT_USER;
SELECT analytics.grant_access('v_reader', 'reader'), analytics.grant_access('v_admin', 'admin');
SET ROLE v_reader;
SELECT set_eq('SELECT DISTINCT store_id FROM analytics_api.customer_value', '{cdnow,free,same}'::text[], 'a reader sees all stores');
SELECT throws_ok($$SELECT analytics.fit_customer_value('same')$$, '42501', NULL, 'and trains nothing');
SET request.jwt.claims TO '{"stores": ["same"]}';
SELECT set_eq('SELECT store_id FROM analytics.customer_value UNION SELECT store_id FROM analytics_api.model', '{same}'::text[], 'a claim shows one store');
SET ROLE v_admin;
SELECT throws_ok($$SELECT analytics.fit_customer_value('cdnow')$$, '42501', 'permission denied for this store', 'and trains one alone');
SELECT is((analytics.fit_customer_value('same', '2020-06-01 00:00+00')).status, 'ready', 'an administrator trains');
CALL analytics.run_models();
RESET ROLE;
RESET request.jwt.claims;
SELECT is((SELECT count(*) FROM analytics.model WHERE (parameters ->> 'as_of')::timestamptz > '2020-06-02' AND store_id <> 'same'), 0::bigint, 'run_models() too');
DROP OWNED BY v_reader, v_admin;
DROP ROLE v_reader, v_admin;
SELECT * FROM finish();
