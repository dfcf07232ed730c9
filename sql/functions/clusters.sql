-- Clusters: groups of similar rows, of customers unless another relation is named.

COMMENT ON FUNCTION analytics.kmeans(double precision[], integer, bigint, integer, integer) IS
'k-means: k groups of points (one row of coordinates each), so that the squared distances from the points to the means of their groups add up to little. Returns {"assignments": group of each point, from 0;
"centroids": their means; "inertia": that sum; "iterations"; "converged"}. The best of `restarts` k-means++ starts; groups are numbered by their centroids, ascending. The same seed gives the same answer.
22023: no points, nulls, a coordinate that is not finite, fewer different points than k; 53200: needs more than analytics.work_mem';
COMMENT ON FUNCTION analytics.fit_points(double precision[], text[], integer, integer, integer, text, boolean, integer, bigint) IS
'the computation of fit_clusters(): scales the features, chooses k, and groups the points; assignments null: too few points';
COMMENT ON FUNCTION analytics.nearest_cluster(double precision[], double precision[], double precision[], boolean, double precision[]) IS
'the computation of assign_cluster(): scales the features and finds the nearest centroid';

-- Today for a store: by its clock, in its time zone.
CREATE OR REPLACE FUNCTION analytics.store_today(store text) RETURNS date
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM analytics.require_store(store);
    RETURN (analytics.store_now(store) AT TIME ZONE analytics.setting_of('timezone', store))::date;
END
$$;
COMMENT ON FUNCTION analytics.store_today(text) IS 'today in a store''s time zone, by its setting clock';

-- The value of a feature in row x of the source, as SQL.
CREATE OR REPLACE FUNCTION analytics.feature_sql(source regclass, feature text, store text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype;
BEGIN
    SELECT a.atttypid INTO type FROM pg_attribute a WHERE a.attrelid = source AND a.attname = feature AND a.attnum > 0 AND NOT a.attisdropped;
    IF FOUND THEN
        IF type NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'real'::regtype, 'double precision'::regtype, 'numeric'::regtype) THEN
            RAISE EXCEPTION 'a feature is no number' USING ERRCODE = '22023', DETAIL = format('Column %I of %s is %s.', feature, source, type),
                HINT = 'Name numeric columns; make others into numbers in a view, and name that as source.';
        END IF;
        RETURN format('x.%I::double precision', feature);
    END IF;
    IF feature = 'recency_days' THEN
        SELECT a.atttypid INTO type FROM pg_attribute a WHERE a.attrelid = source AND a.attname = 'last_order_at' AND a.attnum > 0 AND NOT a.attisdropped;
        IF type = 'timestamptz'::regtype THEN
            RETURN format('(%L::date - (x.last_order_at AT TIME ZONE %L)::date)::double precision', analytics.store_today(store), analytics.get_setting('timezone', store));
        ELSIF type IN ('timestamp'::regtype, 'date'::regtype) THEN
            RETURN format('(%L::date - x.last_order_at::date)::double precision', analytics.store_today(store));
        END IF;
    END IF;
    RAISE EXCEPTION 'no such feature' USING ERRCODE = '22023', DETAIL = format('%s has no column %I.', source, feature),
        HINT = 'Name numeric columns of the source; recency_days is made of last_order_at where there is such a column.';
END
$$;
COMMENT ON FUNCTION analytics.feature_sql(regclass, text, text) IS 'SQL of a feature in row x of a relation; recency_days is made of last_order_at. 22023: no such column, or no number';

-- What fit_clusters() reads: $1 is the store, $2 the most rows. A row without one of its features, or without a key, is left out, and so is one
-- with a value beyond what k-means can square.
CREATE OR REPLACE FUNCTION analytics.cluster_query(source regclass, key text, features text[], store text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_store boolean;
    values_sql text[];
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = source AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) THEN
        RAISE EXCEPTION 'the source is no table or view' USING ERRCODE = '22023', DETAIL = format('Got %s.', source), HINT = 'Name one that you may read.';
    ELSIF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = cluster_query.key AND a.attnum > 0 AND NOT a.attisdropped) THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = '22023', DETAIL = format('%s has no column %I.', source, cluster_query.key),
            HINT = 'Name the column that tells the rows of the source apart.';
    END IF;
    of_store := EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = 'store_id' AND a.attnum > 0 AND NOT a.attisdropped);
    values_sql := ARRAY(SELECT analytics.feature_sql(source, f, store) FROM unnest(features) WITH ORDINALITY u(f, o) ORDER BY o);
    RETURN format('SELECT count(*), count(*) FILTER (WHERE r.missing), count(*) FILTER (WHERE r.beyond AND NOT r.missing),
       array_agg(r.key) FILTER (WHERE NOT r.missing AND NOT r.beyond), array_agg(r.point) FILTER (WHERE NOT r.missing AND NOT r.beyond)
  FROM (SELECT p.key, p.point, p.key IS NULL OR array_position(p.point, NULL) IS NOT NULL AS missing, p.largest > 1e100 AS beyond
          FROM (SELECT x.%I::text COLLATE "C" AS key, ARRAY[%s] AS point, greatest(%s) AS largest FROM %s x%s LIMIT $2) p
         ORDER BY p.key) r',
        cluster_query.key, array_to_string(values_sql, ', '), (SELECT string_agg(format('abs(%s)', v), ', ') FROM unnest(values_sql) v), source,
        CASE WHEN of_store THEN ' WHERE x.store_id::text = $1' ELSE ' WHERE $1 IS NOT NULL' END);
