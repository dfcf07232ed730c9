# CREATE DATABASE ... TEMPLATE: a copy of a database goes on by itself, whatever was merged when it was made.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('template');
make_shop($node, 'shop');
sell($node, 'shop', 1, 40);
$node->safe_psql('shop', 'SELECT analytics.refresh()');

# P is left with running ids: one of a transaction that commits afterwards, one of a transaction that never does
my $late = holds_lock($node, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(41, 50))');
my $undone = holds_lock($node, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(901, 910))');
sell($node, 'shop', 51, 60);
$node->safe_psql('shop', 'SELECT analytics.refresh()');
$late->query_safe('COMMIT');
$undone->query_safe('ROLLBACK');
$_->quit for $late, $undone;
sell($node, 'shop', 61, 70);
$node->safe_psql('shop', q{SELECT analytics.retract('e5'), analytics.retract('e65')});
is_right($node, 'shop', 'merged and unmerged events, of transactions that overlapped');

for my $strategy (qw(wal_log file_copy))
{
	$node->safe_psql('postgres', "CREATE DATABASE copy_$strategy TEMPLATE shop STRATEGY $strategy");
	is_right($node, "copy_$strategy", "a copy by $strategy is right at once");
	isnt($node->safe_psql("copy_$strategy", 'SELECT count(*) FROM analytics.rollup_state'), '0', 'without being built anew');
}
is_right($node, 'shop', 'so is the original');

# each goes its own way
sell($node, 'shop', 71, 90);
sell($node, 'copy_wal_log', 81, 110);
$node->safe_psql('copy_wal_log', q{SELECT analytics.retract('e45'); SELECT analytics.refresh()});
is_merged($node, 'copy_wal_log', 'what one took is merged there');
is_right($node, 'shop', 'and does not touch the other');
$node->safe_psql('shop', 'SELECT analytics.refresh()');
is_merged($node, 'shop', 'which merges its own');
$node->safe_psql('copy_file_copy', 'SELECT analytics.refresh()');
is_merged($node, 'copy_file_copy', 'the second copy merges what was waiting when it was made');
is(join(',', map { $node->safe_psql($_, q{SELECT count(*) FROM analytics.event_key WHERE kind = 'o' AND lines > 0}) }
	qw(shop copy_wal_log copy_file_copy)), join(',', 90 - 2, 70 + 30 - 3, 70 - 2), 'each has its own orders');

done_testing();
