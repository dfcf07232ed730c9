-- Which products are bought together: how many baskets hold a product, and how many hold two. A target of the engine with a P of
-- its own (rollup_state 'product_pair'); without a state only what is kept counts. Millions of pairs, so that products have numbers here.

CREATE TABLE analytics.product_basket (
    number integer NOT NULL PRIMARY KEY,
    store_id text NOT NULL,
    product_id text NOT NULL,
    baskets integer NOT NULL,
    kept integer NOT NULL DEFAULT 0,
    UNIQUE (product_id, store_id)
) WITH (fillfactor = 70);
-- The most popular first, for recommend(): it costs a refresh 11 microseconds for each product whose baskets change, and saves 8 milliseconds
-- of each page of somebody unknown, in a shop of 30,000 products.
CREATE INDEX product_basket_best ON analytics.product_basket (store_id, baskets DESC, product_id COLLATE "C");
COMMENT ON TABLE analytics.product_basket IS 'merged baskets by product, and the number by which product_pair knows it; read the view product_affinity';
COMMENT ON COLUMN analytics.product_basket.number IS 'the engine''s number of this product of this store';
COMMENT ON COLUMN analytics.product_basket.product_id IS 'product; '''' stands for all: the store''s baskets';
COMMENT ON COLUMN analytics.product_basket.baskets IS 'orders that hold it';
COMMENT ON COLUMN analytics.product_basket.kept IS 'those of them whose raw events apply_retention() has removed: all that counts where there is no state';
SELECT pg_catalog.pg_extension_config_dump('analytics.product_basket', 'WHERE kept <> 0');

CREATE TABLE analytics.product_pair (
    a integer NOT NULL,
    b integer NOT NULL,
    baskets integer NOT NULL,
    kept integer NOT NULL DEFAULT 0,
    PRIMARY KEY (a, b)
) WITH (fillfactor = 90);
CREATE INDEX product_pair_b ON analytics.product_pair (b);
COMMENT ON TABLE analytics.product_pair IS 'merged baskets by two products, each pair once; read the view product_affinity';
COMMENT ON COLUMN analytics.product_pair.a IS 'number of a product (product_basket)';
COMMENT ON COLUMN analytics.product_pair.b IS 'a greater number, of another product';
COMMENT ON COLUMN analytics.product_pair.baskets IS 'orders that hold both';
COMMENT ON COLUMN analytics.product_pair.kept IS 'those of them whose raw events apply_retention() has removed';
SELECT pg_catalog.pg_extension_config_dump('analytics.product_pair', 'WHERE kept <> 0');
