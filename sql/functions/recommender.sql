-- The recommender's training and evaluation. What it answers stands in recommend.sql.

COMMENT ON FUNCTION analytics.train_recommender(bigint, text, text[], double precision[], double precision, timestamptz, timestamptz, integer, integer, double precision, double precision, integer, bigint, boolean) IS
'the computation of fit_recommender() and evaluate_recommender(): reads what customers did, compares methods by what came after split (null: not), and, where model_id is not null and factors foretell better than popularity or force is set, learns from all and writes it down. half_life in seconds; null: none';
COMMENT ON FUNCTION analytics.factor_candidates(bigint, timestamptz, text, real[], integer[], real[], text[], double precision[], text[], text[], integer) IS
'the computation of recommend(): the k products whose factors answer best to a customer''s, or, where there are news, to factors solved anew from what the customer did; choice null: of all';
COMMENT ON FUNCTION analytics.similar_by_factors(bigint, timestamptz, text, text, text[], integer) IS
'the computation of similar_products(): the k products whose factors point most nearly where this one''s do';

-- The snapshot of the calling statement, its own transaction's lines taken as seen: what is learned from them is not news afterwards.
CREATE OR REPLACE FUNCTION analytics.learned_snapshot() RETURNS pg_snapshot
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s:%s:%s', least(pg_snapshot_xmin(s.now), s.own), s.beyond,
                  (SELECT string_agg(i.id::text, ',' ORDER BY i.id)
                     FROM (SELECT x::text::bigint AS id FROM pg_snapshot_xip(s.now) x
                           UNION SELECT g FROM generate_series(pg_snapshot_xmax(s.now)::text::bigint, s.beyond - 1) g) i
                    WHERE i.id <> s.own::text::bigint))::pg_snapshot
      FROM (SELECT pg_current_snapshot() AS now, pg_current_xact_id() AS own,
                   greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_current_xact_id()::text::bigint + 1) AS beyond) s
$$;
COMMENT ON FUNCTION analytics.learned_snapshot() IS 'the calling statement''s snapshot, the own transaction taken as seen';

