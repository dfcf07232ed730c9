-- What HTTP serves: schema analytics_api has the reports of schema analytics under the same names, those of create_rollup(), too, and what a client may call of its
-- functions, with their comments, and nothing of the engine. A caller reads and calls with its own rights; grant_access() gives them.

CREATE SCHEMA analytics_api;
COMMENT ON SCHEMA analytics_api IS
'Shop analytics
Sales, products, customers, sessions and funnels as relations to be filtered, sorted and summed; /rpc/visualize has a chart''s series. Each column says what it means. Money never adds up over currencies, nor distinct counts (customers, sessions) over rows. The claim "stores" of a token narrows all of it to some stores.';

-- Those of readers; see level_privileges(). Writers have rejected_event, and mend it there.
CREATE OR REPLACE FUNCTION analytics.api_relations() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,product_affinity,customer,customer_month,cohort_retention,funnel_daily,session_daily,rfm,segment_summary,segment_history,customer_value,customer_cluster,cluster_profile,model,store_profile,data_dictionary}'::text[]
$$;
COMMENT ON FUNCTION analytics.api_relations() IS 'views of schema analytics that analytics_api has as well, for readers';

CREATE OR REPLACE FUNCTION analytics.api_functions(level text) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN level IN ('reader', 'admin') THEN '{visualize,capabilities,rfm_at,segment_movement,assign_cluster,bought_together,trending_products,basket_rules,recommend,similar_products,recommendation_report,product_report,customer_profile,value_distribution,activity,recent_events,ingest_activity,health}'::text[] ELSE '{}' END
        || CASE WHEN level IN ('writer', 'admin') THEN '{ingest,validate,replay_rejected,retract,identify}'::text[] ELSE '{}' END
        || CASE WHEN level = 'admin' THEN '{set_setting,set_exchange_rate,erase_customer,create_rollup,drop_rollup,refresh,rebuild,reconcile,create_ingest_key,revoke_ingest_key,fit_recommender,evaluate_recommender}'::text[] ELSE '{}' END
$$;
COMMENT ON FUNCTION analytics.api_functions(text) IS 'functions of schema analytics that analytics_api has as well, by level of access';

DO $$
DECLARE
    item record;
    name text;
BEGIN
    FOREACH name IN ARRAY analytics.api_relations() LOOP
        PERFORM analytics.make_api_view(name, false);
    END LOOP;
    PERFORM analytics.make_api_view('rejected_event', true);
    -- A payload is JSON here: of the same function for text HTTP has no need, and could not tell which was meant.
    FOR item IN SELECT p.oid, p.proname, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_identity_arguments(p.oid) AS signature,
                       pg_get_function_result(p.oid) AS result, CASE p.provolatile WHEN 'v' THEN 'VOLATILE' ELSE 'STABLE' END AS volatility,
                       p.proretset OR p.prorettype = 'record'::regtype AS in_columns, obj_description(p.oid, 'pg_proc') AS text,
                       (SELECT string_agg(format('%1$I => %1$I', p.proargnames[i]), ', ' ORDER BY i) FROM generate_series(1, cardinality(p.proargnames)) i
                         WHERE coalesce(p.proargmodes[i], 'i') IN ('i', 'b')) AS passed
                  FROM pg_proc p
                 WHERE p.pronamespace = 'analytics'::regnamespace AND p.prokind = 'f' AND p.proname = ANY (analytics.api_functions('admin'))
                   AND NOT (p.proname IN ('ingest', 'validate') AND p.proargtypes[0] = 'text'::regtype) LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION analytics_api.%I(%s) RETURNS %s LANGUAGE sql %s SET search_path = pg_catalog, pg_temp AS %L',
                       item.proname, item.arguments, item.result, item.volatility,
                       format('SELECT %sanalytics.%I(%s)', CASE WHEN item.in_columns THEN '* FROM ' ELSE '' END, item.proname, item.passed));
        EXECUTE format('COMMENT ON FUNCTION analytics_api.%I(%s) IS %L', item.proname, item.signature, item.text);
    END LOOP;
END
$$;
