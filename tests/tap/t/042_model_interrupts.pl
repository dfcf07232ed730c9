# A model that is computed: pg_stat_activity says how far it is, and whatever ends a statement ends it. The computation that stands
# for all is k-means with so many restarts that it would take hours.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('models');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION hll;
CREATE EXTENSION analytics;
CREATE TABLE cloud AS SELECT array_agg(ARRAY[i % 10009, i % 20011, i % 7919]::float8[]) AS points FROM generate_series(1, 200000) i;
SQL
sub sql { return $node->safe_psql('shop', $_[0]) }

my $endless = "SELECT analytics.kmeans(points, 100, restarts => 1000, max_iterations => 100000) FROM cloud";
my $progress = 'analytics: k-means, k = 100, restart [0-9]+ of 1000(, iteration [0-9]+)?';

# A session that computes, and its process id, once its progress has been seen.
sub computing
{
	my (@before) = @_;
	my $session = $node->background_psql('shop', on_error_stop => 0);
	$session->set_query_timer_restart;
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe($_) for @before;
	$session->query_until(qr/sent/, "\\set VERBOSITY verbose\n\\echo sent\n$endless;\n");
	$node->poll_query_until('shop', "SELECT state = 'active' AND query ~ '^$progress\$' FROM pg_stat_activity WHERE pid = $pid")
	  or die 'no progress is seen';
	return ($session, $pid);
}

sub threads_of
{
	my ($pid) = @_;
	opendir(my $tasks, "/proc/$pid/task") or return 0;
	return scalar(grep { /^\d+$/ } readdir($tasks));
}

for my $threads (1, 4)
{
	my ($session, $pid) = computing("SET analytics.max_threads = $threads");
	is(threads_of($pid), 1 + $threads, "$threads of the computation, and the backend's own");
	sql("SELECT pg_cancel_backend($pid)");
	ok($node->poll_query_until('shop', "SELECT state = 'idle' AND query ~ '^SELECT analytics.kmeans' FROM pg_stat_activity WHERE pid = $pid"),
		'pg_stat_activity shows the statement again');
	is($session->query('SELECT 1') =~ s{\n\z}{}r, '1', 'the session goes on after a cancel');
	like($session->{stderr}, qr/ERROR:  57014: canceling statement due to user request/, "a cancel ends it ($threads threads)");
	is(threads_of($pid), 1, 'no thread is left');
	$session->quit;
}

# In a transaction block, with a savepoint: the rest of the transaction is as after any error.
my ($session, $pid) = computing('BEGIN', 'CREATE TABLE kept (x integer)', 'SAVEPOINT s');
sql("SELECT pg_cancel_backend($pid)");
$session->query('ROLLBACK TO s');
like($session->{stderr}, qr/57014/, 'a cancel inside of a transaction');
$session->{stderr} = '';
is($session->query_safe("SELECT analytics.kmeans('{{1},{2}}', 2) -> 'assignments'"), '[0, 1]', 'and the next model is computed');
$session->query_safe('COMMIT');
is(sql('SELECT count(*) FROM kept'), '0', 'what stood before the savepoint stays');
$session->quit;

# A timeout: it can only come while the computation runs, for it ends in no other way.
refused($node, 'shop', "SET statement_timeout = '300ms'; $endless", '57014', qr/canceling statement due to statement timeout/, 'statement_timeout ends it');

# What is shown comes back where the computation ends by itself: the statement that asks is the one that computed.
is(sql("SELECT query ~ 'me, too' FROM (SELECT analytics.kmeans(points, 30, restarts => 2) FROM cloud) k, pg_stat_activity WHERE pid = pg_backend_pid() AND kmeans IS NOT NULL /* me, too */"), 't',
	'the statement is shown again when the computation has ended');

# Ends of the process: by then no thread may touch what the process takes down.
($session, $pid) = computing();
my $logged = -s $node->logfile;
sql("SELECT pg_terminate_backend($pid)");
$node->poll_query_until('shop', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)") or die 'not terminated';
$node->wait_for_log(qr/FATAL:  terminating connection due to administrator command/, $logged);
unlike(slurp_file($node->logfile, $logged), qr/was terminated by signal|PANIC/, 'a termination ends it, in order');
eval { $session->{run}->finish };

($session, $pid) = computing();
$logged = -s $node->logfile;
$node->stop('fast');
unlike(slurp_file($node->logfile, $logged), qr/was terminated by signal|PANIC/, 'a fast shutdown ends it, in order');
eval { $session->{run}->finish };
$node->start;

($session, $pid) = computing();
my $postmaster = slurp_file($node->data_dir . '/postmaster.pid') =~ s/\n.*//sr;
kill 'KILL', $postmaster;
is(system('timeout', $PostgreSQL::Test::Utils::timeout_default, 'tail', '-f', "--pid=$pid", '/dev/null'), 0, 'the death of the postmaster ends it');
eval { $session->{run}->finish };
$node->{_pid} = undef;

done_testing();
