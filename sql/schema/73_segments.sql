-- Segments of customers: the rules that name them, and which customer was in which when.

CREATE TABLE analytics.segment_rule (
    priority integer NOT NULL PRIMARY KEY,
    segment text NOT NULL CHECK (octet_length(segment) BETWEEN 1 AND 100),
    r_min smallint CHECK (r_min BETWEEN 1 AND 5),
    r_max smallint CHECK (r_max BETWEEN r_min AND 5),
    fm_min smallint CHECK (fm_min BETWEEN 1 AND 5),
    fm_max smallint CHECK (fm_max BETWEEN fm_min AND 5),
    edited boolean,
    CHECK (num_nulls(r_min, r_max, fm_min, fm_max) IN (0, 4))
);
COMMENT ON TABLE analytics.segment_rule IS 'which scores make which segment, for all stores: the first rule by priority that fits. Edit it: at COMMIT each pair of scores, and customers without orders, must have a rule';
COMMENT ON COLUMN analytics.segment_rule.priority IS 'the lowest that fits decides';
COMMENT ON COLUMN analytics.segment_rule.segment IS 'name of the segment; several rules may name one';
COMMENT ON COLUMN analytics.segment_rule.r_min IS 'lowest recency score, 1 to 5; null, as are the other three: customers without orders';
COMMENT ON COLUMN analytics.segment_rule.r_max IS 'highest recency score';
COMMENT ON COLUMN analytics.segment_rule.fm_min IS 'lowest score of frequency and monetary value together, 1 to 5: (f_score + m_score) / 2, halves up';
COMMENT ON COLUMN analytics.segment_rule.fm_max IS 'highest score of frequency and monetary value together';
COMMENT ON COLUMN analytics.segment_rule.edited IS 'false: the rules are those that the extension brings; leave it out in INSERT and UPDATE, which make it true. Only edited rules are dumped';
SELECT pg_catalog.pg_extension_config_dump('analytics.segment_rule', 'WHERE edited');

-- What rfm_at() returns: a composite type, since a column has the name of an argument.
CREATE TYPE analytics.customer_rfm AS (store_id text, customer_id text, as_of date, recency_days integer, frequency bigint, monetary numeric,
    r_score smallint, f_score smallint, m_score smallint, segment text);
COMMENT ON TYPE analytics.customer_rfm IS 'a row of the view rfm';

-- Changes alone: a million customers do not make a million rows a day.
CREATE TABLE analytics.segment_change (
    store_id text NOT NULL,
    customer_id text NOT NULL,
    day date NOT NULL,
    segment text,
    PRIMARY KEY (store_id, customer_id, day)
);
CREATE INDEX segment_change_day ON analytics.segment_change (store_id, day);
COMMENT ON TABLE analytics.segment_change IS 'customers'' changes of segment as record_segments() found them; read the view analytics.segment_history';
SELECT pg_catalog.pg_extension_config_dump('analytics.segment_change', '');

CREATE TABLE analytics.segment_recorded (
    store_id text NOT NULL,
    day date NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (store_id, day)
);
COMMENT ON TABLE analytics.segment_recorded IS 'days that record_segments() has recorded: what changed between two of them is not known';
SELECT pg_catalog.pg_extension_config_dump('analytics.segment_recorded', '');
