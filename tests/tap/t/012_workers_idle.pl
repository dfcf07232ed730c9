# A database in which nothing happens: workers look, and leave no trace.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Autovacuum is off; checkpoints are far apart. Everything else is as in production.
my $node = preloaded_server('idle', "wal_level = replica\ncheckpoint_timeout = 1d\n");
make_shop($node, 'shop');
$node->safe_psql('postgres', 'CREATE DATABASE other');
sell($node, 'shop', 1, 60);
gets_merged($node, 'shop', 'something was merged');

sub written { return $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn(), pg_current_wal_lsn()') }
sub next_id { return $node->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())') }

# Here the passing of time is what is tested.
sub let_pass
{
	my ($seconds) = @_;
	my $end = $node->safe_psql('postgres', "SELECT clock_timestamp() + interval '$seconds s'");
	$node->poll_query_until('postgres', "SELECT clock_timestamp() >= '$end'") or die 'time stands still';
	return $end;
}

# What was done leaves a last record behind it: the list of running transactions, by the background writer, within 15 s.
my ($written, $tries) = ('', 0);
while ($written ne written())
{
	die 'the server does not come to rest' if ++$tries > 10;
	$written = written();
	let_pass(40);
}

my $id = next_id();
my $minute_begins = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
let_pass(65);
is(written(), $written, 'no WAL in an idle minute');
is(next_id(), $id, 'and no transaction id');
is($node->safe_psql('postgres', "SELECT backend_type FROM pg_stat_activity
	WHERE backend_type LIKE 'analytics%' AND xact_start IS NULL AND query_start > '$minute_begins' ORDER BY 1"),
	"analytics launcher\nanalytics refresh", 'though both did look');
sell($node, 'shop', 61, 70);
gets_merged($node, 'shop', 'and would have merged');

done_testing();
