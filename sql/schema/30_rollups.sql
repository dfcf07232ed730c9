-- Rollups: what is maintained, and up to where.

CREATE TABLE analytics.rollup (
    name text NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,47}$'),
    grain text NOT NULL CHECK (grain IN ('hour', 'day', 'week', 'month')),
    dimensions text[] NOT NULL,
    measures text[] NOT NULL,
    filter text,
    condition text,
    builtin boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE analytics.rollup IS 'rollups: figures by time bucket and dimensions, kept current by the engine';
COMMENT ON COLUMN analytics.rollup.name IS 'the rollup, and its view in schema analytics';
COMMENT ON COLUMN analytics.rollup.grain IS 'hour, day, week or month';
COMMENT ON COLUMN analytics.rollup.dimensions IS 'columns of event, or paths such as properties->>city';
COMMENT ON COLUMN analytics.rollup.measures IS 'what it measures, in the order of its view';
COMMENT ON COLUMN analytics.rollup.filter IS 'which lines take part, in the grammar of docs/rollups.md; null: all';
COMMENT ON COLUMN analytics.rollup.condition IS 'the filter as a SQL condition on counted_line, named l; printed by the engine';
COMMENT ON COLUMN analytics.rollup.builtin IS 'whether the extension brings it, so that drop_rollup() refuses it';
SELECT pg_catalog.pg_extension_config_dump('analytics.rollup', 'WHERE NOT builtin');

-- Tables of custom rollups are its children, so that DROP EXTENSION ... CASCADE takes them along.
CREATE TABLE analytics.custom_cells (store_id text NOT NULL);
COMMENT ON TABLE analytics.custom_cells IS 'parent of the tables of custom rollups; holds nothing of its own';

