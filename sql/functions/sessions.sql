-- Sessions: the events of one session_id; of a visitor who sends none, events without a silence longer than the store's session_gap.
-- A refund is no visit: it counts only in a session that it names.
--
-- A session is what its parts are: of two parts (a merged session, an event) the starts, ends and first attributes compare, the
-- counts add. So new events are put together with the merged sessions they touch, in any order of arrival; two sessions become
-- one where an event fills the silence between them. What is taken back can't be subtracted: the visitor's sessions it was in
-- are put together anew from their events. The target stands at a P of its own.

-- The key of a line's session, from counted_line l; null: it is in none.
CREATE OR REPLACE FUNCTION analytics.session_key_sql() RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '(CASE WHEN l.session_id IS NOT NULL THEN ''s'' || l.session_id WHEN l.event_type = ''refund'' THEN NULL WHEN l.customer_id IS NOT NULL THEN ''c'' || l.customer_id ELSE ''a'' || l.anonymous_id END) COLLATE "C"'
$$;
COMMENT ON FUNCTION analytics.session_key_sql() IS 'SQL of the key of a line''s session: s and the sender''s id, c and the customer''s, a and the visitor''s';

-- Events from lines l (counted_line's columns): what is said alike of one moment is netted, so that a revision that leaves an
-- event its time and attributes takes nothing from its session.
CREATE OR REPLACE FUNCTION analytics.session_events_sql(lines text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT l.store_id, %s AS key, l.session_gap, l.occurred_at, l.event_type, l.channel, l.country, l.device, l.currency, coalesce(sum(l.sign) FILTER (WHERE l.amount IS NOT NULL), 0) AS priced, coalesce(sum(l.sign) FILTER (WHERE l.line = 1), 0) AS n, CASE WHEN l.event_type IN (''add_to_cart'', ''remove_from_cart'') THEN sum(l.sign * (l.amount - coalesce(l.discount, 0))) * CASE l.event_type WHEN ''add_to_cart'' THEN 1 ELSE -1 END END AS cart_value FROM %s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9',
                  analytics.session_key_sql(), lines)
$$;
COMMENT ON FUNCTION analytics.session_events_sql(text) IS 'SQL of the events that sessions are made of, from lines';

-- The sessions that lines of the tail (SQL) change: as merged (sign -1) and as they are with the tail (sign 1). merged is SQL of P. anew: all
-- that the tail touches is put together from the events that P has and the tail; for keys of which lines of the tail may stand in the merged
-- sessions already, as merge_cells() leaves them.
CREATE OR REPLACE FUNCTION analytics.session_changes_sql(tail text, merged text, anew boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($sql$
    sent AS (
        -- kept: in a session that began before raw events were cut off, which can't be put together anew
        SELECT e.*, (SELECT count(*) FROM analytics.retired) > 0
                AND EXISTS (SELECT FROM analytics.rollup_session m JOIN analytics.retired w ON w.store_id = m.store_id AND m.started_at < w.before
                             WHERE m.store_id = e.store_id AND m.key = e.key AND m.started_at <= e.occurred_at AND m.ended_at >= e.occurred_at) AS kept
          FROM (%1$s) e WHERE e.key IS NOT NULL
    ), tail_event AS MATERIALIZED (
        -- lost: something was taken back, and what is left can't be told from sums (of a kept session sums are all there is)
        SELECT e.*, %9$s OR bool_or((e.n < 0 OR e.priced < 0) AND NOT e.kept) OVER (PARTITION BY e.store_id, e.key) AS lost
          FROM sent e WHERE NOT (e.kept AND %4$s::text = '1:1:')  -- while nothing is merged but what is kept
    ), touched AS MATERIALIZED (
        -- a key's events of a day are looked up together; a session between two of them may come along, and changes nothing
        SELECT DISTINCT m.*, e.session_gap, e.lost AND (m.started_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = m.store_id)) IS NOT TRUE AS lost
          FROM (SELECT t.store_id, t.key, t.session_gap, t.lost, min(t.occurred_at) AS first_at, max(t.occurred_at) AS last_at
                  FROM tail_event t WHERE %9$s OR t.n <> 0 OR t.priced <> 0 OR t.cart_value <> 0
                 GROUP BY 1, 2, 3, 4, floor(extract(epoch FROM t.occurred_at) / 86400)) e
          JOIN analytics.rollup_session m ON m.store_id = e.store_id AND m.key = e.key
           AND (starts_with(e.key, 's') OR (m.started_at <= e.last_at + e.session_gap AND m.ended_at >= e.first_at - e.session_gap))
         -- without a state nothing is merged, whatever the table holds, but what nothing can put together again
         WHERE %9$s OR %4$s::text <> '1:1:' OR m.started_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = m.store_id)
    ), event AS MATERIALIZED (
        SELECT e.store_id, e.key, e.session_gap, e.occurred_at, e.event_type, e.channel, e.country, e.device, e.currency, e.priced, e.n, e.cart_value
          FROM tail_event e WHERE (e.n <> 0 OR e.priced <> 0 OR e.cart_value <> 0) AND (e.kept OR NOT e.lost)
        UNION ALL
        SELECT e.store_id, e.key, e.session_gap, e.occurred_at, e.event_type, e.channel, e.country, e.device, e.currency, sum(e.priced), sum(e.n), sum(e.cart_value)
          FROM (SELECT e.store_id, e.key, e.session_gap, e.occurred_at, e.event_type, e.channel, e.country, e.device, e.currency, e.priced, e.n, e.cart_value
                  FROM tail_event e WHERE e.lost AND NOT e.kept
                UNION ALL
                SELECT r.* FROM touched m CROSS JOIN LATERAL (%2$s) r WHERE m.lost AND r.key = m.key) e
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(e.n) > 0 OR sum(e.priced) > 0 OR sum(e.cart_value) <> 0
    ), part AS (
        SELECT m.store_id, m.key, m.session_gap, m.started_at, m.ended_at, m.events, m.orders, m.views, m.carts, m.checkouts, m.cart_values,
               CASE WHEN m.channel IS NOT NULL THEN ARRAY[%5$s, m.channel COLLATE "C"] END AS channel, CASE WHEN m.country IS NOT NULL THEN ARRAY[%6$s, m.country COLLATE "C"] END AS country,
               CASE WHEN m.device IS NOT NULL THEN ARRAY[%7$s, m.device COLLATE "C"] END AS device, CASE WHEN m.currency IS NOT NULL THEN ARRAY[%8$s, m.currency COLLATE "C"] END AS currency
          FROM touched m WHERE NOT m.lost
        UNION ALL
        SELECT e.store_id, e.key, e.session_gap, e.occurred_at, e.occurred_at, e.n, CASE WHEN e.event_type = 'purchase' THEN e.n ELSE 0 END,
               CASE WHEN e.event_type = 'view_item' THEN e.n ELSE 0 END, CASE WHEN e.event_type = 'add_to_cart' THEN e.n ELSE 0 END,
               CASE WHEN e.event_type IN ('begin_checkout', 'add_shipping_info', 'add_payment_info') THEN e.n ELSE 0 END,
               CASE WHEN e.cart_value <> 0 THEN jsonb_build_object(e.currency, e.cart_value) END,
               CASE WHEN e.n > 0 AND e.channel IS NOT NULL THEN ARRAY[e.moment, e.channel COLLATE "C"] END,
               CASE WHEN e.n > 0 AND e.country IS NOT NULL THEN ARRAY[e.moment, e.country COLLATE "C"] END,
               CASE WHEN e.n > 0 AND e.device IS NOT NULL THEN ARRAY[e.moment, e.device COLLATE "C"] END,
               CASE WHEN e.priced > 0 THEN ARRAY[e.moment, e.currency COLLATE "C"] END
          FROM (SELECT v.*, %3$s AS moment FROM event v OFFSET 0) e  -- once an event, not once an attribute
    ), broken AS (
        SELECT p.*, NOT starts_with(p.key, 's') AND p.started_at - p.session_gap >
                        max(p.ended_at) OVER (PARTITION BY p.store_id, p.key ORDER BY p.started_at, p.ended_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS breaks
          FROM part p
    ), numbered AS (
        SELECT b.*, count(*) FILTER (WHERE b.breaks) OVER (PARTITION BY b.store_id, b.key ORDER BY b.started_at, b.ended_at ROWS UNBOUNDED PRECEDING) AS number
          FROM broken b
    ), changed AS MATERIALIZED (
        SELECT u.*, bool_or(u.sign = 1) OVER (PARTITION BY u.store_id, u.key, u.started_at) AS stands FROM (
        SELECT -1 AS sign, m.store_id, m.key, m.started_at, m.ended_at, m.events, m.orders, m.views, m.carts, m.checkouts, m.cart_values,
               m.channel, m.channel_at, m.country, m.country_at, m.device, m.device_at, m.currency, m.currency_at
          FROM touched m
        UNION ALL
        SELECT 1, s.store_id, s.key, s.started_at, s.ended_at, s.events, s.orders, s.views, s.carts, s.checkouts,
               CASE WHEN s.cart_parts IS NULL THEN NULL WHEN cardinality(s.cart_parts) = 1 THEN s.cart_parts[1]
                    ELSE (SELECT jsonb_object_agg(v.currency, v.value) FROM (SELECT j.key AS currency, sum(j.value::numeric) AS value FROM unnest(s.cart_parts) c(part), jsonb_each_text(c.part) j GROUP BY 1) v) END,
               s.channel[2], (s.channel[1] || '+00')::timestamptz, s.country[2], (s.country[1] || '+00')::timestamptz,
               s.device[2], (s.device[1] || '+00')::timestamptz, s.currency[2], (s.currency[1] || '+00')::timestamptz
          FROM (SELECT n.store_id, n.key, min(n.started_at) AS started_at, max(n.ended_at) AS ended_at, sum(n.events)::bigint AS events,
                       sum(n.orders)::bigint AS orders, sum(n.views)::bigint AS views, sum(n.carts)::bigint AS carts,
                       sum(n.checkouts)::bigint AS checkouts, array_agg(n.cart_values) FILTER (WHERE n.cart_values IS NOT NULL) AS cart_parts,
                       min(n.channel) AS channel, min(n.country) AS country, min(n.device) AS device, min(n.currency) AS currency
                  FROM numbered n GROUP BY n.store_id, n.key, n.number) s
         WHERE s.events > 0) u
    )$sql$,
        analytics.session_events_sql(tail || ' l'),
        analytics.session_events_sql(format('(SELECT c.* FROM analytics.counted_line c WHERE c.store_id = m.store_id AND c.occurred_at >= m.started_at AND c.occurred_at <= m.ended_at AND pg_visible_in_snapshot(c.stamp, %s)) l', merged)),
        analytics.moment_sql('v.occurred_at'), merged,
        analytics.moment_sql('m.channel_at'), analytics.moment_sql('m.country_at'), analytics.moment_sql('m.device_at'), analytics.moment_sql('m.currency_at'),
        anew::text)
$$;
COMMENT ON FUNCTION analytics.session_changes_sql(text, text, boolean) IS 'SQL (common table expressions, the last named changed) of the sessions that the tail changes: before, with sign -1, and after';

-- The day that a session c started on; o and d are its store's row and the default's, r the store's in retired. As counted_line's day.
CREATE OR REPLACE FUNCTION analytics.session_day_sql() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'CASE WHEN c.started_at >= r.before AND (c.started_at AT TIME ZONE coalesce(o.timezone, d.timezone, ''UTC''))::date < r.day THEN r.day ELSE (c.started_at AT TIME ZONE coalesce(o.timezone, d.timezone, ''UTC''))::date END'
$$;
COMMENT ON FUNCTION analytics.session_day_sql() IS 'SQL of the day that a session started on';

-- What sessions s add to the days they started on, times their sign.
CREATE OR REPLACE FUNCTION analytics.session_days_sql(sessions text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($sql$SELECT c.store_id, %2$s AS bucket, coalesce(c.channel, '') AS channel, coalesce(c.country, '') AS country, coalesce(c.device, '') AS device, coalesce(c.currency, o.currency, d.currency, 'USD') AS currency, sum(c.sign)::bigint AS sessions, coalesce(sum(c.sign) FILTER (WHERE c.events = 1), 0)::bigint AS bounces, sum(c.sign * c.events)::bigint AS events, sum(c.sign * c.orders)::bigint AS orders, sum(c.sign * (c.ended_at - c.started_at)) AS duration, coalesce(sum(c.sign) FILTER (WHERE c.views > 0 OR c.carts > 0 OR c.checkouts > 0 OR c.orders > 0), 0)::bigint AS view_item, coalesce(sum(c.sign) FILTER (WHERE c.carts > 0 OR c.checkouts > 0 OR c.orders > 0), 0)::bigint AS add_to_cart, coalesce(sum(c.sign) FILTER (WHERE c.checkouts > 0 OR c.orders > 0), 0)::bigint AS begin_checkout, coalesce(sum(c.sign) FILTER (WHERE c.orders > 0), 0)::bigint AS purchase, coalesce(sum(c.sign * greatest((c.cart_values ->> coalesce(c.currency, o.currency, d.currency, 'USD'))::numeric, 0)) FILTER (WHERE c.orders = 0), 0) AS value_lost FROM %1$s c LEFT JOIN analytics.store o ON o.store_id = c.store_id LEFT JOIN analytics.store d ON d.store_id = '' LEFT JOIN analytics.retired r ON r.store_id = c.store_id GROUP BY 1, 2, 3, 4, 5, 6$sql$, sessions, analytics.session_day_sql())
$$;
COMMENT ON FUNCTION analytics.session_days_sql(text) IS 'SQL of what sessions, each with a sign, add to their days';

-- What puts sessions `changed` (sign, stands, the columns of rollup_session) and their days into the tables.
CREATE OR REPLACE FUNCTION analytics.session_columns() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'store_id, key, started_at, ended_at, events, orders, views, carts, checkouts, cart_values, channel, channel_at, country, country_at, device, device_at, currency, currency_at'
$$;
COMMENT ON FUNCTION analytics.session_columns() IS 'the columns of rollup_session';

CREATE OR REPLACE FUNCTION analytics.store_session_days_sql(days text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('INSERT INTO analytics.rollup_session_day AS m SELECT * FROM (%s) day
        ON CONFLICT (store_id, bucket, channel, country, device, currency) DO UPDATE
           SET sessions = m.sessions + excluded.sessions, bounces = m.bounces + excluded.bounces, events = m.events + excluded.events,
               orders = m.orders + excluded.orders, duration = m.duration + excluded.duration, view_item = m.view_item + excluded.view_item,
               add_to_cart = m.add_to_cart + excluded.add_to_cart, begin_checkout = m.begin_checkout + excluded.begin_checkout,
               purchase = m.purchase + excluded.purchase, value_lost = m.value_lost + excluded.value_lost', days)
$$;
COMMENT ON FUNCTION analytics.store_session_days_sql(text) IS 'SQL that adds days (SQL) to the merged ones';

-- told: `changed` says, too, whether a session of this start is there (known), and `changed_day` has what they add to their days; where no
-- event of theirs names a currency, it is the store's.
CREATE OR REPLACE FUNCTION analytics.store_sessions_sql(told boolean) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['DELETE FROM analytics.rollup_session m USING changed c WHERE c.sign = -1 AND NOT c.stands AND m.store_id = c.store_id AND m.key = c.key COLLATE "C" AND m.started_at = c.started_at']
        || CASE WHEN told THEN ARRAY[
               format('UPDATE analytics.rollup_session m SET (%s) = ROW (%s) FROM changed c WHERE c.sign = 1 AND c.known AND m.store_id = c.store_id AND m.key = c.key COLLATE "C" AND m.started_at = c.started_at',
                      analytics.session_columns(), 'c.' || replace(analytics.session_columns(), ', ', ', c.')),
               format('INSERT INTO analytics.rollup_session (%1$s) SELECT %1$s FROM changed WHERE sign = 1 AND NOT known', analytics.session_columns())]
           ELSE ARRAY[
               format('INSERT INTO analytics.rollup_session (%1$s) SELECT %1$s FROM changed WHERE sign = 1 ORDER BY store_id COLLATE "C", key COLLATE "C", started_at ON CONFLICT (store_id, key, started_at) DO UPDATE SET (%1$s) = ROW (%2$s)',
                      analytics.session_columns(), 'excluded.' || replace(analytics.session_columns(), ', ', ', excluded.'))] END
        || analytics.store_session_days_sql(CASE WHEN told THEN
               'SELECT c.store_id, c.bucket, c.channel, c.country, c.device, coalesce(c.currency, o.currency, d.currency, ''USD'') AS currency, sum(c.sessions)::bigint AS sessions, sum(c.bounces)::bigint AS bounces, sum(c.events)::bigint AS events, sum(c.orders)::bigint AS orders, sum(c.duration) AS duration, sum(c.view_item)::bigint AS view_item, sum(c.add_to_cart)::bigint AS add_to_cart, sum(c.begin_checkout)::bigint AS begin_checkout, sum(c.purchase)::bigint AS purchase, sum(c.value_lost) AS value_lost FROM changed_day c LEFT JOIN analytics.store o ON o.store_id = c.store_id LEFT JOIN analytics.store d ON d.store_id = '''' GROUP BY 1, 2, 3, 4, 5, 6'
               ELSE analytics.session_days_sql('changed') END)
$$;
COMMENT ON FUNCTION analytics.store_sessions_sql(boolean) IS 'SQL that puts changed sessions, and their days, into the tables: statements, in this order where each is one of its own';

DO $$
DECLARE
    session_columns constant text := analytics.session_columns();
    writes constant text[] := analytics.store_sessions_sql(false);
    -- changes (common table expressions that end in changed) put into the tables
    apply constant text := 'WITH %s, gone AS (' || replace(writes[1], '%', '%%') || '), stored AS (' || replace(writes[2], '%', '%%') || '), days_stored AS (' || replace(writes[3], '%', '%%') || ')';
    -- a P that saw nothing stands for no state
    tail constant text := '(SELECT t.* FROM ' || analytics.tail_lines_sql('newer', 'running') || ' t WHERE stores IS NULL OR t.store_id = ANY (stores))';
    body constant text := '
#variable_conflict use_column
DECLARE
    merged pg_snapshot := coalesce((SELECT s.merged FROM analytics.rollup_state s WHERE s.name = ''session''), ''1:1:'');
    newer xid8 := pg_snapshot_xmax(merged);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
    stores text[] := analytics.allowed_stores();
BEGIN
    RETURN QUERY WITH %s %s;
END
';
    header constant text := '
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS %L';
BEGIN
    EXECUTE format('CREATE FUNCTION analytics.tail_session() RETURNS TABLE (sign integer, store_id text, key text, started_at timestamptz, ended_at timestamptz, events bigint, orders bigint, views bigint, carts bigint, checkouts bigint, cart_values jsonb, channel text, channel_at timestamptz, country text, country_at timestamptz, device text, device_at timestamptz, currency text, currency_at timestamptz)' || header,
        format(body, analytics.session_changes_sql(tail, 'merged', false), 'SELECT sign, ' || session_columns || ' FROM changed'));
    EXECUTE format('CREATE FUNCTION analytics.tail_session_day() RETURNS SETOF analytics.rollup_session_day' || header,
        format(body, analytics.session_changes_sql(tail, 'merged', false), analytics.session_days_sql('changed')));

    -- Up to the P of the rollups, so that both stand at one from then on, and merge_cells() takes sessions along.
    EXECUTE format('CREATE FUNCTION analytics.merge_sessions() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_nestloop = on
    SET work_mem = ''32MB''
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', format('
DECLARE
    merged pg_snapshot;
    upto pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = ''sales_daily'');
    newer xid8;
    running xid8[];
    started timestamptz := clock_timestamp();
    n bigint;
BEGIN
    INSERT INTO analytics.rollup_state (name, merged, refreshed_at, duration, rows)
    SELECT ''session'', ''1:1:'', clock_timestamp(), ''0'', 0
     WHERE NOT EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = ''session'')
        ON CONFLICT (name) DO NOTHING;
    merged := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = ''session'');
    IF merged::text = upto::text OR NOT analytics.has_tail(merged) THEN
        RETURN 0;
    END IF;
    newer := pg_snapshot_xmax(merged);
    running := ARRAY(SELECT pg_snapshot_xip(merged));
    IF merged::text = ''1:1:'' THEN
        -- but what nothing can put together again
        DELETE FROM analytics.rollup_session m WHERE (m.started_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = m.store_id)) IS NOT TRUE;
        DELETE FROM analytics.rollup_session_day m WHERE (m.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = m.store_id)) IS NOT TRUE;
        -- undone at the end of this function, as it sets them itself
        PERFORM set_config(''enable_seqscan'', ''on'', true), set_config(''enable_nestloop'', ''off'', true);
    END IF;
    %s, moved AS (
        UPDATE analytics.rollup_state SET merged = coalesce(upto, analytics.merging_snapshot()), refreshed_at = clock_timestamp(), rows = (SELECT count(*) FROM changed)
         WHERE name = ''session''
    )
    SELECT count(*) INTO n FROM changed;
    UPDATE analytics.rollup_state s SET duration = clock_timestamp() - started WHERE s.name = ''session'';
    RETURN n;
END
', format(apply, analytics.session_changes_sql('(SELECT t.* FROM ' || analytics.tail_lines_sql('newer', 'running') || ' t WHERE t.stamp <> pg_current_xact_id() AND (upto IS NULL OR pg_visible_in_snapshot(t.stamp, upto)))', 'merged', false))));

    -- Keys that merge_cells() leaves to SQL: their lines that are seen and not merged, some of which it may have put into sessions.
    EXECUTE format('CREATE FUNCTION analytics.merge_lost_sessions(stores text[], keys text[], merged pg_snapshot, seen pg_snapshot) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_nestloop = on
    SET work_mem = ''32MB''
    SET jit = off
    SET max_parallel_workers_per_gather = 0
AS %L', format('
DECLARE
    newer xid8 := pg_snapshot_xmax(merged);
    running xid8[] := ARRAY(SELECT pg_snapshot_xip(merged));
    n bigint;
BEGIN
    %s
    SELECT count(*) INTO n FROM changed;
    RETURN n;
END
', format(apply, analytics.session_changes_sql(format('(SELECT l.* FROM %s l WHERE pg_visible_in_snapshot(l.stamp, seen) AND (l.store_id, %s) IN (SELECT * FROM unnest(stores, keys)))',
            analytics.tail_lines_sql('newer', 'running'), analytics.session_key_sql()), 'merged', true))));

    -- as if the person's merged lines were taken back
    EXECUTE format('CREATE FUNCTION analytics.erase_from_sessions(of_store text, customer text, visitors text[], visits text[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS %L', format('
DECLARE
    merged pg_snapshot := (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = ''session'');
    n bigint;
BEGIN
    %s
    SELECT count(*) INTO n FROM changed;
    -- and what is kept of sessions under the person''''s own ids, whose events are gone
    WITH gone AS (
        DELETE FROM analytics.rollup_session m
         WHERE m.store_id = of_store AND m.key = ANY (ARRAY(SELECT (''c'' || customer) COLLATE "C" UNION ALL SELECT (''a'' || v) COLLATE "C" FROM unnest(visitors) v)) RETURNING m.*
    )
    %s;
    RETURN n;
END
', format(apply, analytics.session_changes_sql('(SELECT t.store_id, t.line, (-t.sign)::smallint AS sign, t.event_type, t.occurred_at, t.stamp, t.customer_id, t.anonymous_id, t.session_id, t.unit_price, t.amount, t.discount, t.currency, t.channel, t.country, t.device, t.session_gap FROM analytics.counted_line t WHERE t.store_id = of_store AND (t.customer_id = customer OR (t.customer_id IS NULL AND (t.anonymous_id = ANY (visitors) OR t.session_id = ANY (visits)))) AND pg_visible_in_snapshot(t.stamp, merged))', 'merged', false)),
        analytics.store_session_days_sql(analytics.session_days_sql('(SELECT -1 AS sign, g.* FROM gone g)'))));

    EXECUTE format('CREATE OR REPLACE VIEW analytics.session WITH (security_barrier) AS
WITH tail AS MATERIALIZED (SELECT * FROM analytics.tail_session())
SELECT c.store_id, CASE WHEN starts_with(c.key, ''s'') THEN substr(c.key, 2) END COLLATE "default" AS session_id, CASE WHEN starts_with(c.key, ''c'') THEN substr(c.key, 2) END COLLATE "default" AS customer_id,
       CASE WHEN starts_with(c.key, ''a'') THEN substr(c.key, 2) END COLLATE "default" AS anonymous_id, c.started_at, c.ended_at, c.ended_at - c.started_at AS duration,
       c.channel AS channel, c.country AS country, c.device AS device, c.events, c.orders,
       CASE WHEN c.orders > 0 THEN ''purchase'' WHEN c.checkouts > 0 THEN ''begin_checkout'' WHEN c.carts > 0 THEN ''add_to_cart'' WHEN c.views > 0 THEN ''view_item'' END AS furthest_step
  FROM (SELECT %s FROM analytics.rollup_session m
         WHERE (EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = ''session'') OR m.started_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = m.store_id))
           AND NOT EXISTS (SELECT FROM tail t WHERE t.sign = -1 AND t.store_id = m.store_id AND t.key COLLATE "C" = m.key AND t.started_at = m.started_at)
        UNION ALL SELECT %2$s FROM tail t WHERE t.sign = 1) c
 WHERE %3$s', session_columns, replace(session_columns, ' key,', ' key COLLATE "C" AS key,'), analytics.allowed_sql('c.store_id'::text));

    EXECUTE format('CREATE OR REPLACE VIEW analytics.session_daily WITH (security_barrier) AS
SELECT c.store_id, c.bucket, nullif(c.channel, '''') AS channel, nullif(c.country, '''') AS country, nullif(c.device, '''') AS device, sum(c.sessions)::bigint AS sessions,
       sum(c.bounces)::bigint AS bounces, sum(c.events)::bigint AS events, sum(c.orders)::bigint AS orders, sum(c.orders) / nullif(sum(c.sessions), 0) AS conversion,
       sum(c.duration) / nullif(sum(c.sessions), 0)::double precision AS avg_duration
  FROM (SELECT * FROM analytics.rollup_session_day m WHERE EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = ''session'') OR m.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = m.store_id)
        UNION ALL SELECT * FROM analytics.tail_session_day()) c
 WHERE %s
 GROUP BY c.store_id, c.bucket, c.channel, c.country, c.device
HAVING sum(c.sessions) <> 0', analytics.allowed_sql('c.store_id'::text));

    EXECUTE format('CREATE OR REPLACE VIEW analytics.funnel_daily WITH (security_barrier) AS
SELECT f.store_id, f.bucket, nullif(f.channel, '''') AS channel, nullif(f.device, '''') AS device, f.sessions, f.view_item, f.add_to_cart, f.begin_checkout, f.purchase,
       f.add_to_cart::numeric / nullif(f.view_item, 0) AS view_to_cart, f.begin_checkout::numeric / nullif(f.add_to_cart, 0) AS cart_to_checkout,
       f.purchase::numeric / nullif(f.begin_checkout, 0) AS checkout_to_purchase, f.purchase::numeric / nullif(f.sessions, 0) AS conversion, f.value_lost, f.currency
  FROM (SELECT c.store_id, c.bucket, c.channel, c.device, c.currency, sum(c.sessions)::bigint AS sessions, sum(c.view_item)::bigint AS view_item,
               sum(c.add_to_cart)::bigint AS add_to_cart, sum(c.begin_checkout)::bigint AS begin_checkout, sum(c.purchase)::bigint AS purchase, sum(c.value_lost) AS value_lost
          FROM (SELECT * FROM analytics.rollup_session_day m WHERE EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = ''session'') OR m.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = m.store_id)
                UNION ALL SELECT * FROM analytics.tail_session_day()) c
         WHERE %s
         GROUP BY c.store_id, c.bucket, c.channel, c.device, c.currency
        HAVING sum(c.sessions) <> 0) f', analytics.allowed_sql('c.store_id'::text));
END
$$;

-- Their days anew, from merged sessions: a store's days have moved.
DO $$
BEGIN
    EXECUTE format('CREATE FUNCTION analytics.build_session_days(store text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS %L', format('
BEGIN
    DELETE FROM analytics.rollup_session_day m WHERE (store IS NULL OR m.store_id = store) AND (m.bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = m.store_id)) IS NOT TRUE;
    INSERT INTO analytics.rollup_session_day %s;
END
', analytics.session_days_sql('(SELECT 1 AS sign, m.* FROM analytics.rollup_session m WHERE (store IS NULL OR m.store_id = store) AND (m.started_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = m.store_id)) IS NOT TRUE)')));
END
$$;
COMMENT ON FUNCTION analytics.build_session_days(text) IS 'adds up the days of a store''s merged sessions anew (null: of all stores); the caller holds the engine lock';

SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_session', 'WHERE started_at < (SELECT w.before FROM analytics.retired w WHERE w.store_id = rollup_session.store_id)');
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup_session_day', 'WHERE bucket < (SELECT w.day FROM analytics.retired w WHERE w.store_id = rollup_session_day.store_id)');

-- To be called when what sessions are made of has moved: nothing is merged, all is tail, and the next refresh builds.
CREATE OR REPLACE FUNCTION analytics.forget_sessions() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- of a session whose other events are gone, what comes later stays in it: merge that first
    IF EXISTS (SELECT FROM analytics.retired) AND EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'session') THEN
        PERFORM analytics.merge_sessions();
    END IF;
    DELETE FROM analytics.rollup_state s WHERE s.name = 'session';
END
$$;
COMMENT ON FUNCTION analytics.forget_sessions() IS 'has the next refresh put all sessions together anew; the caller holds the engine lock';

COMMENT ON FUNCTION analytics.merge_sessions() IS 'merges what the rollups have merged and sessions have not, and moves sessions'' P to theirs; returns the sessions before and after; the caller holds the engine lock';
COMMENT ON FUNCTION analytics.merge_lost_sessions(text[], text[], pg_snapshot, pg_snapshot) IS 'puts the sessions of these keys that lines in seen and not in merged touch together anew, from events; returns the sessions before and after';
COMMENT ON FUNCTION analytics.erase_from_sessions(text, text, text[], text[]) IS 'takes a person''s events out of sessions and their days; the caller holds the engine lock';
COMMENT ON FUNCTION analytics.tail_session() IS 'sessions that events not merged yet change: as merged (sign -1) and as they are (sign 1)';
COMMENT ON FUNCTION analytics.tail_session_day() IS 'what events that are not merged yet change in sessions by day';

COMMENT ON VIEW analytics.session IS 'sessions: events of one session_id, or of a visitor without a silence longer than the setting session_gap; right as of this moment';
COMMENT ON COLUMN analytics.session.store_id IS 'store';
COMMENT ON COLUMN analytics.session.session_id IS 'the sender''s id of the visit; null: told by the gap rule';
COMMENT ON COLUMN analytics.session.customer_id IS 'the customer whose events these are, where no session_id was sent';
COMMENT ON COLUMN analytics.session.anonymous_id IS 'the visitor whose events these are, where neither session_id nor customer_id was sent';
COMMENT ON COLUMN analytics.session.started_at IS 'first event';
COMMENT ON COLUMN analytics.session.ended_at IS 'last event';
COMMENT ON COLUMN analytics.session.duration IS 'from the first event to the last';
COMMENT ON COLUMN analytics.session.channel IS 'first channel that an event of it names';
COMMENT ON COLUMN analytics.session.country IS 'first country that an event of it names; ISO 3166-1 alpha-2';
COMMENT ON COLUMN analytics.session.device IS 'first device that an event of it names';
COMMENT ON COLUMN analytics.session.events IS 'events of all types';
COMMENT ON COLUMN analytics.session.orders IS 'purchases';
COMMENT ON COLUMN analytics.session.furthest_step IS 'view_item, add_to_cart, begin_checkout (shipping and payment info, too) or purchase; null: none of them';

COMMENT ON VIEW analytics.session_daily IS 'sessions by the day they started on, in the store''s time zone; right as of this moment';
COMMENT ON COLUMN analytics.session_daily.store_id IS 'store';
COMMENT ON COLUMN analytics.session_daily.bucket IS 'day the session started on, in the store''s time zone';
COMMENT ON COLUMN analytics.session_daily.channel IS 'first channel that an event of the session names; null: none does';
COMMENT ON COLUMN analytics.session_daily.country IS 'first country that an event of the session names; ISO 3166-1 alpha-2';
COMMENT ON COLUMN analytics.session_daily.device IS 'first device that an event of the session names';
COMMENT ON COLUMN analytics.session_daily.sessions IS 'sessions';
COMMENT ON COLUMN analytics.session_daily.bounces IS 'sessions of a single event';
COMMENT ON COLUMN analytics.session_daily.events IS 'events in them';
COMMENT ON COLUMN analytics.session_daily.orders IS 'purchases in them';
COMMENT ON COLUMN analytics.session_daily.conversion IS 'orders / sessions';
COMMENT ON COLUMN analytics.session_daily.avg_duration IS 'time from first to last event, averaged over sessions, bounces too';

COMMENT ON VIEW analytics.funnel_daily IS 'how far sessions got, by the day they started on; each step counts the sessions that got there or further; right as of this moment';
COMMENT ON COLUMN analytics.funnel_daily.store_id IS 'store';
COMMENT ON COLUMN analytics.funnel_daily.bucket IS 'day the session started on, in the store''s time zone';
COMMENT ON COLUMN analytics.funnel_daily.channel IS 'first channel that an event of the session names; null: none does';
COMMENT ON COLUMN analytics.funnel_daily.device IS 'first device that an event of the session names';
COMMENT ON COLUMN analytics.funnel_daily.sessions IS 'sessions';
COMMENT ON COLUMN analytics.funnel_daily.view_item IS 'sessions that viewed a product, or got further';
COMMENT ON COLUMN analytics.funnel_daily.add_to_cart IS 'sessions that put something into the cart, or got further';
COMMENT ON COLUMN analytics.funnel_daily.begin_checkout IS 'sessions that began the checkout (or sent shipping or payment info), or got further';
COMMENT ON COLUMN analytics.funnel_daily.purchase IS 'sessions that bought';
COMMENT ON COLUMN analytics.funnel_daily.view_to_cart IS 'add_to_cart / view_item; null without view_item';
COMMENT ON COLUMN analytics.funnel_daily.cart_to_checkout IS 'begin_checkout / add_to_cart';
COMMENT ON COLUMN analytics.funnel_daily.checkout_to_purchase IS 'purchase / begin_checkout';
COMMENT ON COLUMN analytics.funnel_daily.conversion IS 'purchase / sessions';
COMMENT ON COLUMN analytics.funnel_daily.value_lost IS 'put into carts less taken out, in sessions that did not buy; in currency';
COMMENT ON COLUMN analytics.funnel_daily.currency IS 'currency of the session''s first priced event, else the store''s; ISO 4217';
