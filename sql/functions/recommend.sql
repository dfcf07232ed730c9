-- What the recommender answers: recommend(), similar_products(). They write nothing, and the same state of the database gives the same answer.
--
-- recommend() asks one source after the other until it has n products:
--     factors    the customer's factors of the version that serves, against those of all products
--     fold_in    the same, where the customer did something that the version has not seen: factors solved anew from all of it
--     item_item  products bought together with those of the session, or of the customer
--     trending   products that surely sell better than before, in the customer's country first
--     popular    products by the orders that hold them; those never sold last
-- What a customer did since the version was learned is found without an index by customer, which each event would pay for: the customer's days
-- are known (rollup_customer_daily), days that were written since then, too, and on a day when the first and the last event were.

-- A customer's lines of products that a snapshot has not (null: all), or, where there is no snapshot, those after a moment (null: all).
CREATE OR REPLACE FUNCTION analytics.customer_lines(store text, customer text, unseen pg_snapshot, after timestamptz)
    RETURNS TABLE (event_type text, occurred_at timestamptz, product_id text, sign smallint, quantity integer)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    merged pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'customer_daily' AND s.built_from = '-infinity');
    newer xid8 := pg_snapshot_xmax(merged);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
    next bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    epoch bigint := (next >> 32) << 32;
    half bigint := 1::bigint << 31;
    seen record;
BEGIN
    IF merged IS NULL THEN
        RETURN QUERY
        SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
         WHERE e.store_id = store AND e.customer_id = customer AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL
           AND CASE WHEN unseen IS NOT NULL THEN NOT pg_visible_in_snapshot(e.stamp, unseen) ELSE after IS NULL OR e.occurred_at > after END;
        RETURN;
    END IF;
    -- A day's cell is written anew whenever a line is merged into it: by a transaction that the snapshot has not, if it has not the line. (A row
    -- knows the lower half of the transaction's id.)
    FOR seen IN SELECT m.first_seen_at AS first, m.last_seen_at AS last FROM analytics.rollup_customer_daily m
                 WHERE m.store_id = store AND m.customer_id = customer AND m.first_seen_at IS NOT NULL
                   AND CASE WHEN unseen IS NOT NULL
                            THEN NOT pg_visible_in_snapshot(greatest(epoch + m.xmin::text::bigint - CASE WHEN epoch + m.xmin::text::bigint > next + half THEN half * 2 ELSE 0 END, 3)::text::xid8, unseen)
                            ELSE after IS NULL OR m.last_seen_at > after END
                 ORDER BY m.bucket LOOP
        RETURN QUERY
        SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
         WHERE e.store_id = store AND e.occurred_at >= seen.first AND e.occurred_at <= seen.last AND e.customer_id = customer
           AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL AND pg_visible_in_snapshot(e.stamp, merged)
           AND CASE WHEN unseen IS NOT NULL THEN NOT pg_visible_in_snapshot(e.stamp, unseen) ELSE after IS NULL OR e.occurred_at > after END;
    END LOOP;
    -- (two statements, since a scan of each partition costs more to begin than to do, and as a rule nothing runs)
    RETURN QUERY
    SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
     WHERE e.stamp >= newer AND e.store_id = store AND e.customer_id = customer AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL
       AND CASE WHEN unseen IS NOT NULL THEN NOT pg_visible_in_snapshot(e.stamp, unseen) ELSE after IS NULL OR e.occurred_at > after END;
    IF running <> '{}' THEN
        RETURN QUERY
        SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
         WHERE e.stamp = ANY (running) AND e.store_id = store AND e.customer_id = customer AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL
           AND CASE WHEN unseen IS NOT NULL THEN NOT pg_visible_in_snapshot(e.stamp, unseen) ELSE after IS NULL OR e.occurred_at > after END;
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.customer_lines(text, text, pg_snapshot, timestamptz) IS 'lines of products of a customer''s events, merged and not, that a snapshot has not seen (without one: after a moment; null: all)';

