# What the TAP tests share: servers with the extension, a shop's events, and the comparison with the oracle.
package AnalyticsTest;
use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_server make_shop load_oracle sell is_right is_merged lines_merged refused holds_lock waits_for_lock
  burn_ids crash);

my $tests = File::Spec->rel2abs(dirname(__FILE__) . '/..');

# A running server with the extension's library installed, not preloaded: nothing refreshes but the test. Nothing runs
# in the background that writes WAL or uses transaction ids. The rest are the options of init.
sub new_server
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ], %options);
	$node->append_conf('postgresql.conf', <<'CONF');
timezone = 'UTC'
autovacuum = off
restart_after_crash = on
max_prepared_transactions = 10
max_connections = 30
shared_buffers = 32MB
max_locks_per_transaction = 64
log_statement = none
CONF
	$node->start;
	return $node;
}

# A database with the extension, the oracle and the shop, partitions made; belongs to $owner, a role that may only log in.
sub make_shop
{
	my ($node, $database, $owner) = @_;
	my @as;
	$node->safe_psql('postgres', "CREATE DATABASE $database" . ($owner ? " OWNER $owner" : ''));
	$node->safe_psql($database, 'CREATE EXTENSION hll');
	@as = (extra_params => [ '-U', $owner ]) if $owner;
	$node->safe_psql($database, 'CREATE EXTENSION analytics; SELECT analytics.maintain_partitions()', @as);
	load_oracle($node, $database, @as);
	$node->safe_psql($database, slurp_file("$tests/tap/shop.sql"), @as);
	return;
}

sub load_oracle
{
	my ($node, $database, @as) = @_;
	$node->safe_psql($database, slurp_file("$tests/oracle.sql"), @as);
	return;
}

# The shop's events number $first to $last, through ingest(); dies unless all are taken.
sub sell
{
	my ($node, $database, $first, $last) = @_;
	my $taken = $node->safe_psql($database,
		"SELECT accepted = jsonb_array_length(e), rejected FROM (SELECT shop.events($first, $last) AS e) s, analytics.ingest(e)");
	die "events $first to $last: $taken" unless $taken eq 't|0';
	return;
}

# Every view says what the raw events say.
sub is_right
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $differences, $errors) = $node->psql($database, 'SELECT * FROM oracle.differences() LIMIT 10');
	return ok($status == 0 && $differences eq '', $name)
	  || diag("exit status $status\n$differences\n$errors");
}

# Every rollup is merged, nothing is left to do, and what was merged are the lines that stand, no less and no more.
sub is_merged
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $lines = lines_merged($node, $database);
	my $standing = $node->safe_psql($database, 'SELECT count(*) FROM oracle.line');
	my $behind = $node->safe_psql($database,
		"SELECT name, status, tail_rows FROM analytics.rollup_status WHERE status <> 'current' OR tail_rows > 0");
	my $left = $node->safe_psql($database, 'SELECT count(*) FROM analytics.rollup_recount');
	is("$lines|$behind|$left", "$standing,$standing,$standing,$standing||0", $name);
	return is_right($node, $database, "$name, and is right");
}

# Lines that the four sales rollups hold, whatever the views add.
sub lines_merged
{
	my ($node, $database) = @_;
	return join ',', map { $node->safe_psql($database, "SELECT coalesce(sum(lines), 0) FROM analytics.rollup_sales_$_") }
	  qw(hourly daily weekly monthly);
}

# The statement fails with this SQLSTATE, and says something that matches.
sub refused
{
	my ($node, $database, $statement, $sqlstate, $pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $output, $errors) = $node->psql($database, "\\set VERBOSITY verbose\n$statement");
	return ok($status != 0 && $errors =~ /ERROR:  \Q$sqlstate\E: / && $errors =~ $pattern, $name)
	  || diag("exit status $status\n$output\n$errors");
}

# A session in whose open transaction the statements have run.
sub holds_lock
{
	my ($node, $database, @statements) = @_;
	my $session = $node->background_psql($database);
	$session->set_query_timer_restart;
	$session->query_safe($_) for 'BEGIN', @statements;
	return $session;
}

# Sends the statement to a session of its own and returns the session and its process id, once it waits for a lock.
sub waits_for_lock
{
	my ($node, $database, $statement) = @_;
	my $session = $node->background_psql($database, on_error_stop => 0);
	$session->set_query_timer_restart;
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_until(qr/sent/, "\\echo sent\n$statement;\n");
	$node->poll_query_until($database,
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid AND state = 'active'")
	  or die "does not come to wait: $statement";
	return ($session, $pid);
}

# Kills a process of the server, which makes the server start its processes anew, and waits until it takes connections. (Asking
# it before that ends the test: a psql that is turned away leaves before it has read what it is told to do.)
sub crash
{
	my ($node, $pid) = @_;
	my $logged = -s $node->logfile;
	kill 'KILL', $pid;
	$node->wait_for_log(qr/all server processes terminated; reinitializing.*database system is ready to accept connections/s, $logged);
	return;
}

# Moves the server's transaction ids on.
sub burn_ids
{
	my ($node, $count) = @_;
	$node->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN 1 .. $count LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END \$\$");
	return;
}

1;
