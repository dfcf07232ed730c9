# The processes of the HTTP server: when they run, how they end, and what becomes of them with the database.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use HTTP::Tiny;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $node = preloaded_server('http', "analytics.http_port = $port\nanalytics.http_executors = 3\nanalytics.http_anon_role = 'web'\nmax_worker_processes = 12\n");
sub admin { return $node->safe_psql('postgres', $_[0]) }
sub sql { return $node->safe_psql('shop', $_[0]) }

sub get
{
	my ($path) = @_;
	return HTTP::Tiny->new(timeout => 60)->get("http://127.0.0.1:$port$path");
}

# PostgreSQL::Test::Utils has a time limit of its own for such waits; this is the same for what is no SQL.
sub until_true
{
	my ($condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return pass($name) if $condition->();
		select(undef, undef, undef, 0.1);
	}
	return fail($name);
}

sub serves
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return until_true(sub { my $health = get('/api/health'); $health->{status} == 200 && $health->{content} =~ /"running":3/ }, $name);
}

sub pids { return join ' ', sort split /\n/, admin("SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics $_[0]'") }

# Without the role nobody gets a port opened.
my $offset = -s $node->logfile;
make_shop($node, 'shop');
has_worker($node, 'shop', 'a database with the extension');
says($node, 'HTTP is not served: there is no role for its sessions', $offset, 'without the role HTTP is not served, and it is said');
is(pids('gateway'), '', 'there is no gateway');
admin('CREATE ROLE web; CREATE ROLE analytics_authenticator LOGIN NOINHERIT; GRANT web TO analytics_authenticator');
sql(q{SELECT analytics.grant_access('web', 'reader')});
serves('CREATE ROLE is enough');
is(count_in_log($node, 'HTTP is not served', $offset), 1, 'it was said once');
is(admin(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'analytics%' AND usename = 'analytics_authenticator' AND datname = 'shop'}),
	'3', 'the executors are the authenticator, in the database');
like(sql('SELECT string_agg(worker, $$,$$ ORDER BY worker) FROM analytics.running_workers()'), qr/^gateway,launcher,refresh$/, 'running_workers() knows the gateway');

# A gateway that is terminated, and one that is killed.
my ($gateway, $executors) = (pids('gateway'), pids('executor'));
kill 'TERM', $gateway;
until_true(sub { my $now = pids('gateway'); $now ne '' && $now ne $gateway }, 'a gateway that is terminated is replaced');
serves('and serves');
isnt(pids('executor'), $executors, 'with executors of its own');
$gateway = pids('gateway');
crash($node, $gateway);
serves('after a crash of the server it serves again');

# Many signals while processes are leaving.
for my $round (1 .. 3)
{
	my @pids = split ' ', pids('executor');
	for (1 .. 50) { kill 'TERM', @pids; }
	serves("executors that are told to stop again and again leave and come back ($round)");
}
unlike(slurp_file($node->logfile, $offset), qr/signal 11/, 'none of them crashed');

# Stop: below 5 seconds, with a request under way and an idle connection.
my $visualize = $node->safe_psql('shop', q{SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.proname = 'visualize' AND p.pronamespace = 'analytics'::regnamespace});
sql(q{CREATE OR REPLACE FUNCTION analytics.visualize(metric text DEFAULT NULL, grain text DEFAULT 'day', "by" text DEFAULT NULL, "from" timestamp DEFAULT NULL,
	"to" timestamp DEFAULT NULL, compare text DEFAULT 'none', filters jsonb DEFAULT '{}', "limit" integer DEFAULT 10, store text DEFAULT 'main', currency text DEFAULT NULL,
	basis text DEFAULT 'refund') RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(metric::float8); RETURN '{}'; END $$});
