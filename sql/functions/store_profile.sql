-- The stores there are, and what reports need to know of each: what a store picker and a range of dates are made from.

CREATE OR REPLACE FUNCTION analytics.oldest_event(store text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN (SELECT min(e.occurred_at) FROM analytics.event e WHERE e.store_id = oldest_event.store AND e.excluded IS NULL);
END
$$;
COMMENT ON FUNCTION analytics.oldest_event(text) IS 'time of a store''s oldest event that counts';

-- Whose store the claim names it may see before the first event comes.
CREATE OR REPLACE FUNCTION analytics.store_profiles()
    RETURNS TABLE (store_id text, currency text, timezone text, week_start text, clock text, today date, first_event_at timestamptz, last_event_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.store_id, p.currency, p.timezone, p.week_start, p.clock,
           (coalesce(CASE p.clock WHEN 'data' THEN p.last_event_at END, statement_timestamp()) AT TIME ZONE p.timezone)::date, p.first_event_at, p.last_event_at
      FROM (SELECT u.store_id, analytics.setting_of('currency', u.store_id) AS currency, analytics.setting_of('timezone', u.store_id) AS timezone,
                   analytics.setting_of('week_start', u.store_id) AS week_start, analytics.setting_of('clock', u.store_id) AS clock,
                   analytics.oldest_event(u.store_id) AS first_event_at, analytics.newest_event(u.store_id) AS last_event_at
              FROM (SELECT DISTINCT s FROM unnest(coalesce(analytics.allowed_stores(), analytics.known_stores() || ARRAY(SELECT s.store_id FROM analytics.store s WHERE s.store_id <> ''))) s) u(store_id)
             OFFSET 0) p
     ORDER BY p.store_id
$$;
COMMENT ON FUNCTION analytics.store_profiles() IS 'stores that the caller may see, for the view store_profile';

CREATE OR REPLACE VIEW analytics.store_profile AS
SELECT s.store_id, s.currency, s.timezone, s.week_start, s.clock, s.today, s.first_event_at, s.last_event_at FROM analytics.store_profiles() s;
COMMENT ON VIEW analytics.store_profile IS 'stores that have events or settings, with the settings that reports go by, their present day, and from when until when they have events';
COMMENT ON COLUMN analytics.store_profile.store_id IS 'store';
COMMENT ON COLUMN analytics.store_profile.currency IS 'currency of its reports; ISO 4217';
COMMENT ON COLUMN analytics.store_profile.timezone IS 'time zone of its days; an IANA name';
COMMENT ON COLUMN analytics.store_profile.week_start IS 'first day of its weeks: monday, sunday or saturday';
COMMENT ON COLUMN analytics.store_profile.clock IS 'what its reports call now: now, or data, the newest event''s time';
COMMENT ON COLUMN analytics.store_profile.today IS 'its present day, in its time zone and by its clock: where reports end unless asked otherwise';
COMMENT ON COLUMN analytics.store_profile.first_event_at IS 'time of the oldest event that counts and is kept; null: none';
COMMENT ON COLUMN analytics.store_profile.last_event_at IS 'time of the newest event that counts; null: none';
