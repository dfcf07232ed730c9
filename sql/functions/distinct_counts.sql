-- Many distinct counts as one: by the library's aggregates, or by hll's own where the library is not. Both give the same.

CREATE OR REPLACE FUNCTION analytics.unites_counts() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_regprocedure('analytics.union_counts(anyelement)') IS NOT NULL
$$;
COMMENT ON FUNCTION analytics.unites_counts() IS 'whether the library''s aggregates of distinct counts are there';

CREATE OR REPLACE FUNCTION analytics.union_sql(count text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN analytics.unites_counts() THEN 'analytics.union_counts(%s)::%s.hll' ELSE '%2$s.hll_union_agg(%1$s)' END, count, analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.union_sql(text) IS 'SQL of the aggregate that makes one distinct count (hll) of many';

CREATE OR REPLACE FUNCTION analytics.union_count_sql(count text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('coalesce(round(' || CASE WHEN analytics.unites_counts() THEN 'analytics.distinct_count(%s)' ELSE '%2$s.hll_cardinality(%2$s.hll_union_agg(%1$s))' END || ')::bigint, 0)', count, analytics.hll_schema())
$$;
COMMENT ON FUNCTION analytics.union_count_sql(text) IS 'SQL of how many the union of distinct counts (hll) counts; 0 without any';
