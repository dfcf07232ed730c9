-- How the installation is, for whoever reads reports: what is merged, what models and jobs have done. Who may see some stores alone
-- learns of these stores, and nothing of how much there is of others.

-- Apart, since it can be planned only where pg_cron is: it shows the jobs that the extension's owner may see.
CREATE OR REPLACE FUNCTION analytics.job_runs() RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- (the log has an index by run alone: a job that did not run in the last 20,000 runs has none)
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('job_name', j.jobname, 'schedule', j.schedule, 'last_run', r.start_time, 'last_status', r.status,
                                                         'last_message', CASE WHEN analytics.allowed_stores() IS NULL THEN r.return_message END) ORDER BY j.jobname), '[]')
              FROM cron.job j
              LEFT JOIN LATERAL (SELECT d.start_time, d.status, d.return_message FROM cron.job_run_details d
                                  WHERE d.jobid = j.jobid AND d.runid > (SELECT max(m.runid) FROM cron.job_run_details m) - 20000
                                  ORDER BY d.runid DESC LIMIT 1) r ON true
             WHERE j.database = current_database() AND starts_with(j.jobname::text, 'analytics_') AND j.command ~ '^(CALL|SELECT) analytics\.');
END
$$;
COMMENT ON FUNCTION analytics.job_runs() IS 'jobs of pg_cron for this database that the extension''s owner may see, and their last runs, as JSON';

CREATE OR REPLACE FUNCTION analytics.health() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    stores text[] := analytics.allowed_stores();
    jobs jsonb := '[]';
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') AND has_schema_privilege('cron', 'USAGE')
       AND has_table_privilege('cron.job', 'SELECT') AND has_table_privilege('cron.job_run_details', 'SELECT') THEN
        jobs := analytics.job_runs();
    END IF;
    RETURN (SELECT jsonb_build_object('version', h.version, 'as_of', h.as_of, 'lag_seconds', h.lag_seconds, 'pending_rows', h.pending_rows, 'problems', to_jsonb(h.problems))
              FROM analytics.http_health(stores) h)
        || jsonb_build_object(
            'capabilities', (SELECT jsonb_agg(to_jsonb(c)) FROM analytics.capabilities() c),
            'rollups', (
                WITH target AS (
                    SELECT r.name, r.grain, r.dimensions, array_remove(r.measures, 'order_keys') AS measures, CASE WHEN stores IS NULL THEN r.filter END AS filter,
                           ARRAY[format('analytics.%I', 'rollup_' || r.name)::regclass] AS tables
                      FROM analytics.rollup r
                    UNION ALL
                    SELECT 'product_pair', NULL, '{product_a,product_b}', '{baskets}', NULL, '{analytics.product_pair,analytics.product_basket}'
                    UNION ALL
                    SELECT 'session', NULL, '{}', '{sessions,events,orders}', NULL, '{analytics.rollup_session,analytics.rollup_session_day}'
                ), tail AS MATERIALIZED (
                    SELECT s.merged, u.lines, u.oldest
                      FROM (SELECT DISTINCT s.merged::text AS merged FROM target t LEFT JOIN analytics.rollup_state s USING (name)) s
                     CROSS JOIN LATERAL analytics.unmerged_lines(s.merged::pg_snapshot, stores) u
                )
                SELECT jsonb_agg(jsonb_build_object(
                           'name', t.name, 'grain', t.grain, 'dimensions', t.dimensions, 'measures', t.measures, 'filter', t.filter, 'tail_rows', u.lines,
                           'lag', coalesce(greatest(extract(epoch FROM clock_timestamp() - u.oldest), 0), 0),
                           'last_refresh', CASE WHEN stores IS NULL THEN s.refreshed_at END,
                           'last_duration', CASE WHEN stores IS NULL THEN extract(epoch FROM s.duration) END,
                           'size_bytes', CASE WHEN stores IS NULL THEN (SELECT sum(pg_total_relation_size(k)) FROM unnest(t.tables) k) END,
                           'status', CASE WHEN s.name IS NULL THEN 'not built' WHEN s.built_from > '-infinity' THEN 'building'
                                          WHEN s.rebuilding_from IS NOT NULL THEN 'rebuilding' WHEN u.lines > 0 THEN 'behind' ELSE 'current' END) ORDER BY t.name)
                  FROM target t
                  LEFT JOIN analytics.rollup_state s USING (name)
                  JOIN tail u ON u.merged IS NOT DISTINCT FROM s.merged::text),
            'models', (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.store_id, m.kind, m.name), '[]')
                         FROM (SELECT DISTINCT ON (o.store_id, o.kind, o.name) o.* FROM analytics.model o
                                WHERE stores IS NULL OR o.store_id = ANY (stores) ORDER BY o.store_id, o.kind, o.name, o.version DESC) m),
            'jobs', jobs);
END
$$;
COMMENT ON FUNCTION analytics.health() IS
'how things stand, as JSON: version, as_of, lag_seconds, pending_rows and problems as GET /api/health has them; capabilities; rollups: as in rollup_status, lag and last_duration in seconds, tail_rows counted up to 10,000; models: of each store, kind and name the newest run; jobs: those of pg_cron with their last run, where the extension''s owner may see them.
Under the claim "stores" it speaks of these stores alone, and leaves null what tells of the others'' data: sizes, durations, filters, messages of jobs';
