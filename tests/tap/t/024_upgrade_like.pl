# What time and pg_upgrade do to transaction ids: everything frozen, the epoch moved on, ids far ahead. Stamps and P are
# 64 bits wide and go on meaning what they meant.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('ages');
make_shop($node, 'shop');
sub sql { return $node->safe_psql('shop', $_[0]) }

# merged events, P with running ids, events that wait, lines taken back
sell($node, 'shop', 1, 40);
sql('SELECT analytics.refresh()');
my $late = holds_lock($node, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(41, 50))');
sell($node, 'shop', 51, 60);
sql('SELECT analytics.refresh()');
$late->query_safe('COMMIT');
$late->quit;
sell($node, 'shop', 61, 70);
sql(q{SELECT analytics.retract('e5'), analytics.retract('e55'), analytics.retract('e65')});
my $state = sql('SELECT name, merged FROM analytics.rollup_state ORDER BY name');
is_right($node, 'shop', 'merged and unmerged events');

$node->safe_psql($_, 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING)') for qw(postgres template1 shop);
is(sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 't') AND age(relfrozenxid) > 100}),
	'0', 'all tables are frozen');
is_right($node, 'shop', 'right when everything is frozen');

my ($highest, $old) = split /\|/, sql('SELECT max(stamp), count(*) FROM analytics.event');
for my $epoch (1, 2)
{
	$node->stop;
	command_ok([ 'pg_resetwal', '-e', $epoch, $node->data_dir ], "the epoch is set to $epoch");
	$node->start;
	cmp_ok(sql('SELECT pg_current_xact_id()'), '>', $epoch * 2**32, 'and holds');
	is(sql('SELECT name, merged FROM analytics.rollup_state ORDER BY name'), $state, 'P is what it was');
	is_right($node, 'shop', "right in epoch $epoch");
	sell($node, 'shop', $epoch * 100, $epoch * 100 + 20);
	sql(qq{SELECT analytics.retract('e${\($epoch + 50)}')});
	cmp_ok(sql('SELECT max(stamp) FROM analytics.event'), '>', $epoch * 2**32, 'new events are stamped in it');
	is_right($node, 'shop', 'right with events of both epochs');
	is(sql('SELECT analytics.refresh() > 0'), 't', 'they are merged');
	is_merged($node, 'shop', 'merged over both epochs');
	is(sql('SELECT analytics.refresh()'), '0', 'once');
	sell($node, 'shop', $epoch * 100 + 21, $epoch * 100 + 25);
	is_right($node, 'shop', 'and with more to merge');
	$state = sql('SELECT name, merged FROM analytics.rollup_state ORDER BY name');
}
is(sql("SELECT count(*) FROM analytics.event WHERE stamp <= '$highest'"), $old, 'no row was stamped again');

done_testing();
