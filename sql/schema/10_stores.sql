-- Stores: settings and exchange rates.

CREATE TABLE analytics.store (
    store_id text NOT NULL PRIMARY KEY,
    timezone text,
    currency text,
    week_start text CHECK (week_start IN ('monday', 'sunday', 'saturday')),
    session_gap interval CHECK (session_gap > '0'),
    tax_included boolean,
    clock text CHECK (clock IN ('now', 'data')),
    event_retention interval CHECK (event_retention > '0')
);
COMMENT ON TABLE analytics.store IS 'settings per store, written by set_setting(); the row '''' holds the default of all stores; null: the default (set_setting lists the keys)';
COMMENT ON COLUMN analytics.store.store_id IS 'store; '''' is the default of all stores';
COMMENT ON COLUMN analytics.store.timezone IS 'reporting time zone, an IANA name; default UTC';
COMMENT ON COLUMN analytics.store.currency IS 'currency of events that name none, and of converted reports; ISO 4217; default USD';
COMMENT ON COLUMN analytics.store.week_start IS 'first day of a week: monday (default), sunday or saturday';
COMMENT ON COLUMN analytics.store.session_gap IS 'silence that ends a session; default 30 minutes';
COMMENT ON COLUMN analytics.store.tax_included IS 'whether prices that do not say so include tax; default false';
COMMENT ON COLUMN analytics.store.clock IS 'what reports call now: now (default), or data, the newest event''s time, for demos and archives';
COMMENT ON COLUMN analytics.store.event_retention IS 'how long raw events are kept; null: for ever';
SELECT pg_catalog.pg_extension_config_dump('analytics.store', '');

CREATE TABLE analytics.exchange_rate (
    store_id text NOT NULL DEFAULT '',
    currency text NOT NULL,
    valid_from date NOT NULL,
    rate numeric NOT NULL CHECK (rate > 0 AND rate < 1e12),
    PRIMARY KEY (store_id, currency, valid_from)
);
COMMENT ON TABLE analytics.exchange_rate IS 'dated exchange rates into a store''s reporting currency, written by set_exchange_rate()';
COMMENT ON COLUMN analytics.exchange_rate.store_id IS 'store; '''' serves every store without a rate of its own';
COMMENT ON COLUMN analytics.exchange_rate.currency IS 'currency converted from, ISO 4217';
COMMENT ON COLUMN analytics.exchange_rate.valid_from IS 'first day the rate holds for, until the next one''s';
COMMENT ON COLUMN analytics.exchange_rate.rate IS 'units of the reporting currency for 1 of this currency';
SELECT pg_catalog.pg_extension_config_dump('analytics.exchange_rate', '');

CREATE TABLE analytics.retired (
    store_id text NOT NULL PRIMARY KEY,
    before timestamptz NOT NULL,
    day date NOT NULL,
    week date NOT NULL,
    week_before timestamptz NOT NULL
);
COMMENT ON TABLE analytics.retired IS 'stores whose oldest raw events apply_retention() has removed; their figures stay, and are built, moved and checked no more';
COMMENT ON COLUMN analytics.retired.store_id IS 'store';
COMMENT ON COLUMN analytics.retired.before IS 'raw events before this moment are gone';
COMMENT ON COLUMN analytics.retired.day IS 'the day that it begins, in the store''s time zone then';
COMMENT ON COLUMN analytics.retired.week IS 'first day of the week that the day was in; one that began earlier is kept whole';
COMMENT ON COLUMN analytics.retired.week_before IS 'the moment that this week ended';
SELECT pg_catalog.pg_extension_config_dump('analytics.retired', '');
