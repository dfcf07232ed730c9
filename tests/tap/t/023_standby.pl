# A physical standby shows right figures at any moment, writes nothing, and goes on after promotion.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1);
make_shop($primary, 'shop');
sell($primary, 'shop', 1, 40);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1s\n");
$standby->start;

sub sql { return $primary->safe_psql('shop', $_[0]) }

sub both_right
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_right($primary, 'shop', "$name: the primary is right");
	$primary->wait_for_catchup($standby, 'replay');
	is_right($standby, 'shop', "$name: the standby is right");
	my $figures = 'SELECT * FROM analytics.sales_daily ORDER BY 1, 2, 3, 4, 5';
	is($standby->safe_psql('shop', $figures), sql($figures), "$name: both show the same");
	return;
}

both_right('nothing merged');
sql('SELECT analytics.refresh()');
both_right('all merged');
sell($primary, 'shop', 41, 60);
sql(q{SELECT analytics.retract('e7'), analytics.retract('e44')});
both_right('merged and unmerged, lines taken back in both');

# transactions open on the primary, before and after P is taken
my $early = holds_lock($primary, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(61, 70))');
sql(q{BEGIN; SELECT analytics.ingest(shop.events(71, 75)); PREPARE TRANSACTION 'kept'});
sql(q{BEGIN; SELECT analytics.ingest(shop.events(76, 80)); PREPARE TRANSACTION 'dropped'});
sell($primary, 'shop', 81, 90);
sql('SELECT analytics.refresh()');
my $late = holds_lock($primary, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(91, 95))');
sell($primary, 'shop', 96, 100);
both_right('with open and prepared transactions');
my $watching = holds_lock($standby, 'shop', 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'SELECT sum(events) FROM analytics.sales_daily');
$primary->poll_query_until('shop', 'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication')
  or die 'the primary does not learn of the old snapshot on the standby';
$early->query_safe('COMMIT');
sql(q{COMMIT PREPARED 'kept'});
sql(q{ROLLBACK PREPARED 'dropped'});
both_right('some of which have ended');
is($watching->query_safe('SELECT * FROM oracle.differences()'), '', 'an old snapshot on the standby is right too');
$watching->quit;
sql('SELECT analytics.refresh()');
$late->query_safe('ROLLBACK');
both_right('all of which have ended, and all merged');
sql(q{BEGIN; SELECT analytics.ingest(shop.events(61 + 50, 115)); PREPARE TRANSACTION 'at promotion'});
sell($primary, 'shop', 116, 120);
sql('SELECT analytics.refresh()');
sell($primary, 'shop', 121, 125);
both_right('before promotion');

# reads only
refused($standby, 'shop', 'SELECT analytics.refresh()', '25006', qr/a standby does not refresh.*HINT:/s, 'refresh() on the standby says where to call it');
refused($standby, 'shop', $_, '25006', qr/read-only|recovery/, "no writing on the standby: $_")
  for 'SELECT analytics.ingest(shop.events(500, 500))', q{SELECT analytics.retract('e1')}, q{SELECT analytics.rebuild('sales_daily')},
  q{SELECT analytics.set_setting('clock', 'data')};
is($standby->safe_psql('shop', q{SELECT string_agg(status, ',' ORDER BY name) <> '' FROM analytics.rollup_status}), 't', 'rollup_status can be read');
is($standby->safe_psql('shop', q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}), '', 'and reconcile() finds nothing');
is($standby->safe_psql('shop', q{SELECT event_id, outcome FROM analytics.validate(shop.events(1, 1) || shop.events(901, 901)) ORDER BY index}),
	"e1|duplicate\ne901|accepted", 'validate() tells what the primary would do');

$primary->stop('immediate');
$standby->promote;
is_right($standby, 'shop', 'promoted: right at once');
sell($standby, 'shop', 126, 130);
is_right($standby, 'shop', 'promoted: with new events');
$standby->safe_psql('shop', 'SELECT analytics.refresh()');
is_right($standby, 'shop', 'promoted: refreshed, a prepared transaction still open');
$standby->safe_psql('shop', q{COMMIT PREPARED 'at promotion'});
is_right($standby, 'shop', 'promoted: which commits');
$standby->safe_psql('shop', 'SELECT analytics.refresh()');
is_merged($standby, 'shop', 'promoted: and is merged');
is($standby->safe_psql('shop', q{SELECT count(*) FROM analytics.event_key WHERE kind = 'o' AND lines > 0}), 60 + 10 + 5 + 10 + 5 + 5 + 5 + 5 + 5 - 2,
	'no order is lost, none twice');
eval { $_->quit } for $early, $late;

done_testing();
