-- ingest_group(): each member is told what ingest() would have told it, and what is stored is the same; nobody suffers for another.
BEGIN;
SELECT plan(31);
SET LOCAL timezone = 'UTC';

-- member by member
CREATE TEMP TABLE reply AS SELECT * FROM analytics.ingest_group(
    ARRAY['{"event":"login","event_id":"a","timestamp":"2026-05-01T10:00:00Z"}', 'nonsense', E'{"event":"login","event_id":"a"}\n{"event":"login","event_id":"b"}\nbroken',
          '[]', '{"event":"login"}', '{"event":"login"}', '{"event":"login","event_id":"c"}', '[{"event":"login","event_id":"a"},{"event":"login","event_id":"d","store":"paris"}]'],
    ARRAY['auto', 'native', 'native', NULL, 'shoplift'], ARRAY['main', 'main', 'main', 'main', 'main', '', 'paris']);
SELECT results_eq('SELECT member, accepted, duplicates, rejected FROM reply ORDER BY 1',
    $$VALUES (1, 1::bigint, 0::bigint, 0::bigint), (2, NULL, NULL, NULL), (3, 1, 1, 1), (4, 0, 0, 0), (5, NULL, NULL, NULL), (6, NULL, NULL, NULL), (7, 1, 0, 0), (8, 1, 1, 0)$$, 'figures, member by member');
SELECT results_eq('SELECT member, sqlstate, message FROM reply WHERE sqlstate IS NOT NULL ORDER BY 1',
    $$VALUES (2, '22P02', 'payload is not JSON'), (5, '22023', 'unknown format "shoplift"'), (6, '22023', 'store must not be empty or longer than 1024 bytes')$$, 'what is not taken at all has an error of its own');
SELECT is((SELECT detail FROM reply WHERE member = 2), 'line 1, byte 1: expected a JSON value, found "nonsense"', 'with its detail');
SELECT is((SELECT hint FROM reply WHERE member = 2), 'Send one object, an array of objects, or one object a line (NDJSON).', 'and its hint');
SELECT results_eq('SELECT errors #>> ''{0,code}'', errors #>> ''{0,index}'', jsonb_array_length(errors) FROM reply WHERE member = 3', $$VALUES ('invalid_json', '2', 1)$$, 'errors are numbered within the member');
SELECT results_eq('SELECT store_id, format, index, code, status, encode(raw, ''escape'') FROM analytics.rejected_event', $$VALUES ('main', 'native', 2, 'invalid_json', 'open', 'broken')$$,
    'and kept with its store and format');
SELECT results_eq('SELECT store_id, event_id FROM analytics.event ORDER BY 1, 2', $$VALUES ('main', 'a'), ('main', 'b'), ('paris', 'c'), ('paris', 'd')$$, 'the others are stored, where they belong');
SELECT is_empty('SELECT * FROM analytics.ingest_group(''{}'')', 'no members, no replies');

-- what a key may send
DELETE FROM analytics.rejected_event;
CREATE TEMP TABLE kept AS SELECT * FROM analytics.ingest_group(
    ARRAY['[{"event":"purchase","order_id":"x"},{"event":"login","event_id":"k1"}]', '{"event":"purchase","order_id":"x","items":[{"price":1}]}',
          '[{"event":"login","store":"paris"},{"event":"login","store":"main","event_id":"k2"}]', '{"event":"login","store":"rome","event_id":"k3"}', '{"event":"login","store":"paris"}'],
    NULL, ARRAY['main', 'main', 'main', 'main', 'rome'], '[["login", "page_view"], null, null, null, null]', '{f,f,t,f,f}');
SELECT results_eq('SELECT member, accepted, rejected FROM kept ORDER BY 1', 'VALUES (1, 1::bigint, 1::bigint), (2, 1, 0), (3, 1, 1), (4, 1, 0), (5, 0, 1)', 'other types and other stores are rejected, that key''s alone');
SELECT results_eq('SELECT member, errors #>> ''{0,code}'', errors #>> ''{0,pointer}'' FROM kept WHERE rejected > 0 ORDER BY 1',
    $$VALUES (1, 'event_not_allowed', '/event'), (3, 'store_mismatch', '/store'), (5, 'store_mismatch', '/store')$$, 'with the reason, before anything else that is wrong with them');
SELECT results_eq('SELECT store_id, code, status FROM analytics.rejected_event ORDER BY rejected_id',
    $$VALUES ('main', 'event_not_allowed', 'discarded'), ('main', 'store_mismatch', 'discarded'), ('rome', 'store_mismatch', 'open')$$, 'what a key may not send waits for no replay');
SELECT is((SELECT accepted + duplicates FROM analytics.replay_rejected()), 0::bigint, 'which takes none of it in');