-- The same of a session that is none of this customer's.
CREATE OR REPLACE FUNCTION analytics.session_lines(store text, session text, customer text)
    RETURNS TABLE (event_type text, occurred_at timestamptz, product_id text, sign smallint, quantity integer)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    merged pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'session' AND s.built_from = '-infinity');
    newer xid8 := pg_snapshot_xmax(merged);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
    seen record;
BEGIN
    IF merged IS NULL THEN
        RETURN QUERY
        SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
         WHERE e.store_id = store AND e.session_id = session AND (customer IS NULL OR e.customer_id IS DISTINCT FROM customer)
           AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL;
        RETURN;
    END IF;
    FOR seen IN SELECT m.started_at AS first, m.ended_at AS last FROM analytics.rollup_session m
                 WHERE m.store_id = store AND m.key = 's' || session ORDER BY m.started_at LOOP
        RETURN QUERY
        SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
         WHERE e.store_id = store AND e.occurred_at >= seen.first AND e.occurred_at <= seen.last AND e.session_id = session AND (customer IS NULL OR e.customer_id IS DISTINCT FROM customer)
           AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL AND pg_visible_in_snapshot(e.stamp, merged);
    END LOOP;
    RETURN QUERY
    SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
     WHERE e.stamp >= newer AND e.store_id = store AND e.session_id = session AND (customer IS NULL OR e.customer_id IS DISTINCT FROM customer)
       AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL;
    IF running <> '{}' THEN
        RETURN QUERY
        SELECT e.event_type, e.occurred_at, e.product_id, e.sign, e.quantity FROM analytics.event e
         WHERE e.stamp = ANY (running) AND e.store_id = store AND e.session_id = session AND (customer IS NULL OR e.customer_id IS DISTINCT FROM customer)
           AND e.product_id IS NOT NULL AND e.line_kind = 'product' AND e.excluded IS NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.session_lines(text, text, text) IS 'lines of products of a session, merged and not, without those that name this customer';

