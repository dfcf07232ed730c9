# Raw events go, figures stay. Two stores are sent the same events; one keeps them all, the other three months: whatever happens,
# the other must show what the one shows, which has its events to be checked by.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('retention');
my @rollups = qw(sales_hourly sales_daily sales_weekly sales_monthly product_daily customer own);

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION analytics CASCADE; SELECT analytics.maintain_partitions()');
$node->safe_psql('shop', <<'SQL');
CREATE SCHEMA shop;
-- a moment so many months before the first of this one, and some time after that; never one to come, as it would be early in a month
CREATE FUNCTION shop.at(months integer, later interval) RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT LEAST((date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => months) + later) AT TIME ZONE 'UTC', now()) $$;
CREATE FUNCTION shop.shown() RETURNS TABLE (view text, line jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOREACH view IN ARRAY '{sales_hourly,sales_daily,sales_weekly,sales_monthly,product_daily,category_daily,customer,customer_month,cohort_retention,rfm,session,session_daily,funnel_daily,product_affinity,own}'::text[] LOOP
        RETURN QUERY EXECUTE format('SELECT %L, to_jsonb(v) FROM analytics.%I v', view, view);
    END LOOP;
END $$;
CREATE TABLE shop.before (view text, line jsonb);
-- what is not as it was; what one of two stores shows and the other does not
CREATE VIEW shop.changed AS (SELECT 'was' AS side, * FROM (TABLE shop.before EXCEPT ALL SELECT * FROM shop.shown()) w) UNION ALL SELECT 'is', * FROM (SELECT * FROM shop.shown() EXCEPT ALL TABLE shop.before) i;
CREATE VIEW shop.different AS WITH s AS MATERIALIZED (SELECT s.view, s.line ->> 'store_id' AS store, s.line - 'store_id' AS line FROM shop.shown() s)
    (SELECT 'main' AS store, * FROM (SELECT view, line FROM s WHERE store = 'main' EXCEPT ALL SELECT view, line FROM s WHERE store = 'keep') m)
    UNION ALL SELECT 'keep', * FROM (SELECT view, line FROM s WHERE store = 'keep' EXCEPT ALL SELECT view, line FROM s WHERE store = 'main') k;
-- an event to both stores
CREATE FUNCTION shop.send(id text, type text, at timestamptz, rest jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(i.accepted || '/' || i.duplicates || '/' || i.rejected, ' ')
      FROM unnest('{main,keep}'::text[]) s, analytics.ingest(jsonb_build_object('event', type, 'event_id', id, 'timestamp', at) || rest, store => s) i $$;

SELECT analytics.create_rollup('own', 'week', '{properties->>city}', '{orders,net_sales,customers,visitors,order_value_p50}');
-- seven months of orders, refunds and visits
SELECT shop.send('p' || k, 'purchase', shop.at(k, '5 days 10:00'), jsonb_build_object('order_id', 'o' || k, 'customer_id', 'c' || k % 2, 'channel', 'web', 'country', 'DE',
         'session_id', 's' || k, 'shipping', 3, 'properties', '{"city": "Ulm"}'::jsonb, 'items', jsonb_build_array(jsonb_build_object('product_id', 'mug', 'category', 'Mugs', 'price', 10 + k, 'quantity', 2), jsonb_build_object('product_id', 'p' || k % 3, 'price', 1)))),
       shop.send('a' || k, 'page_view', shop.at(k, '7 days'), '{"anonymous_id": "v"}')
  FROM generate_series(0, 6) k;
SELECT shop.send('r' || k, 'refund', shop.at(k - 1, '8 days'), jsonb_build_object('order_id', 'o' || k, 'amount', 5)) FROM generate_series(1, 6, 2) k;
-- visits across the first of the month that will be the cut, told by the gap rule and by id
SELECT shop.send('g' || k, 'view_item', shop.at(3, k * interval '10 minutes'), '{"customer_id": "c0", "items": [{"product_id": "jug", "price": 4}]}'),
       shop.send('s' || k, 'add_to_cart', shop.at(3, k * interval '10 minutes'), '{"session_id": "long", "anonymous_id": "v", "items": [{"product_id": "jug", "price": 4}]}')
  FROM generate_series(-1, 1) k;
SELECT analytics.refresh();
SELECT analytics.retract('a5', 'main'), analytics.retract('a5', 'keep');
SQL

sub shows
{
	my ($view, $name, $database) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($database // 'shop', "SELECT * FROM shop.$view LIMIT 5"), '', $name);
}

sub balances
{
	my ($name, $database) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($database // 'shop', 'SELECT * FROM analytics.reconcile()'), '', $name);
}

sub remember
{
	$node->safe_psql($_[0] // 'shop', 'TRUNCATE shop.before; INSERT INTO shop.before SELECT * FROM shop.shown()');
	return;
}

sub restored
{
	my ($to) = @_;
	my $dump = $node->basedir . "/$to.dump";
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('shop') ], "$to: dumped");
	$node->safe_psql('postgres', "CREATE DATABASE $to");
	$node->safe_psql($to, 'CREATE EXTENSION hll');
	$node->command_ok([ 'pg_restore', '-1', '--no-comments', '-d', $node->connstr($to), $dump ], "$to: restored");
	unlink $dump;
	return;
}

# who may, and when
is($node->safe_psql('shop', 'SELECT analytics.apply_retention()'), '0', 'without a setting nothing goes');
$node->safe_psql('shop', q{SELECT analytics.set_setting('event_retention', '3 months', 'main')});
refused($node, 'shop', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT analytics.apply_retention();', '25001', qr/READ COMMITTED/, 'not in REPEATABLE READ');
refused($node, 'shop', q{SET request.jwt.claims TO '{"stores": ["main"]}'; SELECT analytics.apply_retention();}, '42501', qr/permission denied/, 'nor with a claim for some stores');
refused($node, 'shop', q{SELECT analytics.set_setting('event_retention', '-1 month', 'main')}, '22023', qr/invalid value/, 'a retention is positive');

# raw events go
remember();
shows('different', 'both stores show the same');
my $all = $node->safe_psql('shop', q{SELECT count(*) FROM analytics.event WHERE store_id = 'keep'});
cmp_ok($node->safe_psql('shop', 'SELECT analytics.apply_retention()'), '>=', 3, 'three months and more lose rows');
# of 23 events: the orders and visits of months 4 to 6, a refund, and the first of each visit across the cut
is($node->safe_psql('shop', q{SELECT min(occurred_at) = shop.at(3, '0'), count(DISTINCT event_id) FROM analytics.event WHERE store_id = 'main'}), 't|14', 'what is older than the first of the month three months ago is gone');
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.event WHERE store_id = 'keep'}), $all, 'the other store keeps all');
shows('changed', 'no figure has changed');
balances('nothing to reconcile');
$node->safe_psql('shop', 'SELECT analytics.refresh()');
shows('changed', 'nor after a refresh');
is($node->safe_psql('shop', 'SELECT analytics.apply_retention()'), '0', 'there is nothing more to go');

# nothing builds what is gone
$node->safe_psql('shop', "SELECT analytics.rebuild('$_')") for @rollups, 'session_daily', 'funnel_daily', 'product_affinity';
shows('changed', 'rebuilt, all is as it was');
$node->safe_psql('shop', "SELECT analytics.rebuild('$_', 1) FROM generate_series(1, 9)") for @rollups;
shows('changed', 'in slices, too');
$node->safe_psql('shop', q{SELECT analytics.set_setting('session_gap', '20 minutes', s) FROM unnest('{main,keep}'::text[]) s});
$node->safe_psql('shop', q{SELECT analytics.set_setting('session_gap', '30 minutes', s) FROM unnest('{main,keep}'::text[]) s});
shows('changed', 'and when the session gap has changed twice');
is($node->safe_psql('shop', q{SELECT shop.send('p' || k, 'purchase', now(), jsonb_build_object('order_id', 'o' || k, 'items', '[{"price": 1}]'::jsonb)) FROM generate_series(0, 6, 3) k}),
	join("\n", ('0/1/0 0/1/0') x 3), 'what was sent once is a duplicate, raw or not');
is($node->safe_psql('shop', q{SELECT shop.send('a6', 'page_view', now(), '{}')}), '0/1/0 0/1/0', 'by event_id, too');
refused($node, 'shop', q{INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id) VALUES ('main', 'x', 'purchase', now(), 'o6')}, '23505', qr/known already/, 'and by INSERT');
is($node->safe_psql('shop', q{SELECT analytics.retract('p6', 'main')}), '0', 'what is gone is not taken back');
is($node->safe_psql('shop', q{SELECT accepted || '/' || duplicates || '/' || rejected FROM analytics.ingest('{"event": "purchase", "event_id": "p6", "order_id": "o6", "revision": 2, "items": [{"price": 1}]}'::jsonb)}), '0/1/0', 'nor revised');
is($node->safe_psql('shop', q{SELECT accepted || '/' || duplicates || '/' || rejected FROM analytics.ingest(jsonb_build_object('event', 'refund', 'event_id', 'full', 'order_id', 'o6', 'full', true))}), '0/0/1', 'what it has left to refund is not known');
shows('changed', 'none of which changes a figure');

