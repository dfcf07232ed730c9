-- What versions of a recommender have learned: factors of products and customers, and what was known of each customer then.

CREATE TABLE analytics.recommender (
    model_id bigint NOT NULL PRIMARY KEY REFERENCES analytics.model ON DELETE CASCADE,
    factors integer NOT NULL CHECK (factors > 0),
    products integer NOT NULL,
    regularization double precision NOT NULL,
    alpha double precision NOT NULL,
    types text[] NOT NULL,
    weights double precision[] NOT NULL,
    half_life interval,
    reference timestamptz NOT NULL,
    gram double precision[] NOT NULL
);
COMMENT ON TABLE analytics.recommender IS 'versions of recommenders whose factors are kept';
COMMENT ON COLUMN analytics.recommender.model_id IS 'number of the run (model)';
COMMENT ON COLUMN analytics.recommender.factors IS 'numbers that describe each product and customer';
COMMENT ON COLUMN analytics.recommender.products IS 'products it knows';
COMMENT ON COLUMN analytics.recommender.regularization IS 'what it was fitted with';
COMMENT ON COLUMN analytics.recommender.alpha IS 'confidence that each unit of strength adds';
COMMENT ON COLUMN analytics.recommender.types IS 'types of events that count';
COMMENT ON COLUMN analytics.recommender.weights IS 'strength of an event of each type at reference';
COMMENT ON COLUMN analytics.recommender.half_life IS 'age at which an event counts half; null: events do not age';
COMMENT ON COLUMN analytics.recommender.reference IS 'moment that ages are counted from';
COMMENT ON COLUMN analytics.recommender.gram IS 'inner products of the factors over all products, row by row: what the factors of a new customer are solved from';
SELECT pg_catalog.pg_extension_config_dump('analytics.recommender', '');

-- A thousand products a row, so that a process has all of them in its memory soon. Their numbers, from 0, are in the order of their ids as bytes.
CREATE TABLE analytics.recommender_product (
    model_id bigint NOT NULL REFERENCES analytics.recommender ON DELETE CASCADE,
    first_number integer NOT NULL,
    product_ids text[] NOT NULL,
    factors real[] NOT NULL,
    PRIMARY KEY (model_id, first_number)
);
ALTER TABLE analytics.recommender_product ALTER COLUMN factors SET STORAGE EXTERNAL;  -- they do not compress
COMMENT ON TABLE analytics.recommender_product IS 'products'' factors by version, a thousand products a row';
SELECT pg_catalog.pg_extension_config_dump('analytics.recommender_product', '');

-- Without a foreign key: it would be looked at once for each of a million rows. fit_recommender() clears what goes.
CREATE TABLE analytics.recommender_customer (
    model_id bigint NOT NULL,
    customer_id text NOT NULL,
    factors real[],
    products integer[] NOT NULL,
    strengths real[] NOT NULL,
    bought text[] NOT NULL,
    PRIMARY KEY (model_id, customer_id)
);
COMMENT ON TABLE analytics.recommender_customer IS 'customers by version: their factors (null: none), the numbers of the products they did something with and how strongly, the products they had bought';
SELECT pg_catalog.pg_extension_config_dump('analytics.recommender_customer', '');

-- Not dumped: where events are restored, their stamps are others. What came after reference counts as new then.
CREATE TABLE analytics.recommender_seen (
    model_id bigint NOT NULL PRIMARY KEY REFERENCES analytics.recommender ON DELETE CASCADE,
    seen pg_snapshot NOT NULL
);
COMMENT ON TABLE analytics.recommender_seen IS 'the snapshot that a version of a recommender learned from: lines that it does not see are news';
