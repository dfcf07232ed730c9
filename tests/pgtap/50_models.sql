-- The register of models: versions, which one serves, who sees what.
BEGIN;
SELECT plan(36);
CREATE ROLE m_reader;
CREATE ROLE m_writer;
CREATE ROLE m_admin;
GRANT m_reader, m_writer, m_admin TO CURRENT_USER;
SELECT analytics.grant_access('m_reader', 'reader'), analytics.grant_access('m_writer', 'writer'), analytics.grant_access('m_admin', 'admin');
CREATE FUNCTION pg_temp.run(store text, status text, name text DEFAULT 'default') RETURNS integer LANGUAGE sql AS $$
    SELECT (analytics.end_model(analytics.begin_model(store, name, 'toy', '{"a": 1}'), status, '{"loss": 2}', 7, CASE WHEN status <> 'ready' THEN 'why' END)).version
$$;
CREATE FUNCTION pg_temp.serves(store text, name text DEFAULT 'default') RETURNS integer LANGUAGE sql AS $$
    SELECT m.version FROM analytics.model m WHERE m.model_id = analytics.serving_model($1, 'toy', $2)
$$;
GRANT EXECUTE ON FUNCTION pg_temp.run(text, text, text), pg_temp.serves(text, text) TO m_reader, m_writer, m_admin;

SET LOCAL ROLE m_admin;
SELECT is(pg_temp.serves('a'), NULL, 'nothing serves before there is a model');
SELECT analytics.begin_model('a', 'default', 'toy', '{"a": 1}') AS first \gset
SELECT results_eq('SELECT store_id, name, kind, version, status, promoted, parameters, metrics, rows, duration, error FROM analytics.model',
    $$VALUES ('a', 'default', 'toy', 1, 'training', false, '{"a": 1}'::jsonb, NULL::jsonb, NULL::bigint, NULL::interval, NULL::text)$$, 'a run that is under way');
SELECT is(pg_temp.serves('a'), NULL, 'does not serve');
SELECT is((analytics.end_model(:first, 'ready', '{"loss": 2}', 7)).version, 1, 'it ends as version 1');
SELECT results_eq('SELECT status, promoted, metrics, rows, duration >= interval ''0'', error FROM analytics.model',
    $$VALUES ('ready', true, '{"loss": 2}'::jsonb, 7::bigint, true, NULL::text)$$, 'ready, with what it was found to be');
SELECT is(pg_temp.serves('a'), 1, 'and serves');
SELECT throws_ok(format('SELECT analytics.end_model(%s, ''ready'')', :first), '22023', 'no such model is being trained', 'a run ends once');
SELECT throws_ok(format('SELECT analytics.end_model(analytics.begin_model(''a'', ''x'', ''toy''), ''promoted'')'), '22023', 'a model can''t end so', 'in a known way');
SELECT is(pg_temp.run('a', 'insufficient_data'), 2, 'a run that comes to nothing is a version');
SELECT is(pg_temp.serves('a'), 1, 'that does not serve');
SELECT is(pg_temp.run('a', 'failed'), 3, 'nor does one that failed');
SELECT is((SELECT error FROM analytics.model WHERE version = 3), 'why', 'which says why');
SELECT is(pg_temp.run('a', 'not_promoted'), 4, 'nor one that is worse');
SELECT is(pg_temp.run('a', 'ready'), 5, 'the next good one');
SELECT is(pg_temp.serves('a'), 5, 'serves');
SELECT is(pg_temp.run('b', 'ready'), 1, 'another store counts for itself');
SELECT is(pg_temp.run('a', 'ready', 'other'), 1, 'and another name');
SELECT is(pg_temp.serves('a'), 5, 'and serves for itself');

-- back and forth
SELECT is((analytics.promote_model((SELECT model_id FROM analytics.model WHERE store_id = 'a' AND name = 'default' AND version = 1))).promoted, true, 'an older version is promoted');
SELECT is(pg_temp.serves('a'), 1, 'and serves');
SELECT is(pg_temp.run('a', 'failed'), 6, 'a failure');
SELECT is(pg_temp.serves('a'), 1, 'leaves it');
SELECT pg_temp.run('a', 'ready') FROM generate_series(7, 9);
SELECT is(pg_temp.serves('a'), 9, 'until there is a new one');
SELECT results_eq($$SELECT version FROM analytics.model WHERE store_id = 'a' AND name = 'default' ORDER BY version$$, '{2,3,4,6,7,8,9}'::integer[],
    'three that were ready are kept, and those that were not');
SELECT analytics.promote_model((SELECT model_id FROM analytics.model WHERE store_id = 'a' AND name = 'default' AND version = 7));
SELECT pg_temp.run('a', 'failed') FROM generate_series(10, 20);
SELECT is(pg_temp.serves('a'), 7, 'what serves is kept however often a run fails');
SELECT results_eq($$SELECT version FROM analytics.model WHERE store_id = 'a' AND name = 'default' ORDER BY version$$, '{7,8,9,16,17,18,19,20}'::integer[], 'the last five failures are');
SELECT throws_ok($$SELECT analytics.promote_model((SELECT model_id FROM analytics.model WHERE version = 20))$$, '22023', 'this model is not ready', 'what failed can''t be promoted');
SELECT throws_ok('SELECT analytics.promote_model(-1)', '22023', 'no such model', 'nor what is none');

-- arguments and rights
SELECT throws_ok($$SELECT analytics.begin_model(NULL, 'x', 'toy')$$, '22023', 'invalid store', 'a model is of one store');
SELECT throws_ok($$SELECT analytics.begin_model('a', '', 'toy')$$, '22023', 'invalid name of a model', 'and has a name');
SELECT throws_ok($$SELECT analytics.begin_model('a', 'x', 'Toy; DROP')$$, '22023', 'invalid kind of model', 'and a kind');
SELECT format('SELECT analytics.promote_model(%s)', (SELECT model_id FROM analytics.model WHERE store_id = 'a' AND version = 9)) AS promote_a \gset
SET LOCAL request.jwt.claims TO '{"stores": ["b"]}';
SELECT throws_ok($$SELECT analytics.begin_model('a', 'default', 'toy')$$, '42501', 'permission denied for this store', 'a claim of one store trains for no other');
SELECT throws_ok(:'promote_a', '22023', 'no such model', 'and promotes no other''s');
SET LOCAL ROLE m_reader;
SELECT results_eq('SELECT store_id, version, analytics.serving_model(''a'', ''toy'') IS NULL FROM analytics.model', $$VALUES ('b', 1, true)$$, 'nor does it see any');
SELECT throws_ok($$SELECT analytics.begin_model('b', 'default', 'toy')$$, '42501', NULL, 'a reader trains nothing');
SET LOCAL ROLE m_writer;
SELECT throws_ok($$SELECT FROM analytics.model$$, '42501', NULL, 'a writer sees no models');
SELECT * FROM finish();
ROLLBACK;
