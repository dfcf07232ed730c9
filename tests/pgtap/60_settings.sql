-- Settings are checked, and a change that moves figures moves them.
BEGIN;
SELECT plan(26);
DO $$ BEGIN PERFORM analytics.maintain_partitions(); END $$;

SELECT is(analytics.get_setting(k), v, k || ' by default')
  FROM (VALUES ('timezone', 'UTC'), ('currency', 'USD'), ('week_start', 'monday'), ('session_gap', '30 minutes'), ('tax_included', 'false'), ('clock', 'now'), ('event_retention', '')) u(k, v);
SELECT throws_ok($$SELECT analytics.set_setting('colour', 'red')$$, '22023', 'unknown setting key', 'an unknown key');
SELECT throws_ok(format('SELECT analytics.set_setting(%L, %L)', k, v), '22023', format('invalid value for setting "%s"', k), format('%s may not be %s', k, v))
  FROM (VALUES ('timezone', 'Mars/Olympus'), ('currency', 'ZZZ'), ('week_start', 'friday'), ('session_gap', '-1 hour'), ('session_gap', 'soon'), ('session_gap', '101 years'), ('event_retention', '290000 years'), ('tax_included', 'perhaps'), ('clock', 'sundial')) u(k, v);
SELECT lives_ok($$SELECT analytics.set_setting('currency', 'eur')$$, 'a currency in lower case');
SELECT is(analytics.get_setting('currency', 'any'), 'EUR', 'the default serves every store');
SELECT lives_ok($$SELECT analytics.set_setting('currency', 'GBP', 'uk')$$, 'a store of its own mind');
SELECT is(analytics.get_setting('currency', 'uk') || analytics.get_setting('currency', 'fr'), 'GBPEUR', 'serves itself alone');

-- 2026-03-01 20:00 UTC is 2026-03-02 01:45 in Kathmandu; that Sunday's week begins on Monday 2026-02-23 or on itself
INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id, amount, currency) VALUES ('e1', 'purchase', '2026-03-01 20:00Z', 'o1', 10, 'EUR');
SELECT results_eq('SELECT bucket FROM analytics.sales_daily', $$VALUES (date '2026-03-01')$$, 'a day in UTC');
DO $$ BEGIN PERFORM analytics.refresh(); PERFORM analytics.set_setting('timezone', 'Asia/Kathmandu'); END $$;
SELECT results_eq('SELECT bucket FROM analytics.sales_daily', $$VALUES (date '2026-03-02')$$, 'a day in Kathmandu');
SELECT results_eq('SELECT bucket FROM analytics.sales_hourly', $$VALUES (timestamptz '2026-03-01 19:15Z')$$, 'an hour in Kathmandu begins at a quarter past in UTC');
SELECT results_eq('SELECT bucket FROM analytics.sales_weekly', $$VALUES (date '2026-03-02')$$, 'a week from Monday');
DO $$ BEGIN PERFORM analytics.set_setting('timezone', NULL); PERFORM analytics.set_setting('week_start', 'sunday'); END $$;
SELECT results_eq('SELECT bucket FROM analytics.sales_weekly', $$VALUES (date '2026-03-01')$$, 'a week from Sunday');

SELECT * FROM finish();
ROLLBACK;