END
$$;
COMMENT ON FUNCTION analytics.cluster_query(regclass, text, text[], text) IS
'SQL of what fit_clusters() reads: how many rows; how many lack a feature or the key; how many have a value that is not finite; keys and features of the others, in the order of the keys. 22023: no such column';

CREATE OR REPLACE FUNCTION analytics.write_clusters(model_id bigint, keys text[], assignments integer[]) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO analytics.cluster_member (model_id, store_id, key, cluster)
    SELECT m.model_id, m.store_id, u.key, u.cluster
      FROM analytics.model m CROSS JOIN unnest(keys, assignments) u(key, cluster)
     WHERE m.model_id = write_clusters.model_id AND m.kind = 'clusters' AND m.status = 'training'
       AND ((SELECT analytics.allowed_stores()) IS NULL OR m.store_id = ANY ((SELECT analytics.allowed_stores())::text[]));
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'the key does not tell the rows apart' USING ERRCODE = '22023', DETAIL = 'Several rows of the source have the same key.',
        HINT = 'Name a column as key that is different in each row of the store.';
END
$$;
COMMENT ON FUNCTION analytics.write_clusters(bigint, text[], integer[]) IS 'writes down which key is in which cluster of a model that is being trained, for fit_clusters(); 22023: a key occurs twice';

CREATE OR REPLACE FUNCTION analytics.fit_clusters(name text, features text[] DEFAULT '{recency_days,orders,net_sales}', k integer DEFAULT NULL, k_min integer DEFAULT 2,
    k_max integer DEFAULT 10, scaling text DEFAULT 'standard', log1p boolean DEFAULT true, restarts integer DEFAULT 10, source regclass DEFAULT 'analytics.customer',
    key text DEFAULT 'customer_id', store text DEFAULT 'main', seed bigint DEFAULT 42) RETURNS analytics.model
    LANGUAGE plpgsql VOLATILE  -- with the rights of the caller, who names the relation
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    query text;
    id bigint;
    most bigint;
    read bigint;
    missing bigint;
    beyond bigint;
    keys text[];
    points double precision[];
    assignments integer[];
    metrics jsonb;
BEGIN
    IF source IS NULL OR key IS NULL OR scaling IS NULL OR log1p IS NULL OR restarts IS NULL OR seed IS NULL OR (k IS NULL AND (k_min IS NULL OR k_max IS NULL)) THEN
        RAISE EXCEPTION 'arguments must not be null' USING ERRCODE = '22023', HINT = 'Only k may be: then the best of k_min to k_max is chosen.';
    ELSIF features IS NULL OR array_ndims(features) IS DISTINCT FROM 1 OR cardinality(features) > 100 OR array_position(features, NULL) IS NOT NULL
          OR cardinality(features) <> (SELECT count(DISTINCT f) FROM unnest(features) f) THEN
        RAISE EXCEPTION 'features are no list of columns' USING ERRCODE = '22023', HINT = 'Name 1 to 100 different numeric columns of the source.';
    ELSIF scaling NOT IN ('standard', 'robust', 'none') THEN
        RAISE EXCEPTION 'unknown scaling' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(scaling, 100)), HINT = 'Use standard, robust or none.';
    END IF;
    PERFORM analytics.require_store(store);
    query := analytics.cluster_query(source, key, features, store);
    id := analytics.begin_model(store, name, 'clusters', jsonb_build_object('features', features, 'k', k, 'k_min', k_min, 'k_max', k_max, 'scaling', scaling,
        'log1p', log1p, 'restarts', restarts, 'source', source::text, 'key', key, 'seed', seed));
    -- as many as fit_points() could take three times over, which is what it does
    most := pg_size_bytes(coalesce(current_setting('analytics.work_mem', true), '256MB')) / (24 * cardinality(features));
    EXECUTE query INTO read, missing, beyond, keys, points USING store, most + 1;
    IF read > most THEN
        RAISE EXCEPTION 'the model needs more memory than it may take' USING ERRCODE = '53200',
            DETAIL = format('%s has more than %s rows, of %s features each.', source, most, cardinality(features)),
            HINT = 'Raise analytics.work_mem, or name a view of fewer rows.';
    END IF;
    SELECT f.assignments, f.metrics INTO assignments, metrics
      FROM analytics.fit_points(points, features, k, k_min, k_max, scaling, log1p, restarts, seed) f;
    metrics := metrics || jsonb_build_object('left_out', jsonb_build_object('null', missing, 'not_finite', beyond));
    IF assignments IS NULL THEN
        RETURN analytics.end_model(id, 'insufficient_data', metrics, coalesce(cardinality(keys), 0), metrics ->> 'reason');
    END IF;
    PERFORM analytics.write_clusters(id, keys, assignments);
    RETURN analytics.end_model(id, 'ready', metrics, cardinality(keys));
