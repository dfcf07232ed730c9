-- A person who asks to be forgotten: ids and properties are nulled where they stand. Sales figures stay; what counts persons or
-- visits (distinct customers, sessions, cohorts) counts one less.

-- Columns of counted_line that say who somebody is.
CREATE OR REPLACE FUNCTION analytics.names_a_person(rollup analytics.rollup) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT rollup.builtin AND (EXISTS (SELECT FROM unnest(rollup.dimensions) d WHERE d IN ('customer_id', 'anonymous_id', 'session_id') OR starts_with(d, 'properties'))
                                   OR coalesce(rollup.condition, '') ~ '\ml\.(customer_id|anonymous_id|session_id|properties)\M')
$$;
COMMENT ON FUNCTION analytics.names_a_person(analytics.rollup) IS 'whether cells of a custom rollup depend on ids or properties of persons';

-- Cells of months whose raw events apply_retention() has removed can't be built anew: those under the person's ids go to what was not sent.
CREATE OR REPLACE FUNCTION analytics.erase_from_kept_cells(rollup analytics.rollup, store text, customer text, visitors text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r analytics.rollup_shape := analytics.shape_of(rollup);
    personal text[];
    theirs text;
BEGIN
    SELECT array_agg(d.label) FILTER (WHERE d.path IS NOT NULL OR d.label IN ('customer_id', 'anonymous_id', 'session_id')),
           string_agg(format('m.%I IN (SELECT %s FROM unnest(%s) l(%1$I))', d.label, r.key_sql[array_position(r.keys, d.label)],
                             CASE d.label WHEN 'customer_id' THEN 'ARRAY[$2]' ELSE '$3' END), ' OR ')
               FILTER (WHERE d.path IS NULL AND d.label IN ('customer_id', 'anonymous_id'))
      INTO personal, theirs
      FROM unnest(rollup.dimensions) u(dimension) CROSS JOIN LATERAL analytics.read_dimension(u.dimension) d;
    IF theirs IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('WITH gone AS (DELETE FROM %s m WHERE m.store_id = $1 AND %s AND (%s) RETURNING m.*), anonymous AS (SELECT c.store_id, c.bucket%s%s%s, sum(c.lines)::bigint AS lines FROM gone c GROUP BY %s) ',
                   r.storage, analytics.retired_sql(r.bucket, 'm'), theirs,
                   (SELECT coalesce(string_agg(format(CASE WHEN k = ANY (personal) THEN ', ''''::text AS %I' ELSE ', c.%I' END, k), '' ORDER BY o), '') FROM unnest(r.keys) WITH ORDINALITY u(k, o)),
                   analytics.summed_columns_sql(r, 'c'),
                   (SELECT coalesce(string_agg(format(', %s.hll_union_agg(%s) AS %I', analytics.hll_schema(), analytics.stored_count_sql('c', c), c), '' ORDER BY o), '')
                      FROM unnest(r.counts) WITH ORDINALITY u(c, o)),
                   (SELECT string_agg(g::text, ', ') FROM generate_series(1, 2 + cardinality(r.keys)) g))
            || analytics.merge_sql(r, 'anonymous')
      USING store, customer, visitors;
END
$$;
COMMENT ON FUNCTION analytics.erase_from_kept_cells(analytics.rollup, text, text, text[]) IS 'makes a custom rollup''s cells anonymous that are kept of a person whose raw events are gone; the caller holds the engine lock';

CREATE OR REPLACE FUNCTION analytics.erase_customer(store text, customer text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    visitors text[];
    visits text[];
    -- of event e, given store, customer, visitors and visits as $1, $2, $3 and $6, and from when to when as $4 and $5
    person constant text := 'e.store_id = $1 AND e.occurred_at >= $4 AND e.occurred_at <= $5 AND (e.customer_id = $2 OR (e.customer_id IS NULL AND (e.anonymous_id = ANY ($3) OR e.session_id = ANY ($6))))';
    names text[];
    kinds "char"[];
    part regclass;
    rolled record;
    r analytics.rollup_shape;
    first_time timestamptz;
    last_time timestamptz;
    restamped bigint;
    n bigint;
    touched bigint := 0;
    built_from date;
BEGIN
    IF store IS NULL OR customer IS NULL OR store = '' OR customer = '' THEN
        RAISE EXCEPTION 'store and customer must not be null or empty' USING ERRCODE = '22023',
            HINT = 'Call analytics.erase_customer(store, customer).';
    END IF;
    PERFORM analytics.require_store(store);
    PERFORM analytics.require_read_committed('erase_customer');
    -- a model that is being trained may have read the person: what it writes must be there to be found
    LOCK TABLE analytics.model IN SHARE MODE;
    PERFORM analytics.lock_engine(true);
    -- all that is committed is merged and learned first: what the events say of products is lost with their properties
    PERFORM analytics.refresh(true);
    visitors := ARRAY(SELECT i.anonymous_id FROM analytics.identity i WHERE i.store_id = store AND i.customer_id = customer
                       UNION
                      SELECT e.anonymous_id FROM analytics.event e WHERE e.store_id = store AND e.customer_id = customer AND e.anonymous_id IS NOT NULL);
    -- in the person's visits, events that name nobody are the person's
    visits := ARRAY(SELECT DISTINCT e.session_id FROM analytics.event e
                     WHERE e.store_id = store AND e.session_id IS NOT NULL
                       AND (e.customer_id = customer OR (e.customer_id IS NULL AND e.anonymous_id = ANY (visitors))));
    -- What a transaction under way takes back or corrects, it has read: it must end before the lines are changed, and later ones read them
    -- anew. So the keys are held, as identify() holds them, and written, so that transactions with an older snapshot fail.
    LOCK TABLE analytics.event IN ROW EXCLUSIVE MODE;
    SELECT array_agg(k.name), array_agg(k.kind) INTO names, kinds
      FROM (SELECT DISTINCT CASE WHEN e.event_type = 'purchase' AND e.order_id IS NOT NULL THEN e.order_id ELSE e.event_id END AS name,
                   CASE WHEN e.event_type = 'purchase' AND e.order_id IS NOT NULL THEN 'o' ELSE 'e' END::"char" AS kind
              FROM analytics.event e
             WHERE e.store_id = store
               AND (e.customer_id = customer OR (e.customer_id IS NULL AND (e.anonymous_id = ANY (visitors) OR e.session_id = ANY (visits))))) k;
    PERFORM FROM analytics.event_key c
      WHERE c.store_id = store AND (c.key, c.kind) IN (SELECT * FROM unnest(names, kinds))
      ORDER BY c.store_id, c.key, c.kind FOR UPDATE;
    UPDATE analytics.event_key c SET lines = c.lines
      FROM unnest(names, kinds) n(key, kind) WHERE c.store_id = store AND c.key = n.key AND c.kind = n.kind;
    SELECT min(e.occurred_at), max(e.occurred_at) INTO first_time, last_time
      FROM analytics.event e
     WHERE e.store_id = store
       AND (e.customer_id = customer OR (e.customer_id IS NULL AND (e.anonymous_id = ANY (visitors) OR e.session_id = ANY (visits))));
    PERFORM analytics.erase_from_sessions(store, customer, visitors, visits);
    IF first_time IS NOT NULL THEN
        -- merged cells whose distinct counts hold the person
        FOR rolled IN SELECT k.name FROM analytics.rollup k JOIN analytics.rollup_state s USING (name)
                       WHERE NOT analytics.names_a_person(k) LOOP
            r := analytics.shape_of(rolled.name);
            CONTINUE WHEN r.counts = '{}';
            EXECUTE format('INSERT INTO analytics.rollup_recount (name, store_id, bucket, dimensions) SELECT DISTINCT %L, l.store_id, %s, ARRAY[%s]::text[] FROM analytics.counted_line l JOIN analytics.rollup_state s ON s.name = %1$L WHERE %5$s AND pg_visible_in_snapshot(l.stamp, s.merged)%4$s',
                rolled.name, CASE r.bucket WHEN 'hour' THEN 'l.hour AT TIME ZONE ''UTC''' ELSE format('l.%I::timestamp', r.bucket) END,
                (SELECT coalesce(string_agg(k, ', ' ORDER BY o), '') FROM unnest(r.key_sql) WITH ORDINALITY u(k, o)),
                coalesce(' AND (' || r.condition || ')', ''), replace(person, 'e.', 'l.')) USING store, customer, visitors, first_time, last_time, visits;
        END LOOP;
        FOR part IN SELECT DISTINCT e.tableoid FROM analytics.event e
                     WHERE e.store_id = store AND e.occurred_at >= first_time AND e.occurred_at <= last_time
                       AND (e.customer_id = customer OR (e.customer_id IS NULL AND (e.anonymous_id = ANY (visitors) OR e.session_id = ANY (visits)))) LOOP
            -- in the partition, whose rows keep their stamps: nothing is merged twice
            EXECUTE format('WITH erased AS (UPDATE %s e SET customer_id = NULL, anonymous_id = NULL, session_id = NULL, properties = NULL
                                             WHERE %s
                                               AND (CASE WHEN e.event_type = ''purchase'' AND e.order_id IS NOT NULL THEN e.order_id ELSE e.event_id END,
                                                    CASE WHEN e.event_type = ''purchase'' AND e.order_id IS NOT NULL THEN ''o'' ELSE ''e'' END::"char") IN (SELECT * FROM unnest($7, $8))
                                            RETURNING e.event_id, e.event_type, e.order_id, e.stamp, e.ingest_xid)
                            SELECT count(DISTINCT (event_id, CASE event_type WHEN ''purchase'' THEN order_id END)), count(*) FILTER (WHERE stamp = pg_current_xact_id() AND ingest_xid <> stamp) FROM erased', part, person)
               INTO n, restamped USING store, customer, visitors, first_time, last_time, visits, names, kinds;
            IF restamped > 0 THEN
                RAISE EXCEPTION 'rows of % were stamped anew by an UPDATE', part USING ERRCODE = 'XX000',
                    HINT = 'A BEFORE UPDATE trigger on the partition makes PostgreSQL do so; drop it.';
            END IF;
            touched := touched + n;
        END LOOP;
        PERFORM analytics.recount_lost_cells();
        FOR rolled IN SELECT k.name, s.built_from FROM analytics.rollup k JOIN analytics.rollup_state s USING (name)
                       WHERE analytics.names_a_person(k) ORDER BY array_position('{hour,day,week,month}'::text[], k.grain) LOOP
            PERFORM analytics.build_range(rolled.name, greatest(first_time::date - 34, rolled.built_from), last_time::date + 2, store);
        END LOOP;
    END IF;
    PERFORM analytics.erase_from_customer_value(store, customer);
    PERFORM analytics.erase_from_recommenders(store, customer);
    PERFORM analytics.erase_from_kept_cells(k, store, customer, visitors) FROM analytics.rollup k WHERE NOT k.builtin;
    -- whatever the key of a model is: a product of the same name is missing in it until the next fit
    DELETE FROM analytics.cluster_member m WHERE m.store_id = store AND m.key = customer;
    DELETE FROM analytics.rollup_customer_daily d WHERE d.store_id = store AND d.customer_id = customer;
    INSERT INTO analytics.customer_touched (store_id, customer_id) VALUES (store, customer);
    PERFORM analytics.refresh_customers();
    DELETE FROM analytics.segment_change h WHERE h.store_id = store AND h.customer_id = customer;
    DELETE FROM analytics.identity i WHERE i.store_id = store AND (i.customer_id = customer OR i.anonymous_id = ANY (visitors));
    DELETE FROM analytics.rejected_event j
     WHERE j.store_id = store
       AND (j.payload ->> 'customer_id' = customer OR j.payload ->> 'anonymous_id' = ANY (visitors)
            -- anywhere in a payload as JSON writes it; text that is no JSON names the id as JSON would: quoted, or a number
            OR EXISTS (SELECT FROM unnest(visitors || customer) v(id) WHERE position(to_jsonb(v.id)::text IN j.payload::text) > 0)
            OR EXISTS (SELECT FROM unnest(visitors || customer) v(id)
                        CROSS JOIN LATERAL (VALUES ('"' || v.id || '"'), (to_json(v.id)::text), ('_id":' || v.id || ','), ('_id":' || v.id || '}'), ('_id": ' || v.id || ','), ('_id": ' || v.id || '}')) w(written)
                        WHERE position(convert_to(w.written, 'UTF8') IN j.raw) > 0));
    PERFORM analytics.outdate_snapshots();
    RETURN touched;
END
$$;
COMMENT ON FUNCTION analytics.erase_customer(text, text) IS
'forgets a customer: nulls customer_id, anonymous_id, session_id and properties of the customer''s events, of those of visitors known to be the customer, and of what names nobody in their visits; drops identities and rejected events that name the person. Orders, units and money stay; distinct customers, sessions, cohorts count without the person.
Returns the events touched. Waits for transactions that correct or take back an event of the person. What another transaction has not committed yet is not found: call it again then. Old row versions go with VACUUM, what the planner knows of ids with ANALYZE, the log (WAL) and backups with their own retention.
22023: an argument is null or empty; 25001: not under READ COMMITTED; 42501: not this store';
