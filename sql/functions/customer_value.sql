-- Customer value: BG/NBD says whether a customer still buys and how often, Gamma-Gamma what a purchase is worth (docs/customer-value.md).
-- Both learn from purchase days: what a customer buys on one day is one purchase, as in the papers. Days are those that the engine keeps
-- (customers.sql), merged and not, as of any moment.

-- (Money of the day on which as_of lies counts whole; whether somebody bought on it before as_of is exact.)
CREATE OR REPLACE FUNCTION analytics.customer_purchases(store text, as_of timestamptz)
    RETURNS TABLE (customer_id text, frequency integer, recency_days integer, t_days integer, monetary_value double precision)
    LANGUAGE sql STABLE ROWS 10000
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET work_mem = '64MB'
AS $$
    WITH moment AS MATERIALIZED (
        SELECT ((as_of - interval '1 microsecond') AT TIME ZONE analytics.setting_of('timezone', store))::date AS day
    ), touched AS MATERIALIZED (
        SELECT d.* FROM analytics.touched_customer_days() d WHERE d.store_id = store
    ), day AS (
        SELECT t.customer_id, t.bucket, t.orders, t.gross_sales - t.discounts AS value, t.first_order FROM touched t
        UNION ALL
        SELECT m.customer_id, m.bucket, m.orders, m.converted_gross_sales - m.converted_discounts, m.first_order
          FROM analytics.rollup_customer_daily m
         WHERE (SELECT analytics.customers_are_built()) AND m.store_id = store
           AND NOT EXISTS (SELECT FROM touched t WHERE t.customer_id = m.customer_id)
    ), purchase AS (
        SELECT d.customer_id, d.bucket, d.value, row_number() OVER (PARTITION BY d.customer_id ORDER BY d.bucket) AS nth
          FROM day d
         WHERE d.orders > 0 AND d.first_order IS NOT NULL
           AND (d.bucket < (SELECT m.day FROM moment m) OR d.bucket = (SELECT m.day FROM moment m) AND (d.first_order[1] || '+00')::timestamptz < as_of)
    )
    SELECT p.customer_id, (count(*) - 1)::integer, max(p.bucket) - min(p.bucket), (SELECT m.day FROM moment m) - min(p.bucket),
           (avg(p.value) FILTER (WHERE p.nth > 1))::double precision
      FROM purchase p
     GROUP BY p.customer_id
$$;
COMMENT ON FUNCTION analytics.customer_purchases(text, timestamptz) IS
'each buyer of a store as of a moment: purchase days after the first, days from the first to the last and to the moment, mean worth of those after the first (gross_sales - discounts, the store''s currency; null without)';

CREATE OR REPLACE FUNCTION analytics.fit_customer_value(store text DEFAULT 'main', as_of timestamptz DEFAULT now(), horizon interval DEFAULT '90 days',
    time_unit interval DEFAULT '7 days', seed bigint DEFAULT 42) RETURNS analytics.model
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    discount_rate constant double precision := 0.01;  -- a month of 30 days
    unit_days double precision := extract(epoch FROM time_unit) / 86400;
    id bigint;
    run analytics.model;
    earlier bigint[];
    ids text[];
    x double precision[];
    t_x double precision[];
    t double precision[];
    worth double precision[];
    n bigint;
    repeating bigint;
    bgnbd jsonb;
    gamma_gamma jsonb;
    metrics jsonb;
    missing text;
