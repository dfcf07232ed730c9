# Events outside the partitions wait in the default one; making the partition moves them, whatever was merged of them, and
# no figure moves. A reader or writer of the default partition makes that wait for another time, and nobody else.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('partitions');

# A shop without these partitions (a pattern of names): events of their time fall into the default one.
sub unpartitioned
{
	my ($database, $pattern) = @_;
	make_shop($node, $database);
	$node->safe_psql($database, <<"SQL");
DO \$\$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'analytics.event'::regclass AND c.relname ~ '$pattern' LOOP
        EXECUTE format('ALTER TABLE analytics.event DETACH PARTITION %s', part);
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
END
\$\$
SQL
	return;
}
my $all_but_the_past = '^event_[my]';

sub in_default { return $node->safe_psql($_[0], 'SELECT count(*) FROM analytics.event_default') }

# Nothing merged, part of it merged, all of it, a build under way: the move is the same.
my %merged = (
	nothing => '',
	all => 'SELECT analytics.refresh()',
	'the daily sales alone' => q{SELECT analytics.rebuild('sales_daily')},
	'three months of a first build' => q{SELECT analytics.rebuild('sales_daily', 3), analytics.rebuild('sales_monthly', 3), analytics.rebuild('product_daily', 3)},
	'all, and a rebuild is under way' => q{SELECT analytics.refresh(); SELECT analytics.rebuild('sales_daily', 3), analytics.rebuild('sales_weekly', 3)},
);
my $number = 0;
for my $missing ($all_but_the_past, '^event_y2024$')
{
	for my $merged (sort keys %merged)
	{
		my $shop = 'shop' . ++$number;
		my $what = "$merged merged, without partitions $missing";
		unpartitioned($shop, $missing);
		sell($node, $shop, 1, 40);

		# weeks, months, and hours of some zone that lie on both sides of the year's ends
		$node->safe_psql($shop, q{INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, session_id, unit_price)
			SELECT 'edge' || n, 'purchase', timestamptz '2024-12-28' + n * interval '5 hours', 'c' || n % 7, 's' || n % 9, n FROM generate_series(1, 40) n
			UNION ALL SELECT 'begin' || n, 'purchase', timestamptz '2023-12-28' + n * interval '5 hours', 'c' || n % 7, 's' || n % 9, n
			  FROM generate_series(1, 40) n; SELECT analytics.set_setting('timezone', 'Asia/Kathmandu')});
		my $waiting = in_default($shop);
		cmp_ok($waiting, '>', 50, "$what: events stand in the default partition");
		is_right($node, $shop, "$what: right before");
		$node->safe_psql($shop, $merged{$merged});
		sell($node, $shop, 41, 45);
		$node->safe_psql($shop, q{SELECT analytics.retract('e7'), analytics.retract('e42'), analytics.retract('edge3')});
		is_right($node, $shop, "$what: right with a tail and lines taken back");
		cmp_ok($node->safe_psql($shop, 'SELECT analytics.maintain_partitions()'), '>', 0, "$what: what is missing is made");
		is(in_default($shop), '0', "$what: and the events moved there");
		is_right($node, $shop, "$what: which moves no figure");
		is($node->safe_psql($shop, q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}), '', "$what: nor leaves anything to reconcile");
		is($node->safe_psql($shop, 'SELECT analytics.maintain_partitions()'), '0', "$what: there is no more to make");
		sell($node, $shop, 46, 50);
		$node->safe_psql($shop, q{SELECT analytics.retract('e46'), analytics.retract('e9'), analytics.retract('edge31')});
		is_right($node, $shop, "$what: right when business goes on");
		$node->safe_psql($shop, q{SELECT analytics.rebuild(name) FROM analytics.rollup_state WHERE rebuilding_from IS NOT NULL}) if $merged =~ /build/;
		is_right($node, $shop, "$what: right when what was under way is done");
		$node->safe_psql($shop, 'SELECT analytics.refresh()');
		is_merged($node, $shop, "$what: merged at last");
		is($node->safe_psql($shop, 'SELECT accepted, rejected FROM analytics.ingest(shop.events(1, 50))'), '0|0', "$what: all are known");
	}
}

# Whoever uses the default partition is not disturbed: the move gives up, whole, and others go on meanwhile.
unpartitioned('busy', $all_but_the_past);
sell($node, 'busy', 1, 40);
$node->safe_psql('busy', 'SELECT analytics.refresh()');
my $lines = in_default('busy');
for my $held ('SELECT count(*) FROM analytics.event', 'SELECT count(*) FROM analytics.sales_daily',
	q{SELECT accepted FROM analytics.ingest(shop.events(41, 41))},
	q{INSERT INTO analytics.event (event_id, event_type, occurred_at) VALUES ('direct', 'view_item', '2024-01-01')})
{
	my $session = holds_lock($node, 'busy', $held);
	is($node->safe_psql('busy', 'SELECT analytics.maintain_partitions()'), '0', "the move gives up beside an open transaction: $held");
	is(in_default('busy'), $lines, 'nothing has moved');
	is($node->safe_psql('busy', q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'analytics.event'::regclass}), '2', 'nothing is made');
	is_right($node, 'busy', 'the views are right');
	$node->safe_psql('busy', 'BEGIN; SELECT analytics.ingest(shop.events(42, 42)); SELECT analytics.refresh(); ROLLBACK');
	is($session->query_safe('SELECT 1'), '1', 'the open transaction goes on');
	$session->query_safe('ROLLBACK');
	$session->quit;
}
# One that commits while the move waits for it: the move goes on with its events, or has given up; it does not fail.
for my $held (q{SELECT accepted FROM analytics.ingest(shop.events(43, 43))}, q{SELECT analytics.retract('e3')}, q{SELECT count(*) FROM analytics.event})
{
	my $session = holds_lock($node, 'busy', $held);
	my $move = $node->background_psql('busy', on_error_stop => 0);
	my $pid = $move->query_safe('SELECT pg_backend_pid()');
	$move->query_until(qr/sent/, "\\echo sent\nSELECT analytics.maintain_partitions() >= 0 AS gone_on \\gset\n");
	$node->poll_query_until('busy', "SELECT wait_event_type = 'Lock' OR state = 'idle' FROM pg_stat_activity WHERE pid = $pid")
	  or die 'the move does not come to wait';
	$session->query_safe('COMMIT');
	$session->quit;
	is($move->query(q{SELECT :'gone_on'}), 't', "the move does not fail beside a transaction that commits: $held");
	is($move->{stderr}, '', 'and says nothing');
	$move->quit;
	is_right($node, 'busy', 'the views are right');
}
unpartitioned('quiet', $all_but_the_past);
sell($node, 'quiet', 1, 40);
$node->safe_psql('quiet', 'SELECT analytics.refresh()');
cmp_ok($node->safe_psql('quiet', 'SELECT analytics.maintain_partitions()'), '>', 12, 'when nobody is there, the partitions are made');
is(in_default('quiet'), '0', 'and the events moved');
is_right($node, 'quiet', 'and the views are right');
$node->safe_psql('quiet', 'SELECT analytics.refresh()');
is_merged($node, 'quiet', 'and merged');

done_testing();
