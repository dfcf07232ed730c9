-- rfm_at() against a slow computation of its own from the events that stand: random shops with ties, refunds, corrections, several
-- currencies and time zones; of each day, whatever of it is merged.
SELECT plan(56);
SET timezone = 'America/Caracas';  -- of the session: no figure may depend on it

SELECT setseed(0.3);
SELECT lives_ok($$SELECT analytics.set_setting(k, v, s) FROM (VALUES ('timezone', 'Pacific/Apia', 'apia'), ('currency', 'EUR', 'apia'), ('timezone', 'America/Havana', 'havana'), ('timezone', 'Europe/London', 'london'),
    ('currency', 'GBP', 'london'), ('clock', 'data', 'havana')) x(k, v, s)$$, 'stores in three zones and currencies');
SELECT lives_ok($$SELECT analytics.set_exchange_rate('EUR', 1.25, '2026-03-01'), analytics.set_exchange_rate('EUR', 0.875, '2026-01-01', 'london'), analytics.set_exchange_rate('JPY', 0.0061, '2026-03-05', 'apia'),
    analytics.set_exchange_rate('JPY', 0.0075, '2026-03-20', 'apia')$$, 'rates that change; of some days there is none');

-- days from 2026-02-20 to 2026-04-20, some orders in the hours around a midnight; few customers and prices, so that much is equal
CREATE FUNCTION pg_temp.sent(mark text, n integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(i.accepted)::bigint
      FROM unnest('{apia,havana,london,main}'::text[]) s,
           analytics.ingest((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('event', e.type, 'event_id', mark || e.k, 'order_id', CASE e.type WHEN 'purchase' THEN mark || e.k WHEN 'refund' THEN mark || (e.k - 1) END,
                'timestamp', e.at, 'customer_id', e.who, 'anonymous_id', 'a' || e.k % 5, 'currency', e.currency, 'discount', CASE WHEN e.k % 7 = 0 THEN 1.5 END, 'test', CASE WHEN e.k % 31 = 0 THEN true END,
                'amount', CASE WHEN e.type = 'refund' THEN 5 END,
                'items', CASE e.type WHEN 'purchase' THEN jsonb_build_array(jsonb_build_object('product_id', 'p', 'price', 10 * e.price, 'quantity', 1 + e.k % 2),
                                          jsonb_build_object('product_id', 'g', 'price', 25, 'kind', CASE e.k % 3 WHEN 0 THEN 'gift_card' WHEN 1 THEN 'fee' ELSE 'product' END)) END)))
              FROM (SELECT k, CASE WHEN x < 0.55 THEN 'purchase' WHEN x < 0.75 AND k % 4 = 1 THEN 'refund' ELSE 'page_view' END AS type,
                           CASE WHEN y < 0.93 THEN 'c' || floor(1 + 40 * y * z) END AS who, CASE WHEN z < 0.2 THEN 'EUR' WHEN z < 0.3 THEN 'JPY' END AS currency, 1 + floor(6 * w) AS price,
                           timestamptz '2026-02-20 00:00Z' + floor(60 * y) * interval '1 day' + CASE WHEN w < 0.5 THEN floor(24 * z) * interval '1 hour' ELSE z * interval '1 day' END AS at
                      FROM (SELECT k, random() AS x, random() AS y, random() AS z, random() AS w FROM generate_series(1, n) k, (SELECT s) dependent) r) e), store => s) i
$$;

CREATE VIEW pg_temp.standing AS
SELECT e.store_id, e.customer_id, e.event_type, e.line, e.line_kind, e.occurred_at, coalesce(e.amount, e.unit_price * e.quantity) - coalesce(e.discount, 0) AS money, z.day,
       CASE WHEN coalesce(e.currency, z.currency) = z.currency THEN 1
            ELSE coalesce((SELECT r.rate FROM analytics.exchange_rate r WHERE r.store_id = e.store_id AND r.currency = e.currency AND r.valid_from <= z.day ORDER BY r.valid_from DESC LIMIT 1),
                          (SELECT r.rate FROM analytics.exchange_rate r WHERE r.store_id = '' AND r.currency = e.currency AND r.valid_from <= z.day ORDER BY r.valid_from DESC LIMIT 1)) END AS rate
  FROM analytics.current_event e
 CROSS JOIN LATERAL (SELECT (e.occurred_at AT TIME ZONE analytics.get_setting('timezone', e.store_id))::date AS day, analytics.get_setting('currency', e.store_id) AS currency) z
 WHERE e.customer_id IS NOT NULL AND e.excluded IS NULL;
