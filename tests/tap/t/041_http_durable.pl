# What the HTTP server has answered 200 is there, once, whatever happened: processes killed, the server killed, a fast stop, executors
# terminated, all of it under sixteen clients that send as fast as they can and send again what was not answered. They keep the ledger.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use HTTP::Tiny;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $clients = 16;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $node = preloaded_server('durable', "analytics.http_port = $port\nanalytics.http_executors = 4\nanalytics.http_anon_role = 'web'\nmax_worker_processes = 12\n"
	. "fsync = on\n");
$node->safe_psql('postgres', 'CREATE ROLE web; CREATE ROLE analytics_authenticator LOGIN NOINHERIT; GRANT web TO analytics_authenticator');
make_shop($node, 'shop');
my $key = $node->safe_psql('shop', q{SELECT analytics.create_ingest_key('durable')});
my $directory = PostgreSQL::Test::Utils::tempdir();

sub until_true
{
	my ($condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for (1 .. 50 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return pass($name) if $condition->();
		select(undef, undef, undef, 0.02);
	}
	return fail($name);
}

sub serves
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return until_true(sub { (HTTP::Tiny->new(timeout => 60)->get("http://127.0.0.1:$port/api/health")->{content} // '') =~ /"running":4/ }, $name);
}

sub pids { return split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics $_[0]'") }

# One client: events of its own one after the other, each again until it is answered 200; those go to its ledger.
sub client
{
	my ($round, $number) = @_;
	open my $ledger, '>', "$directory/$round.$number" or die $!;
	$ledger->autoflush(1);
	my $http = HTTP::Tiny->new(timeout => 20, keep_alive => 1);
	my $over = sub { -e "$directory/$round.stop" || getppid() == 1 };  # or the test has died
	for (my $event = 1; !$over->(); $event++)
	{
		my $body = qq({"event":"view_item","event_id":"$round-$number-$event"});
		my $taken = 0;
		while (!$taken && !$over->())
		{
			my $answer = $http->post("http://127.0.0.1:$port/api/ingest", { headers => { authorization => "Bearer $key", 'content-type' => 'application/json' }, content => $body });
			$taken = $answer->{status} == 200;
			print $ledger "$round-$number-$event\n" if $taken;
			select(undef, undef, undef, 0.02) if $answer->{status} == 599;  # as a client that finds nobody there does
			# what is no answer to be expected is told by the ledger's last line
			if (!$taken && $answer->{status} !~ /^(503|599)$/) { print $ledger "status $answer->{status} $answer->{content}\n"; return; }
		}
	}
	return;
}

sub acknowledged
{
	my ($round) = @_;
	my $ledgers = join '', map { -e $_ ? slurp_file($_) : '' } map { "$directory/$round.$_" } 1 .. $clients;
	die "a client was answered $1" if $ledgers =~ /^(status .*)/m;
	return scalar(() = $ledgers =~ /\n/g);
}

# While the clients send, does this; then compares.
sub under_load
{
	my ($round, $do, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @children;
	for my $number (1 .. $clients)
	{
		my $child = fork();
		die 'fork' unless defined $child;
		if ($child == 0) { client($round, $number); require POSIX; POSIX::_exit(0); }
		push @children, $child;
	}
	my $more = sub { my $before = acknowledged($round); my $until = $before + 200; until_true(sub { acknowledged($round) >= $until }, "$name: they are served") };
	$more->();
	$do->($more);
	open my $stop, '>', "$directory/$round.stop" or die $!;
	close $stop;
	waitpid $_, 0 for @children;
	serves("$name: it serves") if $round ne 'stop';
	$node->start if $round eq 'stop';
	my @ledger = map { split /\n/, slurp_file("$directory/$round.$_") } 1 .. $clients;
	is(join("\n", grep { /status/ } @ledger), '', "$name: each answer was 200, or that it is to be sent again");
	my %there = map { split /\|/ } split /\n/, $node->safe_psql('shop', "SELECT event_id, count(*) FROM analytics.event WHERE event_id LIKE '$round-%' GROUP BY 1");
	my @lost = grep { !$there{$_} } @ledger;
	my @twice = grep { $there{$_} != 1 } keys %there;
	is(scalar(@lost), 0, "$name: nothing that was acknowledged is lost, of " . scalar(@ledger)) or diag("@lost[0 .. 5]");
	is(scalar(@twice), 0, "$name: nothing is there twice") or diag("@twice[0 .. 5]");
	cmp_ok(scalar(keys %there), '<=', scalar(@ledger) + $clients, "$name: nothing else but the last of each client");
	return;
}

serves('to begin with it serves');
under_load('executors', sub {
	my ($more) = @_;
	for (1 .. 5) { kill 'TERM', pids('executor'); $more->(); }
}, 'executors that are told to stop');
under_load('children', sub {
	my ($more) = @_;
	for my $kind ('executor', 'gateway', 'executor') { crash($node, (pids($kind))[0]); $more->(); }
}, 'processes that are killed');
under_load('server', sub {
	my ($more) = @_;
	for (1 .. 2)
	{
		my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		$node->kill9;
		until_true(sub { !kill 0, $postmaster }, 'it is gone');
		# its processes leave when they see that; until then their memory is in use, and no start succeeds
		until_true(sub { system_log('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') == 0 }, 'it starts again');
		$node->_update_pid(1);
		$more->();
	}
}, 'a server that is killed');

# Where nothing else waits for the disk, answers do.
$node->append_conf('postgresql.conf', "synchronous_commit = off\nwal_writer_delay = 10s\n");
$node->restart;
serves('it serves without synchronous commits');
under_load('asynchronous', sub {
	my ($more) = @_;
	$node->stop('immediate');
	$node->start;
	$more->();
}, 'without synchronous commits');

# A fast stop under load: 5 seconds, and all that was answered is there.
under_load('stop', sub {
	$node->safe_psql('postgres', 'CHECKPOINT');
	my $began = time();
	command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', '5', 'stop' ], 'it stops within five seconds');
	$node->_update_pid(0);
}, 'a fast stop');
serves('it serves after the start');

# A database that goes away under them.
my $http = HTTP::Tiny->new(timeout => 60);
my $child = fork();
if ($child == 0) { client('drop', 1); require POSIX; POSIX::_exit(0); }
until_true(sub { acknowledged('drop') > 20 }, 'a client is served');
$node->safe_psql('postgres', 'DROP DATABASE shop WITH (FORCE)');
until_true(sub { !pids('gateway') && !pids('executor') }, 'a database that is dropped under load is served no more');
open my $stop, '>', "$directory/drop.stop" or die $!;
close $stop;
waitpid $child, 0;
unlike(slurp_file("$directory/drop.1"), qr/status/, 'and its client heard nothing but 200 and 503');
unlike(slurp_file($node->logfile), qr/signal 11|PANIC/, 'nothing crashed by itself');
$node->stop;

done_testing();