-- a claim that names certain stores
SET LOCAL request.jwt.claims TO '{"stores": ["paris"]}';
SELECT results_eq($$SELECT member, accepted, sqlstate, message, detail FROM analytics.ingest_group(ARRAY['{"event":"login"}', '{"event":"login"}'], NULL, '{main,paris}') ORDER BY 1$$,
    $$VALUES (1, NULL::bigint, '42501', 'permission denied for this store', 'Store "main".'), (2, 1, NULL, NULL, NULL)$$, 'another store is refused, and only that');
SET LOCAL request.jwt.claims TO '';
SELECT analytics.set_setting('currency', 'EUR', 'broken');
UPDATE analytics.store SET currency = 'XXX' WHERE store_id = 'broken';
SELECT results_eq($$SELECT member, accepted, sqlstate FROM analytics.ingest_group(ARRAY['{"event":"login"}', '{"event":"login"}'], NULL, '{broken,main}') ORDER BY 1$$,
    $$VALUES (1, NULL::bigint, '22023'), (2, 1, NULL)$$, 'a store whose settings are no good fails its own senders');

-- visitors, over all members
SELECT analytics.identify('visitor', 'ada');
SELECT is((SELECT sum(accepted) FROM analytics.ingest_group(ARRAY['{"event":"login","event_id":"i1","anonymous_id":"visitor"}', '{"event":"login","event_id":"i2","anonymous_id":"other"}'])), 2::numeric, 'visitors');
SELECT results_eq($$SELECT event_id, customer_id FROM analytics.event WHERE event_id ~ '^i[12]' ORDER BY 1$$, $$VALUES ('i1', 'ada'), ('i2', NULL)$$, 'are named');

-- the header's differences: a refund looks at the whole group
SELECT results_eq($$SELECT member, accepted, rejected FROM analytics.ingest_group(ARRAY['{"event":"refund","event_id":"early","order_id":"late","full":true,"timestamp":"2026-05-02T10:00:00Z"}',
    '{"event":"purchase","order_id":"late","timestamp":"2026-05-01T10:00:00Z","items":[{"product_id":"p","price":7}]}']) ORDER BY 1$$, 'VALUES (1, 1::bigint, 0::bigint), (2, 1, 0)', 'a full refund finds its order in a later member');
SELECT results_eq($$SELECT member, accepted, errors #>> '{0,code}' FROM analytics.ingest_group(ARRAY['{"event":"login","event_id":"n1"}', '{"event":"refund","event_id":"never","order_id":"unknown","full":true}',
    '[{"event":"login","event_id":"n2"},{"event":"refund","event_id":"never","order_id":"unknown","full":true}]']) ORDER BY 1$$,
    $$VALUES (1, 1::bigint, NULL), (2, 0, 'unknown_order'), (3, 1, 'unknown_order')$$, 'of an unknown order it is rejected, in its member');
SELECT results_eq($$SELECT member, accepted, duplicates FROM analytics.ingest_group(ARRAY['{"event":"login","event_id":"r","revision":1}', '{"event":"login","event_id":"r","revision":3}', '{"event":"login","event_id":"r","revision":2}']) ORDER BY 1$$,
    'VALUES (1, 1::bigint, 0::bigint), (2, 1, 0), (3, 0, 1)', 'versions count in order');
SELECT results_eq($$SELECT revision, sign FROM analytics.event WHERE event_id = 'r'$$, 'VALUES (3, 1::smallint)', 'the last alone is written');
SELECT is((SELECT jsonb_array_length(errors)::text || ' of ' || rejected FROM analytics.ingest_group(ARRAY['[]', (SELECT jsonb_agg('{"event":"?"}'::jsonb)::text FROM generate_series(1, 103))]) WHERE member = 2), '100 of 103', 'the first 100 errors are listed');