-- By the orders that hold them, as of this moment: those of choice, or (choice null) about the first `most`.
CREATE OR REPLACE FUNCTION analytics.popular_products(store text, choice text[], most integer) RETURNS TABLE (product_id text, orders bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1000
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
    WITH tail AS MATERIALIZED (
        SELECT t.product_a AS product_id, t.baskets FROM analytics.tail_product_pair() t WHERE t.store_id = store AND t.a = t.b AND t.product_a <> ''
    ), candidate AS (
        SELECT c.product_id, m.baskets, m.kept FROM unnest(choice) c(product_id) LEFT JOIN analytics.product_basket m ON m.product_id = c.product_id AND m.store_id = store
        UNION
        (SELECT m.product_id, m.baskets, m.kept FROM analytics.product_basket m WHERE choice IS NULL AND m.store_id = store AND m.product_id <> ''
          ORDER BY m.baskets DESC, m.product_id COLLATE "C" LIMIT most)
        UNION
        SELECT t.product_id, m.baskets, m.kept FROM tail t LEFT JOIN analytics.product_basket m ON m.product_id = t.product_id AND m.store_id = store WHERE choice IS NULL
    )
    SELECT c.product_id, coalesce(CASE WHEN (SELECT count(*) FROM analytics.rollup_state s WHERE s.name = 'product_pair') > 0 THEN c.baskets ELSE c.kept END, 0)::bigint + coalesce(t.baskets, 0)
      FROM candidate c LEFT JOIN tail t ON t.product_id = c.product_id
$$;
COMMENT ON FUNCTION analytics.popular_products(text, text[], integer) IS 'the products of a store that most orders hold, or those of choice, with these orders, as of this moment; for recommend()';

-- What recommend() takes as filter.
CREATE OR REPLACE FUNCTION analytics.read_product_filter(sent jsonb, OUT categories text[], OUT brands text[], OUT price_min numeric, OUT price_max numeric)
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hint constant text := 'Use {"category": ["a"], "brand": ["b"], "price_min": 1, "price_max": 9}, or some of these.';
    member record;
BEGIN
    IF sent IS NULL OR jsonb_typeof(sent) <> 'object' THEN
        RAISE EXCEPTION 'invalid filter' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(left(sent::text, 200), 'null')), HINT = hint;
    END IF;
    FOR member IN SELECT m.key, m.value FROM jsonb_each(sent) m LOOP
        IF member.key IN ('category', 'brand') THEN
            IF jsonb_typeof(member.value) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(member.value) v WHERE jsonb_typeof(v) <> 'string') THEN
                RAISE EXCEPTION 'invalid filter' USING ERRCODE = '22023', DETAIL = format('%s is no list of names.', member.key), HINT = hint;
            ELSIF member.key = 'category' THEN
                categories := ARRAY(SELECT jsonb_array_elements_text(member.value));
            ELSE
                brands := ARRAY(SELECT jsonb_array_elements_text(member.value));
            END IF;
        ELSIF member.key IN ('price_min', 'price_max') THEN
            IF jsonb_typeof(member.value) <> 'number' THEN
                RAISE EXCEPTION 'invalid filter' USING ERRCODE = '22023', DETAIL = format('%s is no number.', member.key), HINT = hint;
            ELSIF member.key = 'price_min' THEN
                price_min := (member.value #>> '{}')::numeric;
            ELSE
                price_max := (member.value #>> '{}')::numeric;
            END IF;
        ELSE
            RAISE EXCEPTION 'invalid filter' USING ERRCODE = '22023', DETAIL = format('Unknown key %L.', left(member.key, 100)), HINT = hint;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.read_product_filter(jsonb) IS 'parts of a filter on products, for recommend(). 22023: it is none';

CREATE OR REPLACE FUNCTION analytics.recommend(customer text, n integer DEFAULT 10, store text DEFAULT 'main', session text DEFAULT NULL, exclude text[] DEFAULT '{}',
    filter jsonb DEFAULT '{}', include_bought boolean DEFAULT false, max_per_category integer DEFAULT NULL)
    RETURNS TABLE (rank integer, product_id text, score double precision, source text, reason jsonb, recommendation_id text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_variable
DECLARE
    wanted record;            -- the filter's parts
    narrowed boolean;
    model record;             -- the version that serves, and what it knows of the customer
    line_types text[];        -- lines that the version has not seen
    line_times timestamptz[];
    line_products text[];
    line_signs smallint[];
    line_quantities integer[];
    news text[];              -- products of lines that it has not seen, the latest first
    news_strengths double precision[];
    bought text[];
    skip text[];
    choice text[];            -- products that the filter allows; null: all
    seeds text[];
    asked integer;
    found integer;
    one record;
    place text;
    places text[];
    -- what was chosen so far
    products text[] := '{}';
    scores double precision[] := '{}';
    sources text[] := '{}';
    reasons jsonb[] := '{}';
    categories text[] := '{}';
BEGIN
    IF n IS NULL OR NOT n BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'n is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(n::text, 'null')), HINT = 'Ask for 1 to 1000 products.';
    ELSIF store IS NULL THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', HINT = 'Pass a store id.';
    ELSIF max_per_category < 1 THEN
        RAISE EXCEPTION 'max_per_category is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', max_per_category), HINT = 'Use 1 or more; null: no limit.';
    ELSIF include_bought IS NULL THEN
        RAISE EXCEPTION 'include_bought must not be null' USING ERRCODE = '22023', HINT = 'Use true or false.';
    END IF;
    PERFORM analytics.require_store(store);
    IF filter = '{}' THEN
        narrowed := false;
        SELECT NULL::text[] AS categories, NULL::text[] AS brands, NULL::numeric AS price_min, NULL::numeric AS price_max INTO wanted;
    ELSE
        narrowed := true;
        SELECT * INTO wanted FROM analytics.read_product_filter(filter);
        choice := ARRAY(SELECT p.product_id FROM analytics.product p
                         WHERE p.store_id = store AND p.active AND (wanted.categories IS NULL OR p.category = ANY (wanted.categories)) AND (wanted.brands IS NULL OR p.brand = ANY (wanted.brands))
                           AND (wanted.price_min IS NULL OR p.price >= wanted.price_min) AND (wanted.price_max IS NULL OR p.price <= wanted.price_max));
    END IF;

    SELECT m.*, c.factors, c.products, c.strengths, c.bought INTO model
      FROM (SELECT m.model_id, m.trained_at, m.version, r.types, r.weights, r.half_life, r.reference, s.seen
              FROM analytics.model m JOIN analytics.recommender r ON r.model_id = m.model_id LEFT JOIN analytics.recommender_seen s ON s.model_id = m.model_id
             WHERE m.store_id = store AND m.kind = 'recommender' AND m.name = 'default' AND m.promoted
             ORDER BY m.version DESC LIMIT 1) m
      LEFT JOIN analytics.recommender_customer c ON c.model_id = m.model_id AND c.customer_id = customer;
    SELECT array_agg(e.event_type), array_agg(e.occurred_at), array_agg(e.product_id), array_agg(e.sign), array_agg(e.quantity)
      INTO line_types, line_times, line_products, line_signs, line_quantities
      FROM (SELECT * FROM analytics.customer_lines(store, customer, model.seen, model.reference) WHERE customer IS NOT NULL
            UNION ALL SELECT * FROM analytics.session_lines(store, session, customer) WHERE session IS NOT NULL) e;
    IF line_types IS NOT NULL THEN
        -- Strengths as fit_recommender() has them; more refunded than bought since then takes the product out.
        SELECT array_agg(l.product_id ORDER BY l.last DESC, l.product_id COLLATE "C"),
               array_agg(l.interest + CASE WHEN coalesce(l.returned, 0) > coalesce(l.units, 0) THEN -1e9
                                           ELSE coalesce(l.purchased * (1 - coalesce(l.returned::double precision / l.units, 0)), 0) END ORDER BY l.last DESC, l.product_id COLLATE "C"),
               array_agg(l.product_id) FILTER (WHERE l.bought > 0)
          INTO news, news_strengths, bought
          FROM (SELECT w.product_id, max(w.occurred_at) AS last,
                       coalesce(sum(w.strength ORDER BY w.occurred_at, w.strength) FILTER (WHERE w.event_type NOT IN ('purchase', 'refund')), 0) AS interest,
                       sum(w.strength ORDER BY w.occurred_at, w.strength) FILTER (WHERE w.event_type = 'purchase') AS purchased,
                       nullif(sum(w.sign * coalesce(w.quantity, 1)) FILTER (WHERE w.event_type = 'purchase'), 0) AS units,
                       sum(w.sign * coalesce(w.quantity, 1)) FILTER (WHERE w.event_type = 'refund') AS returned,
                       sum(w.sign) FILTER (WHERE w.event_type = 'purchase') AS bought
                  FROM (SELECT e.*, e.sign * coalesce(model.weights[array_position(model.types, e.event_type)], 0)
                                    * CASE WHEN model.half_life IS NULL THEN 1 ELSE exp(ln(2::double precision) * least(greatest(date_part('epoch', e.occurred_at - model.reference) / date_part('epoch', model.half_life), -100), 20)) END AS strength
                          FROM unnest(line_types, line_times, line_products, line_signs, line_quantities) e(event_type, occurred_at, product_id, sign, quantity)) w
                 GROUP BY w.product_id
                HAVING sum(w.sign) <> 0 OR sum(w.strength) <> 0) l;
    END IF;
    skip := coalesce(array_remove(exclude, NULL), '{}');
    IF NOT include_bought THEN
        skip := skip || coalesce(model.bought, '{}') || coalesce(bought, '{}');
    END IF;

    IF model.model_id IS NOT NULL AND (model.factors IS NOT NULL OR customer IS NOT NULL AND news IS NOT NULL) THEN
        asked := CASE WHEN max_per_category IS NOT NULL THEN 4 * n + 20 WHEN narrowed THEN n ELSE n + 5 END;
        LOOP
            found := 0;
            products := '{}';
            scores := '{}';
            sources := '{}';
            reasons := '{}';
            categories := '{}';
            FOR one IN SELECT c.product_id, c.score, c.because, c.cosine, coalesce(p.category, '(none)') AS category, coalesce(p.active, true) AS active
                         FROM analytics.factor_candidates(model.model_id, model.trained_at, store, model.factors, model.products, model.strengths, news, news_strengths, skip, choice, asked) c
                         LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = c.product_id
                        ORDER BY c.score DESC, c.product_id COLLATE "C" LOOP
                found := found + 1;
                CONTINUE WHEN NOT one.active OR max_per_category <= cardinality(array_positions(categories, one.category));
                products := products || one.product_id;
                scores := scores || one.score;
                sources := sources || CASE WHEN news IS NULL THEN 'factors' ELSE 'fold_in' END;
                reasons := reasons || jsonb_build_object('because', one.because, 'measure', 'cosine', 'value', round(one.cosine::numeric, 6));
                categories := categories || one.category;
                EXIT WHEN cardinality(products) = n;
            END LOOP;
            EXIT WHEN cardinality(products) = n OR found < asked OR asked >= 5000;
            asked := least(asked * 8, 5000);
        END LOOP;
    END IF;

    IF narrowed AND NOT EXISTS (SELECT FROM unnest(choice) c(product_id) WHERE c.product_id <> ALL (skip) AND c.product_id <> ALL (products)) THEN
        n := cardinality(products);  -- there are no more
    END IF;
    IF cardinality(products) < n AND (news IS NOT NULL OR model.bought <> '{}') THEN
        seeds := (news || model.bought)[1:20];
        FOR one IN SELECT a.product_b AS product_id, sum(a.cosine ORDER BY a.product_a COLLATE "C") AS score, (array_agg(a.product_a ORDER BY a.cosine DESC, a.product_a COLLATE "C"))[1] AS because,
                          max(a.cosine) AS cosine, coalesce(p.category, '(none)') AS category
                     FROM analytics.product_affinity a LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = a.product_b
                    WHERE a.store_id = store AND a.product_a = ANY (seeds) AND a.product_b <> ALL (seeds) AND a.product_b <> ALL (skip) AND a.product_b <> ALL (products)
                      AND p.active IS NOT FALSE AND (NOT narrowed OR a.product_b = ANY (choice))
                    GROUP BY a.product_b, p.category
                    ORDER BY 2 DESC, a.product_b COLLATE "C"
                    LIMIT CASE WHEN max_per_category IS NULL THEN n - cardinality(products) END LOOP
            CONTINUE WHEN max_per_category <= cardinality(array_positions(categories, one.category));
            products := products || one.product_id;
            scores := scores || one.score;
            sources := sources || 'item_item'::text;
            reasons := reasons || jsonb_build_object('because', one.because, 'measure', 'cosine', 'value', round(one.cosine::numeric, 6));
            categories := categories || one.category;
            EXIT WHEN cardinality(products) = n;
        END LOOP;
    END IF;

    IF cardinality(products) < n THEN
        places := ARRAY[(SELECT c.country FROM analytics.rollup_customer c WHERE c.store_id = store AND c.customer_id = customer AND c.country ~ '^[A-Z]{2}$'), ''];
        FOREACH place IN ARRAY places LOOP
            CONTINUE WHEN place IS NULL OR cardinality(products) = n;
            FOR one IN SELECT t.product_id, t.score, t.units, t.previous_units, coalesce(p.category, '(none)') AS category
                         FROM analytics.trending_products(least(1000, n + cardinality(skip) + 100), store, CASE WHEN cardinality(wanted.categories) = 1 THEN wanted.categories[1] END, nullif(place, '')) t
                         LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = t.product_id
                        WHERE t.score > 1 AND p.active IS NOT FALSE AND t.product_id <> ALL (skip) AND t.product_id <> ALL (products) AND (NOT narrowed OR t.product_id = ANY (choice))
                        ORDER BY t.rank LOOP
                CONTINUE WHEN max_per_category <= cardinality(array_positions(categories, one.category));
                products := products || one.product_id;
                scores := scores || one.score;
                sources := sources || 'trending'::text;
                reasons := reasons || jsonb_build_object('because', nullif(place, ''), 'measure', 'units', 'value', one.units, 'previous', one.previous_units);
                categories := categories || one.category;
                EXIT WHEN cardinality(products) = n;
            END LOOP;
        END LOOP;
    END IF;

    IF cardinality(products) < n THEN
        -- those beyond the first thousand, and those that nobody has bought yet, come last, by their ids
        FOR one IN SELECT o.product_id, o.orders, coalesce(p.category, '(none)') AS category
                     FROM (SELECT r.product_id, r.orders FROM analytics.popular_products(store, choice, 1000 + n + cardinality(skip)) r
                            WHERE r.product_id <> ALL (skip) AND r.product_id <> ALL (products)
                            ORDER BY r.orders DESC, r.product_id COLLATE "C") o  -- (so that products are looked up only until there are n)
                     LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = o.product_id
                    WHERE p.active IS NOT FALSE
                    ORDER BY o.orders DESC, o.product_id COLLATE "C" LOOP
            CONTINUE WHEN max_per_category <= cardinality(array_positions(categories, one.category));
            products := products || one.product_id;
            scores := scores || one.orders::double precision;
            sources := sources || 'popular'::text;
            reasons := reasons || jsonb_build_object('because', NULL, 'measure', 'orders', 'value', one.orders);
            categories := categories || one.category;
            EXIT WHEN cardinality(products) = n;
        END LOOP;
    END IF;
    IF cardinality(products) < n AND NOT narrowed THEN
        FOR one IN SELECT p.product_id, coalesce(m.baskets, 0) AS orders, coalesce(p.category, '(none)') AS category
                     FROM analytics.product p LEFT JOIN analytics.product_basket m ON m.product_id = p.product_id AND m.store_id = store
                    WHERE p.store_id = store AND p.active AND p.product_id <> ALL (skip) AND p.product_id <> ALL (products)
                    ORDER BY p.product_id COLLATE "C" LOOP
            CONTINUE WHEN max_per_category <= cardinality(array_positions(categories, one.category));
            products := products || one.product_id;
            scores := scores || one.orders::double precision;
            sources := sources || 'popular'::text;
            reasons := reasons || jsonb_build_object('because', NULL, 'measure', 'orders', 'value', one.orders);
            categories := categories || one.category;
            EXIT WHEN cardinality(products) = n;
        END LOOP;
    END IF;

    RETURN QUERY
    SELECT u.place::integer, u.product_id, u.score, u.source, u.reason, md5(jsonb_build_array(store, model.version, customer, products)::text)
      FROM unnest(products, scores, sources, reasons) WITH ORDINALITY u(product_id, score, source, reason, place)
     ORDER BY u.place;
END
$$;
COMMENT ON FUNCTION analytics.recommend(text, integer, text, text, text[], jsonb, boolean, integer) IS
'at most n products for a customer, the best first, from the first source that has them: factors (what fit_recommender() learned), fold_in (the same with what the customer did since), item_item (bought together with the session''s or the customer''s products), trending, popular. No rows only where the store has no product left to offer. customer null or unknown: for anybody.
Never: products that are not active, those of exclude, and, unless include_bought, those that the customer has bought. session: a visit whose products count, too. filter: {"category": [..], "brand": [..], "price_min": 1, "price_max": 9}. score compares within a source. reason: because (a product of the customer, or a country), measure, value.
recommendation_id is the list''s: send it with view_item_list, select_item and view_item as properties.recommendation_id, and recommendation_report() tells what came of it. 22023: an argument; 42501: not this store';

CREATE OR REPLACE FUNCTION analytics.similar_products(product text, n integer DEFAULT 10, store text DEFAULT 'main', method text DEFAULT 'factors')
    RETURNS TABLE (rank integer, product_id text, score double precision, source text, reason jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    model record;
    asked integer;
    found integer;
    products text[];
    scores double precision[];
BEGIN
    IF product IS NULL OR store IS NULL THEN
        RAISE EXCEPTION 'product and store must not be null' USING ERRCODE = '22023', HINT = 'Pass the id of a product, as items name it.';
    ELSIF n IS NULL OR NOT n BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'n is out of range' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(n::text, 'null')), HINT = 'Ask for 1 to 1000 products.';
    ELSIF method IS NULL OR method NOT IN ('factors', 'cosine', 'jaccard', 'lift', 'llr') THEN
        RAISE EXCEPTION 'unknown method' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(method, 100)), HINT = 'Use factors, cosine, jaccard, lift or llr.';
    END IF;
    PERFORM analytics.require_store(store);
    IF method = 'factors' THEN
        SELECT m.model_id, m.trained_at INTO model FROM analytics.model m WHERE m.model_id = analytics.serving_model(store, 'recommender');
        asked := n + 5;
        WHILE model.model_id IS NOT NULL LOOP
            SELECT count(*), array_agg(c.product_id ORDER BY c.score DESC, c.product_id COLLATE "C") FILTER (WHERE p.active IS NOT FALSE),
                   array_agg(c.score ORDER BY c.score DESC, c.product_id COLLATE "C") FILTER (WHERE p.active IS NOT FALSE)
              INTO found, products, scores
              FROM analytics.similar_by_factors(model.model_id, model.trained_at, store, product, '{}', asked) c
              LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = c.product_id;
            EXIT WHEN cardinality(products) >= n OR found < asked;
            asked := asked * 8;  -- most of these are not active
        END LOOP;
        IF products IS NOT NULL THEN
            RETURN QUERY
            SELECT u.place::integer, u.product_id, u.score, 'factors'::text, jsonb_build_object('because', product, 'measure', 'cosine', 'value', round(u.score::numeric, 6))
              FROM unnest(products[:n], scores[:n]) WITH ORDINALITY u(product_id, score, place)
             ORDER BY u.place;
            RETURN;
        END IF;
        method := 'cosine';  -- nobody has fitted, or this product came later
    END IF;
    RETURN QUERY
    SELECT (row_number() OVER (ORDER BY s.score DESC, s.baskets DESC, s.product_id COLLATE "C"))::integer, s.product_id, s.score, 'item_item'::text,
           jsonb_build_object('because', product, 'measure', method, 'value', round(s.score::numeric, 6))
      FROM (SELECT a.product_b AS product_id, a.baskets, CASE method WHEN 'cosine' THEN a.cosine WHEN 'jaccard' THEN a.jaccard WHEN 'lift' THEN a.lift ELSE a.llr END AS score
              FROM analytics.product_affinity a LEFT JOIN analytics.product p ON p.store_id = store AND p.product_id = a.product_b
             WHERE a.store_id = store AND a.product_a = product AND p.active IS NOT FALSE
               AND CASE method WHEN 'lift' THEN a.baskets >= 3 WHEN 'llr' THEN a.lift > 1 ELSE true END) s
     ORDER BY 1
     LIMIT n;
END
$$;
COMMENT ON FUNCTION analytics.similar_products(text, integer, text, text) IS
'at most n active products like this one. method factors: by the cosine between their factors (fit_recommender()), source factors; without them, and by the methods cosine, jaccard, lift and llr, by what is bought together (product_affinity), source item_item. lift leaves out pairs of fewer than 3 orders, llr those that are bought together less often than by chance.
No rows: the product is not known. 22023: an argument; 42501: not this store';
