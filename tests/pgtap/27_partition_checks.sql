-- The checks of a partition are kept by a backend that ingests: they are read again when they, or a function in them, change.
BEGIN;
SELECT plan(9);
CREATE FUNCTION pg_temp.stored(id text, price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s/%s/%s', accepted, duplicates, rejected) FROM analytics.ingest(format('{"event":"purchase","order_id":"%s","timestamp":"2026-01-15T12:00:00Z","items":[{"price":%s}]}', id, price)::jsonb)
$$;
SELECT is(pg_temp.stored('a', 1000), '1/0/0', 'a line is stored');
CREATE TEMP TABLE part AS SELECT DISTINCT tableoid::regclass AS name FROM analytics.event;
CREATE FUNCTION public.dearest() RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 500::numeric';
DO $$ BEGIN EXECUTE format('ALTER TABLE %s ADD CONSTRAINT not_dear CHECK (unit_price <= public.dearest()) NOT VALID', (SELECT name FROM part)); END $$;
SELECT throws_ok($$SELECT pg_temp.stored('b', 501)$$, '23514', NULL, 'a new check holds at once');
SELECT is(pg_temp.stored('b', 500), '1/0/0', 'and lets through what meets it');
CREATE OR REPLACE FUNCTION public.dearest() RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 100::numeric';
SELECT throws_ok($$SELECT pg_temp.stored('c', 101)$$, '23514', NULL, 'as does its function''s new text');
SELECT is(pg_temp.stored('c', 100), '1/0/0', 'and lets through');
DO $$ BEGIN EXECUTE format('ALTER TABLE %s DROP CONSTRAINT not_dear', (SELECT name FROM part)); END $$;
SELECT is(pg_temp.stored('d', 1000), '1/0/0', 'a check that is gone holds no more');
SAVEPOINT s;
DO $$ BEGIN EXECUTE format('ALTER TABLE %s ADD CONSTRAINT not_dear CHECK (unit_price <= 1) NOT VALID', (SELECT name FROM part)); END $$;
SELECT throws_ok($$SELECT pg_temp.stored('e', 2)$$, '23514', NULL, 'one that is about to be rolled back');
ROLLBACK TO s;
SELECT is(pg_temp.stored('e', 2), '1/0/0', 'holds until then');
SELECT is((SELECT count(*) FROM analytics.event), 5::bigint, 'all that was let through is there');
SELECT * FROM finish();
ROLLBACK;
