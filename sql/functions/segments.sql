-- How customers move between segments: between any two days, and as it was recorded night by night.

CREATE OR REPLACE FUNCTION analytics.segment_movement("from" date, "to" date, store text DEFAULT 'main')
    RETURNS TABLE (from_segment text, to_segment text, customers bigint, net_sales numeric)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET work_mem = '64MB'
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    IF "from" IS NULL OR "to" IS NULL OR "from" > "to" THEN
        RAISE EXCEPTION 'invalid range of days' USING ERRCODE = '22023', DETAIL = format('Got %s to %s.', coalesce("from"::text, 'null'), coalesce("to"::text, 'null')),
            HINT = 'Pass two days, the earlier one as "from".';
    END IF;
    RETURN QUERY
    WITH moved AS MATERIALIZED (
        SELECT t.store_id, coalesce(f.segment, '(new)') AS from_segment, t.segment AS to_segment, count(*) AS customers, sum(t.monetary) AS net_sales
          FROM analytics.rfm_at("to", store) t
          LEFT JOIN analytics.rfm_at("from", store) f ON f.store_id = t.store_id AND f.customer_id = t.customer_id
         GROUP BY 1, 2, 3
    )
    SELECT m.from_segment, m.to_segment, sum(m.customers)::bigint,
           -- money does not add over stores that report in different currencies
           CASE WHEN (SELECT count(DISTINCT analytics.get_setting('currency', s.store_id)) FROM (SELECT DISTINCT a.store_id FROM moved a) s) <= 1 THEN sum(m.net_sales) END
      FROM moved m
     GROUP BY 1, 2
     ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION analytics.segment_movement(date, date, text) IS
'how many customers were in which segment at the end of "from" and are in which at the end of "to", both by rfm_at(); pairs that nobody made are left out.
from_segment (new): not known yet then. net_sales: of these customers up to and including "to", in the store''s currency; null where stores of several currencies are asked for. store null: all that the caller may see.
22023: no range of days; 42501: another store';

-- Which segment each customer was in at the end of a day, as far as it was recorded.
CREATE OR REPLACE FUNCTION analytics.recorded_segments(of_store text, of_day date) RETURNS TABLE (customer_id text, segment text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 COST 10000
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ON (h.customer_id) h.customer_id, h.segment
      FROM analytics.segment_change h
     WHERE h.store_id = of_store AND h.day <= of_day
     ORDER BY h.customer_id, h.day DESC
$$;
COMMENT ON FUNCTION analytics.recorded_segments(text, date) IS 'the latest segment recorded up to and including a day of each customer of a store';

CREATE OR REPLACE FUNCTION analytics.record_segments(day date DEFAULT NULL, store text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET work_mem = '64MB'
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    due record;
    following date;
    n bigint;
    changed bigint := 0;
BEGIN
    PERFORM analytics.require_read_committed('record_segments');
    -- (tomorrow: a store's clock may be ahead of the session's; what is to come would stand between later days)
    IF isfinite(record_segments.day) AND record_segments.day > (statement_timestamp() AT TIME ZONE 'UTC')::date + 1 THEN
        RAISE EXCEPTION 'the day is still to come' USING ERRCODE = '22023', DETAIL = format('Got %s.', record_segments.day),
            HINT = 'Pass a day that has been, or null for the last whole day.';
    END IF;
    -- one at a time; erase_customer() waits for it
    LOCK TABLE analytics.segment_change IN SHARE ROW EXCLUSIVE MODE;
    FOR due IN SELECT s.store_id, CASE WHEN record_segments.day IS NULL THEN s.day - 1 ELSE s.day END AS day
                 FROM analytics.segment_stores(record_segments.day, record_segments.store) s ORDER BY 1 LOOP
        IF record_segments.store IS NOT NULL THEN
            PERFORM analytics.require_known_store(due.store_id);
        END IF;
        SELECT min(k.day) INTO following FROM analytics.segment_recorded k WHERE k.store_id = due.store_id AND k.day > due.day;
        -- A day recorded late may change what the next recorded one is a change from: that day keeps its segments.
        WITH now AS MATERIALIZED (
            SELECT r.customer_id, r.segment FROM analytics.rfm_at(due.day, due.store_id) r
        ), wanted AS MATERIALIZED (
            SELECT due.day AS day, coalesce(n.customer_id, b.customer_id) AS customer_id, n.segment
              FROM now n FULL JOIN analytics.recorded_segments(due.store_id, due.day - 1) b ON b.customer_id = n.customer_id
             WHERE n.segment IS DISTINCT FROM b.segment
            UNION ALL
            SELECT following, coalesce(n.customer_id, a.customer_id), a.segment
              FROM now n FULL JOIN analytics.recorded_segments(due.store_id, following) a ON a.customer_id = n.customer_id
             WHERE following IS NOT NULL AND a.segment IS DISTINCT FROM n.segment
        ), gone AS (
            DELETE FROM analytics.segment_change h
             WHERE h.store_id = due.store_id AND h.day IN (due.day, following)
               AND NOT EXISTS (SELECT FROM wanted w WHERE w.day = h.day AND w.customer_id = h.customer_id)
            RETURNING h.day
        ), written AS (
            INSERT INTO analytics.segment_change AS h (store_id, customer_id, day, segment)
            SELECT due.store_id, w.customer_id, w.day, w.segment FROM wanted w
                ON CONFLICT (store_id, customer_id, day) DO UPDATE SET segment = excluded.segment WHERE h.segment IS DISTINCT FROM excluded.segment
        )
        SELECT count(*) INTO n FROM wanted w WHERE w.day = due.day;
        INSERT INTO analytics.segment_recorded AS k (store_id, day, recorded_at) VALUES (due.store_id, due.day, clock_timestamp())
            ON CONFLICT ON CONSTRAINT segment_recorded_pkey DO UPDATE SET recorded_at = excluded.recorded_at;
        changed := changed + n;
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION analytics.record_segments(date, text) IS
'writes down into segment_history which customers are in another segment at the end of a day than at the end of the day recorded before it; returns how many. Recorded once more a day is written anew; days may be recorded in any order. To be run nightly (workers and schedule() do).
day null: the last whole day, yesterday in the store''s time zone (setting clock). store null: all that the caller may see.
22023: an argument is not sound, a store is not known, or a day is still to come; 25001: not under READ COMMITTED; 42501: another store';

DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW analytics.segment_history WITH (security_barrier) AS
SELECT h.store_id, h.day, h.customer_id, h.segment FROM analytics.segment_change h WHERE %s', analytics.allowed_sql('h.store_id'::text));
END
$$;
COMMENT ON VIEW analytics.segment_history IS 'customers'' changes of segment, as record_segments() found them day by day: a row says that from this recorded day on the customer is in this segment, until the customer''s next row';
COMMENT ON COLUMN analytics.segment_history.store_id IS 'store';
COMMENT ON COLUMN analytics.segment_history.day IS 'the recorded day at whose end the customer was first found in the segment, in the store''s time zone';
COMMENT ON COLUMN analytics.segment_history.customer_id IS 'the shop''s id of the customer';
COMMENT ON COLUMN analytics.segment_history.segment IS 'the segment; null: no longer a known customer, since all events were taken back';
