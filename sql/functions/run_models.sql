-- What the nightly job trains. A model more is a line more in run_models().
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

-- (A procedure that sets search_path could not commit: every name is qualified instead.)
CREATE OR REPLACE PROCEDURE analytics.run_models()
    LANGUAGE plpgsql
AS $$
DECLARE
    stores text[];
    moments timestamptz[];
    i integer;
    has_library boolean;  -- else the portable edition, which can't train what is C++
BEGIN
    SELECT c.available INTO has_library FROM analytics.capabilities() c WHERE c.name OPERATOR(pg_catalog.=) 'library';
    SELECT pg_catalog.array_agg(s.store_id), pg_catalog.array_agg(s.as_of) INTO stores, moments FROM analytics.model_stores() s;
    FOR i IN 1 .. coalesce(pg_catalog.cardinality(stores), 0) LOOP
        IF has_library THEN
            PERFORM analytics.fit_customer_value(stores[i], moments[i]);
            COMMIT;
            PERFORM analytics.refit_clusters(stores[i]);
            COMMIT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE analytics.run_models() IS
'trains the models of all stores anew that the caller may see, each in a transaction of its own; for schedulers. How each run ended stands in model. Call it outside of transactions';
