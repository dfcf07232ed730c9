# Who meets what a prepared transaction holds waits for its outcome, like for any other: the same event, the same order, the
# engine. (What refreshes and views make of prepared transactions: tests/isolation/specs/prepared_transactions.spec.)
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('prepared');
make_shop($node, 'shop');
sub sql { return $node->safe_psql('shop', $_[0]) }

my $number = 0;
for my $outcome ('COMMIT', 'ROLLBACK')
{
	my $known = $outcome eq 'COMMIT';
	for my $case ([ 0, 0 ], [ 0, 1 ], [ 1, 0 ], [ 1, 1 ])
	{
		my ($direct, $after_crash) = @$case;
		my $n = ++$number;
		my $what = ($direct ? 'the order written directly' : 'the same event') . " and $outcome PREPARED" . ($after_crash ? ' after a crash' : '');
		sql("BEGIN; SELECT analytics.ingest(shop.events($n, $n)); PREPARE TRANSACTION 'held'");
		if ($after_crash)
		{
			$node->stop('immediate');
			$node->start;
		}
		my ($session) = $direct
		  ? waits_for_lock($node, 'shop', "INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id) VALUES ('other $n', 'purchase', '2024-01-01', 'o$n')")
		  : waits_for_lock($node, 'shop', "SELECT accepted > 0, duplicates > 0 FROM analytics.ingest(shop.events($n, $n))");
		is_right($node, 'shop', "$what: right while it waits");
		sql("$outcome PREPARED 'held'");
		my $answer = $session->query('SELECT 1') =~ s/\n?1\z//r;
		my $refused = $session->{stderr} =~ /event is known already/;
		$session->quit;
		is($answer, $direct ? '' : $known ? 'f|t' : 't|f', "$what: it is then " . ($known ? 'a duplicate' : 'new'));
		is($refused ? 'refused' : 'taken', $known ? 'refused' : 'taken', "$what: with 23505 if it is known") if $direct;
		is_right($node, 'shop', "$what: right afterwards");
		is(sql("SELECT count(*) FROM analytics.current_event WHERE order_id = 'o$n' AND event_type = 'purchase' AND line = 1"), '1', "$what: once");
	}
}

# A prepared refresh holds the engine: others wait, or leave if they would not wait; writers and readers go on.
for my $outcome ('COMMIT', 'ROLLBACK')
{
	my $n = $number += 10;
	sell($node, 'shop', $n, $n + 4);
	sql("BEGIN; SELECT analytics.refresh(); PREPARE TRANSACTION 'refresh'");
	sell($node, 'shop', $n + 5, $n + 9);
	is_right($node, 'shop', 'right beside a prepared refresh');
	is(sql('SELECT analytics.refresh(wait => false) IS NULL'), 't', 'a refresh that would not wait leaves');
	my ($session) = waits_for_lock($node, 'shop', 'SELECT analytics.refresh()');
	sql("$outcome PREPARED 'refresh'");
	$session->query_safe('SELECT 1');
	$session->quit;
	is_merged($node, 'shop', "$outcome PREPARED of a refresh, and what waited for it");
}

done_testing();
