-- Events: the signed, append-only log; the keys that make an event count once; what was rejected.
--
-- Invariants
--   every row carries in stamp the id of the top-level transaction that wrote it in this cluster;
--   all lines of one version of an event are written by one transaction, with one occurred_at;
--   a version is taken back by the same lines with sign -1, in the transaction that writes its successor.
-- stamp is generated, so that a restored or replicated row is stamped anew where it arrives, whoever writes it and
-- with whatever triggers disabled. ingest_xid is what senders see.

CREATE TABLE analytics.event (
    store_id text NOT NULL DEFAULT 'main',
    event_id text NOT NULL,
    line smallint NOT NULL DEFAULT 1,
    revision integer NOT NULL DEFAULT 1,
    sign smallint NOT NULL DEFAULT 1,
    event_type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    customer_id text,
    anonymous_id text,
    session_id text,
    order_id text,
    product_id text,
    quantity integer,
    unit_price numeric,
    amount numeric,
    discount numeric,
    tax numeric,
    shipping numeric,
    tax_included boolean NOT NULL DEFAULT false,
    line_kind text NOT NULL DEFAULT 'product',
    excluded text,
    currency text,
    channel text,
    country text,
    device text,
    campaign text,
    properties jsonb,
    ingested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    ingest_xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    stamp xid8 GENERATED ALWAYS AS (analytics.stamp()) STORED,
    CONSTRAINT event_numbers_are_sound CHECK (
        line > 0 AND revision > 0 AND sign IN (1, -1) AND quantity > 0
    ),
    -- NaN is greater than every number, so that each upper bound also keeps NaN and infinity out
    CONSTRAINT event_money_is_finite CHECK (
        unit_price >= 0 AND unit_price < 1e22 AND amount >= 0 AND amount < 1e33 AND discount >= 0 AND discount < 1e33
        AND tax >= 0 AND tax < 1e33 AND shipping >= 0 AND shipping < 1e33
    ),
    CONSTRAINT event_discount_is_within_amount CHECK (discount <= coalesce(amount, unit_price * coalesce(quantity, 1))),
    CONSTRAINT event_words_are_known CHECK (
        line_kind IN ('product', 'gift_card', 'fee') AND excluded IN ('test', 'bot', 'internal')
    ),
    -- no BETWEEN: a restored partition's check, printed and read again, would no longer equal the parent's
    CONSTRAINT event_keys_are_short CHECK (
        octet_length(store_id) >= 1 AND octet_length(store_id) <= 1024
        AND octet_length(event_id) >= 1 AND octet_length(event_id) <= 1024
        AND octet_length(customer_id) >= 1 AND octet_length(customer_id) <= 1024
        AND octet_length(anonymous_id) >= 1 AND octet_length(anonymous_id) <= 1024
        AND octet_length(session_id) >= 1 AND octet_length(session_id) <= 1024
        AND octet_length(order_id) >= 1 AND octet_length(order_id) <= 1024
        AND octet_length(product_id) >= 1 AND octet_length(product_id) <= 1024
        AND octet_length(channel) >= 1 AND octet_length(channel) <= 1024
        AND octet_length(device) >= 1 AND octet_length(device) <= 1024
        AND octet_length(campaign) >= 1 AND octet_length(campaign) <= 1024
        AND octet_length(currency) = 3
        AND octet_length(country) = 2
        AND octet_length(event_type) >= 1 AND octet_length(event_type) <= 64
    ),
    CONSTRAINT event_time_is_sound CHECK (
        occurred_at >= timestamptz '1990-01-01 00:00:00+00' AND occurred_at < timestamptz '2300-01-01 00:00:00+00'
    )
) PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE analytics.event IS 'one row per event line, append-only and signed: a correction or retraction appends the old lines with sign -1; current_event shows the net. Write with analytics.ingest(), or COPY and INSERT';
COMMENT ON COLUMN analytics.event.store_id IS 'tenant; first in every key';
COMMENT ON COLUMN analytics.event.event_id IS 'the sender''s idempotency key';
COMMENT ON COLUMN analytics.event.line IS 'item number, from 1; an event without items has one line';
COMMENT ON COLUMN analytics.event.revision IS 'version of the event; set by the server on direct writes';
COMMENT ON COLUMN analytics.event.sign IS '+1, or -1 where a line is taken back; every additive figure is a sum over sign';
COMMENT ON COLUMN analytics.event.event_type IS 'what happened: GA4''s names (view_item, add_to_cart, purchase, refund, ...) or any other [a-z][a-z0-9_]{0,63}';
COMMENT ON COLUMN analytics.event.occurred_at IS 'when it happened';
COMMENT ON COLUMN analytics.event.customer_id IS 'the shop''s id of a known customer';
COMMENT ON COLUMN analytics.event.anonymous_id IS 'the tracker''s id of a visitor';
COMMENT ON COLUMN analytics.event.session_id IS 'the sender''s id of a visit';
COMMENT ON COLUMN analytics.event.order_id IS 'order; a purchase is known by it, so that an order counts once, whoever reports it';
COMMENT ON COLUMN analytics.event.product_id IS 'product of the line';
COMMENT ON COLUMN analytics.event.quantity IS 'units, positive, on refunds too';
COMMENT ON COLUMN analytics.event.unit_price IS 'price per unit as sent, in currency';
COMMENT ON COLUMN analytics.event.amount IS 'the line before discount, without tax, in currency';
COMMENT ON COLUMN analytics.event.discount IS 'discount of the line, its share of the order''s included, without tax, in currency';
COMMENT ON COLUMN analytics.event.tax IS 'tax of the line, in currency';
COMMENT ON COLUMN analytics.event.shipping IS 'the order''s shipping, in currency; stands on line 1';
COMMENT ON COLUMN analytics.event.tax_included IS 'whether unit_price contains the tax';
COMMENT ON COLUMN analytics.event.line_kind IS 'product, gift_card (counts in gift_card_sales alone) or fee (money, no units)';
COMMENT ON COLUMN analytics.event.excluded IS 'null, or why the row counts in nothing: test, bot, internal';
COMMENT ON COLUMN analytics.event.currency IS 'ISO 4217; null: the store''s';
COMMENT ON COLUMN analytics.event.channel IS 'where it was sold: web, app, store, marketplace, ...';
COMMENT ON COLUMN analytics.event.country IS 'ISO 3166-1 alpha-2';
COMMENT ON COLUMN analytics.event.device IS 'desktop, mobile, tablet, ...';
COMMENT ON COLUMN analytics.event.campaign IS 'marketing campaign';
COMMENT ON COLUMN analytics.event.properties IS 'everything else that was sent with the event or the item';
COMMENT ON COLUMN analytics.event.ingested_at IS 'when the server took it; never set by the sender';
COMMENT ON COLUMN analytics.event.ingest_xid IS 'transaction that took it; never set by the sender';
COMMENT ON COLUMN analytics.event.stamp IS 'transaction that wrote the row in this cluster; what the incremental engine goes by';

