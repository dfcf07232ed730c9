-- The register of models: how a fit function records its run, and which version serves.
--
--     id := analytics.begin_model(store, name, kind, parameters);
--     BEGIN ... learn, write what was learned under id ...
--     EXCEPTION WHEN OTHERS THEN RETURN analytics.end_model(id, 'failed', error => SQLERRM); END;
--     RETURN analytics.end_model(id, 'ready', metrics, rows);
--
-- These run as the owner. A fit function that reads what its caller names (a relation, an expression) runs as the caller, and calls them.
-- A fit holds ROW EXCLUSIVE on analytics.model from begin_model() on; who forgets a person locks it in SHARE mode, so that no model that
-- has read the person comes after.

CREATE OR REPLACE FUNCTION analytics.begin_model(store text, name text, kind text, parameters jsonb DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
BEGIN
    IF store IS NULL OR NOT octet_length(store) BETWEEN 1 AND 1024 THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(store, 100)),
            HINT = 'A model is of one store: pass a store id of 1 to 1024 bytes.';
    ELSIF name IS NULL OR NOT octet_length(name) BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'invalid name of a model' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(name, 100)),
            HINT = 'Use 1 to 200 bytes.';
    ELSIF kind IS NULL OR kind !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'invalid kind of model' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(kind, 100)),
            HINT = 'Use small letters, digits and _, 63 at most, a letter first.';
    END IF;
    PERFORM analytics.require_store(store);
    PERFORM analytics.require_read_committed('fit_' || kind);
    -- of two runs of one model the second waits for the first, and sees what it has left
    PERFORM pg_advisory_xact_lock(hashtextextended(format('analytics.model %s %L %L', kind, store, name), 0));
    INSERT INTO analytics.model AS m (store_id, name, kind, version, trained_at, parameters, status)
    SELECT store, begin_model.name, begin_model.kind, coalesce(max(o.version), 0) + 1, clock_timestamp(), coalesce(begin_model.parameters, '{}'), 'training'
      FROM analytics.model o WHERE o.store_id = store AND o.kind = begin_model.kind AND o.name = begin_model.name
    RETURNING m.model_id INTO id;
    RETURN id;
END
$$;
COMMENT ON FUNCTION analytics.begin_model(text, text, text, jsonb) IS
'records that a model is being trained, and returns its model_id; until the transaction ends no other run of the same store, kind and name begins, and nobody is forgotten. For fit functions.
22023: an argument; 25001: not under READ COMMITTED; 42501: not this store';

CREATE OR REPLACE FUNCTION analytics.end_model(model_id bigint, status text, metrics jsonb DEFAULT NULL, rows bigint DEFAULT NULL, error text DEFAULT NULL)
    RETURNS analytics.model
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run analytics.model;
BEGIN
    IF end_model.status IS NULL OR end_model.status NOT IN ('ready', 'insufficient_data', 'not_promoted', 'failed') THEN
        RAISE EXCEPTION 'a model can''t end so' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(end_model.status, 100)),
            HINT = 'Use ready, insufficient_data, not_promoted or failed.';
    END IF;
    UPDATE analytics.model m
       SET status = end_model.status, promoted = end_model.status = 'ready', metrics = end_model.metrics, rows = end_model.rows,
           error = CASE WHEN end_model.status <> 'ready' THEN left(coalesce(end_model.error, end_model.status), 2000) END, duration = clock_timestamp() - m.trained_at
     WHERE m.model_id = end_model.model_id AND m.status = 'training'
       AND ((SELECT analytics.allowed_stores()) IS NULL OR m.store_id = ANY ((SELECT analytics.allowed_stores())::text[]))
    RETURNING m.* INTO run;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such model is being trained' USING ERRCODE = '22023', DETAIL = format('Got %s.', end_model.model_id),
            HINT = 'Pass what begin_model() returned in this transaction.';
    END IF;
    -- what serves, two to fall back on, and the last five that came to nothing
    DELETE FROM analytics.model m
     USING (SELECT o.model_id, o.promoted, row_number() OVER (PARTITION BY o.status = 'ready' ORDER BY o.version DESC) AS nth,
                   o.version = max(o.version) FILTER (WHERE o.promoted) OVER () AS serves, o.status
              FROM analytics.model o
             WHERE o.store_id = run.store_id AND o.kind = run.kind AND o.name = run.name AND o.status <> 'training') k
     WHERE m.model_id = k.model_id AND k.nth > CASE k.status WHEN 'ready' THEN 3 ELSE 5 END AND k.serves IS NOT TRUE;
    RETURN run;
END
$$;
COMMENT ON FUNCTION analytics.end_model(bigint, text, jsonb, bigint, text) IS
'records how the run that begin_model() recorded ended, and returns it; ready: it serves from the commit on. Of each store, kind and name the last three that were ready are kept, the one that serves, and the last five others. For fit functions.
22023: not such a status, or no such run';

CREATE OR REPLACE FUNCTION analytics.promote_model(model_id bigint) RETURNS analytics.model
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    chosen analytics.model;
BEGIN
    SELECT m.* INTO chosen FROM analytics.model m
     WHERE m.model_id = promote_model.model_id
       AND ((SELECT analytics.allowed_stores()) IS NULL OR m.store_id = ANY ((SELECT analytics.allowed_stores())::text[]));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such model' USING ERRCODE = '22023', DETAIL = format('Got %s.', coalesce(promote_model.model_id::text, 'null')),
            HINT = 'SELECT model_id, name, kind, version, status FROM analytics.model lists them.';
    ELSIF chosen.status <> 'ready' THEN
        RAISE EXCEPTION 'this model is not ready' USING ERRCODE = '22023', DETAIL = format('Its status is %s.', chosen.status),
            HINT = 'Choose a version whose status is ready.';
    END IF;
    UPDATE analytics.model m SET promoted = m.version = chosen.version
     WHERE m.store_id = chosen.store_id AND m.kind = chosen.kind AND m.name = chosen.name AND m.version >= chosen.version AND m.status = 'ready';
    SELECT m.* INTO chosen FROM analytics.model m WHERE m.model_id = promote_model.model_id;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION analytics.promote_model(bigint) IS
'lets this version serve, instead of later ones, until a new one is ready: the way back after a bad fit. 22023: no such model, or it is not ready';

-- As a condition on rows of analytics.model, for views.
CREATE OR REPLACE FUNCTION analytics.serving_sql(model text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%1$s.promoted AND NOT EXISTS (SELECT FROM analytics.model n WHERE n.store_id = %1$s.store_id AND n.kind = %1$s.kind AND n.name = %1$s.name AND n.promoted AND n.version > %1$s.version)', model)
$$;
COMMENT ON FUNCTION analytics.serving_sql(text) IS 'SQL condition that a row of analytics.model is the version that serves';

CREATE OR REPLACE FUNCTION analytics.serving_model(store text, kind text, name text DEFAULT 'default') RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.model_id FROM analytics.model m
     WHERE m.store_id = store AND m.kind = serving_model.kind AND m.name = serving_model.name AND m.promoted
       AND ((SELECT analytics.allowed_stores()) IS NULL OR m.store_id = ANY ((SELECT analytics.allowed_stores())::text[]))
     ORDER BY m.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION analytics.serving_model(text, text, text) IS 'model_id of the version that serves; null: none does, or not this store';