END
$$;
COMMENT ON FUNCTION analytics.fit_clusters(text, text[], integer, integer, integer, text, boolean, integer, regclass, text, text, bigint) IS
'groups the rows of a relation (the store''s customers) by features, numeric columns of it, into k clusters (null: of k_min to k_max those that stand apart best), and records them as a version of the model `name`: docs/clusters.md.
customer_cluster then has who is in which, cluster_profile what the clusters are like. recency_days: days from last_order_at to the store''s today, where the relation has no such column. Where it has a column store_id, rows of the store.
Rows with a null feature are left out, and counted in metrics. Reads with the caller''s rights. Too few rows: status insufficient_data, and what served before still does.
22023: an argument, a column that is not there or no number, a key that occurs twice; 42501: not this store or relation; 25001: not under READ COMMITTED; 53200: more rows than analytics.work_mem has room for';

-- Not those of other relations: the night's job may have more rights than whoever made a view, and a view can call functions.
CREATE OR REPLACE FUNCTION analytics.refit_clusters(store text DEFAULT 'main') RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m record;
    fitted integer := 0;
BEGIN
    PERFORM analytics.require_store(store);
    FOR m IN SELECT o.name, o.parameters AS p FROM analytics.model o
              WHERE o.model_id = analytics.serving_model(store, 'clusters', o.name) AND o.parameters ->> 'source' = 'analytics.customer'
              ORDER BY o.name LOOP
        BEGIN
            PERFORM analytics.fit_clusters(m.name, ARRAY(SELECT jsonb_array_elements_text(m.p -> 'features')), (m.p ->> 'k')::integer, (m.p ->> 'k_min')::integer, (m.p ->> 'k_max')::integer,
                m.p ->> 'scaling', (m.p ->> 'log1p')::boolean, (m.p ->> 'restarts')::integer, 'analytics.customer'::regclass, m.p ->> 'key', store, (m.p ->> 'seed')::bigint);
            fitted := fitted + 1;
        EXCEPTION WHEN OTHERS THEN  -- such as too little memory: what comes after this one is fitted nevertheless
            PERFORM analytics.end_model(analytics.begin_model(store, m.name, 'clusters', m.p), 'failed', error => SQLERRM);
        END;
    END LOOP;
    RETURN fitted;
END
$$;
COMMENT ON FUNCTION analytics.refit_clusters(text) IS
'fits the clusters of a store''s customers anew, each with what it was asked for before, and returns how many; one that fails is recorded as failed; those of other relations than analytics.customer are left to whoever may read them. 42501: not this store';

CREATE OR REPLACE FUNCTION analytics.assign_cluster(name text, features double precision[], store text DEFAULT 'main') RETURNS integer
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m analytics.model;
BEGIN
    IF name IS NULL OR store IS NULL THEN
        RAISE EXCEPTION 'name and store must not be null' USING ERRCODE = '22023', HINT = 'Pass the name that fit_clusters() was given.';
    END IF;
    PERFORM analytics.require_store(store);
    SELECT o.* INTO m FROM analytics.model o WHERE o.model_id = analytics.serving_model(store, 'clusters', assign_cluster.name);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such clusters' USING ERRCODE = '22023', DETAIL = format('Store %L has no clusters %L that serve.', left(store, 100), left(name, 100)),
            HINT = 'SELECT * FROM analytics.fit_clusters(name) makes some.';
    ELSIF features IS NULL THEN
        RETURN NULL;
    ELSIF array_ndims(features) IS DISTINCT FROM 1 OR cardinality(features) <> jsonb_array_length(m.parameters -> 'features') THEN
        RAISE EXCEPTION 'another number of features' USING ERRCODE = '22023', DETAIL = format('Got %s.', cardinality(features)),
            HINT = format('Pass %s.', (SELECT string_agg(f, ', ' ORDER BY o) FROM jsonb_array_elements_text(m.parameters -> 'features') WITH ORDINALITY u(f, o)));
    ELSIF array_position(features, NULL) IS NOT NULL OR (SELECT bool_or(abs(f) > 1e100) FROM unnest(features) f) THEN
        RETURN NULL;
    END IF;
    RETURN analytics.nearest_cluster(features, translate(m.metrics ->> 'center', '[]', '{}')::double precision[], translate(m.metrics ->> 'scale', '[]', '{}')::double precision[],
        (m.parameters ->> 'log1p')::boolean, translate(m.metrics ->> 'centroids', '[]', '{}')::double precision[]);