-- Rows outside the partitions that maintain_partitions() makes ahead of time.
CREATE TABLE analytics.event_default PARTITION OF analytics.event DEFAULT;
CREATE INDEX event_default_time ON analytics.event_default (store_id, occurred_at);
CREATE INDEX event_default_refund ON analytics.event_default (store_id, order_id) WHERE event_type = 'refund';
CREATE INDEX event_default_taken_back ON analytics.event_default (store_id, event_id) WHERE sign = -1;
CREATE INDEX event_default_anonymous ON analytics.event_default (store_id, anonymous_id) WHERE customer_id IS NULL AND anonymous_id IS NOT NULL;
CREATE INDEX event_default_ingested ON analytics.event_default USING brin (ingested_at);
CREATE INDEX event_default_stamp ON analytics.event_default (stamp);
COMMENT ON TABLE analytics.event_default IS 'events outside the monthly and yearly partitions; the worker''s step maintain() empties it';
SELECT pg_catalog.pg_extension_config_dump('analytics.event_default', '');

CREATE TABLE analytics.event_key (
    store_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind "char" NOT NULL CHECK (kind IN ('e', 'o')),
    order_id text COLLATE "C",
    event_id text COLLATE "C",
    sent_revision integer NOT NULL,
    updated_at timestamptz,
    revision integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    lines integer NOT NULL,
    PRIMARY KEY (store_id, key, kind)
);
COMMENT ON TABLE analytics.event_key IS 'what was ingested, so that an event and an order count once; a purchase with an order is known by the order (kind o), everything else by its event_id (kind e)';
COMMENT ON COLUMN analytics.event_key.store_id IS 'store';
COMMENT ON COLUMN analytics.event_key.key IS 'event_id (kind e) or order_id (kind o)';
COMMENT ON COLUMN analytics.event_key.kind IS 'e: an event; o: an order';
COMMENT ON COLUMN analytics.event_key.order_id IS 'on kind e: the order by which this purchase is known; the rest of such a row says nothing';
COMMENT ON COLUMN analytics.event_key.event_id IS 'on kind o: event_id of the lines that stand';
COMMENT ON COLUMN analytics.event_key.sent_revision IS 'revision as the sender gave it; with updated_at decides what supersedes';
COMMENT ON COLUMN analytics.event_key.updated_at IS 'the order''s own version time, where the sender has one';
COMMENT ON COLUMN analytics.event_key.revision IS 'revision of the lines that stand';
COMMENT ON COLUMN analytics.event_key.occurred_at IS 'time of the lines that stand';
COMMENT ON COLUMN analytics.event_key.lines IS 'how many lines stand; 0 after retract()';
SELECT pg_catalog.pg_extension_config_dump('analytics.event_key', '');