my $idle = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
my $busy = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
print $busy "GET /api/visualize?metric=3600 HTTP/1.1\r\nHost: x\r\n\r\n";
my $short = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
print $short "GET /api/visualize?metric=1 HTTP/1.1\r\nHost: x\r\n\r\n";
$node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}) or die 'nobody sleeps';
admin('CHECKPOINT');
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', '5', 'stop' ], 'the server stops fast though requests are under way');
$node->_update_pid(0);
is(scalar(<$short>), "HTTP/1.1 200 OK\r\n", 'a short one is finished');
like(scalar(<$busy>) // '', qr{^HTTP/1.1 50[34] }, 'a long one is told');
is(scalar(<$idle>), undef, 'an idle connection is closed');
$node->start;
serves('and serves again after the start');
sql($visualize);

# Databases.
admin('ALTER DATABASE shop RENAME TO store');
until_true(sub { get('/api/health')->{content} =~ /"database":"store"/ }, 'a database that is renamed is served on');
admin('CREATE DATABASE copy TEMPLATE store');
says($node, 'HTTP is not served: several databases have the extension', $offset, 'with two it must be said which');
admin(q{ALTER SYSTEM SET analytics.http_database = 'copy'});
$node->reload;
until_true(sub { get('/api/health')->{content} =~ /"database":"copy"/ }, 'and then that one is served');
admin('DROP DATABASE copy WITH (FORCE)');
until_true(sub { pids('gateway') eq '' && pids('executor') eq '' }, 'a database that is dropped is served no more');
admin(q{ALTER SYSTEM RESET analytics.http_database});
$node->reload;
serves('the one that is left is');

# By hand.
has_worker($node, 'store', 'there is a refresh worker');
is(pids('gateway') =~ /^[0-9]+$/, 1, 'and a gateway');
is($node->safe_psql('store', 'SELECT analytics.stop_workers() >= 2'), 't', 'stop_workers() stops all of them');
is(pids('gateway') . pids('executor'), '', 'they are gone');
$node->safe_psql('store', 'SELECT analytics.start_workers()');
serves('start_workers() brings them back');
$node->safe_psql('store', 'DROP EXTENSION analytics CASCADE');
until_true(sub { pids('gateway') eq '' }, 'without the extension there is nothing to serve');
admin(q{ALTER SYSTEM SET analytics.http_database = 'store'});
$node->reload;
until_true(sub { my $health = get('/api/health'); $health->{status} == 503 && $health->{content} =~ /does not answer/ }, 'but where the database is named it says 503');
admin('ALTER SYSTEM SET analytics.http_port = 0');
$node->reload;
until_true(sub { pids('gateway') eq '' }, 'port 0 ends it');

# Worker slots that run out: said once, and health says so; whoever got one serves.
my $small = preloaded_server('small', "analytics.http_port = $port\nanalytics.http_executors = 8\nanalytics.http_anon_role = 'web'\nmax_worker_processes = 6\n");
$small->safe_psql('postgres', 'CREATE ROLE web; CREATE ROLE analytics_authenticator LOGIN NOINHERIT; GRANT web TO analytics_authenticator');
make_shop($small, 'shop');
until_true(sub { my $health = get('/api/health')->{content} // ''; $health =~ /"status":"degraded"/ && $health =~ /max_worker_processes/ }, 'health says that slots are missing');
like(get('/api/health')->{content}, qr/"configured":8,"running":2/, 'two of eight run');
is(count_in_log($small, 'no background worker slot is free for'), 1, 'it is said once in the log');
$small->stop;

# A standby serves what is read; promoted, it serves all.
my $primary = preloaded_server('primary', "analytics.http_port = 0\nanalytics.http_executors = 3\nanalytics.http_anon_role = 'web'\nanalytics.http_database = 'shop'\n"
	. "max_worker_processes = 12\nwal_level = replica\nmax_wal_senders = 4\n");
$primary->safe_psql('postgres', 'CREATE ROLE web; CREATE ROLE analytics_authenticator LOGIN NOINHERIT; GRANT web TO analytics_authenticator');
make_shop($primary, 'shop');
sell($primary, 'shop', 1, 20);
$primary->safe_psql('shop', q{SELECT analytics.grant_access('web', 'reader')});
my $key = $primary->safe_psql('shop', q{SELECT analytics.create_ingest_key('standby')});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "analytics.http_port = $port\n");
$standby->start;
serves('a standby serves');
like(get('/api/health')->{content}, qr/"status":"standby".*"problems":\[\]/, 'and says what it is');
is(get('/api/visualize?metric=orders')->{status}, 200, 'reports are read from it');
sub ingest { return HTTP::Tiny->new->post("http://127.0.0.1:$port/api/ingest", { headers => { authorization => "Bearer $key", 'content-type' => 'application/json' }, content => '[{"event":"login"}]' }) }
my $refused = ingest();
is($refused->{status}, 405, 'events are not taken');
like($refused->{content}, qr/"code":"25006"/, 'with the SQLSTATE of a standby');
$primary->stop('immediate');
$standby->promote;
until_true(sub { get('/api/health')->{content} =~ /"status":"ok"/ }, 'promoted, it is a primary');
is(ingest()->{status}, 200, 'and takes events');
has_worker($standby, 'shop', 'with a refresh worker');
$standby->stop;

# Where nothing is preloaded: by hand.
my $plain = new_server('plain');
$plain->append_conf('postgresql.conf', "analytics.http_port = $port\nanalytics.http_executors = 3\nanalytics.http_anon_role = 'web'\nmax_worker_processes = 12\n");
$plain->restart;
$plain->safe_psql('postgres', 'CREATE ROLE web; CREATE ROLE analytics_authenticator LOGIN NOINHERIT; GRANT web TO analytics_authenticator');
make_shop($plain, 'shop');
is(get('/')->{status}, 599, 'nothing listens by itself');
is($plain->safe_psql('shop', 'SELECT analytics.start_workers()'), '2', 'start_workers() starts the refresh worker and the gateway');
serves('which serves');
is($plain->safe_psql('shop', 'SELECT analytics.start_workers()'), '0', 'and is enough');
is($plain->safe_psql('shop', 'SELECT analytics.stop_workers() > 1'), 't', 'stop_workers() stops them');
is(get('/')->{status}, 599, 'and nothing listens');

done_testing();
