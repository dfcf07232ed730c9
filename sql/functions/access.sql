-- Who may do what. PUBLIC has nothing. grant_access() gives a role what a level needs; within that the claim `stores` of a request
-- (request.jwt.claims, as PostgREST and the HTTP workers set it) narrows every view and function to some stores.

CREATE OR REPLACE FUNCTION analytics.allowed_stores() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claims text := current_setting('request.jwt.claims', true);
    stores jsonb;
BEGIN
    IF claims IS NULL OR claims = '' THEN
        RETURN NULL;
    END IF;
    -- (claims that are no JSON are an error, and so allow nothing: to catch it takes a subtransaction, which a parallel query may not have)
    stores := claims::jsonb -> 'stores';
    RETURN CASE coalesce(jsonb_typeof(stores), 'null')
        WHEN 'null' THEN NULL
        WHEN 'string' THEN ARRAY[stores #>> '{}']
        WHEN 'array' THEN ARRAY(SELECT s FROM jsonb_array_elements_text(stores) s WHERE s IS NOT NULL)
        ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION analytics.allowed_stores() IS
'stores that the caller may see: those of the claim "stores" in request.jwt.claims; null where there is no such claim: all. A claim that is no list of names allows none. 22P02: request.jwt.claims is no JSON';

CREATE OR REPLACE FUNCTION analytics.require_store(store text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stores text[] := analytics.allowed_stores();
BEGIN
    IF stores IS NOT NULL AND (store IS NULL OR NOT store = ANY (stores)) THEN
        RAISE EXCEPTION 'permission denied for this store' USING ERRCODE = '42501',
            DETAIL = coalesce(format('Store %L.', left(store, 100)), 'All stores.'),
            HINT = 'The claim "stores" of this session names the stores it may use; pass one of them as store.';
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.require_store(text) IS '42501 unless the claim "stores" allows this store (null: all)';

-- The same as a condition on a column. Each (SELECT ...) is evaluated once a query, not once a row.
CREATE OR REPLACE FUNCTION analytics.allowed_sql(store text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('((SELECT analytics.allowed_stores()) IS NULL OR %s = ANY ((SELECT analytics.allowed_stores())::text[]))', store)
$$;
COMMENT ON FUNCTION analytics.allowed_sql(text) IS 'SQL condition that the caller may see a row of this store';

-- What each level consists of. A level is no role: any role may be given one, or several.
CREATE OR REPLACE FUNCTION analytics.level_privileges(level text) RETURNS TABLE (privilege text, object text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- reports: the views, and the functions that stand in them, which look at the claim themselves
    SELECT 'SELECT', format('TABLE %s', c.oid::regclass)
      FROM pg_class c
     WHERE c.relnamespace = 'analytics'::regnamespace AND level IN ('reader', 'admin')
       AND (c.relname IN ('event', 'product', 'current_event', 'product_daily', 'category_daily', 'product_affinity', 'customer',
                          'customer_month', 'cohort_retention', 'session', 'session_daily', 'funnel_daily', 'data_dictionary', 'rfm',
                          'segment_rule', 'segment_summary', 'segment_history', 'model', 'customer_value', 'customer_cluster', 'cluster_profile', 'store_profile')
            OR c.relkind = 'v' AND c.relname IN (SELECT r.name FROM analytics.rollup r))
    UNION ALL
    SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND level IN ('reader', 'admin')
       AND (p.proname IN ('allowed_stores', 'get_setting', 'capabilities', 'running_workers', 'tail_product', 'tail_product_pair',
                          'recount_category', 'add_order_values', 'gather_order_values', 'distinct_count', 'order_value_quantile', 'rate_on',
                          'customers_are_built', 'tail_customer', 'tail_customer_month', 'tail_cohort', 'tail_session',
                          'tail_session_day', 'documented_relations', 'parts_events', 'visualize', 'rfm_at', 'segment_movement', 'serving_model',
                          'bgnbd_fit', 'gamma_gamma_fit', 'bgnbd_expected', 'bgnbd_p_alive', 'gamma_gamma_value', 'kmeans', 'assign_cluster',
                          'bought_together', 'trending_products', 'basket_rules', 'recommend', 'similar_products', 'recommendation_report',
                          'product_report', 'customer_profile', 'value_distribution', 'store_profiles', 'activity', 'recent_events', 'ingest_activity', 'health')
            OR p.proname IN (SELECT u.part || r.name FROM analytics.rollup r, unnest('{tail_,recount_}'::text[]) u(part)))
    -- sending: what comes in, and what of it was rejected; no figures
    UNION ALL
    SELECT u.privilege, u.object
      FROM (VALUES ('SELECT', 'TABLE analytics.rejected_event'), ('UPDATE (payload, status)', 'TABLE analytics.rejected_event'),
                   ('SELECT', 'TABLE analytics.product'), ('SELECT', 'TABLE analytics.source_status'),
                   ('SELECT, INSERT, UPDATE, DELETE', 'TABLE analytics.source'), ('SELECT, INSERT, UPDATE, DELETE', 'TABLE analytics.source_key'),
                   ('SELECT, INSERT, DELETE', 'TABLE analytics.source_queue'),
                   ('INSERT (store_id, product_id, name, category, brand, price, currency, active, properties)', 'TABLE analytics.product'),
                   ('UPDATE (name, category, brand, price, currency, active, properties)', 'TABLE analytics.product')) u(privilege, object)
     WHERE level IN ('writer', 'admin')
    UNION ALL
    SELECT format('INSERT (%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)), 'TABLE analytics.event'
      FROM pg_attribute a
     WHERE a.attrelid = 'analytics.event'::regclass AND a.attnum > 0 AND NOT a.attisdropped
       AND a.attname NOT IN ('revision', 'sign', 'ingested_at', 'ingest_xid', 'stamp') AND level IN ('writer', 'admin')
    HAVING count(*) > 0
    UNION ALL
    SELECT 'EXECUTE', format('ROUTINE %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND level IN ('writer', 'admin')
       AND p.proname IN ('allowed_stores', 'get_setting', 'stamp', 'ingest', 'validate', 'replay_rejected', 'retract', 'identify',
                          'sync_source', 'sync_sources', 'run_sync', 'drop_source', 'source_events', 'require_read_committed',
                          'checked_mapping', 'source_relation', 'source_is_query', 'source_value', 'source_object', 'source_event',
                          'source_query', 'source_run', 'source_watches', 'queue_source', 'source_watch', 'source_unwatch',
                          'source_table', 'require_watchable', 'sent_revisions', 'source_send', 'source_send_each', 'source_begin',
                          'running_transactions', 'have_ended', 'source_note_mark', 'source_mark_is_safe', 'source_poll',
                          'source_step', 'schedule', 'unschedule', 'jobs', 'cron_every', 'cron_daily', 'job_elsewhere', 'require_cron',
                          'scheduled_jobs', 'source_belonging', 'source_lock_id')
    -- looking after it
    UNION ALL
    SELECT 'SELECT', format('TABLE analytics.%I', u.name)
      FROM unnest('{rollup_status,rollup,rollup_state,store,exchange_rate}'::text[]) u(name) WHERE level = 'admin'
    UNION ALL
    SELECT 'INSERT, UPDATE, DELETE', 'TABLE analytics.segment_rule' WHERE level = 'admin'
    UNION ALL
    SELECT 'EXECUTE', format('ROUTINE %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND level = 'admin'
       AND p.proname IN ('set_setting', 'set_exchange_rate', 'refresh', 'rebuild', 'reconcile', 'maintain', 'maintain_partitions', 'missing_partitions',
                         'tail_of', 'create_rollup', 'drop_rollup', 'erase_customer', 'apply_retention', 'start_workers',
                         'stop_workers', 'grant_access', 'create_ingest_key', 'revoke_ingest_key', 'run_maintenance', 'schedule', 'unschedule', 'jobs', 'cron_every',
                         'cron_daily', 'job_elsewhere', 'require_cron', 'scheduled_jobs', 'record_segments', 'reset_segment_rules', 'begin_model', 'end_model', 'promote_model',
                         'fit_customer_value', 'model_stores', 'model_steps', 'run_models', 'fit_clusters', 'fit_points', 'write_clusters', 'cluster_query',
                         'feature_sql', 'store_today', 'refit_clusters', 'require_store', 'fit_recommender', 'evaluate_recommender', 'refit_recommenders')
    -- what HTTP serves of these
    UNION ALL
    SELECT 'SELECT', format('TABLE analytics_api.%I', u.name)
      FROM (SELECT unnest(analytics.api_relations()) UNION ALL SELECT r.name FROM analytics.rollup r WHERE NOT r.builtin) u(name)
     WHERE level IN ('reader', 'admin') AND to_regclass(format('analytics_api.%I', u.name)) IS NOT NULL
    UNION ALL
    SELECT u.privilege, 'TABLE analytics_api.rejected_event' FROM unnest('{SELECT,"UPDATE (payload, status)"}'::text[]) u(privilege) WHERE level IN ('writer', 'admin')
    UNION ALL
    SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
      FROM pg_proc p
     WHERE p.pronamespace = 'analytics_api'::regnamespace AND p.proname = ANY (analytics.api_functions(level))
$$;
COMMENT ON FUNCTION analytics.level_privileges(text) IS 'what grant_access() grants for a level: privilege and object, as SQL';

CREATE OR REPLACE FUNCTION analytics.grant_access(grantee name, level text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    IF level IS NULL OR level NOT IN ('reader', 'writer', 'admin') THEN
        RAISE EXCEPTION 'unknown level of access' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(level, 100)),
            HINT = 'Use reader (reports), writer (ingestion) or admin (both, settings and upkeep).';
    ELSIF grantee IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = grantee) THEN
        RAISE EXCEPTION 'role does not exist' USING ERRCODE = '42704', DETAIL = format('Got %L.', grantee),
            HINT = 'CREATE ROLE it first. PUBLIC is given nothing.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA analytics, analytics_api TO %I', grantee);
    FOR granted IN SELECT p.privilege, p.object FROM analytics.level_privileges(level) p LOOP
        EXECUTE format('GRANT %s ON %s TO %I', granted.privilege, granted.object, grantee);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.grant_access(name, text) IS
'gives a role what a level needs. reader: all reports and events. writer: ingestion, INSERT into event, products, its rejected events; no reports. admin: both, settings, rollups, upkeep, and this.
Within it the claim "stores" narrows a session to some stores (allowed_stores). Rollups made later follow: who may read sales_daily may read them. 22023: unknown level; 42704: no such role';

-- A new rollup is for whoever may read sales_daily, in each of the schemas.
CREATE OR REPLACE FUNCTION analytics.grant_rollup(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader name;
    object text;
BEGIN
    FOR reader IN SELECT r.rolname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x JOIN pg_roles r ON r.oid = x.grantee
                   WHERE c.oid = 'analytics.sales_daily'::regclass AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner LOOP
        EXECUTE format('GRANT SELECT ON analytics.%I TO %I', name, reader);
        FOR object IN SELECT p.oid::regprocedure::text FROM pg_proc p
                       WHERE p.pronamespace = 'analytics'::regnamespace AND p.proname IN ('tail_' || name, 'recount_' || name) LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', object, reader);
        END LOOP;
    END LOOP;
    FOR reader IN SELECT r.rolname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x JOIN pg_roles r ON r.oid = x.grantee
                   WHERE c.oid = 'analytics_api.sales_daily'::regclass AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner LOOP
        EXECUTE format('GRANT SELECT ON analytics_api.%I TO %I', name, reader);
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.grant_rollup(text) IS 'lets those who may read sales_daily read a new rollup';