END
$$;
COMMENT ON FUNCTION analytics.assign_cluster(text, double precision[], text) IS
'cluster of the model `name` that is nearest to a row with these features (in the order that fit_clusters() was given them), 0 .. k - 1; by the version that serves. Null where a feature is null or not finite. 22023: no such clusters, another number of features; 42501: not this store';

DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW analytics.customer_cluster WITH (security_barrier) AS
SELECT c.store_id, m.name, c.key AS customer_id, c.cluster, m.version AS model_version
  FROM analytics.cluster_member c JOIN analytics.model m ON m.model_id = c.model_id
 WHERE %s AND %s', analytics.serving_sql('m'), analytics.allowed_sql('c.store_id'::text));

    EXECUTE format('CREATE OR REPLACE VIEW analytics.cluster_profile WITH (security_barrier) AS
SELECT m.store_id, m.name, (c.profile ->> ''cluster'')::integer AS cluster, (c.profile ->> ''size'')::bigint AS size, (c.profile ->> ''share'')::double precision AS share,
       f.position::integer AS position, f.feature, (c.profile -> ''mean'' ->> f.feature)::double precision AS mean, (c.profile -> ''median'' ->> f.feature)::double precision AS median,
       (c.profile -> ''centroid'' ->> f.feature)::double precision AS centroid, m.version AS model_version
  FROM analytics.model m
 CROSS JOIN LATERAL jsonb_array_elements(m.metrics -> ''clusters'') c(profile)
 CROSS JOIN LATERAL jsonb_array_elements_text(m.parameters -> ''features'') WITH ORDINALITY f(feature, position)
 WHERE m.kind = ''clusters'' AND %s AND %s', analytics.serving_sql('m'), analytics.allowed_sql('m.store_id'::text));
END
$$;
COMMENT ON VIEW analytics.customer_cluster IS 'who is in which cluster, of the version of each fit_clusters() model that serves; customers that came later are put by assign_cluster()';
COMMENT ON COLUMN analytics.customer_cluster.store_id IS 'store';
COMMENT ON COLUMN analytics.customer_cluster.name IS 'name of the model, as fit_clusters() was given it';
COMMENT ON COLUMN analytics.customer_cluster.customer_id IS 'the customer, or what else fit_clusters(key) named';
COMMENT ON COLUMN analytics.customer_cluster.cluster IS 'number of the cluster, 0 .. k - 1, ascending by the first feature of its centroid, where equal by the next';
COMMENT ON COLUMN analytics.customer_cluster.model_version IS 'version of the model';
COMMENT ON VIEW analytics.cluster_profile IS 'what the clusters are like: one row for each cluster and feature, of the version of each fit_clusters() model that serves';
COMMENT ON COLUMN analytics.cluster_profile.store_id IS 'store';
COMMENT ON COLUMN analytics.cluster_profile.name IS 'name of the model, as fit_clusters() was given it';
COMMENT ON COLUMN analytics.cluster_profile.cluster IS 'number of the cluster, 0 .. k - 1, ascending by the first feature of its centroid, where equal by the next';
COMMENT ON COLUMN analytics.cluster_profile.size IS 'customers (or other rows) in the cluster, the same for each of its features';
COMMENT ON COLUMN analytics.cluster_profile.share IS 'size as a share of all rows that were grouped, 0..1';
COMMENT ON COLUMN analytics.cluster_profile.position IS 'place of the feature in the list that fit_clusters() was given, from 1';
COMMENT ON COLUMN analytics.cluster_profile.feature IS 'feature';
COMMENT ON COLUMN analytics.cluster_profile.mean IS 'mean of the feature in the cluster, in the feature''s unit';
COMMENT ON COLUMN analytics.cluster_profile.median IS 'median of the feature in the cluster, in the feature''s unit';
COMMENT ON COLUMN analytics.cluster_profile.centroid IS 'what the cluster''s centre stands for, in the feature''s unit; with log1p lower than the mean, since large values weigh less';
COMMENT ON COLUMN analytics.cluster_profile.model_version IS 'version of the model';
