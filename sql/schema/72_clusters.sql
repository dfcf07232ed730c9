-- Which row is in which cluster, by the version of the model that said so. (How the clusters look stands in the model's metrics.)

CREATE TABLE analytics.cluster_member (
    model_id bigint NOT NULL REFERENCES analytics.model ON DELETE CASCADE,
    store_id text NOT NULL,
    key text NOT NULL,
    cluster integer NOT NULL CHECK (cluster >= 0),
    PRIMARY KEY (model_id, key)
);
CREATE INDEX cluster_member_key ON analytics.cluster_member (store_id, key);
COMMENT ON TABLE analytics.cluster_member IS 'rows that fit_clusters() has put into clusters, of each version of a model that is kept; customer_cluster shows those of the versions that serve';
COMMENT ON COLUMN analytics.cluster_member.model_id IS 'version of the model';
COMMENT ON COLUMN analytics.cluster_member.store_id IS 'store';
COMMENT ON COLUMN analytics.cluster_member.key IS 'the row''s key: the customer''s id, or what fit_clusters(key) named';
COMMENT ON COLUMN analytics.cluster_member.cluster IS 'cluster, 0 .. k - 1';
SELECT pg_catalog.pg_extension_config_dump('analytics.cluster_member', '');

-- As in 40_row_security.sql.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = 'analytics.cluster_member'::regclass) THEN  -- else in an update
        ALTER TABLE analytics.cluster_member ENABLE ROW LEVEL SECURITY;
        EXECUTE format('CREATE POLICY allowed_stores ON analytics.cluster_member USING %s', analytics.allowed_sql('store_id'::text));
    END IF;
END
$$;
