-- COPY and INSERT straight into event: what ingest() checks and claims is checked and claimed here, once a statement.
-- ingest() itself writes into the partitions and does not pass by.

CREATE OR REPLACE FUNCTION analytics.claim_direct_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    stores text[] := analytics.allowed_stores();
BEGIN
    IF stores IS NOT NULL AND EXISTS (SELECT FROM written n WHERE NOT n.store_id = ANY (stores)) THEN
        PERFORM analytics.require_store((SELECT min(n.store_id COLLATE "C") FROM written n WHERE NOT n.store_id = ANY (stores)));
    END IF;
    SELECT bool_or(n.ingested_at <> now() OR n.ingest_xid <> n.stamp OR n.revision <> 1 OR n.sign <> 1) AS server_columns,
           min(n.event_type COLLATE "C") FILTER (WHERE n.event_type !~ '^[a-z][a-z0-9_]{0,63}$') AS event_type,
           min(n.occurred_at) AS earliest, max(n.occurred_at) AS latest
      INTO found
      FROM written n;
    IF found.server_columns THEN
        RAISE EXCEPTION 'a column that the server sets was named' USING ERRCODE = '42501',
            DETAIL = 'ingested_at, ingest_xid, revision and sign are set by the server.',
            HINT = 'Leave them out; send corrections to analytics.ingest() with a higher revision, or use analytics.retract().';
    ELSIF found.event_type IS NOT NULL THEN
        RAISE EXCEPTION 'invalid event type' USING ERRCODE = '23514', DETAIL = format('Got %L.', found.event_type),
            HINT = 'Use a lower-case name such as purchase: [a-z][a-z0-9_]{0,63}.';
    ELSIF found.latest > now() + interval '1 day' THEN
        RAISE EXCEPTION 'occurred_at lies in the future' USING ERRCODE = '23514', DETAIL = format('Got %s.', found.latest),
            HINT = 'Send a time before now + 1 day.';
    END IF;
    SELECT min(n.currency COLLATE "C") INTO found
      FROM (SELECT DISTINCT w.currency FROM written w WHERE w.currency IS NOT NULL) n
     WHERE NOT analytics.known_currency(n.currency);
    IF found.min IS NOT NULL THEN
        RAISE EXCEPTION 'unknown currency' USING ERRCODE = '23514', DETAIL = format('Got %L.', found.min),
            HINT = 'Use an ISO 4217 code such as EUR.';
    END IF;

    -- One event: its lines are numbered from 1, and all say the same of when, what and which order. A purchase that
    -- names its order is known by it; its event_id then leads to the order, for retract() and for retries of another kind.
    -- All names in one sorted statement, as ingest() claims them, so that no two writers wait for each other.
    WITH event AS MATERIALIZED (
        SELECT n.store_id, n.event_id, min(n.event_type) AS event_type, min(n.order_id) AS order_id,
               min(n.occurred_at) AS occurred_at, count(*)::integer AS lines,
               min(n.line) = 1 AND max(n.line) = count(*) AND sum(n.line) = count(*) * (count(*) + 1) / 2
               AND min(n.occurred_at) = max(n.occurred_at) AND min(n.event_type) = max(n.event_type)
               AND (count(n.order_id) = 0 OR count(n.order_id) = count(*) AND min(n.order_id) = max(n.order_id)) AS sound
          FROM (SELECT w.store_id COLLATE "C" AS store_id, w.event_id COLLATE "C" AS event_id, w.line, w.occurred_at,
                       w.event_type COLLATE "C" AS event_type, w.order_id COLLATE "C" AS order_id FROM written w) n
         GROUP BY n.store_id, n.event_id
    ), claim AS MATERIALIZED (
        SELECT e.*, e.event_type = 'purchase' AND e.order_id IS NOT NULL AS by_order FROM event e
    ), claimed AS (
        INSERT INTO analytics.event_key (store_id, key, kind, order_id, event_id, sent_revision, revision, occurred_at, lines)
        SELECT c.store_id, CASE WHEN c.by_order THEN c.order_id ELSE c.event_id END,
               CASE WHEN c.by_order THEN 'o' ELSE 'e' END::"char", NULL, CASE WHEN c.by_order THEN c.event_id END,
               1, 1, c.occurred_at, c.lines
          FROM claim c
         UNION ALL
        SELECT c.store_id, c.event_id, 'e', c.order_id, NULL, 1, 1, c.occurred_at, 0
          FROM claim c
         WHERE c.by_order AND c.event_id <> 'purchase:' || c.order_id
         ORDER BY 1, 2, 3
            ON CONFLICT DO NOTHING
        RETURNING store_id, coalesce(event_id, key) AS event_id, order_id IS NOT NULL AS leads_to_order
    ), stands AS MATERIALIZED (
        SELECT k.store_id, k.event_id FROM claimed k WHERE NOT k.leads_to_order
    )
    SELECT (SELECT min(c.event_id) FROM claim c WHERE NOT c.sound) AS unsound,
           (SELECT count(*) FROM claim) > (SELECT count(*) FROM stands) AS known,
           CASE WHEN (SELECT count(*) FROM claim) > (SELECT count(*) FROM stands) THEN
               (SELECT min(format(CASE WHEN c.by_order THEN 'Event %L of order %L.' ELSE 'Event %L.' END, c.event_id, c.order_id))
                  FROM claim c
                 WHERE NOT EXISTS (SELECT FROM stands k WHERE k.store_id = c.store_id AND k.event_id = c.event_id)) END AS which
      INTO found;
    IF found.unsound IS NOT NULL THEN
        RAISE EXCEPTION 'lines of an event do not belong together' USING ERRCODE = '23514',
            DETAIL = format('Event %L.', found.unsound),
            HINT = 'Number the lines of an event from 1, without gaps, with one occurred_at, event_type and order_id, in one statement.';
    ELSIF found.known THEN
        RAISE EXCEPTION 'event is known already' USING ERRCODE = '23505', DETAIL = found.which,
            HINT = 'Send it to analytics.ingest(), which skips what is known and takes higher revisions.',
            TABLE = 'event', SCHEMA = 'analytics', CONSTRAINT = 'event_key_pkey';
    END IF;
    IF EXISTS (SELECT FROM analytics.identity) THEN
        PERFORM analytics.name_visitor(i.store_id, i.anonymous_id, i.customer_id)
           FROM analytics.identity i
          WHERE EXISTS (SELECT FROM written w WHERE w.store_id = i.store_id AND w.anonymous_id = i.anonymous_id AND w.customer_id IS NULL);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.claim_direct_events() IS
