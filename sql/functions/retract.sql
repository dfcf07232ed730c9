-- Taking back what never was.

CREATE OR REPLACE FUNCTION analytics.retract(event_id text, store text DEFAULT 'main') RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    k analytics.event_key;
    order_id text;
    part regclass;
    taken bigint := 0;
    n bigint;
BEGIN
    IF event_id IS NULL OR event_id = '' OR store IS NULL OR store = '' THEN
        RAISE EXCEPTION 'event_id and store must not be null or empty' USING ERRCODE = '22023',
            HINT = 'Call analytics.retract(event_id, store).';
    END IF;
    PERFORM analytics.require_store(store);
    SELECT * INTO k FROM analytics.event_key c
     WHERE c.store_id = retract.store AND c.key = retract.event_id AND c.kind = 'e';
    order_id := k.order_id;
    IF NOT FOUND AND starts_with(event_id, 'purchase:') THEN
        order_id := substr(event_id, 10);
    END IF;
    IF order_id IS NOT NULL THEN
        SELECT * INTO k FROM analytics.event_key c
         WHERE c.store_id = retract.store AND c.key = order_id AND c.kind = 'o' FOR UPDATE;
    ELSE
        SELECT * INTO k FROM analytics.event_key c
         WHERE c.store_id = retract.store AND c.key = retract.event_id AND c.kind = 'e' FOR UPDATE;
    END IF;
    IF NOT FOUND OR k.lines = 0 THEN
        RETURN 0;
    END IF;
    -- a move of lines between partitions that is under way must end before the snapshot that looks for them is taken
    LOCK TABLE analytics.event IN ROW EXCLUSIVE MODE;
    FOR part IN SELECT DISTINCT e.tableoid::regclass FROM analytics.event e
                 WHERE e.store_id = k.store_id AND e.occurred_at = k.occurred_at
                   AND e.event_id = coalesce(k.event_id, k.key) AND e.revision = k.revision AND e.sign = 1
                   AND CASE WHEN e.event_type = 'purchase' THEN e.order_id END IS NOT DISTINCT FROM CASE k.kind WHEN 'o' THEN k.key END LOOP
        -- straight into the partition: the parent's trigger is for other people's rows
        EXECUTE format('INSERT INTO %1$s (%2$s, sign) SELECT %2$s, -1 FROM %1$s e
                         WHERE e.store_id = $1 AND e.occurred_at = $2 AND e.event_id = $3 AND e.revision = $4 AND e.sign = 1
                           AND CASE WHEN e.event_type = ''purchase'' THEN e.order_id END IS NOT DISTINCT FROM $5',
                       part, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                               WHERE a.attrelid = 'analytics.event'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                                 AND a.attname NOT IN ('sign', 'stamp', 'ingested_at', 'ingest_xid')))
            USING k.store_id, k.occurred_at, coalesce(k.event_id, k.key), k.revision, CASE k.kind WHEN 'o' THEN k.key END;
        GET DIAGNOSTICS n = ROW_COUNT;
        taken := taken + n;
    END LOOP;
    IF taken <> k.lines AND current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the event''s lines are not in this transaction''s snapshot' USING ERRCODE = '40001',
            HINT = 'Retry the transaction.';
    END IF;
    IF taken = 0 THEN
        RETURN 0;  -- its lines are gone (apply_retention), its figures stay
    END IF;
    UPDATE analytics.event_key c SET lines = 0
     WHERE c.store_id = k.store_id AND c.key = k.key AND c.kind = k.kind;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION analytics.retract(text, text) IS
'takes back an event that should never have been sent: its lines are written again with sign -1. Returns how many; 0 if the event is unknown, taken back already, or so old that its raw lines are gone (setting event_retention). Sent again, it stays a duplicate unless its revision is higher. For a cancelled order send a full refund instead';
