# Workers where the library is not preloaded; and a standby, with and without.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('by_hand', allows_streaming => 1);
# One slot for PostgreSQL's own launcher, one for a worker.
$node->append_conf('postgresql.conf', "max_worker_processes = 2\n");
$node->restart;
sub admin { return $node->safe_psql('postgres', $_[0]) }
sub as_keeper { return $node->safe_psql('shop', $_[0], extra_params => [ '-U', 'keeper' ]) }

admin('CREATE ROLE keeper LOGIN');
make_shop($node, 'shop', 'keeper');
make_shop($node, 'branch');
sell($node, 'shop', 1, 60);
is(worker_pid($node, 'shop'), '', 'nothing starts by itself');
is(as_keeper('SELECT analytics.stop_workers()'), '0', 'there is nothing to stop');
is(as_keeper('SELECT analytics.start_workers()'), '1', 'the owner starts a worker');
is(as_keeper('SELECT analytics.start_workers()'), '0', 'which is enough');
has_worker($node, 'shop', 'it is there');
is(as_keeper('SELECT * FROM analytics.running_workers()'), 'refresh|' . worker_pid($node, 'shop'), 'as the owner can see');
gets_merged($node, 'shop', 'and merges');
refused($node, 'branch', 'SELECT analytics.start_workers()', '53400', qr/HINT:.*max_worker_processes/, 'no slot is left for another');

$node->append_conf('postgresql.conf', "analytics.refresh_interval = '10ms'\n");
$node->reload;
sell($node, 'shop', 61, 80);
gets_merged($node, 'shop', 'it follows the settings');

my $pid = worker_pid($node, 'shop');
my $offset = -s $node->logfile;
crash($node, $pid);
has_new_worker($node, 'shop', $pid, 'after kill -9 it is back');
sell($node, 'shop', 81, 100);
gets_merged($node, 'shop', 'and every line is merged once');

# Stopped in the middle of a step it stays down: the postmaster brings back what ends with anything but 0.
my $real_step = replace_step($node, 'shop', 'BEGIN PERFORM pg_sleep(3600); RETURN false; END');
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'shop' AND wait_event = 'PgSleep'});
$offset = -s $node->logfile;
is(as_keeper('SELECT analytics.stop_workers()'), '1', 'the owner stops it');
is(worker_pid($node, 'shop'), '', 'it is gone');
$node->safe_psql('shop', $real_step);
is($node->safe_psql('branch', 'SELECT analytics.start_workers()'), '1', 'and its slot is free');
unlike(slurp_file($node->logfile, $offset), qr/"analytics refresh.*exited with exit code/, 'for good');
is($node->safe_psql('branch', 'SELECT analytics.stop_workers()'), '1', 'and again');
is(as_keeper('SELECT analytics.stop_workers(), analytics.start_workers(), analytics.start_workers(), analytics.stop_workers()'), '0|1|0|1',
	'in one statement');

admin('CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION hll');
refused($node, 'fresh', 'BEGIN; CREATE EXTENSION analytics; SELECT analytics.start_workers()', '55000', qr/HINT:.*Commit/,
	'a worker cannot see what is not committed');

as_keeper('SELECT analytics.start_workers()');
has_worker($node, 'shop', 'a worker to be in the way');
as_keeper('DROP EXTENSION analytics CASCADE');
has_no_worker($node, 'shop', 'it leaves when the extension does');
admin('DROP DATABASE shop');
$node->safe_psql('branch', 'SELECT analytics.start_workers()');
admin('DROP DATABASE branch WITH (FORCE)');
is(admin(q{SELECT count(*) FROM pg_database WHERE datname IN ('shop', 'branch')}), '0', 'databases with workers can be dropped');

# A standby: nothing runs, nothing fails, figures are right; promoted, it goes on.
my $primary = preloaded_server('primary', "wal_level = replica\nmax_wal_senders = 4\n");
make_shop($primary, 'shop');
sell($primary, 'shop', 1, 60);
gets_merged($primary, 'shop', 'a primary');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql('shop', 'SELECT analytics.stop_workers()');
sell($primary, 'shop', 61, 80);
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'analytics%' AND backend_type <> 'analytics launcher'}), '0',
	'a standby has no workers');
is($standby->safe_psql('shop', 'SELECT analytics.stop_workers()'), '0', 'so none can be stopped');
refused($standby, 'shop', 'SELECT analytics.start_workers()', '25006', qr/HINT:.*primary/, 'or started');
$offset = -s $standby->logfile;
is_right($standby, 'shop', 'its figures are right');
$primary->stop('immediate');
$standby->promote;
has_worker($standby, 'shop', 'promoted, it has its worker');
gets_merged($standby, 'shop', 'which merges what was left');
unlike(slurp_file($standby->logfile, $offset), qr/(ERROR|WARNING):|FATAL:.*worker/, 'and nothing of it was a trouble');

done_testing();
