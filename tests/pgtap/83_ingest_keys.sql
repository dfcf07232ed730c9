-- Keys of senders over HTTP: made and revoked by administrators, kept as hashes, seen by nobody but the owner.
BEGIN;
SELECT plan(43);
CREATE ROLE k_reader;
CREATE ROLE k_writer;
CREATE ROLE k_admin;
GRANT k_reader, k_writer, k_admin TO CURRENT_USER;
SELECT analytics.grant_access('k_reader', 'reader'), analytics.grant_access('k_writer', 'writer'), analytics.grant_access('k_admin', 'admin');

SET LOCAL ROLE k_admin;
SELECT analytics.create_ingest_key('backend') AS backend \gset
SELECT analytics.create_ingest_key('browser', 'paris', 50, '{page_view,view_item}') AS browser \gset
SELECT analytics.create_ingest_key(name => 'shopify', webhook_secret => 'whs') AS shopify \gset
RESET ROLE;
SELECT matches(:'backend'::text, '^ik_[A-Za-z0-9_-]{43}$', 'a key is ik_ and 32 bytes in base64url');
SELECT isnt(:'backend'::text, :'shopify'::text, 'each another');
SELECT is((SELECT count(*) FROM analytics.ingest_key k WHERE k::text ~ substr(:'backend', 4) OR k.hash::text ~ encode(convert_to(:'backend', 'UTF8'), 'hex')), 0::bigint, 'and is not kept');
SELECT results_eq(format($$SELECT * FROM analytics.find_ingest_key(sha256(%L))$$, :'backend'), $$VALUES ('main', 'backend', false, NULL::integer, NULL::text[], NULL::text)$$, 'it is found by its SHA-256');
SELECT results_eq(format($$SELECT * FROM analytics.find_ingest_key(sha256(%L))$$, :'browser'), $$VALUES ('paris', 'browser', false, 50, '{page_view,view_item}'::text[], NULL::text)$$, 'with what it may send');
SELECT results_eq(format($$SELECT * FROM analytics.find_ingest_key(sha256(%L))$$, :'shopify'), $$VALUES ('main', 'shopify', false, NULL::integer, NULL::text[], 'whs')$$, 'and the secret it is signed with');
SELECT is_empty($$SELECT * FROM analytics.find_ingest_key(sha256('ik_'))$$, 'another is not found');

-- names
SELECT throws_ok($$SELECT analytics.create_ingest_key('backend')$$, '42710', 'an ingest key of this name exists', 'a name that is in use');
SELECT matches(analytics.create_ingest_key('backend', 'paris'), '^ik_', 'in another store it is free');
SELECT is(analytics.revoke_ingest_key('backend'), true, 'a key is revoked');
SELECT is(analytics.revoke_ingest_key('backend'), false, 'once');
SELECT is(analytics.revoke_ingest_key('nobody'), false, 'one that is none is not');
SELECT results_eq(format($$SELECT name, revoked FROM analytics.find_ingest_key(sha256(%L))$$, :'backend'), $$VALUES ('backend', true)$$, 'it is known to be revoked');
SELECT results_eq($$SELECT store_id, revoked_at IS NULL FROM analytics.ingest_key WHERE name = 'backend' ORDER BY 1$$, $$VALUES ('main', false), ('paris', true)$$, 'that store''s alone');
SELECT isnt(analytics.create_ingest_key('backend'), :'backend'::text, 'its name is free again, for another key');
SELECT results_eq(format($$SELECT revoked FROM analytics.find_ingest_key(sha256(%L))$$, :'backend'), 'VALUES (true)', 'the old one stays revoked');

-- what is not sound
CREATE FUNCTION pg_temp.hint(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN said = '' THEN ', without a hint' ELSE '' END;
END $$;
SELECT is(pg_temp.hint(call), expected, call)
  FROM (VALUES ($$analytics.create_ingest_key(NULL)$$, '22023 invalid name of an ingest key'), ($$analytics.create_ingest_key(' ')$$, '22023 invalid name of an ingest key'),
               ($$analytics.create_ingest_key(repeat('x', 201))$$, '22023 invalid name of an ingest key'), ($$analytics.revoke_ingest_key('')$$, '22023 invalid name of an ingest key'),
               ($$analytics.create_ingest_key('n', NULL)$$, '22023 invalid store'), ($$analytics.create_ingest_key('n', '')$$, '22023 invalid store'),
               ($$analytics.create_ingest_key('n', rate => 0)$$, '22023 invalid rate of an ingest key'), ($$analytics.create_ingest_key('n', rate => -5)$$, '22023 invalid rate of an ingest key'),
               ($$analytics.create_ingest_key('n', events => '{}')$$, '22023 an ingest key that may send nothing'), ($$analytics.create_ingest_key('n', events => '{{a},{b}}')$$, '22023 an ingest key that may send nothing'),
               ($$analytics.create_ingest_key('n', events => '{login,Purchase}')$$, '22023 invalid event type'), ($$analytics.create_ingest_key('n', events => '{login,NULL}')$$, '22023 invalid event type'),
               ($$analytics.create_ingest_key('n', webhook_secret => '')$$, '22023 invalid webhook secret')) v(call, expected);
SELECT is_empty($$SELECT FROM analytics.ingest_key WHERE name = 'n'$$, 'nothing of it was made');

-- rights
SELECT is(has_table_privilege(r, 'analytics.ingest_key', 'SELECT') OR has_any_column_privilege(r, 'analytics.ingest_key', 'SELECT')
          OR has_function_privilege(r, 'analytics.find_ingest_key(bytea)', 'EXECUTE'), false, r || ' sees no keys') FROM unnest('{k_reader,k_writer,k_admin,public}'::name[]) r;
SELECT is(has_function_privilege(r, 'analytics.create_ingest_key(text,text,integer,text[],text)', 'EXECUTE') OR has_function_privilege(r, 'analytics.revoke_ingest_key(text,text)', 'EXECUTE'), r = 'k_admin',
          r || CASE r WHEN 'k_admin' THEN ' makes keys' ELSE ' makes no keys' END) FROM unnest('{k_reader,k_writer,k_admin}'::name[]) r;
SELECT is(has_function_privilege('k_admin', f, 'EXECUTE'), false, f || ' is the owner''s')
  FROM unnest('{"analytics.ingest_group(text[],text[],text[],jsonb,boolean[])","analytics.http_live(pg_snapshot,integer)",analytics.http_health(text[])}'::text[]) f;
SET LOCAL ROLE k_admin;
SET LOCAL request.jwt.claims TO '{"stores": ["paris"]}';
SELECT throws_ok($$SELECT analytics.create_ingest_key('n')$$, '42501', 'permission denied for this store', 'no key for a store that the claim does not name');
SELECT throws_ok($$SELECT analytics.revoke_ingest_key('backend')$$, '42501', 'permission denied for this store', 'nor is one revoked');
SELECT is(analytics.revoke_ingest_key('browser', 'paris'), true, 'of one that it names it is');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
