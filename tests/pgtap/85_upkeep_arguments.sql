-- Calls that could only say nothing say why: reconcile() of what is not there, unschedule() without a scheduler.
BEGIN;
SELECT plan(16);
SELECT analytics.ingest('{"event":"purchase","event_id":"a","order_id":"a","currency":"USD","timestamp":"2026-03-02T09:00:00Z","items":[{"product_id":"p","price":1}]}'::jsonb, store => 'paris');
CREATE FUNCTION pg_temp.refusal(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; detail text;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || call INTO said;
    RETURN said || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, detail, CASE WHEN said = '' THEN 'without a hint' END);
END $$;
SELECT is(pg_temp.refusal(call), expected, call)
  FROM (VALUES ($$analytics.reconcile('rome')$$, $$22023 unknown store Got 'rome'.$$),
               ($$analytics.reconcile('')$$, $$22023 unknown store Got ''.$$),
               ($$analytics.reconcile('paris', '2026-03-02', '2026-03-01')$$, '22023 invalid range of days Got 2026-03-02 to 2026-03-01.'),
               ($$analytics.reconcile("from" => '2026-03-02', "to" => '2026-03-01')$$, '22023 invalid range of days Got 2026-03-02 to 2026-03-01.'),
               ($$analytics.reconcile('paris')$$, '0 rows'), ($$analytics.reconcile('main')$$, '0 rows'), ($$analytics.reconcile()$$, '0 rows'),
               ($$analytics.reconcile('paris', '2026-03-02', '2026-03-02')$$, '0 rows'), ($$analytics.reconcile('paris', '2026-03-02')$$, '0 rows')) v(call, expected);
SELECT analytics.set_setting('tax_included', 'true', 'rome');
SELECT is(pg_temp.refusal($$analytics.reconcile('rome')$$), '0 rows', 'a store that has settings is known');
SET LOCAL session_replication_role = replica;
DELETE FROM analytics.event_key;
SELECT is(pg_temp.refusal($$analytics.reconcile('paris')$$), '1 rows', 'a store without keys is reported, not unknown');
SET LOCAL session_replication_role = origin;
SELECT hasnt_extension('pg_cron', 'pg_cron is not in this database');
SELECT is(analytics.unschedule(), 0, 'nothing to unschedule');

-- A claim that names certain stores shows their settings, and the default, which is in force in them.
SELECT analytics.set_setting('currency', 'EUR', 'paris'), analytics.set_setting('currency', 'GBP');
SET LOCAL request.jwt.claims TO '{"stores": ["paris"]}';
SELECT is(analytics.get_setting('currency', 'paris') || analytics.get_setting('currency', ''), 'EURGBP', 'settings of a claimed store');
SELECT throws_ok($$SELECT analytics.get_setting('tax_included', 'rome')$$, '42501', 'permission denied for this store', 'not of another');
SELECT lives_ok('SELECT analytics.refresh()', 'what works for all stores goes on');
SELECT * FROM finish();
ROLLBACK;