restored('again');
shows('changed', 'a dump has the figures along', 'again');
balances('with nothing to reconcile', 'again');
$node->safe_psql('again', 'SELECT analytics.refresh()');
shows('changed', 'which a refresh leaves', 'again');
balances('with nothing to reconcile', 'again');

# late events into months that are gone: of old and new customers, into visits and across the cut
sub late_events
{
	my ($n) = @_;
	return <<"SQL";
SELECT shop.send('l1-$n', 'purchase', shop.at(5, '5 days 09:00'), jsonb_build_object('order_id', 'l1-$n', 'customer_id', 'c1', 'channel', 'app', 'country', 'FR', 'session_id', 's5', 'properties', '{"city": "Ulm"}'::jsonb, 'items', '[{"product_id": "mug", "price": 100}]'::jsonb)),
       shop.send('l2-$n', 'purchase', shop.at(5, '5 days 11:00'), jsonb_build_object('order_id', 'l2-$n', 'customer_id', 'c9-$n', 'channel', 'web', 'country', 'DE', 'items', '[{"product_id": "mug", "price": 100}]'::jsonb)),
       shop.send('l3-$n', 'page_view', shop.at(3, '-5 minutes'), '{"customer_id": "c0"}'),
       shop.send('l4-$n', 'page_view', shop.at(3, '20 minutes'), '{"customer_id": "c0"}'),
       shop.send('l5-$n', 'page_view', shop.at(4, '3 days'), '{"anonymous_id": "new-$n"}');
SQL
}
$node->safe_psql('shop', late_events(1));
shows('different', 'late events count');
balances('nothing to reconcile');
$node->safe_psql('shop', 'SELECT analytics.refresh()');
shows('different', 'merged, too');
balances('nothing to reconcile');
remember();
restored('late');
shows('changed', 'and in a dump', 'late');
$node->safe_psql('late', 'SELECT analytics.refresh()');
shows('changed', 'which is refreshed', 'late');
$node->safe_psql('shop', "SELECT analytics.rebuild('$_')") for @rollups, 'session_daily', 'product_affinity';
shows('changed', 'rebuilt, they count once');

