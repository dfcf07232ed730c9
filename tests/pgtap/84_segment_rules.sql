-- segment_rule: the rules that the extension brings, what an admin makes of them, and what COMMIT does not let pass.
SELECT plan(53);
SET client_min_messages = warning;
CREATE TEMP TABLE brought AS SELECT * FROM analytics.segment_rule;
GRANT SELECT ON brought TO PUBLIC;

-- the rules of the contract, cell by cell; fm 1 to 5 from left to right
CREATE FUNCTION pg_temp.cells() RETURNS SETOF text LANGUAGE sql AS $$ SELECT concat(r, ' ') || string_agg(segment, ' ' ORDER BY fm) FROM analytics.segment_cells() GROUP BY r ORDER BY r $$;
SELECT results_eq('SELECT * FROM pg_temp.cells()', $$VALUES
    ('1 dormant at_risk at_risk previously_loyal previously_loyal'),
    ('2 dormant at_risk at_risk previously_loyal previously_loyal'),
    ('3 almost_lost needs_attention needs_attention loyal loyal'),
    ('4 promising active active loyal champions'),
    ('5 new active active loyal champions'),
    (' prospects')$$, 'the eleven groups');
SELECT results_eq($$SELECT segment FROM analytics.segment_rule ORDER BY priority$$, $$SELECT unnest('{champions,loyal,active,new,promising,needs_attention,almost_lost,previously_loyal,at_risk,dormant,prospects}'::text[])$$, 'in the order in which they are tried');
SELECT results_eq($$SELECT DISTINCT edited FROM analytics.segment_rule$$, 'VALUES (false)', 'nobody has edited them');
SELECT analytics.ingest('[{"event": "purchase", "order_id": "1", "timestamp": "2026-03-05T12:00:00Z", "customer_id": "ada", "items": [{"product_id": "p", "price": 3}]},
                          {"event": "purchase", "order_id": "2", "timestamp": "2026-03-06T12:00:00Z", "customer_id": "bob", "items": [{"product_id": "p", "price": 4}]},
                          {"event": "login", "timestamp": "2026-03-06T12:00:00Z", "customer_id": "eve"}]') AS sent \gset
CREATE FUNCTION pg_temp.segments() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(customer_id || ' ' || segment, ', ' ORDER BY customer_id) FROM analytics.rfm $$;
-- bob is the second of two in all: 1 + floor(5 / 2) = 3
SELECT is(pg_temp.segments(), 'ada dormant, bob needs_attention, eve prospects', 'three customers');

-- EDITED
-- (committed: a run that was broken off may have left them)
DROP ROLE IF EXISTS rules_admin, rules_reader, rules_writer;
CREATE ROLE rules_admin;
CREATE ROLE rules_reader;
CREATE ROLE rules_writer;
GRANT rules_admin, rules_reader, rules_writer TO CURRENT_USER;
SELECT lives_ok($$SELECT analytics.grant_access('rules_admin', 'admin'), analytics.grant_access('rules_reader', 'reader'), analytics.grant_access('rules_writer', 'writer')$$, 'three levels');
SET ROLE rules_admin;
SELECT lives_ok($$UPDATE analytics.segment_rule SET segment = 'sleeping' WHERE segment = 'dormant'$$, 'an admin names a segment');
SELECT is(pg_temp.segments(), 'ada sleeping, bob needs_attention, eve prospects', 'which holds at once');
SELECT lives_ok($$INSERT INTO analytics.segment_rule (priority, segment, r_min, r_max, fm_min, fm_max) VALUES (5, 'in_between', 3, 3, 2, 2)$$, 'adds one before the others');
SELECT lives_ok($$INSERT INTO analytics.segment_rule VALUES (200, 'never', 1, 5, 1, 5)$$, 'and one after all others');
SELECT is(pg_temp.segments(), 'ada sleeping, bob in_between, eve prospects', 'the first that fits decides');
SELECT set_eq('SELECT segment FROM analytics.segment_summary', 'SELECT segment FROM analytics.segment_rule', 'a summary has a row for each');
SELECT lives_ok($$DELETE FROM analytics.segment_rule WHERE segment IN ('in_between', 'never')$$, 'removes them');
SELECT results_eq($$SELECT DISTINCT edited FROM analytics.segment_rule$$, 'VALUES (true)', 'all rules are the shop''s own now');

