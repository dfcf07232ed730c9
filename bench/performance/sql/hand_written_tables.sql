-- Tables of the rollups' shape, for the hand-written merge: the same columns, keys, storage and cells.
CREATE SCHEMA hand_written;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{sales_hourly,sales_daily,sales_weekly,sales_monthly}'::text[] LOOP
        EXECUTE format('CREATE TABLE hand_written.%I (LIKE analytics.%I INCLUDING ALL)', name, 'rollup_' || name);
        EXECUTE (SELECT format('ALTER TABLE hand_written.%I SET (%s)', name, array_to_string(c.reloptions, ', '))
                   FROM pg_class c WHERE c.oid = format('analytics.%I', 'rollup_' || name)::regclass);
        EXECUTE format('INSERT INTO hand_written.%I SELECT * FROM analytics.%I', name, 'rollup_' || name);
        EXECUTE format('UPDATE hand_written.%I SET customers = coalesce(customers || customers_recent, customers), customers_recent = NULL,
                               sessions = coalesce(sessions || sessions_recent, sessions), sessions_recent = NULL
                         WHERE customers_recent IS NOT NULL OR sessions_recent IS NOT NULL', name);
    END LOOP;
END
$$;
