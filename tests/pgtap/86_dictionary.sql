-- Every column that somebody may read says what it means, and data_dictionary says so to tools.
BEGIN;
SELECT plan(26);
CREATE ROLE d_reader;
CREATE ROLE d_writer;
CREATE ROLE d_admin;
GRANT d_reader, d_writer, d_admin TO CURRENT_USER;
SELECT analytics.grant_access('d_reader', 'reader'), analytics.grant_access('d_writer', 'writer'), analytics.grant_access('d_admin', 'admin');
SELECT analytics.create_rollup('by_city', 'day', '{country,properties->>city}', '{orders,net_sales,events,visitors}');
SELECT analytics.create_rollup('by_campaign', 'week', '{campaign}', '{orders,net_sales,events,visitors}', 'line_kind = ''product''');

-- what roles may read, from the catalog
CREATE TEMPORARY VIEW readable AS
SELECT r.role, c.oid, c.relname::text AS relation
  FROM unnest('{d_reader,d_writer,d_admin}'::text[]) r(role), pg_class c
 WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege(r.role, c.oid, 'SELECT');

SELECT is_empty($$
    SELECT DISTINCT r.relation, a.attname FROM readable r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE coalesce(col_description(r.oid, a.attnum), '') = '' $$, 'every column that a reader, writer or admin may read has a comment');
SELECT is_empty($$
    SELECT DISTINCT r.relation FROM readable r WHERE coalesce(obj_description(r.oid, 'pg_class'), '') = '' $$, 'and so has every view and table');
SELECT is_empty($$
    SELECT relation, column_name, definition FROM analytics.data_dictionary
     WHERE unit = 'currency' AND definition !~ '(^|[ ,;])in (currency|the store''s currency)($|[;:,])' $$, 'money says in which currency');
SELECT is_empty($$
    SELECT relation, column_name FROM analytics.data_dictionary d
     WHERE unit = 'currency' AND definition ~ 'in currency' AND NOT EXISTS (SELECT FROM analytics.data_dictionary c WHERE c.relation = d.relation AND c.column_name = 'currency') $$,
    'and the column that it names is there');
SELECT is_empty($$
    SELECT relation, column_name, data_type, unit FROM analytics.data_dictionary
     WHERE unit IS NULL OR additive IS NULL OR definition IS NULL OR relation_comment IS NULL
        OR NOT unit = ANY ('{currency,count,ratio,number,bytes,date,timestamp,interval,text,boolean,json,list,binary,transaction}') $$, 'every row is whole');
SELECT is_empty($$
    SELECT relation, column_name FROM analytics.data_dictionary WHERE data_type = 'numeric' AND unit NOT IN ('currency', 'ratio') $$, 'a decimal is money or a ratio');
SELECT is_empty($$
    SELECT relation FROM analytics.data_dictionary
     WHERE relation ~ '^(event_|rollup_(?!status$)|tail_)' OR relation IN ('rollup', 'counted_line', 'product_news', 'custom_cells', 'engine_lock', 'identity', 'retired', 'customer_touched') $$,
    'nothing of the engine''s own');
SELECT is((SELECT count(*) FROM analytics.data_dictionary), (SELECT count(DISTINCT (relation, column_name)) FROM analytics.data_dictionary), 'a column stands there once');

SET LOCAL ROLE d_reader;
SELECT set_eq('SELECT DISTINCT relation FROM analytics.data_dictionary',
    $$SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(c.oid, 'SELECT')$$,
    'a reader: exactly what a reader may read');
SELECT is_empty($$SELECT unnest('{event,current_event,product,sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,customer,customer_month,cohort_retention,session,session_daily,funnel_daily,data_dictionary,by_city,by_campaign}'::text[])
                  EXCEPT SELECT relation FROM analytics.data_dictionary$$, 'all views, own rollups included');
SELECT results_eq($$SELECT column_name, position, data_type, unit, additive FROM analytics.data_dictionary WHERE relation = 'session_daily' ORDER BY position$$,
    $$VALUES ('store_id', 1, 'text', 'text', false), ('bucket', 2, 'date', 'date', false), ('channel', 3, 'text', 'text', false), ('country', 4, 'text', 'text', false),
             ('device', 5, 'text', 'text', false), ('sessions', 6, 'bigint', 'count', true), ('bounces', 7, 'bigint', 'count', true), ('events', 8, 'bigint', 'count', true),
             ('orders', 9, 'bigint', 'count', true), ('conversion', 10, 'numeric', 'ratio', false), ('avg_duration', 11, 'interval', 'interval', false)$$, 'session_daily');
-- sums of rows, by hand: what counts something else twice does not add
SELECT is((SELECT string_agg(column_name, ' ' ORDER BY position) FROM analytics.data_dictionary WHERE relation = r AND additive), columns, 'what adds in ' || r)
  FROM (VALUES ('sales_daily', 'orders units units_returned gross_sales discounts returns net_sales taxes shipping total_sales gift_card_sales events'),
               ('product_daily', 'views add_to_carts units units_returned gross_sales discounts returns net_sales'),
               ('category_daily', 'views add_to_carts units units_returned gross_sales discounts returns net_sales'),
               ('customer', 'orders units gross_sales discounts returns net_sales'),
               ('cohort_retention', 'net_sales'),
               ('funnel_daily', 'sessions view_item add_to_cart begin_checkout purchase value_lost'),
               ('event', NULL),
               ('by_city', 'net_sales'),
               ('by_campaign', 'orders net_sales events')) u(r, columns);
SELECT is((SELECT definition FROM analytics.data_dictionary WHERE relation = 'product_daily' AND column_name = 'orders'), 'purchases with a line in the row; does not add over rows', 'the comment says so, too');
SELECT is((SELECT DISTINCT relation_comment FROM analytics.data_dictionary WHERE relation = 'by_campaign'), 'rollup by week, campaign; lines with line_kind = ''product''; right as of this moment', 'an own rollup says what it is');
SELECT throws_ok('SELECT * FROM analytics.rollup_status', '42501', NULL, 'what a reader may not read');

SET LOCAL ROLE d_admin;
SELECT is_empty($$SELECT unnest('{rollup_status,store,exchange_rate,rejected_event}'::text[]) EXCEPT SELECT relation FROM analytics.data_dictionary$$, 'an admin has these, too');
SET LOCAL ROLE d_writer;
SELECT throws_ok('SELECT * FROM analytics.data_dictionary', '42501', NULL, 'a writer reads no reports and needs none of it');

RESET ROLE;
SELECT analytics.drop_rollup('by_city');
SELECT is_empty($$SELECT FROM analytics.data_dictionary WHERE relation = 'by_city'$$, 'a rollup that was dropped is gone');
SELECT * FROM finish();
ROLLBACK;
