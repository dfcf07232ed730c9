-- Jobs of pg_cron, for servers without workers: what runs when, and the two functions that set it up and take it down.
-- Jobs belong to their caller and run with the caller's rights; nothing here is SECURITY DEFINER.

-- A scheduler's command. It commits each step, so that no step holds back another's, and what a long build has done stays done.
-- (A procedure that sets search_path could not commit: every name is qualified instead.)
CREATE OR REPLACE PROCEDURE analytics.run_maintenance(budget interval DEFAULT '1 minute')
    LANGUAGE plpgsql
AS $$
DECLARE
    until timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) budget;
BEGIN
    WHILE analytics.maintain() AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<) until LOOP
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE analytics.run_maintenance(interval) IS
'steps of upkeep (maintain), each a transaction of its own, until nothing is left to do or the budget of time is used up; for schedulers. Call it outside of transactions';

-- The jobs there are. A later one is a row more: its schedule, its command, and the function or procedure that it needs; it is left out
-- where that does not exist or the caller may not call it.
CREATE OR REPLACE FUNCTION analytics.jobs(often text, nightly text)
    RETURNS TABLE (job_name text, schedule text, command text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT j.job_name, j.schedule, j.command
      FROM (VALUES (1, 'analytics_refresh', often, 'CALL analytics.run_maintenance()', 'analytics.maintain()'),
                   (2, 'analytics_sync', often, 'CALL analytics.run_sync()', 'analytics.sync_sources(integer, integer)'),
                   (3, 'analytics_retention', nightly, 'SELECT analytics.apply_retention()', 'analytics.apply_retention()'),
                   (4, 'analytics_segments', nightly, 'SELECT analytics.record_segments()', 'analytics.record_segments(date, text)'),
                   (5, 'analytics_models', nightly, 'CALL analytics.run_models()', 'analytics.fit_customer_value(text, timestamptz, interval, interval, bigint)'))
           j(place, job_name, schedule, command, needs)
     WHERE has_function_privilege(to_regprocedure(j.needs), 'EXECUTE')
     ORDER BY j.place
$$;
COMMENT ON FUNCTION analytics.jobs(text, text) IS 'the jobs that schedule() sets up for its caller, given cron expressions for what runs often and what runs nightly';

CREATE OR REPLACE FUNCTION analytics.cron_every(every interval) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    minutes numeric := extract(epoch FROM every) / 60;
BEGIN
    CASE
        WHEN minutes = 1 THEN RETURN '* * * * *';
        WHEN minutes BETWEEN 2 AND 59 AND minutes % 1 = 0 THEN RETURN format('*/%s * * * *', trunc(minutes));
        WHEN minutes = 60 THEN RETURN '0 * * * *';
        WHEN minutes BETWEEN 120 AND 1380 AND minutes % 60 = 0 THEN RETURN format('0 */%s * * *', trunc(minutes / 60));
        WHEN minutes = 1440 THEN RETURN '0 0 * * *';
        ELSE
            RAISE EXCEPTION 'refresh_every is nothing that cron can do' USING ERRCODE = '22023', DETAIL = format('Got %L.', every),
                HINT = 'Use 1 to 59 whole minutes (counted from the full hour), 1 to 23 whole hours (counted from midnight), or 1 day. For less than a minute use the refresh worker: SELECT analytics.start_workers().';
    END CASE;
END
$$;
COMMENT ON FUNCTION analytics.cron_every(interval) IS 'cron expression for every so often. 22023: there is none';

CREATE OR REPLACE FUNCTION analytics.cron_daily(at time) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF at IS NULL OR extract(second FROM at) <> 0 OR at = time '24:00' THEN
        RAISE EXCEPTION 'models_at is nothing that cron can do' USING ERRCODE = '22023', DETAIL = format('Got %L.', at),
            HINT = 'Use a time of day in whole minutes, 00:00 to 23:59, in pg_cron''s time zone (GMT unless cron.timezone says another).';
    END IF;
    RETURN format('%s %s * * *', extract(minute FROM at), extract(hour FROM at));
END
$$;
COMMENT ON FUNCTION analytics.cron_daily(time) IS 'cron expression for once a day. 22023: there is none';

-- Jobs made elsewhere carry the database's name, since names are unique a role in the whole of pg_cron. (Its names have at most 63 bytes.)
CREATE OR REPLACE FUNCTION analytics.job_elsewhere(job_name text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT left(regexp_replace(job_name, '^analytics_', 'analytics_' || current_database() || '_')::name::text, 63)
$$;
COMMENT ON FUNCTION analytics.job_elsewhere(text) IS 'a job''s name where pg_cron is in another database';

-- Raises, with what to do, unless the caller can schedule jobs here. $1: what to call where pg_cron is, a statement a line.
CREATE OR REPLACE FUNCTION analytics.require_cron(elsewhere text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home text;
    instead constant text := 'Or do without: SELECT analytics.start_workers(), or have any scheduler run CALL analytics.run_maintenance().';
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        IF NOT has_schema_privilege('cron', 'USAGE') THEN
            RAISE EXCEPTION 'permission denied for schema cron' USING ERRCODE = '42501',
                DETAIL = 'Jobs run as the role that schedules them, which needs pg_cron''s functions.',
                HINT = format('Have an administrator run: GRANT USAGE ON SCHEMA cron TO %I;', current_user);
        END IF;
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_cron') THEN
        RAISE EXCEPTION 'pg_cron is not on this server' USING ERRCODE = '0A000',
            HINT = 'Install it (Debian: postgresql-' || current_setting('server_version_num')::int / 10000 || '-cron), add pg_cron to shared_preload_libraries and restart. ' || instead;
    END IF;
    -- not shown to everybody, and not there unless the library is loaded
    SELECT s.setting INTO home FROM pg_settings s WHERE s.name = 'cron.database_name';
    IF home = current_database() THEN
        RAISE EXCEPTION 'pg_cron is not installed in this database' USING ERRCODE = '55000',
            HINT = format('Have an administrator run: CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    ELSIF home IS NOT NULL THEN
        RAISE EXCEPTION 'pg_cron is in database %', home USING ERRCODE = '55000',
            DETAIL = 'Jobs are made in the database that cron.database_name names, for others too.',
            HINT = format(E'Have somebody who may (a superuser, or a role granted EXECUTE on it) run there:\n%s', elsewhere);
    END IF;
    RAISE EXCEPTION 'pg_cron is not installed in this database' USING ERRCODE = '55000',
        DETAIL = 'It lives in one database of a server, the one that cron.database_name names.',
        HINT = format(E'Have an administrator add pg_cron to shared_preload_libraries, set cron.database_name = %L, restart, and run here CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO %I; If it lives in another database already, run there:\n%s\n%s',
                      current_database(), current_user, elsewhere, instead);
END
$$;
COMMENT ON FUNCTION analytics.require_cron(text) IS 'raises unless the caller can make jobs of pg_cron in this database, and says what to do about it';

CREATE OR REPLACE FUNCTION analytics.schedule(refresh_every interval DEFAULT '1 minute', models_at time DEFAULT '03:00')
    RETURNS TABLE (job_name text, schedule text, command text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    often text := analytics.cron_every(refresh_every);
    nightly text := analytics.cron_daily(models_at);
    job record;
BEGIN
    IF NOT EXISTS (SELECT FROM analytics.jobs(often, nightly)) THEN
        RAISE EXCEPTION 'no job for this role' USING ERRCODE = '42501',
            DETAIL = format('%s may call nothing of what jobs run.', current_user),
            HINT = format('Have an administrator of the extension run: SELECT analytics.grant_access(%L, ''admin'');', current_user);
    END IF;
    PERFORM analytics.require_cron((
        SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
                                 analytics.job_elsewhere(j.job_name), j.schedule, j.command, current_database(), current_user), E'\n')
          FROM analytics.jobs(often, nightly) j));
    -- those of an earlier call that this one does not make again
    FOR job IN SELECT c.jobid FROM analytics.scheduled_jobs() c
                WHERE c.jobname NOT IN (SELECT j.job_name FROM analytics.jobs(often, nightly) j) LOOP
        PERFORM cron.unschedule(job.jobid);
    END LOOP;
    FOR job IN SELECT * FROM analytics.jobs(often, nightly) LOOP
        PERFORM cron.schedule(job.job_name, job.schedule, job.command);
        RETURN QUERY SELECT job.job_name, job.schedule, job.command;
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.schedule(interval, time) IS
'sets up jobs of pg_cron that do without workers: upkeep every so often, retention and models once a day; returns them. They run as the caller, in this database. Called again it replaces its own jobs.
refresh_every: 1 to 59 minutes, 1 to 23 hours or a day. models_at: in pg_cron''s time zone, GMT as a rule.
22023: cron can''t do that; 42501: a right is missing; 55000, 0A000: pg_cron is not in this database, not on this server. The hint says what to run';

-- Apart from schedule(), since it can be planned only where pg_cron is.
CREATE OR REPLACE FUNCTION analytics.scheduled_jobs() RETURNS TABLE (jobid bigint, jobname text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT c.jobid, c.jobname::text FROM cron.job c
                  WHERE c.database = current_database() AND c.username = current_user
                    AND (starts_with(c.jobname::text, 'analytics_') AND c.command ~ '^(CALL|SELECT) analytics\.');
END
$$;
COMMENT ON FUNCTION analytics.scheduled_jobs() IS 'the caller''s jobs of pg_cron that schedule() made for this database';

CREATE OR REPLACE FUNCTION analytics.unschedule() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    elsewhere constant text := format('SELECT cron.unschedule(jobid) FROM cron.job WHERE database = %L AND username = %L AND jobname ~ ''^analytics_'' AND command ~ ''^(CALL|SELECT) analytics[.]'';',
                                      current_database(), current_user);
    job record;
    removed integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        -- (where it is is not shown to everybody)
        IF EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_cron')
           AND NOT EXISTS (SELECT FROM pg_settings s WHERE s.name = 'cron.database_name' AND s.setting = current_database()) THEN
            RAISE NOTICE 'pg_cron is not in this database: there are no jobs here'
                USING HINT = E'If it is in another one and has jobs for this one, have somebody who may run there:\n' || elsewhere;
        END IF;
        RETURN 0;
    END IF;
    PERFORM analytics.require_cron(elsewhere);
    FOR job IN SELECT s.jobid FROM analytics.scheduled_jobs() s LOOP
        PERFORM cron.unschedule(job.jobid);
        removed := removed + 1;
    END LOOP;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION analytics.unschedule() IS 'removes the jobs that the caller''s schedule() made for this database; returns how many; 0, with a notice, where pg_cron is not in this database. 42501: no right on schema cron';