-- Not dumped: where the state is absent all events are the tail, figures are right, and the next refresh builds.
CREATE TABLE analytics.rollup_state (
    name text NOT NULL PRIMARY KEY,
    merged pg_snapshot NOT NULL,
    built_from date NOT NULL DEFAULT '-infinity',
    rebuilding_from date,
    refreshed_at timestamptz NOT NULL,
    duration interval NOT NULL,
    rows bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE analytics.rollup_state IS 'state of each target of the engine; no row: nothing is merged';
COMMENT ON COLUMN analytics.rollup_state.name IS 'rollup, or another target: product, session, identity';
COMMENT ON COLUMN analytics.rollup_state.merged IS 'P: the snapshot up to which events are merged';
COMMENT ON COLUMN analytics.rollup_state.built_from IS 'buckets from this day on hold what P says, earlier ones hold nothing; -infinity: all hold';
COMMENT ON COLUMN analytics.rollup_state.rebuilding_from IS 'while rebuild() is under way: buckets from this day on are done';
COMMENT ON COLUMN analytics.rollup_state.refreshed_at IS 'when P last moved';
COMMENT ON COLUMN analytics.rollup_state.duration IS 'how long that took';
COMMENT ON COLUMN analytics.rollup_state.rows IS 'lines or rows that it merged';

-- Held in EXCLUSIVE mode by refresh, rebuild, erasure and retention: one at a time.
CREATE TABLE analytics.engine_lock (moves bigint NOT NULL);
COMMENT ON TABLE analytics.engine_lock IS 'locked by whoever changes rollups; its one row by what makes older snapshots useless for that';
COMMENT ON COLUMN analytics.engine_lock.moves IS 'how often lines moved between buckets or partitions: a merge with an older snapshot fails on it (40001)';
INSERT INTO analytics.engine_lock (moves) VALUES (0);

-- Cells whose distinct counts lost a key in the merge under way; empty outside of it.
CREATE TABLE analytics.rollup_recount (
    name text NOT NULL,
    store_id text NOT NULL,
    bucket timestamp NOT NULL,
    dimensions text[] NOT NULL
);
COMMENT ON TABLE analytics.rollup_recount IS 'cells to count anew in the refresh under way; empty when none runs';

-- Customers whose days changed in the merge under way; empty outside of it.
CREATE UNLOGGED TABLE analytics.customer_touched (
    store_id text NOT NULL,
    customer_id text NOT NULL
);
COMMENT ON TABLE analytics.customer_touched IS 'customers to add up anew in the refresh under way; empty when none runs';

CREATE TABLE analytics.rollup_customer (
    store_id text NOT NULL,
    customer_id text NOT NULL,
    first_seen_at timestamptz,
    last_seen_at timestamptz,
    first_order_at timestamptz,
    last_order_at timestamptz,
    cohort_month date,
    orders bigint NOT NULL,
    units bigint NOT NULL,
    gross_sales numeric NOT NULL,
    discounts numeric NOT NULL,
    returns numeric NOT NULL,
    channel text,
    country text,
    lines bigint NOT NULL,
    PRIMARY KEY (store_id, customer_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE analytics.rollup_customer IS 'customers as merged; read the view analytics.customer, which adds what is not merged yet';

CREATE TABLE analytics.rollup_customer_month (
    store_id text NOT NULL,
    customer_id text NOT NULL,
    bucket date NOT NULL,
    cohort_month date,
    orders bigint NOT NULL,
    units bigint NOT NULL,
    gross_sales numeric NOT NULL,
    discounts numeric NOT NULL,
    returns numeric NOT NULL,
    lines bigint NOT NULL,
    PRIMARY KEY (store_id, customer_id, bucket)
) WITH (fillfactor = 80);
COMMENT ON TABLE analytics.rollup_customer_month IS 'customers'' months as merged; read the view analytics.customer_month, which adds what is not merged yet';

CREATE TABLE analytics.rollup_cohort (
    store_id text NOT NULL,
    cohort_month date NOT NULL,
    bucket date NOT NULL,
    customers bigint NOT NULL,
    net_sales numeric NOT NULL,
    PRIMARY KEY (store_id, cohort_month, bucket)
) WITH (fillfactor = 50);
COMMENT ON TABLE analytics.rollup_cohort IS 'cohorts'' months as merged; read the view analytics.cohort_retention, which adds what is not merged yet';

CREATE TABLE analytics.rollup_session (
    store_id text NOT NULL,
    key text COLLATE "C" NOT NULL,  -- compared often, and sorted for nobody to see
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    events bigint NOT NULL,
    orders bigint NOT NULL,
    views bigint NOT NULL,
    carts bigint NOT NULL,
    checkouts bigint NOT NULL,
    cart_values jsonb,
    channel text,
    channel_at timestamptz,
    country text,
    country_at timestamptz,
    device text,
    device_at timestamptz,
    currency text,
    currency_at timestamptz,
    PRIMARY KEY (store_id, key, started_at)
) WITH (fillfactor = 80);
COMMENT ON TABLE analytics.rollup_session IS 'sessions as merged; read the view analytics.session, which adds what is not merged yet';

CREATE TABLE analytics.rollup_session_day (
    store_id text NOT NULL,
    bucket date NOT NULL,
    channel text NOT NULL,
    country text NOT NULL,
    device text NOT NULL,
    currency text NOT NULL,
    sessions bigint NOT NULL,
    bounces bigint NOT NULL,
    events bigint NOT NULL,
    orders bigint NOT NULL,
    duration interval NOT NULL,
    view_item bigint NOT NULL,
    add_to_cart bigint NOT NULL,
    begin_checkout bigint NOT NULL,
    purchase bigint NOT NULL,
    value_lost numeric NOT NULL,
    PRIMARY KEY (store_id, bucket, channel, country, device, currency)
) WITH (fillfactor = 50);
COMMENT ON TABLE analytics.rollup_session_day IS 'sessions by day as merged; read the views analytics.session_daily and analytics.funnel_daily';
