# An idle database stays idle: a refresh with nothing to do, and a worker's step, write no WAL and use no transaction id.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('idle');
make_shop($node, 'shop');
sub sql { return $node->safe_psql('shop', $_[0]) }

# Runs the statement a hundred times, each in a transaction of its own; nothing must come of it.
sub costs_nothing
{
	my ($statement, $result, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $used = 'SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())';
	sql($statement);    # prunes what the work before has left
	my $before = sql($used);
	my $results = sql(join ";\n", ($statement) x 100);
	is(sql($used), $before, "$name: no WAL, no transaction id");
	is($results, join("\n", ($result) x 100), "$name: nothing done");
	return;
}

costs_nothing('SELECT analytics.refresh()', '0', 'refresh() without any event') if sql('SELECT analytics.refresh()') eq '0';
sell($node, 'shop', 1, 40);
sql('SELECT analytics.refresh(); VACUUM ANALYZE; CHECKPOINT');
is_merged($node, 'shop', 'all is merged');
costs_nothing('SELECT analytics.refresh()', '0', 'refresh()');
costs_nothing('SELECT analytics.refresh(wait => false)', '0', 'refresh() that would not wait');
costs_nothing('SELECT analytics.maintain()', 'f', 'a step of the worker');
costs_nothing('SELECT analytics.maintain_partitions()', '0', 'maintain_partitions()');
costs_nothing('SELECT total_sales IS NULL FROM analytics.sales_daily LIMIT 1', 'f', 'reading a view');

# An open transaction that has written is nothing to merge, nor does it keep anything busy.
my $open = holds_lock($node, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(41, 41))');
sell($node, 'shop', 42, 42);
sql('SELECT analytics.refresh(); VACUUM; CHECKPOINT');
costs_nothing('SELECT analytics.refresh()', '0', 'refresh() beside an open transaction');
costs_nothing('SELECT analytics.maintain()', 'f', 'a step of the worker beside it');
$open->query_safe('ROLLBACK');
$open->quit;
sql('CHECKPOINT');
costs_nothing('SELECT analytics.refresh()', '0', 'refresh() after it was rolled back');

# Nor does a rejected or a known event give anything to do, nor an event without figures more than once.
sql(q{SELECT analytics.ingest('{"event": "x", "timestamp": "never"}'::jsonb), analytics.ingest(shop.events(1, 40)); CHECKPOINT});
costs_nothing('SELECT analytics.refresh()', '0', 'refresh() after rejected and known events');
sql(q{SELECT analytics.ingest('{"event": "purchase", "order_id": "t", "test": true, "items": [{"product_id": "p1", "price": 1}]}'::jsonb);
	SELECT analytics.refresh(); VACUUM; CHECKPOINT});
costs_nothing('SELECT analytics.refresh()', '0', 'refresh() after a test order');
is_right($node, 'shop', 'and the views are right');

done_testing();
