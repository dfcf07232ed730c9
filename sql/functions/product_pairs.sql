-- Products bought together, counted incrementally. A basket is the set of products of one version of a purchase: all its lines have one
-- stamp, so that every set of lines that the engine looks at holds whole baskets, and counts of baskets add; a version that is
-- taken back counts -1. A basket of more than 1,000 products counts with that many in pairs, chosen by a hash that its retraction finds, too.

-- A basket of k products is k (k - 1) / 2 pairs: half a million for a thousand.
CREATE OR REPLACE FUNCTION analytics.largest_basket() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 1000
$$;
COMMENT ON FUNCTION analytics.largest_basket() IS 'how many products of an order count in pairs at most';

-- CTEs that count the baskets of the lines of `source` (counted_line's columns, named l) that meet the condition:
-- line; known: each product's number, for a new one the next ('' stands for all products); single: baskets by number;
-- pair: baskets by two numbers, a * 2^32 + b, a < b, in this order. `sign` is what a line counts. `paired`: which baskets count in
-- pairs, a condition on b (its numbers).
CREATE OR REPLACE FUNCTION analytics.count_baskets_sql(source text, condition text, sign text, paired text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($sql$
        line AS MATERIALIZED (
            SELECT l.event_id COLLATE "C" AS event_id, l.store_id COLLATE "C" AS store_id, l.order_id COLLATE "C" AS order_id,
                   l.revision, %3$s AS sign, l.product_id COLLATE "C" AS product_id
              FROM %1$s l
             WHERE l.event_type = 'purchase' AND l.line_kind = 'product' AND l.product_id IS NOT NULL AND %2$s
        ), known AS MATERIALIZED (
            SELECT d.store_id, d.product_id, coalesce(k.number, (SELECT coalesce(max(m.number), 0) FROM analytics.product_basket m)
                       + row_number() OVER (PARTITION BY k.number IS NULL ORDER BY d.product_id, d.store_id))::integer AS number
              FROM (SELECT DISTINCT l.product_id, l.store_id FROM line l
                    UNION ALL SELECT DISTINCT '' COLLATE "C", l.store_id FROM line l) d
              LEFT JOIN analytics.product_basket k ON k.product_id = d.product_id AND k.store_id = d.store_id
        ), basket AS MATERIALIZED (
            SELECT l.event_id, l.store_id, l.order_id, l.revision, l.sign, array_agg(DISTINCT k.number ORDER BY k.number) AS numbers
              FROM line l JOIN known k USING (product_id, store_id)
             GROUP BY l.event_id, l.store_id, l.order_id, l.revision, l.sign
        ), single AS MATERIALIZED (
            SELECT n.number, sum(b.sign)::integer AS baskets
              FROM basket b CROSS JOIN LATERAL unnest(b.numbers) n(number)
             GROUP BY n.number
             UNION ALL
            SELECT k.number, s.baskets
              FROM (SELECT b.store_id, sum(b.sign)::integer AS baskets FROM basket b GROUP BY b.store_id) s
              JOIN known k ON k.store_id = s.store_id AND k.product_id = ''
        ), chosen AS (
            SELECT b.sign, b.numbers FROM basket b WHERE cardinality(b.numbers) BETWEEN 2 AND analytics.largest_basket() AND %4$s
            UNION ALL
            SELECT c.sign, array_agg(c.number ORDER BY c.number)
              FROM (SELECT b.event_id, b.store_id, b.order_id, b.revision, b.sign, k.number,
                           row_number() OVER (PARTITION BY b.event_id, b.store_id, b.order_id, b.revision, b.sign
                                              ORDER BY md5(coalesce(b.order_id, b.event_id) || ' ' || k.product_id), k.product_id) AS place
                      FROM basket b CROSS JOIN LATERAL unnest(b.numbers) n(number) JOIN known k ON k.number = n.number
                     WHERE cardinality(b.numbers) > analytics.largest_basket() AND %4$s) c
             WHERE c.place <= analytics.largest_basket()
             GROUP BY c.event_id, c.store_id, c.order_id, c.revision, c.sign
        ), pair AS (
            SELECT (a.number::bigint << 32) + b.number AS ab, sum(c.sign)::integer AS baskets
              FROM chosen c
             CROSS JOIN LATERAL unnest(c.numbers) WITH ORDINALITY a(number, place)
             CROSS JOIN LATERAL unnest(c.numbers[a.place + 1:]) b(number)
             GROUP BY 1 HAVING sum(c.sign) <> 0
        )$sql$, source, condition, sign, paired)
$$;
COMMENT ON FUNCTION analytics.count_baskets_sql(text, text, text, text) IS 'SQL that counts the baskets of a set of lines, by product and by two products';

-- Adds these baskets to the merged ones, in one statement. fresh: there are none yet. with_p moves P to the statement's snapshot.
CREATE OR REPLACE FUNCTION analytics.add_baskets_sql(source text, condition text, sign text, fresh boolean, with_p boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('WITH %s, singles AS (INSERT INTO analytics.product_basket AS m (number, store_id, product_id, baskets) SELECT k.number, k.store_id, k.product_id, s.baskets FROM single s JOIN known k USING (number) ORDER BY k.number ON CONFLICT (number) DO UPDATE SET baskets = m.baskets + excluded.baskets), pairs AS (INSERT INTO analytics.product_pair AS m (a, b, baskets) SELECT (p.ab >> 32)::integer, (p.ab & 4294967295)::integer, p.baskets FROM pair p ORDER BY p.ab%s)%s SELECT count(*) FROM line',
        analytics.count_baskets_sql(source, condition, sign, 'true'),
        CASE WHEN fresh THEN '' ELSE ' ON CONFLICT (a, b) DO UPDATE SET baskets = m.baskets + excluded.baskets' END,
        CASE WHEN with_p THEN ', moved AS (UPDATE analytics.rollup_state SET merged = analytics.merging_snapshot(), refreshed_at = clock_timestamp(), rows = (SELECT count(*) FROM line) WHERE name = ''product_pair'')' ELSE '' END)
$$;
COMMENT ON FUNCTION analytics.add_baskets_sql(text, text, text, boolean, boolean) IS 'SQL that adds the baskets of a set of lines to the merged ones';

-- Adds (times 1) or takes out (times -1) the baskets of the events in [from, to) that P saw.
CREATE OR REPLACE FUNCTION analytics.build_pairs_range("from" timestamptz, "to" timestamptz, times integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off  -- after a restore there are no statistics
    SET enable_hashagg = off   -- sorted, so that pairs come in their order
    SET work_mem = '64MB'
    SET max_parallel_workers_per_gather = 0
    SET jit = off
AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE analytics.add_baskets_sql('analytics.counted_line', 'l.occurred_at >= $1 AND l.occurred_at < $2 AND pg_visible_in_snapshot(l.stamp, $3)',
                                      'l.sign * $4', NOT EXISTS (SELECT FROM analytics.product_pair), false)
       INTO n USING "from", "to", (SELECT s.merged FROM analytics.rollup_state s WHERE s.name = 'product_pair'), times;
    RETURN n;
END
$$;
COMMENT ON FUNCTION analytics.build_pairs_range(timestamptz, timestamptz, integer) IS 'adds the baskets of a range of time at P, or takes them out; returns lines; the caller holds the engine lock';

-- Goes on building: all that is left (max_months null) or the next months, newest first. What is older than built_from counts as
-- tail meanwhile. anew: begins again, at the P that is there. The caller holds the engine lock.
CREATE OR REPLACE FUNCTION analytics.build_pairs(anew boolean, max_months integer) RETURNS TABLE (months_done integer, months_left integer, rows bigint)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    state analytics.rollup_state;
    month date;
    started timestamptz := clock_timestamp();
    reached date;
BEGIN
    months_done := 0;
    months_left := 0;
    rows := 0;
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = 'product_pair';
    IF state.name IS NULL OR anew AND state.built_from = '-infinity' THEN
        -- no TRUNCATE: a reader with an older snapshot still sees the old counts with the old state
        DELETE FROM analytics.product_pair p WHERE p.kept = 0;
        DELETE FROM analytics.product_basket b WHERE b.kept = 0;
        UPDATE analytics.product_pair p SET baskets = p.kept WHERE p.baskets <> p.kept;
        UPDATE analytics.product_basket b SET baskets = b.kept WHERE b.baskets <> b.kept;
        INSERT INTO analytics.rollup_state AS s (name, merged, built_from, refreshed_at, duration, rows)
        VALUES ('product_pair', analytics.merging_snapshot(), 'infinity', clock_timestamp(), '0', 0)
            ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE SET built_from = 'infinity'
        RETURNING * INTO state;
    END IF;
    reached := state.built_from;
    IF max_months IS NULL THEN
        months_done := (SELECT count(*) FROM analytics.event_months('sales_daily') m WHERE m < reached);
        rows := analytics.build_pairs_range('-infinity', reached::timestamptz, 1);
    ELSE
        FOR month IN SELECT m FROM analytics.event_months('sales_daily') m WHERE m < reached ORDER BY m DESC LOOP
            IF months_done = max_months THEN
                months_left := months_left + 1;
                CONTINUE;
            END IF;
            rows := rows + analytics.build_pairs_range(month::timestamptz, reached::timestamptz, 1);
            reached := month;
            months_done := months_done + 1;
        END LOOP;
    END IF;
    UPDATE analytics.rollup_state s
       SET built_from = CASE WHEN months_left = 0 THEN '-infinity' ELSE reached END,
           refreshed_at = clock_timestamp(), duration = clock_timestamp() - started, rows = build_pairs.rows
     WHERE s.name = 'product_pair';
    IF months_left = 0 THEN
        PERFORM analytics.analyze_new_tables();
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION analytics.build_pairs(boolean, integer) IS 'builds the next months of product_affinity''s counts; the caller holds the engine lock';

CREATE OR REPLACE FUNCTION analytics.refresh_pairs(wait boolean) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_nestloop = off  -- a tail of a million lines looks like a few
    SET enable_hashagg = off
    SET work_mem = '64MB'
    SET max_parallel_workers_per_gather = 0
    SET jit = off
AS $$
DECLARE
    state analytics.rollup_state;
    started timestamptz := clock_timestamp();
    merged_lines bigint := 0;
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = 'product_pair';
    IF state.built_from = '-infinity' AND NOT analytics.has_tail(state.merged) THEN
        RETURN 0;
    END IF;
    IF NOT analytics.lock_engine(wait) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = 'product_pair' FOR UPDATE;
    IF state.name IS NULL OR state.built_from > '-infinity' THEN
        merged_lines := (SELECT b.rows FROM analytics.build_pairs(false, NULL) b);
        SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = 'product_pair';
    END IF;
    IF analytics.has_tail(state.merged) THEN
        EXECUTE analytics.add_baskets_sql(analytics.tail_lines_sql('$1', '$2'), 'l.stamp <> pg_current_xact_id()', 'l.sign', false, true)
           INTO merged_lines USING pg_snapshot_xmax(state.merged), ARRAY(SELECT pg_snapshot_xip(state.merged));
        UPDATE analytics.rollup_state s SET duration = clock_timestamp() - started WHERE s.name = 'product_pair';
    END IF;
    RETURN merged_lines;
EXCEPTION WHEN serialization_failure THEN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RETURN NULL;
    END IF;
    RAISE;
END
$$;
COMMENT ON FUNCTION analytics.refresh_pairs(boolean) IS 'merges into product_affinity''s counts what was committed since the last time; lines, or null as refresh()';

-- Raw events of a store from before a moment are about to go: what was counted of them stays.
CREATE OR REPLACE FUNCTION analytics.keep_pairs(of_store text, before timestamptz, merged text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
    SET enable_hashagg = off
    SET work_mem = '64MB'
    SET max_parallel_workers_per_gather = 0
    SET jit = off
AS $$
BEGIN
    EXECUTE format('WITH %s, singles AS (UPDATE analytics.product_basket m SET kept = m.kept + s.baskets FROM single s WHERE s.number = m.number), pairs AS (UPDATE analytics.product_pair m SET kept = m.kept + p.baskets FROM pair p WHERE m.a = (p.ab >> 32)::integer AND m.b = (p.ab & 4294967295)::integer) SELECT',
                   analytics.count_baskets_sql('analytics.counted_line', 'l.store_id = $1 AND l.occurred_at < $2 AND ' || merged, 'l.sign', 'true'))
      USING of_store, before;
END
$$;
COMMENT ON FUNCTION analytics.keep_pairs(text, timestamptz, text) IS 'notes the baskets of events that are about to be removed (those that meet merged, SQL on counted_line l); the caller holds the engine lock';

-- Pairs follow the sales at a pace of their own: never twice in turn while sales wait, every ten seconds at most, and at most a
-- quarter of the time (less would let them fall behind for good while much comes in).
CREATE OR REPLACE FUNCTION analytics.pairs_are_due() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state analytics.rollup_state;
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = 'product_pair';
    IF NOT FOUND THEN
        RETURN EXISTS (SELECT FROM analytics.event);
    ELSIF state.built_from = '-infinity'
          AND (clock_timestamp() < state.refreshed_at + greatest(interval '10 seconds', 3 * state.duration) OR NOT analytics.has_tail(state.merged)) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM analytics.rollup_state s JOIN analytics.rollup r USING (name) WHERE s.refreshed_at > state.refreshed_at)
        OR NOT EXISTS (SELECT FROM (SELECT DISTINCT s.merged::text AS merged FROM analytics.rollup_state s JOIN analytics.rollup r USING (name) OFFSET 0) s
                        WHERE analytics.has_tail(s.merged::pg_snapshot));
END
$$;
COMMENT ON FUNCTION analytics.pairs_are_due() IS 'whether maintain() is to build or merge product_affinity''s counts now';

-- One step of maintain(), a transaction of its own.
CREATE OR REPLACE FUNCTION analytics.maintain_pairs() RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product_pair' AND s.built_from = '-infinity') THEN
        RETURN analytics.refresh_pairs(false) IS NOT NULL;
    ELSIF analytics.lock_engine(false) THEN
        PERFORM analytics.build_pairs(false, 1);
        RETURN true;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION analytics.maintain_pairs() IS 'builds a month of product_affinity''s counts, or merges into them; false: somebody else holds the engine lock';

-- Rows of a range are about to move between partitions, where they are stamped anew: out of what is merged, the tail will have them.
CREATE OR REPLACE FUNCTION analytics.unmerge_pairs("from" date, "to" date) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    built_from date := (SELECT s.built_from FROM analytics.rollup_state s WHERE s.name = 'product_pair');
BEGIN
    IF built_from < "to" THEN
        PERFORM analytics.build_pairs_range(greatest("from", built_from)::timestamptz, "to"::timestamptz, -1);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.unmerge_pairs(date, date) IS 'takes the baskets of days out of product_affinity''s merged counts; the caller holds the engine lock';

-- The tail's counts: pairs both ways round, a product with itself, and '' with '' for all baskets. Of the stores that the caller may see; or of one
-- store, and pairs of those baskets alone that hold one of some products.
DO $$
DECLARE
    counted text := 'RETURN QUERY WITH %s SELECT k.store_id, k.number, k.number, k.product_id, k.product_id, s.baskets FROM single s JOIN known k USING (number) UNION ALL SELECT x.store_id, x.number, y.number, x.product_id, y.product_id, p.baskets FROM pair p CROSS JOIN LATERAL (VALUES ((p.ab >> 32)::integer, (p.ab & 4294967295)::integer), ((p.ab & 4294967295)::integer, (p.ab >> 32)::integer)) w(a, b) JOIN known x ON x.number = w.a JOIN known y ON y.number = w.b;';
    kind record;
BEGIN
    FOR kind IN
        SELECT * FROM (VALUES ('tail_product_pair()', ' SECURITY DEFINER', '(stores IS NULL OR l.store_id = ANY (stores))', 'true'),
                              ('tail_product_pair_of(of_store text, products text[])', '', 'l.store_id = of_store',
                               'b.numbers && ARRAY(SELECT k.number FROM known k WHERE k.product_id = ANY (products))')) v(signature, rights, allowed, paired) LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION analytics.%s RETURNS TABLE (store_id text, a integer, b integer, product_a text, product_b text, baskets integer)
    LANGUAGE plpgsql STABLE%s PARALLEL RESTRICTED ROWS 5000 COST 10000
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashagg = off
    SET jit = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_generic_plan
AS %L', kind.signature, kind.rights, format('
#variable_conflict use_column
DECLARE
    state analytics.rollup_state;
    newer xid8;
    running xid8[];
    stores text[] := analytics.allowed_stores();
BEGIN
    SELECT * INTO state FROM analytics.rollup_state s WHERE s.name = ''product_pair'';
    IF NOT FOUND THEN
        %s
    ELSIF state.built_from > ''-infinity'' THEN
        %s
    ELSE
        newer := pg_snapshot_xmax(state.merged);
        running := ARRAY(SELECT pg_snapshot_xip(state.merged));
        %s
    END IF;
END
',
            format(counted, analytics.count_baskets_sql('analytics.counted_line'::text, kind.allowed, 'l.sign'::text, kind.paired)),
            format(counted, analytics.count_baskets_sql('analytics.counted_line'::text, kind.allowed || ' AND (l.occurred_at < state.built_from::timestamp AT TIME ZONE ''UTC'' OR NOT pg_visible_in_snapshot(l.stamp, state.merged))', 'l.sign'::text, kind.paired)),
            format(counted, analytics.count_baskets_sql(analytics.tail_lines_sql('newer'::text, 'running'::text), kind.allowed, 'l.sign'::text, kind.paired))));
    END LOOP;
END
$$;
COMMENT ON FUNCTION analytics.tail_product_pair() IS 'baskets by product and by two products of the events that are not merged yet, of the stores that the caller may see';
COMMENT ON FUNCTION analytics.tail_product_pair_of(text, text[]) IS 'the same of one store, with the pairs of those baskets alone that hold one of these products: all pairs of these products are among them';

-- Merged and tail in one snapshot. The two rows and columns of the 2x2 table are summed from its cells, since large baskets, of
-- which not every pair counts, may leave fewer than no baskets for "neither".
DO $$
BEGIN
    EXECUTE format($view$
CREATE OR REPLACE VIEW analytics.product_affinity WITH (security_barrier) AS
WITH tail AS MATERIALIZED (
    SELECT * FROM analytics.tail_product_pair()
), merged AS NOT MATERIALIZED (
    SELECT m.number, m.store_id, m.product_id, CASE WHEN EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product_pair') THEN m.baskets ELSE m.kept END AS baskets FROM analytics.product_basket m
), single AS MATERIALIZED (
    SELECT t.store_id, t.a AS number, t.product_a AS product_id, t.baskets FROM tail t WHERE t.a = t.b
)
SELECT f.store_id, f.product_a, f.product_b, f.ab AS baskets,
       f.ab::float8 / f.n AS support,
       f.ab::float8 / f.a AS confidence,
       f.ab::float8 * f.n / (f.a::float8 * f.b) AS lift,
       f.ab / sqrt(f.a::float8 * f.b) AS cosine,
       f.ab::float8 / (f.a + f.b - f.ab) AS jaccard,
       greatest(0, 2 * (f.ab * ln(f.ab * f.total / (f.a::float8 * f.b))
           + CASE WHEN f.a > f.ab THEN (f.a - f.ab) * ln((f.a - f.ab) * f.total / (f.a::float8 * (f.total - f.b))) ELSE 0 END
           + CASE WHEN f.b > f.ab THEN (f.b - f.ab) * ln((f.b - f.ab) * f.total / (f.b::float8 * (f.total - f.a))) ELSE 0 END
           + CASE WHEN f.neither > 0 THEN f.neither * ln(f.neither * f.total / ((f.total - f.a) * (f.total - f.b))) ELSE 0 END)) AS llr
  FROM (SELECT g.*, greatest(0, g.n - g.a - g.b + g.ab) AS neither, (g.a + g.b - g.ab + greatest(0, g.n - g.a - g.b + g.ab))::float8 AS total
          FROM (SELECT c.store_id, c.product_a, c.product_b, c.baskets AS ab, c.a, c.b,
                       coalesce(n.baskets, 0)::bigint + coalesce(s.baskets, 0) AS n
                  FROM (SELECT a.store_id, a.product_id AS product_a, b.product_id AS product_b, p.baskets::bigint + coalesce(t.baskets, 0) AS baskets,
                               a.baskets::bigint + coalesce(sa.baskets, 0) AS a, b.baskets::bigint + coalesce(sb.baskets, 0) AS b
                          FROM (SELECT m.a, m.b, CASE WHEN EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product_pair') THEN m.baskets ELSE m.kept END AS baskets FROM analytics.product_pair m
                                UNION ALL SELECT m.b, m.a, CASE WHEN EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product_pair') THEN m.baskets ELSE m.kept END FROM analytics.product_pair m) p
                          JOIN merged a ON a.number = p.a
                          LEFT JOIN single sa ON sa.number = a.number
                          JOIN merged b ON b.number = p.b
                          LEFT JOIN single sb ON sb.number = b.number
                          LEFT JOIN tail t ON t.a = p.a AND t.b = p.b
                        UNION ALL
                        SELECT t.store_id, t.product_a, t.product_b, t.baskets::bigint, sa.baskets::bigint + coalesce(a.baskets, 0), sb.baskets::bigint + coalesce(b.baskets, 0)
                          FROM tail t
                          JOIN single sa ON sa.number = t.a
                          JOIN single sb ON sb.number = t.b
                          LEFT JOIN merged a ON a.number = t.a
                          LEFT JOIN merged b ON b.number = t.b
                         WHERE t.a <> t.b
                           AND NOT EXISTS (SELECT FROM analytics.product_pair m WHERE m.a = least(t.a, t.b) AND m.b = greatest(t.a, t.b))) c
                  LEFT JOIN merged n ON n.store_id = c.store_id AND n.product_id = ''
                  LEFT JOIN single s ON s.store_id = c.store_id AND s.product_id = ''
                 WHERE c.baskets > 0) g) f
 WHERE %s
$view$, analytics.allowed_sql('f.store_id'::text));
END
$$;
COMMENT ON VIEW analytics.product_affinity IS
'products bought together, each pair in both directions, right as of this moment. A basket is the set of products of an order (gift cards and fees left out; refunds take nothing back, retract() does). Of an order with more than 1,000 products pairs count 1,000 of them, chosen by a hash; baskets of one product and of the store count all';
COMMENT ON COLUMN analytics.product_affinity.store_id IS 'store';
COMMENT ON COLUMN analytics.product_affinity.product_a IS 'product that was bought';
COMMENT ON COLUMN analytics.product_affinity.product_b IS 'product bought with it';
COMMENT ON COLUMN analytics.product_affinity.baskets IS 'orders that hold both';
COMMENT ON COLUMN analytics.product_affinity.support IS 'share of all the store''s baskets that hold both: baskets / N, 0 to 1';
COMMENT ON COLUMN analytics.product_affinity.confidence IS 'share of the baskets with product_a that hold product_b, too: baskets / n_a, 0 to 1; differs by direction';
COMMENT ON COLUMN analytics.product_affinity.lift IS 'how many times as often as if the two were independent: baskets x N / (n_a x n_b); 1: independent';
COMMENT ON COLUMN analytics.product_affinity.cosine IS 'baskets / sqrt(n_a x n_b), 0 to 1';
COMMENT ON COLUMN analytics.product_affinity.jaccard IS 'baskets with both / baskets with either: baskets / (n_a + n_b - baskets), 0 to 1';
COMMENT ON COLUMN analytics.product_affinity.llr IS 'Dunning''s log-likelihood ratio (G2 of the 2x2 table), 0 or more: how sure it is that the two are not independent (above 10.8: p < 0.001); lift says in which direction';

-- The counts against the events. What is new has the same numbers in both, since all that P has not is in the tail.
CREATE OR REPLACE FUNCTION analytics.reconcile_pairs(store text)
    RETURNS TABLE (store_id text, check_name text, bucket date, key text, expected numeric, actual numeric)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
    SET enable_hashagg = off
    SET work_mem = '64MB'
    SET max_parallel_workers_per_gather = 0
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH %s, name AS (
            SELECT k.store_id, k.product_id, k.number FROM known k
            UNION SELECT m.store_id, m.product_id, m.number FROM analytics.product_basket m
        ), counted AS (
            SELECT c.ab, sum(c.expected) AS expected, sum(c.actual) AS actual
              FROM (SELECT (s.number::bigint << 32) + s.number AS ab, s.baskets AS expected, 0 AS actual FROM single s
                    UNION ALL SELECT p.ab, p.baskets, 0 FROM pair p
                    UNION ALL SELECT (m.number::bigint << 32) + m.number, m.kept, CASE WHEN EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product_pair') THEN m.baskets ELSE m.kept END FROM analytics.product_basket m
                    UNION ALL SELECT (m.a::bigint << 32) + m.b, m.kept, CASE WHEN EXISTS (SELECT FROM analytics.rollup_state s WHERE s.name = 'product_pair') THEN m.baskets ELSE m.kept END FROM analytics.product_pair m
                    UNION ALL SELECT (t.a::bigint << 32) + t.b, 0, t.baskets FROM analytics.tail_product_pair() t WHERE t.a <= t.b) c
             GROUP BY c.ab HAVING sum(c.expected) <> sum(c.actual)
        )
        SELECT x.store_id::text, 'product_affinity.baskets', NULL::date,
               concat_ws(' / ', nullif(x.product_id, ''), CASE WHEN x.number <> y.number THEN y.product_id END), c.expected::numeric, c.actual::numeric
          FROM counted c JOIN name x ON x.number = c.ab >> 32 JOIN name y ON y.number = c.ab & 4294967295
         WHERE ($1 IS NULL OR x.store_id = $1) AND %s$query$,
        analytics.count_baskets_sql('analytics.counted_line', analytics.allowed_sql('l.store_id'), 'l.sign', 'true'), analytics.allowed_sql('x.store_id'))
      USING store;
END
$$;
COMMENT ON FUNCTION analytics.reconcile_pairs(text) IS 'baskets by product (key: the product; none: all) and by two products that differ from the events';
