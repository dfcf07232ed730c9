-- The functions of functions/native.sql where the library can't be loaded: those that SQL can do, and for the others one
-- that says so. Same names, same parameters.

-- Immutable for the reason given in functions/native.sql; pg_current_xact_id() is the top-level transaction's id too.
-- In PL/pgSQL, since a SQL function would be inlined and found to be what it is.
CREATE OR REPLACE FUNCTION analytics.stamp() RETURNS xid8
    LANGUAGE plpgsql IMMUTABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_current_xact_id();
END
$$;

CREATE OR REPLACE FUNCTION analytics.needs_library(what text, instead text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%() needs the analytics library', what USING ERRCODE = '0A000',
        DETAIL = 'This is the portable edition, which is plain SQL.', HINT = instead;
END
$$;
COMMENT ON FUNCTION analytics.needs_library(text, text) IS 'raises 0A000: the portable edition can''t do this';
REVOKE ALL ON FUNCTION analytics.needs_library(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION analytics.ingest(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('ingest', 'Write with COPY or INSERT into analytics.event, which counts the same.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.ingest(payload text, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('ingest', 'Write with COPY or INSERT into analytics.event, which counts the same.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.validate(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('validate', 'COPY or INSERT into analytics.event checks each row.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.validate(payload text, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('validate', 'COPY or INSERT into analytics.event checks each row.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.replay_rejected(ids bigint[] DEFAULT NULL, store text DEFAULT NULL,
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('replay_rejected', 'Write the mended events with COPY or INSERT into analytics.event.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.ingest_group(payloads text[], formats text[] DEFAULT NULL, stores text[] DEFAULT NULL,
    events jsonb DEFAULT NULL, bound boolean[] DEFAULT NULL)
    RETURNS TABLE (member integer, accepted bigint, duplicates bigint, rejected bigint, errors jsonb, sqlstate text, message text,
                   detail text, hint text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('ingest_group', 'Write with COPY or INSERT into analytics.event, which counts the same.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.start_workers() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('start_workers', 'SELECT analytics.schedule() has pg_cron do what workers do.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.stop_workers() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('stop_workers', 'Where pg_cron does their work, SELECT analytics.unschedule() ends that.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.read_filter(sent text, OUT filter text, OUT condition text)
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('read_filter', 'Make the rollup without a filter, with what it would ask for as a dimension.');
END
$$;

-- merge_pass_sql() does the same, slower.
CREATE OR REPLACE FUNCTION analytics.merge_cells(description text, newer xid8, running xid8[], names text[]) RETURNS bigint
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL::bigint
$$;

CREATE OR REPLACE FUNCTION analytics.bgnbd_fit(frequency double precision[], recency double precision[], t double precision[], seed bigint DEFAULT 42) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('bgnbd_fit', 'The view customer has what customers bought so far.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.gamma_gamma_fit(frequency double precision[], monetary_value double precision[], seed bigint DEFAULT 42) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('gamma_gamma_fit', 'The view customer has what customers bought so far.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.bgnbd_expected(params jsonb, frequency double precision, recency double precision, t double precision, horizon double precision) RETURNS double precision
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('bgnbd_expected', 'The view customer has what customers bought so far.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.bgnbd_p_alive(params jsonb, frequency double precision, recency double precision, t double precision) RETURNS double precision
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('bgnbd_p_alive', 'The view customer has what customers bought so far.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.gamma_gamma_value(params jsonb, frequency double precision, monetary_value double precision) RETURNS double precision
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('gamma_gamma_value', 'The view customer has what customers bought so far.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.customer_prediction(params jsonb, frequency double precision, recency double precision, t double precision, monetary_value double precision) RETURNS double precision[]
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('customer_prediction', 'The view customer has what customers bought so far.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.kmeans(points double precision[], k integer, seed bigint DEFAULT 42, restarts integer DEFAULT 10,
    max_iterations integer DEFAULT 300) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('kmeans', 'Group customers by analytics.rfm, which is plain SQL.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.fit_points(points double precision[], features text[], k integer, k_min integer, k_max integer, scaling text,
    log1p boolean, restarts integer, seed bigint, OUT assignments integer[], OUT metrics jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('fit_clusters', 'Group customers by analytics.rfm, which is plain SQL.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.nearest_cluster(features double precision[], center double precision[], scale double precision[], log1p boolean,
    centroids double precision[]) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('assign_cluster', 'Group customers by analytics.rfm, which is plain SQL.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.basket_rules(min_support double precision, min_confidence double precision, max_length integer DEFAULT 5, store text DEFAULT 'main',
    "from" timestamptz DEFAULT NULL, "to" timestamptz DEFAULT NULL)
    RETURNS TABLE (antecedent text[], consequent text, antecedent_count bigint, consequent_count bigint, count bigint, support double precision,
                   confidence double precision, lift double precision, leverage double precision, conviction double precision, zhang double precision, p_value double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('basket_rules', 'The view product_affinity and bought_together() have what two products have to do with each other.');
END
$$;

CREATE OR REPLACE FUNCTION analytics.train_recommender(model_id bigint, store text, types text[], weights double precision[], half_life double precision, reference timestamptz,
    split timestamptz, k integer, factors integer, regularization double precision, alpha double precision, iterations integer, seed bigint, force boolean) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.needs_library('fit_recommender', 'recommend() and similar_products() go by what is bought together, trending and popular, without it.');
END
$$;

-- There are no factors.
CREATE OR REPLACE FUNCTION analytics.factor_candidates(model_id bigint, trained_at timestamptz, store text, factors real[], products integer[], strengths real[],
    news text[], news_strengths double precision[], skip text[], choice text[], k integer)
    RETURNS TABLE (product_id text, score double precision, because text, cosine double precision)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL::text, NULL::double precision, NULL::text, NULL::double precision WHERE false
$$;

CREATE OR REPLACE FUNCTION analytics.similar_by_factors(model_id bigint, trained_at timestamptz, store text, product text, skip text[], k integer)
    RETURNS TABLE (product_id text, score double precision, because text, cosine double precision)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL::text, NULL::double precision, NULL::text, NULL::double precision WHERE false
$$;
