-- Rows of other stores are out of sight for whoever reads the tables: as the views do, by the claim "stores". The owner, and so every
-- function of the extension, sees all.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{event,product,rejected_event}'::text[] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = format('analytics.%I', name)::regclass);  -- in an update
        EXECUTE format('ALTER TABLE analytics.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY allowed_stores ON analytics.%I USING %s', name, analytics.allowed_sql('store_id'::text));
    END LOOP;
END
$$;