-- The same payloads in groups (store g) and one after the other by ingest() (store s), seeded. What the header exempts is not made: no
-- purchase of an order after a refund of it in an earlier member of the group, no listed refund after a full one, full refunds unrevised.
CREATE TEMP TABLE difference (at integer, what text);
CREATE TEMP TABLE seen (what text);
CREATE FUNCTION pg_temp.pick(n integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT 1 + floor(random() * n)::integer';
CREATE FUNCTION pg_temp.event(member integer, refunded integer[], full_refunded integer[], OUT event text, OUT kind text, OUT o integer) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    at text := format('2026-0%s-%sT1%s:00:00Z', pg_temp.pick(3), 9 + pg_temp.pick(15), pg_temp.pick(9));
    n integer := pg_temp.pick(4);
    of_customer text := CASE WHEN random() < 0.5 THEN format('"customer_id":"c%s",', pg_temp.pick(9)) WHEN random() < 0.5 THEN format('"anonymous_id":"a%s",', pg_temp.pick(9)) ELSE '' END;
BEGIN
    o := pg_temp.pick(40);
    kind := (ARRAY['view', 'view', 'purchase', 'purchase', 'purchase', 'refund', 'refund', 'full', 'bad', 'line'])[pg_temp.pick(10)];
    IF kind = 'purchase' AND refunded[o] < member OR kind = 'refund' AND full_refunded[o] < member THEN
        kind := 'view';
    END IF;
    event := CASE kind
        WHEN 'view' THEN format('{"event":"view_item","event_id":"v%s","timestamp":"%s",%s"revision":%s,"device":"%s","items":[{"product_id":"p%s"}]}', pg_temp.pick(60), at, of_customer, pg_temp.pick(3), 'd' || n, n)
        WHEN 'purchase' THEN format('{"event":"purchase","order_id":"o%s",%s"timestamp":"%s",%s"currency":"%s","channel":"ch%s","shipping":%s,"discount":%s,"revision":%s,%s"items":[%s]}', o,
            CASE WHEN random() < 0.3 THEN format('"event_id":"v%s",', pg_temp.pick(60)) WHEN random() < 0.5 THEN format('"event_id":"pe%s",', pg_temp.pick(60)) ELSE '' END, at, of_customer,
            (ARRAY['EUR', 'JPY', 'GBP'])[pg_temp.pick(3)], n, n, CASE WHEN random() < 0.2 THEN 1000 ELSE 1 END, CASE WHEN random() < 0.7 THEN 1 ELSE pg_temp.pick(3) END,
            CASE WHEN random() < 0.3 THEN format('"updated_at":"2026-06-01T00:00:0%sZ",', pg_temp.pick(9)) ELSE '' END,
            (SELECT string_agg(format('{"product_id":"p%s","price":%s,"quantity":%s}', i, 1 + pg_temp.pick(2000) / 100.0, pg_temp.pick(3)), ',') FROM generate_series(1, n) i))
        WHEN 'refund' THEN format('{"event":"refund","event_id":"r%s-%s","order_id":"o%1$s","timestamp":"%3$s",%4$s"revision":%5$s,"items":[{"product_id":"p%2$s","price":%2$s}]}', o, n, at, CASE WHEN random() < 0.5 THEN '"currency":"EUR",' ELSE '' END, pg_temp.pick(2))
        WHEN 'full' THEN format('{"event":"refund","event_id":"f%s-%s","order_id":"o%1$s","full":true,"timestamp":"%3$s"}', o, n, at)
        WHEN 'bad' THEN (ARRAY['{"event":"purchase","event_id":"bad"}', '{"event":"view_item","event_id":"v1","timestamp":"yesterday"}', '{"event":"View"}', '17', '{"event":"login","device":"\u0000"}', '{"event":"login","store":"elsewhere"}'])[pg_temp.pick(6)]
        ELSE '{"event":"login","event_id":"v2", nonsense' END;
END $$;
CREATE FUNCTION pg_temp.one_by_one(payloads text[]) RETURNS TABLE (member integer, accepted bigint, duplicates bigint, rejected bigint, errors jsonb, state text, message text, detail text, hint text)
    LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    FOR i IN 1 .. cardinality(payloads) LOOP
        member := i; state := NULL; message := NULL; detail := NULL; hint := NULL;
        BEGIN
            SELECT r.accepted, r.duplicates, r.rejected, r.errors INTO accepted, duplicates, rejected, errors FROM analytics.ingest(payloads[i], store => 's') r;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            accepted := NULL; duplicates := NULL; rejected := NULL; errors := NULL;
        END;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE PROCEDURE pg_temp.compare(groups integer) LANGUAGE plpgsql AS $$
DECLARE
    payloads text[];
    payload text;
    e record;
    refunded integer[];
    full_refunded integer[];
    id text;
BEGIN
    FOR at IN 1 .. groups LOOP
        payloads := '{}';
        refunded := array_fill(99, ARRAY[40]);
        full_refunded := refunded;
        FOR member IN 1 .. pg_temp.pick(8) LOOP
            payload := NULL;
            FOR i IN 1 .. pg_temp.pick(4) LOOP
                SELECT * INTO e FROM pg_temp.event(member, refunded, full_refunded);
                IF e.kind IN ('refund', 'full') THEN refunded[e.o] := least(refunded[e.o], member); END IF;
                IF e.kind = 'full' THEN full_refunded[e.o] := least(full_refunded[e.o], member); END IF;
                payload := concat_ws(CASE member % 2 WHEN 0 THEN ',' ELSE E'\n' END, payload, e.event);
            END LOOP;
            payloads := payloads || CASE member % 2 WHEN 0 THEN '[' || payload || ']' ELSE payload END;
        END LOOP;
        CREATE TEMP TABLE together AS SELECT * FROM analytics.ingest_group(payloads, NULL, array_fill('g'::text, ARRAY[cardinality(payloads)]));
        CREATE TEMP TABLE apart AS SELECT * FROM pg_temp.one_by_one(payloads);
        UPDATE together SET errors = replace(errors::text, '\"g\"', '\"s\"')::jsonb, detail = coalesce(detail, ''), hint = coalesce(hint, '');
        UPDATE apart SET detail = coalesce(detail, ''), hint = coalesce(hint, '');
        INSERT INTO difference SELECT at, format('together: %s', t) FROM (TABLE together EXCEPT ALL TABLE apart) t;
        INSERT INTO difference SELECT at, format('apart: %s, %s', t, payloads[t.member]) FROM (TABLE apart EXCEPT ALL TABLE together) t;
        INSERT INTO seen SELECT unnest(CASE WHEN t.sqlstate IS NOT NULL THEN ARRAY['no JSON'] WHEN t.rejected > 0 THEN ARRAY(SELECT jsonb_array_elements(t.errors) ->> 'code') WHEN t.duplicates > 0 THEN '{duplicates}' ELSE '{}' END) FROM together t;
        DROP TABLE together, apart;
        IF at % 3 = 0 THEN
            SELECT event_id INTO id FROM analytics.current_event WHERE store_id = 's' ORDER BY md5(event_id || at), line LIMIT 1;
            INSERT INTO difference SELECT at, 'retract ' || id WHERE id IS NOT NULL AND analytics.retract(id, 'g') <> analytics.retract(id, 's');
        ELSIF at % 10 = 0 THEN
            id := pg_temp.pick(9)::text;
            PERFORM analytics.identify('a' || id, 'c' || id, 'g'), analytics.identify('a' || id, 'c' || id, 's');
        END IF;
    END LOOP;
END $$;
SELECT analytics.set_exchange_rate('EUR', 1.25, '2020-01-01'), analytics.set_exchange_rate('GBP', 1.5, '2020-01-01'), analytics.set_exchange_rate('JPY', 0.01, '2020-01-01');
SELECT setseed(0.26);
CALL pg_temp.compare(300);
SELECT is((SELECT string_agg(what, E'\n' ORDER BY at) FROM (SELECT * FROM difference ORDER BY at LIMIT 4) d), NULL, 'replies of 300 groups are those of one by one');
SELECT results_eq($$SELECT DISTINCT what COLLATE "C" FROM seen ORDER BY 1$$,
    $$VALUES ('duplicates' COLLATE "C"), ('invalid_event_type'), ('invalid_json'), ('invalid_timestamp'), ('missing'), ('no JSON'), ('not_an_object'), ('nul_character'), ('out_of_range'), ('store_mismatch'), ('unknown_order')$$, 'all of which occurred');
CREATE FUNCTION pg_temp.stored(store text) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(e) - '{store_id,revision,ingested_at,ingest_xid}'::text[] FROM analytics.current_event e WHERE e.store_id = store
$$;
CREATE FUNCTION pg_temp.keys(store text) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(k) - '{store_id,revision}'::text[] FROM analytics.event_key k WHERE k.store_id = store
$$;
CREATE FUNCTION pg_temp.rejected(store text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT replace(((to_jsonb(r) - '{rejected_id,store_id,received_at}'::text[]))::text, '\"g\"', '\"s\"') FROM analytics.rejected_event r WHERE r.store_id = store ORDER BY r.rejected_id
$$;
CREATE FUNCTION pg_temp.sales(store text) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(v) - 'store_id' FROM analytics.sales_daily v WHERE v.store_id = store
    UNION ALL SELECT to_jsonb(v) - 'store_id' FROM analytics.customer v WHERE v.store_id = store
$$;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.stored('s')), '>', 200::bigint, 'there is something to compare');
SELECT bag_eq($$SELECT * FROM pg_temp.stored('g')$$, $$SELECT * FROM pg_temp.stored('s')$$, 'the same lines stand');
SELECT bag_eq($$SELECT * FROM pg_temp.keys('g')$$, $$SELECT * FROM pg_temp.keys('s')$$, 'the same keys are known');
SELECT results_eq($$SELECT * FROM pg_temp.rejected('g')$$, $$SELECT * FROM pg_temp.rejected('s')$$, 'the same rejections are kept, in order');
SELECT bag_eq($$SELECT * FROM pg_temp.sales('g')$$, $$SELECT * FROM pg_temp.sales('s')$$, 'and reports say the same');
SELECT is_empty($$SELECT * FROM analytics.reconcile('g')$$, 'nothing to reconcile');
SELECT cmp_ok((SELECT count(*) FROM analytics.event WHERE store_id = 'g' AND sign < 0), '>', 50::bigint, 'although much was taken back');
SELECT is((SELECT count(*) FROM analytics.event WHERE store_id = 'g' AND event_type = 'refund' AND event_id ~ '^f') > 20, true, 'and refunded in full');

SELECT * FROM finish();
ROLLBACK;
