-- visualize() and reconcile() at their edges: sessions with other habits, values that look like names, months that are gone.
SELECT plan(25);
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.series(report jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_array(s.value -> 'key', (SELECT coalesce(jsonb_agg(p.value -> 1 ORDER BY p.o), '[]') FROM jsonb_array_elements(s.value -> 'points') WITH ORDINALITY p(value, o)),
                                       s.value -> 'total') ORDER BY s.o)
      FROM jsonb_array_elements(report -> 'series') WITH ORDINALITY s(value, o)
$$;

-- Kolkata is five and a half hours ahead: 10:00Z is 15:30, at the beginning of a range that begins within an hour
SELECT analytics.set_setting('timezone', 'Asia/Kolkata', 'k');
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, order_id, amount)
VALUES ('k', 'k1', 'purchase', '2026-03-02 10:00Z', 'ada', 'k1', 10), ('k', 'k2', 'purchase', '2026-03-02 10:59:59Z', 'ben', 'k2', 20), ('k', 'k3', 'purchase', '2026-03-02 11:30Z', 'ada', 'k3', 40);
CREATE FUNCTION pg_temp.kolkata(stage text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    style text;
BEGIN
    -- in some styles moments are written with the zone's abbreviation, and IST is read as Israel's
    FOREACH style IN ARRAY '{ISO,SQL,Postgres,German}'::text[] LOOP
        PERFORM set_config('datestyle', style || ', DMY', false), set_config('intervalstyle', CASE style WHEN 'German' THEN 'sql_standard' WHEN 'SQL' THEN 'iso_8601' ELSE 'postgres_verbose' END, false);
        PERFORM set_config('timezone', 'Asia/Kolkata', false);
        RETURN NEXT is(pg_temp.series(analytics.visualize('net_sales', 'hour', "from" => '2026-03-02 15:30', "to" => '2026-03-02 17:30', store => 'k')), '[[null, [10, 20, 40], 70]]',
                       format('%s: hours in a session of Kolkata, datestyle %s', stage, style));
        RESET datestyle;
        RESET intervalstyle;
        RESET timezone;
    END LOOP;
    RETURN NEXT is(pg_temp.series(analytics.visualize('new_customers', 'hour', "from" => '2026-03-02', "to" => '2026-03-03', store => 'k')) #> '{0,1}',
                   (SELECT jsonb_agg(CASE h WHEN 15 THEN 1 WHEN 16 THEN 1 ELSE 0 END ORDER BY h) FROM generate_series(0, 23) h), stage || ': buyers in the hour they bought in');
END
$$;
SELECT * FROM pg_temp.kolkata('nothing merged');
SELECT analytics.refresh();
SELECT * FROM pg_temp.kolkata('all merged');

-- a value that is written like what was not sent has its series, and its filter has what the series has
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, amount, channel)
VALUES ('n', 'n1', 'purchase', '2026-03-02 10:00Z', 'n1', 1, NULL), ('n', 'n2', 'purchase', '2026-03-02 10:00Z', 'n2', 2, '(none)'), ('n', 'n3', 'purchase', '2026-03-02 10:00Z', 'n3', 4, '-');
SELECT is(pg_temp.series(analytics.visualize('net_sales', by => 'channel', "from" => '2026-03-02', "to" => '2026-03-03', store => 'n')), '[["-", [4], 4], ["(none)", [3], 3]]', 'two channels without a name');
SELECT is(pg_temp.series(analytics.visualize('net_sales', "from" => '2026-03-02', "to" => '2026-03-03', store => 'n', filters => '{"channel": "(none)"}')), '[[null, [3], 3]]', 'are what the filter finds');
SELECT is(pg_temp.series(analytics.visualize('net_sales', "from" => '2026-03-02', "to" => '2026-03-03', store => 'n', filters => '{"channel": [null]}')), '[[null, [3], 3]]', 'by null, too');
SELECT analytics.refresh();
SELECT is_empty($$SELECT * FROM analytics.reconcile('n')$$, 'a channel called - is not taken for none');
SELECT analytics.create_rollup('slashes', 'day', '{channel,campaign}', '{orders,net_sales}');
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, amount, channel, campaign)
VALUES ('n', 'n4', 'purchase', '2026-03-05 10:00Z', 'n4', 8, 'a / b', 'c'), ('n', 'n5', 'purchase', '2026-03-05 10:00Z', 'n5', 16, 'a', 'b / c');
SELECT analytics.refresh();
SELECT is_empty($$SELECT * FROM analytics.reconcile('n')$$, 'nor one with a slash for two');
SELECT analytics.drop_rollup('slashes');