# a writer who has not committed, and a reader who began before: neither is waited for, or sees anything else
my $writer = $node->background_psql('shop');
$writer->query_safe('BEGIN');
$writer->query_safe(late_events(2));
my $reader = $node->background_psql('shop');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query_safe('SELECT * FROM shop.changed'), '', 'a reader in REPEATABLE READ');
cmp_ok($node->safe_psql('shop', 'SELECT analytics.apply_retention()'), '>=', 2, 'the late events go, while others write and read');
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.event WHERE store_id = 'main' AND occurred_at < shop.at(3, '0')}), '0', 'all of them');
shows('changed', 'no figure has changed');
is($reader->query_safe('SELECT * FROM shop.changed'), '', 'nor for the reader');
$reader->query_safe('COMMIT');
$writer->query_safe('COMMIT');
$reader->quit;
$writer->quit;
shows('different', 'what the writer wrote counts');
$node->safe_psql('shop', 'SELECT analytics.refresh()');
shows('different', 'merged, too');
balances('nothing to reconcile');
$node->safe_psql('shop', 'SELECT analytics.apply_retention()');
shows('different', 'and gone');

# a reader whose transaction had begun, and read nothing yet, where whole partitions are emptied
$node->safe_psql('postgres', 'CREATE DATABASE alone TEMPLATE again');
$node->safe_psql('alone', q{SELECT analytics.ingest('{"event": "page_view", "event_id": "now"}'::jsonb); SELECT analytics.refresh();
	SELECT analytics.set_setting('event_retention', '1 month', 'main'), analytics.set_setting('event_retention', '1 month', 'keep')});
remember('alone');
$reader = $node->background_psql('alone');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$reader->query_safe('SELECT count(*) FROM shop.before');
cmp_ok($node->safe_psql('alone', 'SELECT analytics.apply_retention()'), '>=', 5, 'partitions are emptied');
is($reader->query_safe('SELECT * FROM shop.changed'), '', 'for a reader who began before figures are what they were');
$reader->query_safe('COMMIT');
$reader->quit;
shows('changed', 'and for everybody', 'alone');
balances('nothing to reconcile', 'alone');

# a person whose raw events are partly gone
$node->safe_psql('postgres', 'CREATE DATABASE forgotten TEMPLATE again');
my $orders = $node->safe_psql('forgotten', 'SELECT sum(orders), sum(net_sales) FROM analytics.sales_daily');
$node->safe_psql('forgotten', q{SELECT analytics.erase_customer('main', 'c0')});
is($node->safe_psql('forgotten', q{SELECT 'customer' FROM analytics.customer WHERE store_id = 'main' AND customer_id = 'c0'
	UNION ALL SELECT 'day' FROM analytics.rollup_customer_daily WHERE store_id = 'main' AND customer_id = 'c0'
	UNION ALL SELECT 'session' FROM analytics.session WHERE store_id = 'main' AND customer_id = 'c0'
	UNION ALL SELECT 'event' FROM analytics.event WHERE store_id = 'main' AND customer_id = 'c0'}), '', 'can be forgotten');
