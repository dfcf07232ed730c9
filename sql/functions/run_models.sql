-- What is trained at night. A model more is a row more in model_steps().
CREATE OR REPLACE FUNCTION analytics.model_stores() RETURNS TABLE (store_id text, as_of timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.store_id, coalesce(CASE WHEN analytics.setting_of('clock', u.store_id) = 'data'
                                     THEN least(analytics.newest_event(u.store_id) + interval '1 microsecond', now()) END, now())
      FROM unnest(analytics.known_stores()) u(store_id)
     WHERE analytics.allowed_stores() IS NULL OR u.store_id = ANY (analytics.allowed_stores())
     ORDER BY u.store_id
$$;
COMMENT ON FUNCTION analytics.model_stores() IS 'stores that have events, and what is now there (setting clock)';

-- Each step is a transaction of whoever runs them: run_models(), or a worker. (The moment is written into the SQL.)
CREATE OR REPLACE FUNCTION analytics.model_steps() RETURNS TABLE (step bigint, command text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO'
AS $$
    SELECT row_number() OVER (ORDER BY s.store_id, k.place), format(k.command, s.store_id, s.as_of)
      FROM analytics.model_stores() s
     CROSS JOIN (VALUES (1, 'SELECT analytics.fit_customer_value(%1$L, %2$L)'),
                        (2, 'SELECT analytics.refit_clusters(%1$L)'),
                        (3, 'SELECT analytics.refit_recommenders(%1$L)')) k(place, command)
     -- the portable edition can't train what is C++
     WHERE (SELECT c.available FROM analytics.capabilities() c WHERE c.name = 'library')
$$;
COMMENT ON FUNCTION analytics.model_steps() IS 'SQL that trains the models of all stores anew that the caller may see, in the order to run it in, a transaction each';

-- (A procedure that sets search_path could not commit: every name is qualified instead.)
CREATE OR REPLACE PROCEDURE analytics.run_models()
    LANGUAGE plpgsql
AS $$
DECLARE
    commands text[] := ARRAY(SELECT s.command FROM analytics.model_steps() s ORDER BY s.step);
    i integer;
BEGIN
    FOR i IN 1 .. pg_catalog.cardinality(commands) LOOP
        EXECUTE commands[i];
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE analytics.run_models() IS
'trains the models of all stores anew that the caller may see, each in a transaction of its own; for schedulers. How each run ended stands in model. Call it outside of transactions';

-- For the nightly worker, which knows of pg_cron's jobs what no owner may see.
CREATE OR REPLACE FUNCTION analytics.nightly_steps(elsewhere text DEFAULT NULL) RETURNS TABLE (step bigint, command text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY n.place, n.step), n.command
      FROM (SELECT 1, 1, 'apply_retention', 'SELECT analytics.apply_retention()'
            UNION ALL
            SELECT 2, 1, 'record_segments', 'SELECT analytics.record_segments()'
            UNION ALL
            SELECT 3, m.step, 'run_models', m.command FROM analytics.model_steps() m) n(place, step, job, command)
     WHERE strpos(coalesce(elsewhere, ''), 'analytics.' || n.job || '(') = 0
$$;
COMMENT ON FUNCTION analytics.nightly_steps(text) IS 'SQL of what is to be done at night, in the order to run it in, a transaction each; but for what is in these commands of other schedulers';