-- HOLES show at COMMIT
SELECT throws_ok($$DELETE FROM analytics.segment_rule WHERE segment = 'almost_lost'; SET CONSTRAINTS ALL IMMEDIATE$$, '23514', 'no segment rule fits some customers', 'a cell without a rule');
SELECT throws_ok($$UPDATE analytics.segment_rule SET r_max = 1 WHERE segment = 'at_risk'; SET CONSTRAINTS ALL IMMEDIATE$$, '23514', 'no segment rule fits some customers', 'a rule made narrower');
SELECT throws_ok($$DELETE FROM analytics.segment_rule WHERE r_min IS NULL; SET CONSTRAINTS ALL IMMEDIATE$$, '23514', 'no segment rule fits some customers', 'customers without orders');
SELECT throws_ok($$DELETE FROM analytics.segment_rule; SET CONSTRAINTS ALL IMMEDIATE$$, '23514', 'no segment rule fits some customers', 'nothing at all');
CREATE FUNCTION pg_temp.hole(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
    EXECUTE change;
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN 'none';
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
    RETURN told;
END $$;
SELECT is(pg_temp.hole($$UPDATE analytics.segment_rule SET r_max = 1 WHERE segment = 'at_risk'$$), 'Without a rule: r 2, fm 2; r 2, fm 3.', 'the cells are named');
SELECT is(pg_temp.hole($$DELETE FROM analytics.segment_rule WHERE r_min IS NULL$$), 'Without a rule: customers without orders.', 'and those without orders');
SELECT lives_ok($$DELETE FROM analytics.segment_rule; INSERT INTO analytics.segment_rule VALUES (1, 'buyers', 1, 5, 1, 5), (2, 'others', NULL, NULL, NULL, NULL)$$, 'two groups in place of eleven');
SELECT is(pg_temp.segments(), 'ada buyers, bob buyers, eve others', 'are what the shop has');
SELECT throws_ok(format('INSERT INTO analytics.segment_rule VALUES (%s)', v), '23514', NULL, 'no rule: ' || v)
  FROM unnest(ARRAY[$$9, 'x', 0, 5, 1, 5$$, $$9, 'x', 1, 6, 1, 5$$, $$9, 'x', 4, 3, 1, 5$$, $$9, 'x', 1, 5, 2, NULL$$, $$9, '', 1, 5, 1, 5$$]) v;
SELECT throws_ok($$TRUNCATE analytics.segment_rule$$, '42501', NULL, 'an admin may not truncate');

-- BACK to the rules that the extension brings
SELECT lives_ok('SELECT analytics.reset_segment_rules(); SET CONSTRAINTS ALL IMMEDIATE', 'an admin goes back');
SELECT bag_eq('SELECT * FROM analytics.segment_rule', 'SELECT * FROM brought', 'to what there was, edited by nobody');
SELECT is(pg_temp.segments(), 'ada dormant, bob needs_attention, eve prospects', 'which holds at once');
SELECT lives_ok($$UPDATE analytics.segment_rule SET segment = 'sleeping' WHERE segment = 'dormant'; SELECT analytics.reset_segment_rules()$$, 'after an edit of one rule');
SELECT bag_eq('SELECT * FROM analytics.segment_rule', 'SELECT * FROM brought', 'to the same');
SELECT lives_ok($$DELETE FROM analytics.segment_rule; INSERT INTO analytics.segment_rule VALUES (1, 'buyers', 1, 5, 1, 5), (2, 'others', NULL, NULL, NULL, NULL)$$, 'two groups again');

-- WHO MAY
SET request.jwt.claims TO '{"stores": ["main"]}';
SELECT throws_ok($$UPDATE analytics.segment_rule SET segment = 'mine' WHERE priority = 1$$, '42501', 'permission denied for this store', 'an admin of some stores does not make rules for all');
SELECT throws_ok('SELECT analytics.reset_segment_rules()', '42501', 'permission denied for this store', 'nor takes them away from all');
SELECT is(pg_temp.segments(), 'ada buyers, bob buyers, eve others', 'but reads by them');
SET request.jwt.claims TO '';
SET ROLE rules_reader;
SELECT is((SELECT count(*) FROM analytics.segment_rule), 2::bigint, 'a reader reads them');
SELECT throws_ok(q, '42501', NULL, 'a reader may not: ' || q)
  FROM unnest(ARRAY[$$UPDATE analytics.segment_rule SET segment = 'x'$$, 'DELETE FROM analytics.segment_rule', $$INSERT INTO analytics.segment_rule VALUES (3, 'x')$$, 'SELECT analytics.record_segments()', 'SELECT analytics.reset_segment_rules()']) q;
SET ROLE rules_writer;
SELECT throws_ok(q, '42501', NULL, 'a writer may not: ' || q)
  FROM unnest(ARRAY['SELECT * FROM analytics.segment_rule', 'SELECT * FROM analytics.rfm', $$SELECT * FROM analytics.rfm_at()$$]) q;
RESET ROLE;
SELECT throws_ok($$TRUNCATE analytics.segment_rule$$, '42501', 'segment_rule can''t be truncated', 'the owner neither');

-- A DUMP'S rules say that they were edited: they take the place of those that CREATE EXTENSION made
BEGIN;
CREATE TEMP TABLE dumped AS SELECT * FROM analytics.segment_rule;
ALTER TABLE analytics.segment_rule DISABLE TRIGGER USER;
DELETE FROM analytics.segment_rule;
INSERT INTO analytics.segment_rule VALUES (1, 'brought', 1, 5, 1, 5, false), (7, 'brought', NULL, NULL, NULL, NULL, false);
ALTER TABLE analytics.segment_rule ENABLE TRIGGER USER;
INSERT INTO analytics.segment_rule SELECT * FROM dumped;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT set_eq('SELECT * FROM analytics.segment_rule', 'SELECT * FROM dumped', 'restored');
COMMIT;
-- and row by row, each in a transaction of its own, the extension's rules having the same priorities
BEGIN;
CREATE TEMP TABLE dumped_rows AS VALUES (10, 'top', 5, 5, 5, 5), (20, 'buyers', 1, 5, 1, 4), (30, 'buyers', 1, 4, 5, 5), (40, 'others', NULL, NULL, NULL, NULL), (50, 'never', 1, 5, 1, 5);
ALTER TABLE analytics.segment_rule DISABLE TRIGGER USER;
DELETE FROM analytics.segment_rule;
INSERT INTO analytics.segment_rule VALUES (10, 'brought', 1, 5, 1, 5, false), (20, 'brought', NULL, NULL, NULL, NULL, false);
ALTER TABLE analytics.segment_rule ENABLE TRIGGER USER;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT lives_ok(format('SET CONSTRAINTS ALL DEFERRED; INSERT INTO analytics.segment_rule VALUES (%s, %L, %L, %L, %L, %L, true); SET CONSTRAINTS ALL IMMEDIATE', d.column1, d.column2, d.column3, d.column4, d.column5, d.column6),
    'restored by itself: rule ' || d.column1) FROM dumped_rows d ORDER BY d.column1;
SELECT set_eq('SELECT * FROM analytics.segment_rule', 'SELECT d.column1, d.column2, d.column3::smallint, d.column4::smallint, d.column5::smallint, d.column6::smallint, true FROM dumped_rows d', 'in the end there are those of the dump alone');
COMMIT;
SELECT * FROM finish();
DROP OWNED BY rules_admin, rules_reader, rules_writer;
DROP ROLE rules_admin, rules_reader, rules_writer;
