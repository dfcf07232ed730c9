-- The parser in C++ and the SQL for direct writes know the same words.
BEGIN;
SELECT plan(1);
SELECT results_eq($$
    WITH code AS (SELECT chr(a) || chr(b) || chr(c) AS code FROM generate_series(65, 90) a, generate_series(65, 90) b, generate_series(65, 90) c)
    SELECT v.event_id FROM analytics.validate((SELECT jsonb_agg(jsonb_build_object('event', 'login', 'event_id', code, 'currency', code)) FROM code)) v
     WHERE v.outcome = 'accepted' ORDER BY v.event_id COLLATE "C" $$, $$
    WITH code AS (SELECT chr(a) || chr(b) || chr(c) AS code FROM generate_series(65, 90) a, generate_series(65, 90) b, generate_series(65, 90) c)
    SELECT code FROM code WHERE analytics.known_currency(code) ORDER BY code COLLATE "C" $$, 'currencies');
SELECT * FROM finish();
ROLLBACK;
