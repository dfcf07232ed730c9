-- What users rely on is there, under the names of the contract, and says what it means.
BEGIN;
SELECT plan(31);

SELECT has_schema('analytics');
SELECT is(
    (SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = 'analytics.event'::regclass AND attnum > 0 AND attname <> 'stamp'),
    'store_id event_id line revision sign event_type occurred_at customer_id anonymous_id session_id order_id product_id '
    'quantity unit_price amount discount tax shipping tax_included line_kind excluded currency channel country device '
    'campaign properties ingested_at ingest_xid', 'columns of event');
SELECT col_type_is('analytics', 'event', 'occurred_at', 'timestamp with time zone', 'occurred_at is an instant');
SELECT col_type_is('analytics', 'event', 'ingest_xid', 'xid8', 'ingest_xid is a full transaction id');
SELECT col_type_is('analytics', 'event', 'line', 'smallint', 'line is a smallint');
SELECT col_type_is('analytics', 'event', 'amount', 'numeric', 'money is numeric');
SELECT col_default_is('analytics', 'event', 'store_id', 'main', 'the store is main unless said');

SELECT columns_are('analytics', 'rejected_event', '{rejected_id,store_id,received_at,format,payload,raw,index,code,pointer,message,status}', 'columns of rejected_event');
SELECT columns_are('analytics', v, '{store_id,bucket,currency,channel,country,orders,units,units_returned,gross_sales,discounts,returns,net_sales,taxes,shipping,total_sales,gift_card_sales,aov,customers,sessions,events}', 'columns of ' || v)
  FROM unnest('{sales_hourly,sales_daily,sales_weekly,sales_monthly}'::text[]) v;
SELECT columns_are('analytics', 'product_daily', '{store_id,bucket,currency,product_id,name,category,brand,views,add_to_carts,orders,units,units_returned,gross_sales,discounts,returns,net_sales,customers}', 'columns of product_daily');
SELECT columns_are('analytics', 'category_daily', '{store_id,bucket,currency,category,views,add_to_carts,orders,units,units_returned,gross_sales,discounts,returns,net_sales,customers}', 'columns of category_daily');
SELECT columns_are('analytics', 'rollup_status', '{name,grain,dimensions,measures,filter,tail_rows,lag,last_refresh,last_duration,size_bytes,status}', 'columns of rollup_status');
SELECT col_type_is('analytics', 'sales_hourly', 'bucket', 'timestamp with time zone', 'an hour is an instant');
SELECT col_type_is('analytics', v, 'bucket', 'date', v || ' has days')
  FROM unnest('{sales_daily,sales_weekly,sales_monthly,product_daily,category_daily}'::text[]) v;

SELECT is(pg_get_function_arguments('analytics.ingest(jsonb,text,text)'::regprocedure),
    'payload jsonb, format text DEFAULT ''auto''::text, store text DEFAULT ''main''::text, OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb', 'ingest(jsonb)');
SELECT is(pg_get_function_arguments('analytics.ingest(text,text,text)'::regprocedure),
    'payload text, format text DEFAULT ''auto''::text, store text DEFAULT ''main''::text, OUT accepted bigint, OUT duplicates bigint, OUT rejected bigint, OUT errors jsonb', 'ingest(text)');
SELECT is(pg_get_function_result('analytics.validate(text,text,text)'::regprocedure),
    'TABLE(index integer, event_id text, event_type text, outcome text, code text, pointer text, message text, lines integer)', 'validate()');
SELECT is(pg_get_function_arguments('analytics.retract(text,text)'::regprocedure) || ' ' || pg_get_function_result('analytics.retract(text,text)'::regprocedure),
    'event_id text, store text DEFAULT ''main''::text bigint', 'retract()');
SELECT is(pg_get_function_arguments('analytics.set_exchange_rate(text,numeric,date,text)'::regprocedure),
    'currency text, rate numeric, valid_from date, store text DEFAULT NULL::text', 'set_exchange_rate()');
SELECT is(pg_get_function_arguments('analytics.reconcile(text,date,date)'::regprocedure),
    'store text DEFAULT NULL::text, "from" date DEFAULT NULL::date, "to" date DEFAULT NULL::date', 'reconcile()');
SELECT is(pg_get_function_result('analytics.rebuild(text,integer)'::regprocedure),
    'TABLE(months_done integer, months_left integer, rows bigint)', 'rebuild()');

-- every object says what it is for
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c
     WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind IN ('r', 'p', 'v')
       AND obj_description(c.oid, 'pg_class') IS NULL $$, 'every table and view has a comment');
SELECT is_empty($$
    SELECT c.oid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'analytics'::regnamespace
       AND c.relname IN ('event', 'rejected_event', 'sales_hourly', 'sales_daily', 'sales_weekly', 'sales_monthly', 'product_daily', 'category_daily')
       AND col_description(c.oid, a.attnum) IS NULL $$, 'every column users read has a comment');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p
     WHERE p.pronamespace = 'analytics'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL $$, 'every function has a comment');

SELECT * FROM finish();
ROLLBACK;
