-- What every column means, for tools that ask in SQL: psql's \d+ as a view.

-- Relations that some level of access may read; what lies behind them is the engine's own. Readers can't read what the levels are
-- made from, hence the owner's rights: the names alone.
CREATE OR REPLACE FUNCTION analytics.documented_relations() RETURNS TABLE (relation regclass)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT substr(p.object, 7)::regclass
      FROM unnest('{reader,writer,admin}'::text[]) l(level) CROSS JOIN LATERAL analytics.level_privileges(l.level) p
     WHERE p.privilege = 'SELECT' AND starts_with(p.object, 'TABLE analytics.') AND p.object NOT IN ('TABLE analytics.rollup', 'TABLE analytics.rollup_state')
$$;
COMMENT ON FUNCTION analytics.documented_relations() IS 'tables and views that some level of access may read, without the engine''s own';

-- Units follow from types, those of numbers from their names, which mean the same wherever they stand.
CREATE OR REPLACE VIEW analytics.data_dictionary AS
SELECT c.relname::text COLLATE "default" AS relation, obj_description(c.oid, 'pg_class') COLLATE "default" AS relation_comment, a.attname::text COLLATE "default" AS column_name,
       a.attnum::integer AS position, format_type(a.atttypid, a.atttypmod) AS data_type,
       CASE WHEN t.typcategory = 'A' THEN 'list'
            WHEN t.typcategory <> 'N' THEN coalesce((SELECT u.unit
                FROM (VALUES ('date', 'date'), ('timestamptz', 'timestamp'), ('interval', 'interval'), ('bool', 'boolean'),
                             ('jsonb', 'json'), ('bytea', 'binary'), ('xid8', 'transaction')) u(type, unit) WHERE u.type = t.typname), 'text')
            ELSE coalesce(n.unit, CASE t.typname WHEN 'int8' THEN 'count' ELSE 'number' END) END AS unit,
       coalesce(CASE WHEN c.relname = 'event' THEN false
                     WHEN a.attname IN ('orders', 'events') AND (c.relname IN ('product_daily', 'category_daily') OR analytics.parts_events(r.dimensions)) THEN false
                     WHEN c.relname IN ('session_daily', 'funnel_daily') AND a.attname = 'sessions' THEN true
                     WHEN c.relname = 'session' AND a.attname = 'duration' THEN true
                     WHEN c.relname = 'segment_summary' AND a.attname = 'customers' THEN true
                     WHEN t.typcategory = 'N' THEN n.additive END, false) AS additive,
       col_description(c.oid, a.attnum) AS definition
  FROM analytics.documented_relations() d
  JOIN pg_class c ON c.oid = d.relation
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN analytics.rollup r ON r.name = c.relname AND NOT r.builtin
  LEFT JOIN (VALUES ('gross_sales', 'currency', true), ('discounts', 'currency', true), ('returns', 'currency', true), ('net_sales', 'currency', true),
                    ('taxes', 'currency', true), ('shipping', 'currency', true), ('total_sales', 'currency', true), ('gift_card_sales', 'currency', true),
                    ('value_lost', 'currency', true), ('amount', 'currency', true), ('discount', 'currency', true), ('tax', 'currency', true),
                    ('aov', 'currency', false), ('cumulative_net_sales', 'currency', false), ('unit_price', 'currency', false), ('price', 'currency', false),
                    ('order_value_p50', 'currency', false), ('order_value_p90', 'currency', false), ('order_value_p99', 'currency', false),
                    ('orders', 'count', true), ('units', 'count', true), ('units_returned', 'count', true), ('events', 'count', true),
                    ('views', 'count', true), ('add_to_carts', 'count', true), ('bounces', 'count', true), ('quantity', 'count', true),
                    ('view_item', 'count', true), ('add_to_cart', 'count', true), ('begin_checkout', 'count', true), ('purchase', 'count', true),
                    ('monetary', 'currency', true), ('avg_monetary', 'currency', false), ('avg_frequency', 'ratio', false),
                    ('avg_recency_days', 'ratio', false),
                    ('size_bytes', 'bytes', true), ('rejected_id', 'number', false), ('model_id', 'number', false), ('monetary_value', 'currency', false), ('expected_value', 'currency', false), ('clv', 'currency', true),
                    ('p_alive', 'ratio', false), ('expected_purchases', 'count', true), ('frequency', 'count', true),
                    ('conversion', 'ratio', false), ('retention', 'ratio', false), ('view_to_cart', 'ratio', false), ('cart_to_checkout', 'ratio', false),
                    ('checkout_to_purchase', 'ratio', false), ('rate', 'ratio', false), ('share', 'ratio', false),
                    ('support', 'ratio', false), ('confidence', 'ratio', false), ('lift', 'ratio', false), ('cosine', 'ratio', false), ('jaccard', 'ratio', false)
            ) n(name, unit, additive) ON n.name = a.attname
 WHERE has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW analytics.data_dictionary IS 'what each column means: one row for each column of the views and tables that the current role may read, own rollups included';
COMMENT ON COLUMN analytics.data_dictionary.relation IS 'view or table in schema analytics';
COMMENT ON COLUMN analytics.data_dictionary.relation_comment IS 'what the view or table is';
COMMENT ON COLUMN analytics.data_dictionary.column_name IS 'column';
COMMENT ON COLUMN analytics.data_dictionary.position IS 'place of the column, counted from 1';
COMMENT ON COLUMN analytics.data_dictionary.data_type IS 'type in PostgreSQL';
COMMENT ON COLUMN analytics.data_dictionary.unit IS 'currency (of the row''s column currency; without one, of the store), count, ratio, number (that counts nothing), bytes, date, timestamp, interval, text, boolean, json, list, binary or transaction';
COMMENT ON COLUMN analytics.data_dictionary.additive IS 'whether its sum over rows means something (money: within one currency); false for distinct counts, ratios, averages, running totals, and whatever is no number';
COMMENT ON COLUMN analytics.data_dictionary.definition IS 'what the column means: its comment';
