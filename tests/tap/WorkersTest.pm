# What the tests of the background workers share.
package WorkersTest;
use strict;
use warnings;
use Exporter 'import';
use AnalyticsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(preloaded_server worker_pid has_worker has_new_worker has_no_worker gets_merged says count_in_log
  replace_step);

# A running server on which the library is preloaded, with these further settings. Nothing happens at night, whenever tests run.
sub preloaded_server
{
	my ($name, $settings) = @_;
	my $node = new_server($name);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'analytics'\nanalytics.models_at = ''\n" . ($settings // ''));
	$node->restart;
	return $node;
}

# '' when there is none.
sub worker_pid
{
	my ($node, $database) = @_;
	return $node->safe_psql('postgres', worker($database));
}

sub worker
{
	my ($database) = @_;
	return "SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics refresh' AND datname = '$database'";
}

# There is exactly one worker now or soon.
sub has_worker
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM (' . worker($database) . ') w'), $name);
}

# The same, and it is not the one with this process id.
sub has_new_worker
{
	my ($node, $database, $old, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until('postgres', "SELECT array_agg(pid) <> '{$old}' AND count(*) = 1 FROM (" . worker($database) . ') w'), $name);
}

sub has_no_worker
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until('postgres', 'SELECT NOT EXISTS (' . worker($database) . ')'), $name);
}

# Without anybody asking for it, all events come to be merged, and the figures are right.
sub gets_merged
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->poll_query_until($database, "SELECT bool_and(status = 'current') FROM analytics.rollup_status")
	  or return fail("$name: " . $node->safe_psql($database, 'SELECT name, status, tail_rows FROM analytics.rollup_status'));
	return is_merged($node, $database, $name);
}

# The server log says, from $offset on, what matches; now or soon.
sub says
{
	my ($node, $pattern, $offset, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(eval { $node->wait_for_log($pattern, $offset) }, $name);
}

sub count_in_log
{
	my ($node, $pattern, $offset) = @_;
	return scalar(() = slurp_file($node->logfile, $offset // 0) =~ /$pattern/g);
}

# Lets the worker's step be this PL/pgSQL body; returns SQL that puts the real one back.
sub replace_step
{
	my ($node, $database, $body) = @_;
	my $real = $node->safe_psql($database, "SELECT pg_get_functiondef('analytics.maintain()'::regprocedure)");
	$node->safe_psql($database, "CREATE OR REPLACE FUNCTION analytics.maintain() RETURNS boolean LANGUAGE plpgsql AS \$step\$ $body \$step\$");
	return $real;
}

1;
