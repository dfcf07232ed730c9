-- The functions that are C++, all of them. The portable edition has functions/native_portable.sql in this place.
-- What they mean, and who may call them, stands beside the SQL functions of their kind.

-- It depends on the transaction, and so is not immutable by nature. It is declared so because a generated column takes
-- no other function, and a generated column is what no sender can set and every way in stamps: COPY, INSERT, restore,
-- logical replication. It is safe there: PostgreSQL evaluates a generation expression, or folds it to a constant, once
-- a statement begins to execute, and a statement runs in one transaction. Use it nowhere else.
CREATE OR REPLACE FUNCTION analytics.stamp() RETURNS xid8
    LANGUAGE c IMMUTABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'analytics_stamp';

CREATE OR REPLACE FUNCTION analytics.ingest(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_jsonb';

CREATE OR REPLACE FUNCTION analytics.ingest(payload text, format text DEFAULT 'auto', store text DEFAULT 'main',
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_text';

CREATE OR REPLACE FUNCTION analytics.validate(payload jsonb, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_validate_jsonb';

CREATE OR REPLACE FUNCTION analytics.validate(payload text, format text DEFAULT 'auto', store text DEFAULT 'main')
    RETURNS TABLE (index integer, event_id text, event_type text, outcome text, code text, pointer text, message text,
                   lines integer)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_validate_text';

CREATE OR REPLACE FUNCTION analytics.replay_rejected(ids bigint[] DEFAULT NULL, store text DEFAULT NULL,
    OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_replay_rejected';

CREATE OR REPLACE FUNCTION analytics.ingest_group(payloads text[], formats text[] DEFAULT NULL, stores text[] DEFAULT NULL,
    events jsonb DEFAULT NULL, bound boolean[] DEFAULT NULL)
    RETURNS TABLE (member integer, accepted bigint, duplicates bigint, rejected bigint, errors jsonb, sqlstate text, message text,
                   detail text, hint text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_ingest_group';

CREATE OR REPLACE FUNCTION analytics.start_workers() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_start_workers';

CREATE OR REPLACE FUNCTION analytics.stop_workers() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_stop_workers';

CREATE OR REPLACE FUNCTION analytics.read_filter(sent text, OUT filter text, OUT condition text)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_read_filter';

CREATE OR REPLACE FUNCTION analytics.merge_cells(description text, newer xid8, running xid8[], names text[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'analytics_merge_cells';

-- Distinct counts of many cells as one. What hll_union_agg() gives, in a tenth of the time where they are many and small. (No cast leads from hll
-- to bytea: the functions look at what they are given. The aggregates stand here, since only a superuser may give one a state of its own.)
CREATE OR REPLACE FUNCTION analytics.add_to_union(state internal, counted anyelement) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_add_to_union';
COMMENT ON FUNCTION analytics.add_to_union(internal, anyelement) IS 'part of union_counts() and distinct_count()';

CREATE OR REPLACE FUNCTION analytics.union_set(state internal) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_union_set';
COMMENT ON FUNCTION analytics.union_set(internal) IS 'part of union_counts()';

CREATE OR REPLACE FUNCTION analytics.union_count(state internal) RETURNS double precision
    LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_union_count';
COMMENT ON FUNCTION analytics.union_count(internal) IS 'part of distinct_count()';

CREATE OR REPLACE AGGREGATE analytics.union_counts(counted anyelement) (
    SFUNC = analytics.add_to_union, STYPE = internal, SSPACE = 4096, FINALFUNC = analytics.union_set, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE);
COMMENT ON AGGREGATE analytics.union_counts(anyelement) IS 'union of distinct counts (hll); cast it to hll';

CREATE OR REPLACE AGGREGATE analytics.distinct_count(counted anyelement) (
    SFUNC = analytics.add_to_union, STYPE = internal, SSPACE = 4096, FINALFUNC = analytics.union_count, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE);
COMMENT ON AGGREGATE analytics.distinct_count(anyelement) IS 'how many the union of distinct counts (hll) counts: hll_cardinality(hll_union_agg(x))';

-- The values that part a set into five; (k in 1..4) percentile_disc(k / 5.0) without sorting. 8 bytes a value are held in memory.
CREATE OR REPLACE FUNCTION analytics.add_to_fifths(state internal, value anyelement) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_add_to_fifths';
COMMENT ON FUNCTION analytics.add_to_fifths(internal, anyelement) IS 'part of fifths()';

CREATE OR REPLACE FUNCTION analytics.cuts_of_fifths(state internal, value anyelement) RETURNS anyarray
    LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_cuts_of_fifths';
COMMENT ON FUNCTION analytics.cuts_of_fifths(internal, anyelement) IS 'part of fifths()';

CREATE OR REPLACE AGGREGATE analytics.fifths(value anyelement) (
    SFUNC = analytics.add_to_fifths, STYPE = internal, SSPACE = 4096, FINALFUNC = analytics.cuts_of_fifths, FINALFUNC_EXTRA, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE);
COMMENT ON AGGREGATE analytics.fifths(anyelement) IS 'the ceil(k n / 5)th smallest of n values for k from 1 to 4, an array; of bigint, timestamptz or numeric; null values are left out';

-- Customer value (src/core/models/bgnbd.hpp, gamma_gamma.hpp). The fits are not folded while a query is planned: they take their time.
CREATE OR REPLACE FUNCTION analytics.bgnbd_fit(frequency double precision[], recency double precision[], t double precision[], seed bigint DEFAULT 42) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 1000000
AS 'MODULE_PATHNAME', 'analytics_bgnbd_fit';

CREATE OR REPLACE FUNCTION analytics.gamma_gamma_fit(frequency double precision[], monetary_value double precision[], seed bigint DEFAULT 42) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 1000000
AS 'MODULE_PATHNAME', 'analytics_gamma_gamma_fit';

CREATE OR REPLACE FUNCTION analytics.bgnbd_expected(params jsonb, frequency double precision, recency double precision, t double precision, horizon double precision)
    RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'analytics_bgnbd_expected';

CREATE OR REPLACE FUNCTION analytics.bgnbd_p_alive(params jsonb, frequency double precision, recency double precision, t double precision) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'analytics_bgnbd_p_alive';

CREATE OR REPLACE FUNCTION analytics.gamma_gamma_value(params jsonb, frequency double precision, monetary_value double precision) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'analytics_gamma_gamma_value';

CREATE OR REPLACE FUNCTION analytics.customer_prediction(params jsonb, frequency double precision, recency double precision, t double precision, monetary_value double precision)
    RETURNS double precision[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'analytics_customer_prediction';

CREATE OR REPLACE FUNCTION analytics.kmeans(points double precision[], k integer, seed bigint DEFAULT 42, restarts integer DEFAULT 10,
    max_iterations integer DEFAULT 300) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'analytics_kmeans';

CREATE OR REPLACE FUNCTION analytics.fit_points(points double precision[], features text[], k integer, k_min integer, k_max integer, scaling text,
    log1p boolean, restarts integer, seed bigint, OUT assignments integer[], OUT metrics jsonb)
    LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'analytics_fit_points';

CREATE OR REPLACE FUNCTION analytics.nearest_cluster(features double precision[], center double precision[], scale double precision[], log1p boolean,
    centroids double precision[]) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'analytics_nearest_cluster';

CREATE OR REPLACE FUNCTION analytics.basket_rules(min_support double precision, min_confidence double precision, max_length integer DEFAULT 5, store text DEFAULT 'main',
    "from" timestamptz DEFAULT NULL, "to" timestamptz DEFAULT NULL)
    RETURNS TABLE (antecedent text[], consequent text, antecedent_count bigint, consequent_count bigint, count bigint, support double precision,
                   confidence double precision, lift double precision, leverage double precision, conviction double precision, zhang double precision, p_value double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER COST 1000000
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS 'MODULE_PATHNAME', 'analytics_basket_rules';

-- Recommendations (src/core/models/recommender.hpp, implicit_als.hpp, top_products.hpp).
CREATE OR REPLACE FUNCTION analytics.train_recommender(model_id bigint, store text, types text[], weights double precision[], half_life double precision, reference timestamptz,
    split timestamptz, k integer, factors integer, regularization double precision, alpha double precision, iterations integer, seed bigint, force boolean) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'analytics_train_recommender';

CREATE OR REPLACE FUNCTION analytics.factor_candidates(model_id bigint, trained_at timestamptz, store text, factors real[], products integer[], strengths real[],
    news text[], news_strengths double precision[], skip text[], choice text[], k integer)
    RETURNS TABLE (product_id text, score double precision, because text, cosine double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 20
AS 'MODULE_PATHNAME', 'analytics_factor_candidates';

CREATE OR REPLACE FUNCTION analytics.similar_by_factors(model_id bigint, trained_at timestamptz, store text, product text, skip text[], k integer)
    RETURNS TABLE (product_id text, score double precision, because text, cosine double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 20
AS 'MODULE_PATHNAME', 'analytics_similar_by_factors';
