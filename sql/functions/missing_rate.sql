-- Money that converted figures leave out.

CREATE OR REPLACE FUNCTION analytics.missing_rates(store text, "from" date, "to" date)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET jit = off
AS $$
BEGIN
    -- sales are few cells a day: which of them lack a rate; gift cards are money, too
    RETURN QUERY
    SELECT d.store_id, 'missing_rate', d.bucket, d.currency, d.amount, 0::numeric
      FROM (SELECT v.store_id, v.bucket, v.currency, sum(v.total_sales + v.gift_card_sales) AS amount
              FROM analytics.sales_daily v
              LEFT JOIN analytics.store s ON s.store_id = v.store_id
             WHERE (missing_rates.store IS NULL OR v.store_id = missing_rates.store)
               AND (missing_rates."from" IS NULL OR v.bucket >= missing_rates."from") AND (missing_rates."to" IS NULL OR v.bucket < missing_rates."to")
               AND v.currency <> coalesce(s.currency, analytics.setting_of('currency', ''))
               AND (v.gross_sales <> 0 OR v.discounts <> 0 OR v.returns <> 0 OR v.taxes <> 0 OR v.shipping <> 0 OR v.gift_card_sales <> 0)
             GROUP BY v.store_id, v.bucket, v.currency) d
     WHERE analytics.rate_on(d.store_id, d.currency, d.bucket) IS NULL
     ORDER BY d.store_id, d.bucket, d.currency;
END
$$;
COMMENT ON FUNCTION analytics.missing_rates(text, date, date) IS 'total sales and gift cards by day, in currencies without an exchange rate on that day: what converted figures leave out';