BEGIN
    IF as_of IS NULL OR NOT isfinite(as_of) OR as_of > now() + interval '1 day' THEN
        RAISE EXCEPTION 'invalid as_of' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(as_of::text, 'null')),
            HINT = 'Pass the moment from which on to predict: now, or a past one.';
    ELSIF horizon IS NULL OR NOT (horizon > interval '0' AND horizon <= interval '10 years') THEN
        RAISE EXCEPTION 'invalid horizon' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(horizon::text, 'null')),
            HINT = 'Pass the time to predict for, up to 10 years: ''90 days''.';
    ELSIF time_unit IS NULL OR NOT (time_unit > interval '0' AND time_unit <= interval '10 years') THEN
        RAISE EXCEPTION 'invalid time_unit' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(time_unit::text, 'null')),
            HINT = 'Pass the unit in which recency and t are told, up to 10 years: ''7 days''.';
    ELSIF seed IS NULL THEN
        RAISE EXCEPTION 'invalid seed' USING ERRCODE = '22023', HINT = 'Pass any whole number; the same gives the same.';
    END IF;
    id := analytics.begin_model(store, 'default', 'customer_value', jsonb_build_object(
        'as_of', as_of, 'horizon', horizon::text, 'time_unit', time_unit::text, 'discount_rate', discount_rate,
        'currency', analytics.setting_of('currency', store), 'seed', seed));
    earlier := ARRAY(SELECT v.model_id FROM analytics.customer_value_model v JOIN analytics.model m USING (model_id) WHERE m.store_id = store);
    BEGIN
        SELECT array_agg(p.customer_id), array_agg(p.frequency::double precision),
               array_agg(p.recency_days / unit_days), array_agg(p.t_days / unit_days),
               array_agg(CASE WHEN p.frequency > 0 THEN greatest(p.monetary_value, 0) END), count(*), count(*) FILTER (WHERE p.frequency > 0),
               jsonb_build_object('customers', count(*), 'repeat_customers', count(*) FILTER (WHERE p.frequency > 0), 'repeat_purchases', coalesce(sum(p.frequency), 0),
                                  'frequency_value_correlation', round(corr(p.frequency, p.monetary_value)::numeric, 6))
          INTO ids, x, t_x, t, worth, n, repeating, metrics
          FROM (SELECT c.* FROM analytics.customer_purchases(store, as_of) c ORDER BY c.customer_id COLLATE "C") p;
        IF n < 20 OR repeating < 10 THEN
            missing := format('too few customers: %s have bought, %s of them on more than one day; it takes 20 and 10', n, repeating);
        ELSE
            bgnbd := analytics.bgnbd_fit(x, t_x, t, seed);
            gamma_gamma := analytics.gamma_gamma_fit(x, ARRAY(SELECT coalesce(u.m, 0) FROM unnest(worth) WITH ORDINALITY u(m, nth) ORDER BY u.nth), seed);
            metrics := metrics || jsonb_build_object('bgnbd', bgnbd, 'gamma_gamma', gamma_gamma);
            IF NOT (bgnbd ->> 'converged')::boolean THEN
                missing := 'BG/NBD: ' || (bgnbd ->> 'reason');
            END IF;
        END IF;
        IF missing IS NOT NULL THEN
            RETURN analytics.end_model(id, 'insufficient_data', metrics, n, missing);
        END IF;
        INSERT INTO analytics.customer_value_model (model_id, as_of, horizon, time_unit, currency)
        VALUES (id, as_of, horizon, time_unit, analytics.setting_of('currency', store));
        INSERT INTO analytics.customer_prediction (model_id, customer_id, frequency, recency, t, monetary_value, p_alive, expected_purchases,
                                                   expected_value, clv, expected_next_order_at)
        SELECT id, u.customer_id, u.x, u.t_x, u.t, u.worth, p.figures[1], p.figures[2], p.figures[3], p.figures[4],
               -- (an interval of days or months would depend on the session's time zone)
               as_of + make_interval(secs => p.figures[5] * unit_days * 86400)
          FROM unnest(ids, x, t_x, t, worth) u(customer_id, x, t_x, t, worth)
         CROSS JOIN LATERAL (SELECT analytics.customer_prediction(f.parameters, u.x, u.t_x, u.t, coalesce(u.worth, 0)) AS figures
                               FROM (SELECT bgnbd || gamma_gamma || jsonb_build_object('horizon', extract(epoch FROM horizon) / 86400 / unit_days, 'month', 30 / unit_days,
                                                'discount_rate', discount_rate, 'longest', 3652.5 / unit_days)) f(parameters)
                             OFFSET 0) p;
        SELECT metrics || jsonb_build_object('expected_repeat_purchases', e.past, 'expected_purchases', e.future, 'alive', e.alive, 'clv', e.clv) INTO metrics
          -- (numeric adds up to the same in any order)
          FROM (SELECT sum(p.expected_purchases::numeric) AS future, sum(p.p_alive::numeric) AS alive, sum(p.clv::numeric) AS clv,
                       (SELECT sum((d.customers * analytics.bgnbd_expected(bgnbd, 0, 0, 0, d.t))::numeric)
                          FROM (SELECT u.t, count(*) AS customers FROM unnest(t) u(t) GROUP BY 1) d) AS past
                  FROM analytics.customer_prediction p WHERE p.model_id = id) e;
        run := analytics.end_model(id, 'ready', metrics, n);
    EXCEPTION
        WHEN feature_not_supported THEN  -- the portable edition
            RAISE;
        WHEN OTHERS THEN
            RETURN analytics.end_model(id, 'failed', NULL, n, SQLERRM);
    END;
    DELETE FROM analytics.customer_prediction p
     WHERE p.model_id IN (SELECT unnest(earlier) EXCEPT SELECT v.model_id FROM analytics.customer_value_model v);
    RETURN run;
END
$$;
COMMENT ON FUNCTION analytics.fit_customer_value(text, timestamptz, interval, interval, bigint) IS
'learns from a store''s purchases before as_of how its customers buy (BG/NBD) and spend (Gamma-Gamma), and what each will be worth within the horizon: the view customer_value shows it. Returns the run.
time_unit: unit of recency and t. A purchase is a day with purchases, worth gross_sales - discounts in the store''s currency; future money is worth 1 % less a month. Status insufficient_data: fewer than 20 buyers, or 10 who bought again.
22023: an argument; 25001: not under READ COMMITTED; 42501: not this store';

-- For erase_customer(), which holds back models that are being trained meanwhile.
CREATE OR REPLACE FUNCTION analytics.erase_from_customer_value(store text, customer text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM analytics.customer_prediction p
     USING analytics.model m
     WHERE m.store_id = store AND m.kind = 'customer_value' AND p.model_id = m.model_id AND p.customer_id = customer
$$;
COMMENT ON FUNCTION analytics.erase_from_customer_value(text, text) IS 'removes what models predict of a customer';

DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW analytics.customer_value WITH (security_barrier) AS
WITH serving AS MATERIALIZED (
    SELECT m.model_id, m.store_id, m.version, v.as_of, v.horizon, v.currency, m.kind
      FROM analytics.model m JOIN analytics.customer_value_model v ON v.model_id = m.model_id
     WHERE m.kind = ''customer_value'' AND m.name = ''default'' AND %s AND %s
), version AS MATERIALIZED (
    SELECT s.*, s.currency = analytics.get_setting(''currency'', s.store_id) AS in_currency FROM serving s
)
SELECT s.store_id, p.customer_id, p.frequency, p.recency, p.t, CASE WHEN s.in_currency THEN p.monetary_value END AS monetary_value, p.p_alive, p.expected_purchases,
       CASE WHEN s.in_currency THEN p.expected_value END AS expected_value, CASE WHEN s.in_currency THEN p.clv END AS clv, s.horizon, p.expected_next_order_at,
       s.as_of, s.version AS model_version
  FROM version s JOIN analytics.customer_prediction p ON p.model_id = s.model_id',
        analytics.serving_sql('m'), analytics.allowed_sql('m.store_id'::text));
END
$$;
COMMENT ON VIEW analytics.customer_value IS 'what each customer who had bought by as_of is expected to do within the horizon after it, by the version of the model that serves (fit_customer_value)';
COMMENT ON COLUMN analytics.customer_value.store_id IS 'store';
COMMENT ON COLUMN analytics.customer_value.customer_id IS 'the shop''s id of the customer';
COMMENT ON COLUMN analytics.customer_value.frequency IS 'days with purchases after the first such day, up to as_of';
COMMENT ON COLUMN analytics.customer_value.recency IS 'time from the first purchase to the last one, in units of the model (7 days unless fit_customer_value was told another)';
COMMENT ON COLUMN analytics.customer_value.t IS 'time from the first purchase to as_of, in the same units';
COMMENT ON COLUMN analytics.customer_value.monetary_value IS 'mean of gross_sales - discounts of a purchase day after the first; null: there is none, or the store has another currency since; in the store''s currency';
COMMENT ON COLUMN analytics.customer_value.p_alive IS 'probability that the customer still buys, 0 to 1; 1 for who bought on one day only, of whom nothing says otherwise';
COMMENT ON COLUMN analytics.customer_value.expected_purchases IS 'days with purchases expected within the horizon; a mean, not a whole number';
COMMENT ON COLUMN analytics.customer_value.expected_value IS 'expected worth of such a day (gross_sales - discounts); null: purchases of this store say nothing of it; in the store''s currency';
COMMENT ON COLUMN analytics.customer_value.clv IS 'expected worth of the purchases within the horizon, of each month 1 % less than of the one before; in the store''s currency';
COMMENT ON COLUMN analytics.customer_value.horizon IS 'time after as_of that is predicted';
COMMENT ON COLUMN analytics.customer_value.expected_next_order_at IS 'by then the next purchase has come with probability one half; null: more likely never, or not within 10 years';
COMMENT ON COLUMN analytics.customer_value.as_of IS 'moment up to which purchases count';
COMMENT ON COLUMN analytics.customer_value.model_version IS 'version of the model (view model)';

COMMENT ON FUNCTION analytics.bgnbd_fit(double precision[], double precision[], double precision[], bigint) IS
'BG/NBD by maximum likelihood (Fader, Hardie and Lee 2005) of customers with so many repeat purchases, the time from the first purchase to the last and to now, in any unit.
{r, alpha, a, b, log_likelihood, converged, standard_errors, customers, iterations}, alpha in that unit; at_bound names parameters that are as large or small as was looked for; {"converged": false, "reason"} where there is no fit. 22023: the lists are not sound';
COMMENT ON FUNCTION analytics.gamma_gamma_fit(double precision[], double precision[], bigint) IS
'Gamma-Gamma by maximum likelihood (Fader and Hardie 2013) of customers with so many purchases of this mean value; those without, or worth nothing, are left out.
{p, q, v, log_likelihood, converged, standard_errors, customers, iterations}, v in the unit of the values; at_bound and {"converged": false, "reason"} as in bgnbd_fit(). 22023: the lists are not sound';
COMMENT ON FUNCTION analytics.bgnbd_expected(jsonb, double precision, double precision, double precision, double precision) IS
'purchases expected within the horizon of a customer with so many repeat purchases, the time from the first purchase to the last and to now; of 0, 0, 0: of a new customer. params: what bgnbd_fit() returned; times in its unit. 22023: an argument';
COMMENT ON FUNCTION analytics.bgnbd_p_alive(jsonb, double precision, double precision, double precision) IS
'probability that a customer still buys; params and times as in bgnbd_expected(). 22023: an argument';
COMMENT ON FUNCTION analytics.gamma_gamma_value(jsonb, double precision, double precision) IS
'expected worth of a purchase of a customer with so many purchases of this mean value; of 0 purchases: of any customer. params: what gamma_gamma_fit() returned; null: there is no mean (p frequency + q is 1 or less). 22023: an argument';
COMMENT ON FUNCTION analytics.customer_prediction(jsonb, double precision, double precision, double precision, double precision) IS
'part of fit_customer_value(): {p_alive, expected_purchases, expected_value, clv, time until the next purchase} of a customer';
