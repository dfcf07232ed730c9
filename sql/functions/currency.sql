-- Money in one currency: at the rate of the day it was made, never a later one.

-- The store's own rates go before those of all stores; of several the newest that holds on that day.
CREATE OR REPLACE FUNCTION analytics.rate_sql(store text, currency text, day text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN %2$s = coalesce((SELECT o.currency FROM analytics.store o WHERE o.store_id = %1$s), (SELECT o.currency FROM analytics.store o WHERE o.store_id = ''''), ''USD'') THEN 1 ELSE (SELECT x.rate FROM analytics.exchange_rate x WHERE x.store_id IN (%1$s, '''') AND x.currency = %2$s AND x.valid_from <= %3$s ORDER BY x.store_id DESC, x.valid_from DESC LIMIT 1) END',
                  store, currency, day)
$$;
COMMENT ON FUNCTION analytics.rate_sql(text, text, text) IS
'SQL of the exchange rate from a currency into a store''s reporting currency on a day (all three SQL); null: there is none';

CREATE OR REPLACE FUNCTION analytics.rate_on(store text, currency text, day date) RETURNS numeric
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rate numeric;
BEGIN
    PERFORM analytics.require_store(store);
    EXECUTE 'SELECT ' || analytics.rate_sql('$1', '$2', '$3') INTO rate USING store, currency, day;
    RETURN rate;
END
$$;
COMMENT ON FUNCTION analytics.rate_on(text, text, date) IS
'units of a store''s reporting currency for 1 of this currency on a day, as set_exchange_rate() says; 1 for the reporting currency itself; null: no rate';