is($node->safe_psql('forgotten', q{SELECT count(*) FROM analytics.customer WHERE customer_id = 'c0'}), '1', 'in that store');
is($node->safe_psql('forgotten', 'SELECT sum(orders), sum(net_sales) FROM analytics.sales_daily'), $orders, 'whose sales stay');
balances('nothing to reconcile', 'forgotten');

# another time zone moves what is left, and leaves what is gone
remember();
my $gone = q{view NOT IN ('customer', 'cohort_retention') AND coalesce(line ->> 'bucket', line ->> 'started_at')::timestamptz < shop.at(3, '-7 days')};
$node->safe_psql('shop', q{SELECT analytics.set_setting('timezone', 'Asia/Kathmandu', s) FROM unnest('{main,keep}'::text[]) s});
is($node->safe_psql('shop', qq{SELECT * FROM shop.changed WHERE $gone AND line ->> 'store_id' = 'main' LIMIT 5}), '', 'months that are gone stay on their days');
is($node->safe_psql('shop', q{SELECT * FROM shop.different d WHERE coalesce(line ->> 'bucket', line ->> 'cohort_month', line ->> 'started_at', line ->> 'first_seen_at')::timestamptz >= shop.at(2, '7 days') LIMIT 5}), '', 'what is left moves');
is($node->safe_psql('shop', q{SELECT count(DISTINCT (s.orders, s.net_sales, s.events)) FROM (SELECT store_id, sum(orders) AS orders, sum(net_sales) AS net_sales, sum(events) AS events FROM analytics.sales_daily GROUP BY 1) s}), '1', 'and all adds up');
balances('nothing to reconcile');

# westwards what is left would begin on the day before the first that can be built: it counts on that first day, and is not lost
$node->safe_psql('postgres', 'CREATE DATABASE west');
my $west = 'SELECT (SELECT sum(orders) FROM analytics.sales_%s), (SELECT sum(orders) FROM analytics.customer), (SELECT sum(sessions) FROM analytics.session_daily)';
$node->safe_psql('west', <<'SQL');
CREATE EXTENSION analytics CASCADE;
SELECT analytics.ingest(jsonb_agg(jsonb_build_object('event', 'purchase', 'order_id', o.id, 'customer_id', o.id, 'session_id', o.id, 'timestamp', o.at, 'items', '[{"product_id": "p", "price": 7}]'::jsonb)))
  FROM (VALUES ('old', now() - interval '200 days'), ('edge', (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month' + interval '30 minutes') AT TIME ZONE 'UTC'),
               ('new', now() - interval '1 hour')
       UNION ALL -- one on each day of the first three weeks, for weeks that begin with another day
       SELECT 'day' || k, (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month' + k * interval '1 day' + interval '12 hours') AT TIME ZONE 'UTC' FROM generate_series(0, 20) k) o(id, at);
SELECT analytics.refresh();
SELECT analytics.set_setting('event_retention', '1 month');
SELECT analytics.apply_retention();
SQL
like([$node->psql('west', "SELECT analytics.set_setting('week_start', 'sunday')")]->[2], qr/NOTICE:  figures of store "main" before \d{4}-\d\d-01 stay as they are/, 'a change says what it does not concern');
like([$node->psql('west', "SELECT analytics.rebuild('sales_daily')")]->[2], qr/NOTICE:  figures of store "main"/, 'so does rebuild()');
foreach my $zone ('America/Los_Angeles', 'Asia/Kathmandu', 'Pacific/Kiritimati', 'America/Los_Angeles')
{
	$node->safe_psql('west', "SELECT analytics.set_setting('timezone', '$zone')");
	is($node->safe_psql('west', sprintf($west, $_)), '24|24|24', "$zone: no order is lost by $_") for qw(hourly daily weekly monthly);
	is($node->safe_psql('west', 'SELECT * FROM analytics.reconcile()'), '', "$zone: nothing to reconcile");
}
# a week across the first day is kept whole, and what it holds counts in no other one
foreach my $zone ('America/Los_Angeles', 'UTC')
{
	$node->safe_psql('west', "SELECT analytics.set_setting('timezone', '$zone')");
	foreach my $first ('saturday', 'monday', 'sunday', 'monday')
	{
		$node->safe_psql('west', "SELECT analytics.set_setting('week_start', '$first')");
		is($node->safe_psql('west', sprintf($west, 'weekly') . q{, (SELECT sum(units) FROM analytics.rollup_product_weekly)}), '24|24|24|24', "weeks from $first on, $zone: no order is lost");
		is($node->safe_psql('west', 'SELECT * FROM analytics.reconcile()'), '', "weeks from $first on, $zone: nothing to reconcile");
	}
}
done_testing();