-- the greatest total comes first: one that sold nothing now stands above one that gave money back
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, amount, channel)
VALUES ('c', 'c1', 'purchase', '2026-03-01 10:00Z', 'c1', 9, 'before'), ('c', 'c2', 'refund', '2026-03-02 10:00Z', 'cx', 4, 'back');
SELECT is(pg_temp.series(analytics.visualize('net_sales', by => 'channel', "from" => '2026-03-02', "to" => '2026-03-03', store => 'c', compare => 'previous_period')), '[["before", [0], 0], ["back", [-4], -4]]', 'nothing is more than less than nothing');
SELECT is(pg_temp.series(analytics.visualize('net_sales', by => 'channel', "from" => '2026-03-02', "to" => '2026-03-03', store => 'c', compare => 'previous_period', "limit" => 1)), '[["before", [0], 0], ["(other)", [-4], -4]]', 'and is the one shown');

-- weeks are compared with whole weeks: 16 March 2026 is a Monday, as 17 March 2025 is
SELECT is((analytics.visualize('net_sales', 'week', "from" => '2026-03-16', "to" => '2026-03-30', store => 'c', compare => 'previous_year') - 'as_of') #> '{series,0,previous}', '[["2025-03-17", 0], ["2025-03-24", 0]]', 'a year before, weeks');

-- Months whose events are gone: figures stay, whatever waits. Two customers, x and y, fourteen months ago.
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, order_id, amount, channel)
SELECT 'r', o, 'purchase', date_trunc('month', now() - interval '14 months') + interval '9 days 10 hours', c, o, 5, 'web' FROM (VALUES ('r1', 'x'), ('r2', 'y'), ('r3', 'x')) u(o, c);
SELECT analytics.refresh();
SELECT analytics.set_setting('event_retention', '12 months', 'r');
SELECT ok(analytics.apply_retention() > 0, 'events go');
CREATE FUNCTION pg_temp.then(metric text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT analytics.visualize(metric, 'month', "from" => date_trunc('month', now() AT TIME ZONE 'UTC' - interval '14 months'), "to" => date_trunc('month', now() AT TIME ZONE 'UTC' - interval '13 months'), store => 'r') #> '{totals,value}'
$$;
SELECT is(pg_temp.then(m), v::jsonb, m || ' stays') FROM (VALUES ('orders', '3'), ('customers', '2'), ('new_customers', '2')) u(m, v);
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, order_id, amount) VALUES ('r', 'r4', 'purchase', now() - interval '1 hour', 'z', 'r4', 5);
SELECT is(pg_temp.then('new_customers'), '2', 'new customers stay while something waits');
-- an order of that time comes late, and is taken back
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, order_id, amount, channel)
VALUES ('r', 'r5', 'purchase', date_trunc('month', now() - interval '14 months') + interval '9 days 11 hours', 'w', 'r5', 5, 'web');
SELECT analytics.retract('r5', 'r');
CREATE FUNCTION pg_temp.that_day() RETURNS jsonb LANGUAGE sql AS $$
    SELECT analytics.visualize('customers', "from" => m.month + interval '9 days', "to" => m.month + interval '10 days', store => 'r') #> '{totals,value}'
      FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC' - interval '14 months') AS month) m
$$;
SELECT is(pg_temp.that_day(), (SELECT to_jsonb(sum(customers)) FROM analytics.sales_daily WHERE store_id = 'r' AND bucket < now() - interval '12 months'), 'customers are what the view says when something of then is taken back');
SELECT ok(pg_temp.that_day() >= '2', 'and no fewer');
SELECT * FROM finish();