'checks rows written straight into event and claims their keys; 42501 a server column was named, 23514 a value is not sound, 23505 an event is known';

CREATE TRIGGER claim_direct_events AFTER INSERT ON analytics.event
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION analytics.claim_direct_events();

CREATE OR REPLACE FUNCTION analytics.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = '42501', DETAIL = format('%s on analytics.event.', TG_OP),
        HINT = 'Send a correction to analytics.ingest() with a higher revision, or use analytics.retract().';
END
$$;
COMMENT ON FUNCTION analytics.refuse_change() IS 'keeps event append-only: an UPDATE would stamp a row again, a DELETE would leave its figures behind';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON analytics.event
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.refuse_change();

-- A shop's own statement is news of now, of each column that it names, whether or not the value is another. The engine, which knows
-- the time of its news, signs with updated_at -infinity; a restore brings the times along.
CREATE OR REPLACE FUNCTION analytics.touch_product() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'name' THEN
        NEW.name_at := CASE WHEN NEW.name IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.name_at, now()) ELSE now() END;
    END IF;
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'category' THEN
        NEW.category_at := CASE WHEN NEW.category IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.category_at, now()) ELSE now() END;
    END IF;
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'brand' THEN
        NEW.brand_at := CASE WHEN NEW.brand IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.brand_at, now()) ELSE now() END;
    END IF;
    IF TG_OP = 'INSERT' OR TG_ARGV[0] = 'price' THEN
        NEW.price_at := CASE WHEN NEW.price IS NULL THEN NULL WHEN TG_OP = 'INSERT' THEN coalesce(NEW.price_at, now()) ELSE now() END;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION analytics.touch_product() IS 'dates what a shop says of a product';

CREATE OR REPLACE FUNCTION analytics.sign_product() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION analytics.sign_product() IS 'dates a row of product';

CREATE TRIGGER touch_new BEFORE INSERT ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product();
CREATE TRIGGER touch_name BEFORE UPDATE OF name ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('name');
CREATE TRIGGER touch_category BEFORE UPDATE OF category ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('category');
CREATE TRIGGER touch_brand BEFORE UPDATE OF brand ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('brand');
CREATE TRIGGER touch_price BEFORE UPDATE OF price, currency ON analytics.product
    FOR EACH ROW WHEN (NEW.updated_at <> '-infinity') EXECUTE FUNCTION analytics.touch_product('price');
-- by its name the last to fire
CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON analytics.product
    FOR EACH ROW EXECUTE FUNCTION analytics.sign_product();
