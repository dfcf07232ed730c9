# A crash at any point loses nothing and doubles nothing: backends killed in the middle of a merge, a build, a move of
# partitions and an ingest; immediate shutdowns; prepared transactions that survive them.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('crash');
make_shop($node, 'shop');
sub sql { return $node->safe_psql('shop', $_[0]) }
sub state_of_engine { return sql('SELECT name, merged, built_from, rebuilding_from FROM analytics.rollup_state ORDER BY name') }

# A statement of the engine that has come to a stop halfway, at rows of its tables that another session holds.
sub stopped_halfway
{
	my ($statement, $held) = @_;
	my $holder = holds_lock($node, 'shop', $held);
	my ($session, $pid) = waits_for_lock($node, 'shop', $statement);
	return ($pid, $session, $holder);
}

sub killed
{
	my ($pid, @sessions) = @_;
	crash($node, $pid);
	eval { $_->quit } for @sessions;
	return;
}

sub shut_down_at_once
{
	my ($pid, @sessions) = @_;
	$node->stop('immediate');
	eval { $_->quit } for @sessions;
	$node->start;
	return;
}

sell($node, 'shop', 1, 100);
sql('SELECT analytics.refresh()');
is_merged($node, 'shop', 'to begin with, a hundred numbers are merged');

my $monthly = 'SELECT FROM analytics.rollup_sales_monthly FOR UPDATE';
my $number = 100;
for my $crash ([ 'kill -9 of the backend', \&killed ], [ 'an immediate shutdown', \&shut_down_at_once ])
{
	my ($what, $do) = @$crash;

	# new events, retractions that need distinct counts anew, and a prepared transaction from before
	my $prepared = $number + 1;
	sql("BEGIN; SELECT analytics.ingest(shop.events($prepared, $prepared + 4)); PREPARE TRANSACTION 'held'");
	sell($node, 'shop', $number + 6, $number + 40);
	sql("SELECT analytics.retract(k.event_id) FROM analytics.event_key k WHERE k.kind = 'o' AND k.key IN ('o${\($number - 30)}', 'o${\($number + 8)}')");
	my $before = state_of_engine();
	my $merged = lines_merged($node, 'shop');
	$do->(stopped_halfway('SELECT analytics.refresh()', $monthly));
	is(state_of_engine(), $before, "$what in the middle of a refresh: P stands where it stood");
	is(lines_merged($node, 'shop'), $merged, 'nothing is merged');
	is_right($node, 'shop', 'the views are right after recovery');
	sql('SELECT analytics.refresh()');
	is_right($node, 'shop', 'and after the next refresh, the prepared transaction still open');
	sql("COMMIT PREPARED 'held'");
	is_right($node, 'shop', 'and when the prepared transaction has committed');
	sql('SELECT analytics.refresh()');
	is_merged($node, 'shop', 'all of it is merged once');
	$number += 40;

	$before = state_of_engine();
	$do->(stopped_halfway("SELECT analytics.rebuild('sales_monthly')", $monthly));
	is(state_of_engine(), $before, "$what in the middle of a rebuild leaves the old cells");
	is_merged($node, 'shop', 'which are right');

	sql("SELECT analytics.rebuild('sales_daily', 2)");
	$before = state_of_engine();
	sell($node, 'shop', $number + 1, $number + 10);
	$do->(stopped_halfway("SELECT analytics.rebuild('sales_daily', 3)",
		q{SELECT FROM analytics.rollup_sales_daily WHERE bucket < (SELECT rebuilding_from FROM analytics.rollup_state WHERE name = 'sales_daily')
		  ORDER BY bucket DESC LIMIT 1 FOR UPDATE}));
	is(state_of_engine(), $before, "$what in the middle of a rebuild in slices: those that were done are done");
	is_right($node, 'shop', 'and the views are right');
	sql("SELECT analytics.rebuild('sales_daily')");
	sql('SELECT analytics.refresh()');
	is_merged($node, 'shop', 'resumed and merged');
	$number += 10;

	# of two batches in one transaction none is there, and sent again both are new
	my $batch = "analytics.ingest(shop.events(${\($number + 1)}, ${\($number + 20)}))";
	my $claimed = holds_lock($node, 'shop', "SELECT accepted FROM analytics.ingest(shop.events(${\($number + 20)}, ${\($number + 20)}))");
	my ($session, $pid) = waits_for_lock($node, 'shop', "SELECT accepted FROM $batch");
	$do->($pid, $session, $claimed);
	is(sql("SELECT count(*) FROM analytics.event_key k JOIN jsonb_array_elements(shop.events(${\($number + 1)}, ${\($number + 20)})) e
		ON k.key IN (e ->> 'event_id', e ->> 'order_id') AND (e ->> 'event' = 'purchase') = (k.kind = 'o')"), '0',
		"$what in the middle of an ingest leaves nothing of it, nor of one before it in an open transaction");
	is(sql("SELECT accepted = jsonb_array_length(shop.events(${\($number + 1)}, ${\($number + 20)})), duplicates FROM $batch"), 't|0',
		'sent again, every event is new');
	is(sql("SELECT accepted, duplicates = jsonb_array_length(shop.events(${\($number + 1)}, ${\($number + 20)})) FROM $batch"), '0|t',
		'and once more, none');
	$number += 20;
	is_right($node, 'shop', 'and the views are right');
}

# After COMMIT nothing is lost, merged or not.
sell($node, 'shop', $number + 1, $number + 10);
sql('SELECT analytics.refresh()');
sell($node, 'shop', $number + 11, $number + 20);
my $state = state_of_engine();
my $merged = lines_merged($node, 'shop');
my $open = holds_lock($node, 'shop', "SELECT analytics.ingest(shop.events(${\($number + 21)}, ${\($number + 30)}))",
	'SELECT analytics.refresh()');
$node->stop('immediate');
eval { $open->quit };
$node->start;
is(state_of_engine(), $state, 'a crash after the commit: P stands where it was moved to');
is(lines_merged($node, 'shop'), $merged, 'and what was merged is merged');
is_right($node, 'shop', 'the tail is there, and an open transaction that had ingested and refreshed is not');
sell($node, 'shop', $number + 21, $number + 30);
sql('SELECT analytics.refresh()');
is_merged($node, 'shop', 'what it had ingested is taken when it comes again');

# Without synchronous commit the last transactions may be gone; what is there agrees.
sql("SET synchronous_commit = off; SELECT analytics.ingest(shop.events(${\($number + 31)}, ${\($number + 40)})); SELECT analytics.refresh();
	SELECT analytics.ingest(shop.events(${\($number + 41)}, ${\($number + 50)}))");
$node->stop('immediate');
$node->start;
is_right($node, 'shop', 'right after a crash that may have lost asynchronous commits');
sql("SELECT analytics.ingest(shop.events(${\($number + 31)}, ${\($number + 50)})); SELECT analytics.refresh()");
is_merged($node, 'shop', 'and sent again, all is there once');
is(sql("SELECT count(*) FROM analytics.event_key WHERE kind = 'o' AND lines > 0"), $number + 50 - 4, 'every order but the four retracted counts');

done_testing();
