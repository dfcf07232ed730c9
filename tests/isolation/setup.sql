-- What every spec finds in its database, beside the extension: the oracle, and short words for what its sessions do.
\ir ../oracle.sql

CREATE SCHEMA race;

-- Begins a permutation: no events, nothing merged, no product.
CREATE PROCEDURE race.clear()
    LANGUAGE plpgsql
AS $$
DECLARE
    merged text;
BEGIN
    SET LOCAL client_min_messages = warning;
    SET LOCAL session_replication_role = replica;  -- events are append-only to everybody else
    SELECT string_agg(format('analytics.%I', 'rollup_' || r.name), ', ') INTO STRICT merged FROM analytics.rollup r;
    EXECUTE 'TRUNCATE analytics.event, analytics.event_key, analytics.rejected_event, analytics.product, analytics.store, '
        'analytics.rollup_state, analytics.identity, analytics.retired, analytics.exchange_rate, analytics.rollup_customer, analytics.rollup_customer_month, '
        'analytics.rollup_cohort, analytics.rollup_session, analytics.rollup_session_day, analytics.product_pair, analytics.product_basket, ' || merged;
END
$$;

-- Events of 2026-03-14 for ingest(). `more` are members of the JSON object, which override what is usual; without its braces,
-- since the isolation tester reads those as its own.
CREATE FUNCTION race.event(kind text, id text, more text DEFAULT '') RETURNS jsonb
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_build_object('event', kind, 'event_id', id, 'timestamp', '2026-03-14T12:00:00Z', 'currency', 'EUR')
        || ('{' || more || '}')::jsonb
$$;

CREATE FUNCTION race.item(product text, price numeric, name text DEFAULT NULL, category text DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('product_id', product, 'price', price, 'name', name, 'category', category))
$$;

CREATE FUNCTION race.purchase(id text, price numeric, more text DEFAULT '', VARIADIC items jsonb[] DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_build_object('order_id', 'order of ' || id, 'customer_id', 'customer of ' || id, 'session_id', 'session of ' || id,
            'items', CASE WHEN items = '{}' THEN jsonb_build_array(race.item('p', price)) ELSE to_jsonb(items) END)
        || race.event('purchase', id, more)
$$;

-- Ingests the events in the order given and says what came of them.
CREATE FUNCTION race.send(VARIADIC events jsonb[]) RETURNS text
    LANGUAGE sql VOLATILE
AS $$
    SELECT format('%s accepted, %s duplicates, %s rejected', i.accepted, i.duplicates, i.rejected)
        || coalesce(' (' || (SELECT string_agg(e ->> 'code', ', ') FROM jsonb_array_elements(i.errors) e) || ')', '')
      FROM analytics.ingest(to_jsonb(events)) i
$$;

-- Ingests the events as a group of as many payloads, in the order given, and says what came of each: accepted/duplicates/rejected. A
-- failure is its SQLSTATE, and leaves nothing behind.
CREATE FUNCTION race.send_group(VARIADIC events jsonb[]) RETURNS text
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (SELECT string_agg(format('%s/%s/%s', g.accepted, g.duplicates, g.rejected), ' ' ORDER BY g.member)
              FROM analytics.ingest_group(ARRAY(SELECT e.event::text FROM unnest(events) WITH ORDINALITY e(event, place) ORDER BY e.place)) g);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;

-- The figures of all days, and whether every view says what the events say, in the snapshot of the asking statement.
CREATE VIEW race.figures AS
SELECT s.*, coalesce((SELECT string_agg(DISTINCT format('%s: %s', d.view, d.side), '; ') FROM oracle.differences() d), 'right') AS verdict
  FROM (SELECT coalesce(sum(orders), 0) AS orders, coalesce(sum(gross_sales), 0) AS gross, coalesce(sum(returns), 0) AS returns,
               coalesce(sum(total_sales), 0) AS total, coalesce(sum(customers), 0) AS customers, coalesce(sum(events), 0) AS events
          FROM analytics.sales_daily) s;

-- Lines that the sales rollups hold, to see what is merged.
CREATE VIEW race.merged AS
SELECT (SELECT coalesce(sum(lines), 0) FROM analytics.rollup_sales_hourly) AS hourly,
       (SELECT coalesce(sum(lines), 0) FROM analytics.rollup_sales_monthly) AS monthly,
       (SELECT coalesce(sum(lines), 0) FROM analytics.rollup_product_daily) AS product;

-- Pairs with product p, from the view, and whether all is right; and what of them is merged.
CREATE VIEW race.pairs AS
SELECT (SELECT string_agg(format('%s %s', v.product_b, v.baskets), ', ' ORDER BY v.product_b) FROM analytics.product_affinity v
         WHERE v.product_a = 'p') AS with_p,
       (SELECT f.verdict FROM race.figures f) AS verdict;

CREATE VIEW race.merged_pairs AS
SELECT string_agg(CASE WHEN b.product_id = '' THEN format('%s baskets', b.baskets)
                       ELSE format('%s %s', b.product_id, b.baskets) END, ', ' ORDER BY b.product_id) AS singles,
       (SELECT string_agg(format('%s%s %s', x.product_id, y.product_id, p.baskets), ', ' ORDER BY x.product_id, y.product_id)
          FROM analytics.product_pair p JOIN analytics.product_basket x ON x.number = p.a JOIN analytics.product_basket y ON y.number = p.b
         WHERE p.baskets <> 0) AS pairs
  FROM analytics.product_basket b WHERE b.baskets <> 0;