-- Types of events and their weights, from weights as fit_recommender() takes them.
CREATE OR REPLACE FUNCTION analytics.read_weights(sent jsonb, OUT types text[], OUT weights double precision[])
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF sent IS NULL OR jsonb_typeof(sent) <> 'object' OR sent = '{}'
       OR EXISTS (SELECT FROM jsonb_each(sent) w
                   WHERE w.key !~ '^[a-z][a-z0-9_]{0,63}$' OR w.key = 'refund' OR jsonb_typeof(w.value) <> 'number'
                      OR CASE jsonb_typeof(w.value) WHEN 'number' THEN NOT (w.value #>> '{}')::numeric BETWEEN 0 AND 1000 END) THEN
        RAISE EXCEPTION 'invalid weights' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(left(sent::text, 200), 'null')),
            HINT = 'Name types of events with numbers from 0 to 1000: ''{"purchase": 5, "view_item": 1}''. Refunds count against purchases by themselves.';
    ELSIF (SELECT max((w.value #>> '{}')::numeric) FROM jsonb_each(sent) w) = 0 THEN
        RAISE EXCEPTION 'invalid weights' USING ERRCODE = '22023', DETAIL = 'All are 0.', HINT = 'Give one type of events a weight.';
    END IF;
    SELECT array_agg(w.key ORDER BY w.key COLLATE "C"), array_agg((w.value #>> '{}')::double precision ORDER BY w.key COLLATE "C") INTO types, weights FROM jsonb_each(sent) w;
END
$$;
COMMENT ON FUNCTION analytics.read_weights(jsonb) IS 'types of events and their weights, for fit_recommender(). 22023: they are none';

-- 80 % of the time of a store's orders; null: there are no two.
CREATE OR REPLACE FUNCTION analytics.recommender_split(store text) RETURNS timestamptz
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN o.last > o.first THEN date_trunc('second', o.first + 0.8 * (o.last - o.first)) END
      FROM (SELECT min(e.occurred_at) AS first, max(e.occurred_at) AS last FROM analytics.event e
             WHERE e.store_id = store AND e.event_type = 'purchase' AND e.sign = 1 AND e.excluded IS NULL AND e.customer_id IS NOT NULL AND e.product_id IS NOT NULL) o
$$;
COMMENT ON FUNCTION analytics.recommender_split(text) IS 'moment that evaluations of a store''s recommender split its events at, unless they are told another';

CREATE OR REPLACE FUNCTION analytics.fit_recommender(name text DEFAULT 'default', factors integer DEFAULT 64, regularization double precision DEFAULT 0.01, alpha double precision DEFAULT 1,
    iterations integer DEFAULT 15, weights jsonb DEFAULT '{"purchase":5,"add_to_cart":3,"view_item":1}', half_life interval DEFAULT '90 days', force boolean DEFAULT false,
    store text DEFAULT 'main', seed bigint DEFAULT 42) RETURNS analytics.model
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET work_mem = '64MB'
AS $$
#variable_conflict use_variable
DECLARE
    k constant integer := 10;
    counted record;
    id bigint;
    run analytics.model;
    earlier bigint[];
    split timestamptz;
    report jsonb;
    n bigint;
    detail text;
    hint text;
BEGIN
    IF factors IS NULL OR NOT factors BETWEEN 1 AND 512 THEN
        RAISE EXCEPTION 'factors is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(factors::text, 'null')), HINT = 'Use 1 to 512; 32 to 128 are usual.';
    ELSIF regularization IS NULL OR NOT regularization BETWEEN 1e-6 AND 1e6 THEN
        RAISE EXCEPTION 'regularization is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(regularization::text, 'null')), HINT = 'Use 0.000001 to 1000000.';
    ELSIF alpha IS NULL OR NOT alpha BETWEEN 1e-6 AND 1e6 THEN
        RAISE EXCEPTION 'alpha is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(alpha::text, 'null')), HINT = 'Use 0.000001 to 1000000.';
    ELSIF iterations IS NULL OR NOT iterations BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'iterations is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(iterations::text, 'null')), HINT = 'Use 1 to 1000.';
    ELSIF half_life <= interval '0' THEN
        RAISE EXCEPTION 'invalid half_life' USING ERRCODE = '22023', DETAIL = format('Got %s.', half_life), HINT = 'Pass the age at which an event counts half, ''90 days''; null: events do not age.';
    ELSIF force IS NULL OR seed IS NULL THEN
        RAISE EXCEPTION 'arguments must not be null' USING ERRCODE = '22023', HINT = 'Only half_life may be: then events do not age.';
    END IF;
    SELECT * INTO counted FROM analytics.read_weights(weights);
    id := analytics.begin_model(store, name, 'recommender', jsonb_build_object('factors', factors, 'regularization', regularization, 'alpha', alpha, 'iterations', iterations,
        'weights', weights, 'half_life', half_life::text, 'force', force, 'seed', seed));
    earlier := ARRAY(SELECT r.model_id FROM analytics.recommender r JOIN analytics.model m USING (model_id) WHERE m.store_id = store);
    BEGIN
        split := analytics.recommender_split(store);
        report := analytics.train_recommender(id, store, counted.types, counted.weights, extract(epoch FROM half_life)::double precision,
                                              coalesce(least(analytics.newest_event(store), now()), now()), split, k, factors, regularization, alpha, iterations, seed, force);
        n := (report ->> 'interactions')::bigint;
        report := report || CASE WHEN report ? 'evaluation' THEN jsonb_build_object('evaluation', (report -> 'evaluation') || jsonb_build_object('split', split)) ELSE '{}' END;
        IF (report ->> 'customers')::bigint < 20 OR (report ->> 'products')::bigint < 10 THEN
            run := analytics.end_model(id, 'insufficient_data', report, n, format('too little to learn from: %s customers and %s products; it takes 20 and 10',
                                                                                 report ->> 'customers', report ->> 'products'));
        ELSIF report ? 'loss' THEN
            run := analytics.end_model(id, 'ready', report, n);
        ELSIF report ? 'evaluation' THEN
            run := analytics.end_model(id, 'not_promoted', report, n, format('it foretells no better than popularity: NDCG@%s %s against %s. force => true trains it nevertheless', k,
                                       round((report #>> '{evaluation,model,ndcg_at_k}')::numeric, 4), round((report #>> '{evaluation,popularity,ndcg_at_k}')::numeric, 4)));
        ELSE
            run := analytics.end_model(id, 'insufficient_data', report, n, format('too little to judge it by: %s customers who were known before %s bought something new after it; it takes 10. force => true trains it nevertheless',
                                       report ->> 'testable_customers', coalesce(split::text, 'the last order')));
        END IF;
    EXCEPTION
        WHEN feature_not_supported THEN  -- the portable edition
            RAISE;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RETURN analytics.end_model(id, 'failed', NULL, n, concat_ws(' ', SQLERRM || '.', nullif(detail, ''), nullif(hint, '')));
    END;
    DELETE FROM analytics.recommender_customer c
     WHERE c.model_id IN (SELECT unnest(earlier) EXCEPT SELECT r.model_id FROM analytics.recommender r);
    RETURN run;
END
$$;
COMMENT ON FUNCTION analytics.fit_recommender(text, integer, double precision, double precision, integer, jsonb, interval, boolean, text, bigint) IS
'learns from what a store''s customers did which products go with which customers (implicit-feedback matrix factorisation by alternating least squares); recommend() uses the version of name ''default'' that serves. Returns the run.
weights: strength of an event by type, halved with each half_life of age (null: not); what was refunded counts less. First it is judged on the last fifth of the orders'' time, as evaluate_recommender() does: status not_promoted where it foretells no better than popularity, unless force. insufficient_data: fewer than 20 customers, 10 products, or 10 customers to judge by.
22023: an argument; 25001: not under READ COMMITTED; 42501: not this store';

CREATE OR REPLACE FUNCTION analytics.evaluate_recommender(split timestamptz DEFAULT NULL, k integer DEFAULT 10, store text DEFAULT 'main')
    RETURNS TABLE (method text, customers bigint, precision_at_k double precision, recall_at_k double precision, ndcg_at_k double precision, map_at_k double precision,
                   mrr_at_k double precision, hit_rate double precision, coverage double precision, novelty double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET work_mem = '64MB'
AS $$
#variable_conflict use_variable
DECLARE
    parameters jsonb;
    counted record;
    report jsonb;
BEGIN
    IF k IS NULL OR NOT k BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'k is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(k::text, 'null')), HINT = 'Use 1 to 1000.';
    ELSIF store IS NULL THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', HINT = 'Pass a store id.';
    ELSIF NOT isfinite(split) THEN
        RAISE EXCEPTION 'invalid split' USING ERRCODE = '22023', HINT = 'Pass the moment before which to learn and after which to judge; null: 80 % of the time of the orders.';
    END IF;
    PERFORM analytics.require_store(store);
    parameters := '{"factors": 64, "regularization": 0.01, "alpha": 1, "iterations": 15, "weights": {"purchase": 5, "add_to_cart": 3, "view_item": 1}, "half_life": "90 days", "seed": 42}'::jsonb;
    SELECT m.parameters INTO parameters FROM analytics.model m WHERE m.model_id = analytics.serving_model(store, 'recommender') UNION ALL SELECT parameters LIMIT 1;
    SELECT * INTO counted FROM analytics.read_weights(parameters -> 'weights');
    report := analytics.train_recommender(NULL, store, counted.types, counted.weights, extract(epoch FROM (parameters ->> 'half_life')::interval)::double precision,
                                          coalesce(least(analytics.newest_event(store), now()), now()), coalesce(split, analytics.recommender_split(store)), k, (parameters ->> 'factors')::integer,
                                          (parameters ->> 'regularization')::double precision, (parameters ->> 'alpha')::double precision,
                                          (parameters ->> 'iterations')::integer, (parameters ->> 'seed')::bigint, false);
    RETURN QUERY
    SELECT m.name, (report #>> '{evaluation,customers}')::bigint, v.precision_at_k, v.recall_at_k, v.ndcg_at_k, v.map_at_k, v.mrr_at_k, v.hit_rate, v.coverage, v.novelty
      FROM unnest('{model,item_item,popularity}'::text[]) WITH ORDINALITY m(name, place)
     CROSS JOIN LATERAL jsonb_to_record(report -> 'evaluation' -> m.name) v(precision_at_k double precision, recall_at_k double precision, ndcg_at_k double precision,
                        map_at_k double precision, mrr_at_k double precision, hit_rate double precision, coverage double precision, novelty double precision)
     WHERE report ? 'evaluation'
     ORDER BY m.place;
END
$$;
COMMENT ON FUNCTION analytics.evaluate_recommender(timestamptz, integer, text) IS
'how well lists of k products, made from what was known before split, foretell what the same customers newly bought after it: of the recommender (learned anew with the parameters of the version that serves, or the defaults), of item-to-item neighbours, of the most popular products. No rows: fewer than 20 customers, 10 products, or 10 customers to judge by.
precision, recall, NDCG, MAP, MRR and hit rate are means over these customers, 0 to 1; coverage is the share of the products in any list; novelty the mean of -log2(share of customers who have a recommended product), in bits. split null: 80 % of the time of the orders. 22023: an argument; 42501: not this store; 53200: needs more than analytics.work_mem';

-- For erase_customer(), which holds back models that are being trained meanwhile.
CREATE OR REPLACE FUNCTION analytics.erase_from_recommenders(store text, customer text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM analytics.recommender_customer c
     USING analytics.model m
     WHERE m.store_id = store AND m.kind = 'recommender' AND c.model_id = m.model_id AND c.customer_id = customer
$$;
COMMENT ON FUNCTION analytics.erase_from_recommenders(text, text) IS 'removes what recommenders have learned of a customer';

CREATE OR REPLACE FUNCTION analytics.refit_recommenders(store text DEFAULT 'main') RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m record;
    fitted integer := 0;
BEGIN
    PERFORM analytics.require_store(store);
    IF (SELECT count(*) FROM (SELECT FROM analytics.customer c WHERE c.store_id = store AND c.orders > 0 LIMIT 20) b) < 20 THEN
        RETURN 0;
    END IF;
    FOR m IN SELECT DISTINCT ON (o.name) o.name, o.parameters AS p
               FROM (SELECT r.name, r.parameters, r.version FROM analytics.model r WHERE r.store_id = store AND r.kind = 'recommender' AND r.status IN ('ready', 'not_promoted')
                     UNION ALL SELECT 'default', NULL, 0) o
              ORDER BY o.name, o.version DESC LOOP
        IF m.p IS NULL THEN
            PERFORM analytics.fit_recommender(store => store);
        ELSE
            PERFORM analytics.fit_recommender(m.name, (m.p ->> 'factors')::integer, (m.p ->> 'regularization')::double precision, (m.p ->> 'alpha')::double precision,
                (m.p ->> 'iterations')::integer, m.p -> 'weights', (m.p ->> 'half_life')::interval, (m.p ->> 'force')::boolean, store, (m.p ->> 'seed')::bigint);
        END IF;
        fitted := fitted + 1;
    END LOOP;
    RETURN fitted;
END
$$;
COMMENT ON FUNCTION analytics.refit_recommenders(text) IS
'fits the recommenders of a store anew, each with what it was asked for before, ''default'' in any case, and returns how many; none where fewer than 20 customers have bought. 42501: not this store';
