-- PUBLIC has nothing, every function has a fixed search_path, and an owner who is no superuser can install and own it all.
BEGIN;
SELECT plan(13);

SELECT is_empty($$
    SELECT c.oid::regclass, x.privilege_type FROM pg_class c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x
     WHERE c.relnamespace = 'analytics'::regnamespace AND x.grantee = 0 $$, 'PUBLIC has no right on any table or view');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
     WHERE p.pronamespace = 'analytics'::regnamespace AND x.grantee = 0 $$, 'PUBLIC may call no function');
SELECT is_empty($$
    SELECT 1 FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
     WHERE n.nspname = 'analytics' AND x.grantee = 0 $$, 'PUBLIC may not use the schema');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
     WHERE p.pronamespace = 'analytics'::regnamespace AND (p.prosecdef OR l.lanname <> 'c')
       AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=pg_catalog, pg_temp%')
       AND p.proname <> 'stamp' AND p.prokind NOT IN ('p', 'a') $$, 'every function that finds things by name has a fixed search_path (procedures that commit and aggregates can''t)');

CREATE ROLE visitor;
SET LOCAL ROLE visitor;
SELECT throws_ok('SELECT * FROM analytics.event', '42501', NULL, 'a stranger reads no events');
SELECT throws_ok('SELECT * FROM analytics.sales_daily', '42501', NULL, 'a stranger reads no view');
SELECT throws_ok($$SELECT * FROM analytics.ingest('[]'::text)$$, '42501', NULL, 'a stranger ingests nothing');
SELECT throws_ok('SELECT analytics.refresh()', '42501', NULL, 'a stranger refreshes nothing');
RESET ROLE;

-- a sender with the right to insert, and no more
CREATE ROLE sender;
DO $$ BEGIN PERFORM analytics.maintain_partitions(); END $$;
GRANT USAGE ON SCHEMA analytics TO sender;
GRANT EXECUTE ON FUNCTION analytics.stamp(), analytics.allowed_stores() TO sender;
GRANT INSERT (store_id, event_id, line, event_type, occurred_at, customer_id, amount) ON analytics.event TO sender;
SET LOCAL ROLE sender;
SELECT lives_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('s1', 'login', now())$$, 'a sender may insert');
SELECT throws_ok($$INSERT INTO analytics.event (event_id, event_type, occurred_at, sign) VALUES ('s2', 'login', now(), 1)$$, '42501', NULL, 'but not name a server column');
SELECT throws_ok($$INSERT INTO analytics.event_default (event_id, event_type, occurred_at) VALUES ('s3', 'login', now())$$, '42501', NULL, 'nor write past the keys into a partition');
SELECT throws_ok('SELECT * FROM analytics.event', '42501', NULL, 'nor read');
RESET ROLE;
SELECT is((SELECT count(*) FROM analytics.event), 1::bigint, 'one event came in');

SELECT * FROM finish();
ROLLBACK;
