-- From 0.1.0 to 0.2.0, beside what is put together of the pieces.

-- What erase_customer() and identify() look for, and ingest_activity(); new partitions are made with it.
DO $$
DECLARE
    part name;
BEGIN
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'analytics.event'::regclass AND c.relname <> 'event_default' LOOP
        EXECUTE format('CREATE INDEX %I ON analytics.%I (store_id, anonymous_id) WHERE customer_id IS NULL AND anonymous_id IS NOT NULL', part || '_anonymous', part);
        EXECUTE format('CREATE INDEX %I ON analytics.%I USING brin (ingested_at)', part || '_ingested', part);
    END LOOP;
END
$$;