CREATE TABLE analytics.rejected_event (
    rejected_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    store_id text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    format text NOT NULL,
    payload jsonb,
    raw bytea,
    index integer NOT NULL,
    code text NOT NULL,
    pointer text NOT NULL,
    message text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'discarded'))
);
COMMENT ON TABLE analytics.rejected_event IS 'events that failed validation, whole; UPDATE payload to mend one, then SELECT analytics.replay_rejected()';
COMMENT ON COLUMN analytics.rejected_event.rejected_id IS 'number of the rejection; replay_rejected() takes it';
COMMENT ON COLUMN analytics.rejected_event.store_id IS 'store the event was sent to';
COMMENT ON COLUMN analytics.rejected_event.received_at IS 'when it was rejected';
COMMENT ON COLUMN analytics.rejected_event.format IS 'format it was read as';
COMMENT ON COLUMN analytics.rejected_event.payload IS 'the event as sent; null where it is not JSON';
COMMENT ON COLUMN analytics.rejected_event.raw IS 'the bytes as sent, where they are not JSON';
COMMENT ON COLUMN analytics.rejected_event.index IS 'its place in the payload, from 0';
COMMENT ON COLUMN analytics.rejected_event.code IS 'why: invalid_json, missing, invalid_timestamp, ... (docs/ingestion.md)';
COMMENT ON COLUMN analytics.rejected_event.pointer IS 'JSON pointer to what is wrong, relative to the event';
COMMENT ON COLUMN analytics.rejected_event.message IS 'what is wrong and what is wanted';
COMMENT ON COLUMN analytics.rejected_event.status IS 'open, replayed or discarded';
CREATE INDEX rejected_event_received ON analytics.rejected_event (received_at);
CREATE INDEX rejected_event_open ON analytics.rejected_event (store_id, rejected_id) WHERE status = 'open';
SELECT pg_catalog.pg_extension_config_dump('analytics.rejected_event', '');
SELECT pg_catalog.pg_extension_config_dump('analytics.rejected_event_rejected_id_seq', '');

CREATE TABLE analytics.product (
    store_id text NOT NULL DEFAULT 'main',
    product_id text NOT NULL,
    name text,
    category text,
    brand text,
    price numeric CHECK (price >= 0 AND price < 1e22),
    currency text,
    active boolean NOT NULL DEFAULT true,
    properties jsonb,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    name_at timestamptz,
    category_at timestamptz,
    brand_at timestamptz,
    price_at timestamptz,
    PRIMARY KEY (store_id, product_id)
);
COMMENT ON TABLE analytics.product IS 'products, kept current from the items that arrive and by the shop''s own INSERT and UPDATE; of two sources of a field the later one holds';
COMMENT ON COLUMN analytics.product.store_id IS 'store';
COMMENT ON COLUMN analytics.product.product_id IS 'product, as items name it';
COMMENT ON COLUMN analytics.product.name IS 'display name now';
COMMENT ON COLUMN analytics.product.category IS 'category now; reports by category follow it';
COMMENT ON COLUMN analytics.product.brand IS 'brand now';
COMMENT ON COLUMN analytics.product.price IS 'latest price per unit seen, as sent, in currency';
COMMENT ON COLUMN analytics.product.currency IS 'currency of price; ISO 4217';
COMMENT ON COLUMN analytics.product.active IS 'whether it may be recommended';
COMMENT ON COLUMN analytics.product.properties IS 'whatever else the shop keeps here';
COMMENT ON COLUMN analytics.product.updated_at IS 'when the row was last written';
COMMENT ON COLUMN analytics.product.name_at IS 'time of what name says: of the item that brought it, or of the shop''s statement';
COMMENT ON COLUMN analytics.product.category_at IS 'time of what category says';
COMMENT ON COLUMN analytics.product.brand_at IS 'time of what brand says';
COMMENT ON COLUMN analytics.product.price_at IS 'time of what price and currency say';
SELECT pg_catalog.pg_extension_config_dump('analytics.product', '');

CREATE TABLE analytics.identity (
    store_id text COLLATE "C" NOT NULL,
    anonymous_id text COLLATE "C" NOT NULL,
    customer_id text NOT NULL,
    identified_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (store_id, anonymous_id)
);
COMMENT ON TABLE analytics.identity IS 'which visitor is which customer, written by identify(): events of the visitor that name no customer are the customer''s';
COMMENT ON COLUMN analytics.identity.store_id IS 'store';
COMMENT ON COLUMN analytics.identity.anonymous_id IS 'the tracker''s id of the visitor';
COMMENT ON COLUMN analytics.identity.customer_id IS 'the shop''s id of the customer, the latest one that identify() named';
COMMENT ON COLUMN analytics.identity.identified_at IS 'when identify() named it';
SELECT pg_catalog.pg_extension_config_dump('analytics.identity', '');
