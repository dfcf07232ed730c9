-- What versions of the model of customer value say of each customer; read the view customer_value.

CREATE TABLE analytics.customer_value_model (
    model_id bigint NOT NULL PRIMARY KEY REFERENCES analytics.model ON DELETE CASCADE,
    as_of timestamptz NOT NULL,
    horizon interval NOT NULL,
    time_unit interval NOT NULL,
    currency text NOT NULL
);
COMMENT ON TABLE analytics.customer_value_model IS 'versions of the model of customer value whose predictions are kept';
COMMENT ON COLUMN analytics.customer_value_model.model_id IS 'number of the run (model)';
COMMENT ON COLUMN analytics.customer_value_model.as_of IS 'moment up to which purchases count, and from which on it predicts';
COMMENT ON COLUMN analytics.customer_value_model.horizon IS 'time that it predicts for';
COMMENT ON COLUMN analytics.customer_value_model.time_unit IS 'unit of recency and t';
COMMENT ON COLUMN analytics.customer_value_model.currency IS 'the store''s currency then, of all its money; ISO 4217';
SELECT pg_catalog.pg_extension_config_dump('analytics.customer_value_model', '');

-- Without a foreign key: it would be looked at once for each of a million rows. fit_customer_value() clears what goes.
CREATE TABLE analytics.customer_prediction (
    model_id bigint NOT NULL,
    customer_id text NOT NULL,
    frequency integer NOT NULL,
    recency double precision NOT NULL,
    t double precision NOT NULL,
    monetary_value double precision,
    p_alive double precision NOT NULL,
    expected_purchases double precision NOT NULL,
    expected_value double precision,
    clv double precision,
    expected_next_order_at timestamptz,
    PRIMARY KEY (model_id, customer_id)
);
COMMENT ON TABLE analytics.customer_prediction IS 'predictions of the versions that are kept; read the view customer_value';
SELECT pg_catalog.pg_extension_config_dump('analytics.customer_prediction', '');