CREATE FUNCTION pg_temp.slowly(today date, of_store text DEFAULT NULL) RETURNS SETOF analytics.customer_rfm LANGUAGE sql AS $$
    WITH customer AS (
        SELECT s.store_id, s.customer_id, count(*) FILTER (WHERE s.event_type = 'purchase' AND s.line = 1) AS n, max(s.occurred_at) FILTER (WHERE s.event_type = 'purchase') AS latest,
               max(s.day) FILTER (WHERE s.event_type = 'purchase') AS latest_day,
               coalesce(sum(s.money * s.rate) FILTER (WHERE s.event_type = 'purchase' AND s.line_kind <> 'gift_card'), 0)
                   - coalesce(sum(s.money * s.rate) FILTER (WHERE s.event_type = 'refund' AND s.line_kind <> 'gift_card'), 0) AS money
          FROM pg_temp.standing s WHERE s.day <= today AND (of_store IS NULL OR s.store_id = of_store) GROUP BY 1, 2
    ), scored AS (
        SELECT c.*, 1 + 5 * (rank() OVER (PARTITION BY c.store_id ORDER BY c.latest) - 1) / count(*) OVER (PARTITION BY c.store_id) AS r,
               1 + 5 * (rank() OVER (PARTITION BY c.store_id ORDER BY c.n) - 1) / count(*) OVER (PARTITION BY c.store_id) AS f,
               1 + 5 * (rank() OVER (PARTITION BY c.store_id ORDER BY c.money) - 1) / count(*) OVER (PARTITION BY c.store_id) AS m
          FROM customer c WHERE c.n > 0
        UNION ALL SELECT c.*, NULL, NULL, NULL FROM customer c WHERE c.n = 0
    )
    SELECT s.store_id, s.customer_id, today, today - s.latest_day, s.n, s.money, s.r::smallint, s.f::smallint, s.m::smallint,
           CASE WHEN s.n = 0 THEN 'prospects'
                WHEN s.r >= 4 AND fm = 5 THEN 'champions' WHEN s.r >= 3 AND fm >= 4 THEN 'loyal' WHEN s.r >= 4 AND fm >= 2 THEN 'active' WHEN s.r = 5 THEN 'new' WHEN s.r = 4 THEN 'promising'
                WHEN s.r = 3 AND fm >= 2 THEN 'needs_attention' WHEN s.r = 3 THEN 'almost_lost' WHEN fm >= 4 THEN 'previously_loyal' WHEN fm >= 2 THEN 'at_risk' ELSE 'dormant' END
      FROM scored s CROSS JOIN LATERAL (SELECT floor((s.f + s.m) / 2.0 + 0.5) AS fm) x
$$;
CREATE FUNCTION pg_temp.differ(today date, of_store text DEFAULT NULL) RETURNS TABLE (side text, "row" text) LANGUAGE sql AS $$
    WITH ours AS MATERIALIZED (SELECT store_id, customer_id, as_of, recency_days, frequency, trim_scale(monetary) AS monetary, r_score, f_score, m_score, segment FROM analytics.rfm_at(today, of_store)),
         theirs AS MATERIALIZED (SELECT store_id, customer_id, as_of, recency_days, frequency, trim_scale(monetary) AS monetary, r_score, f_score, m_score, segment FROM pg_temp.slowly(today, of_store))
    SELECT 'rfm_at', x::text FROM (TABLE ours EXCEPT ALL TABLE theirs) x UNION ALL SELECT 'slowly', y::text FROM (TABLE theirs EXCEPT ALL TABLE ours) y
$$;
CREATE TEMP TABLE day AS SELECT unnest('{2026-02-19,2026-02-21,2026-03-07,2026-03-08,2026-03-29,2026-04-04,2026-04-20,2026-06-30}'::date[]) AS day;
CREATE FUNCTION pg_temp.compared(moment text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is_empty(format('SELECT * FROM pg_temp.differ(%L)', day), format('%s, as of %s', moment, day)) FROM day ORDER BY day
$$;

SELECT ok(pg_temp.sent('x', 150) > 500, 'events of four stores');
SELECT * FROM pg_temp.compared('nothing merged');
SELECT cmp_ok(analytics.refresh(), '>', 0::bigint, 'merged');
SELECT * FROM pg_temp.compared('all merged');
SELECT cmp_ok((SELECT count(DISTINCT segment) FROM analytics.rfm_at('2026-04-20')), '>=', 9::bigint, 'the shops have most of the segments');
SELECT ok(bool_or(frequency = 0 AND recency_days IS NULL), 'and customers without orders') FROM analytics.rfm_at('2026-04-20');
SELECT ok(count(*) > count(DISTINCT (store_id, monetary)), 'and equals') FROM analytics.rfm_at('2026-04-20');
SELECT ok(pg_temp.sent('y', 60) > 200, 'more, late ones too');
SELECT lives_ok($$SELECT analytics.retract('x' || k, s) FROM generate_series(3, 150, 11) k, unnest('{apia,havana,london,main}'::text[]) s$$, 'some are taken back');
SELECT * FROM pg_temp.compared('merged with a tail');
SELECT is_empty($$SELECT * FROM pg_temp.differ('2026-03-15', 'apia')$$, 'of one store');
SELECT cmp_ok(analytics.refresh(), '>', 0::bigint, 'merged');
SELECT * FROM pg_temp.compared('merged once more');
SELECT lives_ok($$SELECT analytics.set_setting('timezone', 'Asia/Kathmandu', 'main'), analytics.set_setting('currency', 'EUR', 'main')$$, 'a store moves');
SELECT * FROM pg_temp.compared('moved');
SELECT lives_ok($$SELECT * FROM analytics.rebuild('customer')$$, 'built anew');
SELECT results_eq($$SELECT DISTINCT as_of FROM analytics.rfm WHERE store_id = 'havana'$$,
    $$SELECT (max(occurred_at) AT TIME ZONE 'America/Havana')::date FROM analytics.current_event WHERE store_id = 'havana' AND excluded IS NULL$$, 'clock data: as of the newest event''s day');
SELECT results_eq($$SELECT DISTINCT as_of FROM analytics.rfm WHERE store_id = 'apia'$$, $$SELECT (now() AT TIME ZONE 'Pacific/Apia')::date$$, 'clock now: as of today there');
SELECT is_empty($$(SELECT * FROM analytics.rfm EXCEPT ALL SELECT * FROM analytics.rfm_at()) UNION ALL (SELECT * FROM analytics.rfm_at() EXCEPT ALL SELECT * FROM analytics.rfm)$$, 'the view is rfm_at()');
SELECT * FROM finish();
