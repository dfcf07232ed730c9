# Databases that come, go, move and are copied while they have workers; and workers that find no slot.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Steps an hour apart: whatever a worker notices in this test, somebody has told it.
my $node = preloaded_server('databases', "allow_in_place_tablespaces = on\nanalytics.refresh_interval = '1h'\n");
sub admin { return $node->safe_psql('postgres', $_[0]) }
sub as_keeper { return $node->safe_psql('postgres', $_[0], extra_params => [ '-U', 'keeper' ]) }

admin('CREATE ROLE keeper LOGIN CREATEDB; CREATE ROLE stranger LOGIN CREATEDB');
make_shop($node, 'shop', 'keeper');
sell($node, 'shop', 1, 30);
has_worker($node, 'shop', 'a shop with its worker');

# A template: both databases have a worker afterwards, and the same figures.
as_keeper('CREATE DATABASE branch TEMPLATE shop');
has_worker($node, 'branch', 'a copy of a database has a worker');
has_worker($node, 'shop', 'the original has one again');
sell($node, 'branch', 31, 40);
$node->safe_psql('branch', 'SELECT analytics.refresh()');
is_merged($node, 'branch', 'the copy goes its own way');
is_right($node, 'shop', 'and the original is what it was');

my $pid = worker_pid($node, 'branch');
as_keeper('ALTER DATABASE branch RENAME TO outlet');
has_new_worker($node, 'outlet', $pid, 'after a change of name');
admin("CREATE TABLESPACE attic LOCATION ''");
$pid = worker_pid($node, 'outlet');
admin('ALTER DATABASE outlet SET TABLESPACE attic');
has_new_worker($node, 'outlet', $pid, 'after a move');

# Who may not drop a database does not stop its worker either.
$pid = worker_pid($node, 'outlet');
for my $statement ('DROP DATABASE outlet', 'DROP DATABASE outlet WITH (FORCE)', 'ALTER DATABASE outlet RENAME TO mine', 'CREATE DATABASE mine TEMPLATE outlet')
{
	refused($node, 'postgres', "SET ROLE stranger; $statement", '42501', qr/must be owner|permission denied/, "a stranger's $statement");
}
is(worker_pid($node, 'outlet'), $pid, 'left the worker alone');
refused($node, 'postgres', 'DROP DATABASE absent', '3D000', qr/does not exist/, 'a database that does not exist is an ordinary error');

# A drop that waits for somebody else keeps the worker away as long, and no longer.
my $guest = $node->background_psql('outlet');
$guest->query_safe('SELECT 1');
refused($node, 'postgres', 'DROP DATABASE outlet', '55006', qr/other session using the database/, 'others still count');
has_new_worker($node, 'outlet', $pid, 'and after the failure the worker is back');
$guest->quit;

# In the middle of a step, and by a plain owner, whose FORCE may not end a superuser's session.
replace_step($node, 'outlet', 'BEGIN PERFORM pg_sleep(3600); RETURN false; END');
$node->safe_psql('outlet', 'SELECT analytics.stop_workers(), analytics.start_workers()');
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'outlet' AND wait_event = 'PgSleep'});
as_keeper('DROP DATABASE outlet WITH (FORCE)');
is(admin(q{SELECT count(*) FROM pg_database WHERE datname = 'outlet'}), '0', 'DROP DATABASE FORCE by the owner');
as_keeper('CREATE DATABASE outlet TEMPLATE shop');
has_worker($node, 'outlet', 'a database of the same name');
as_keeper('DROP DATABASE outlet');
is(admin(q{SELECT count(*) FROM pg_database WHERE datname = 'outlet'}), '0', 'plain DROP DATABASE');

# The extension goes: so does the worker. It comes back: so does a worker.
$node->safe_psql('shop', 'DROP EXTENSION analytics CASCADE; DROP SCHEMA IF EXISTS oracle CASCADE');
has_no_worker($node, 'shop', 'without the extension there is no worker');
$node->safe_psql('shop', 'DROP SCHEMA IF EXISTS analytics, shop CASCADE');
$node->safe_psql('shop', 'CREATE EXTENSION analytics', extra_params => [ '-U', 'keeper' ]);
has_worker($node, 'shop', 'and with a new one there is');

# What the launcher leaves alone.
admin('ALTER DATABASE shop IS_TEMPLATE true');
has_no_worker($node, 'shop', 'a template has no worker');
admin('CREATE DATABASE branch TEMPLATE shop');
has_worker($node, 'branch', 'a database made from it has');
admin('ALTER DATABASE shop IS_TEMPLATE false');
has_worker($node, 'shop', 'a template no more');
admin('ALTER DATABASE shop ALLOW_CONNECTIONS false');
has_no_worker($node, 'shop', 'a closed database has no worker');
admin('ALTER DATABASE shop ALLOW_CONNECTIONS true');
has_worker($node, 'shop', 'an open one has');

my $offset = -s $node->logfile;
sub set_databases
{
	my ($names) = @_;
	admin("ALTER SYSTEM SET analytics.databases = $names");
	$node->reload;
	return;
}
set_databases('branch, brunch');
has_no_worker($node, 'shop', 'a database that is not listed has no worker');
isnt(worker_pid($node, 'branch'), '', 'one that is listed has');
says($node, 'database "brunch" in analytics.databases does not exist', $offset, 'a name that fits nothing is said');
refused($node, 'shop', 'SELECT analytics.start_workers()', '55000', qr/HINT:.*analytics.databases/, 'start_workers() respects the list');
set_databases("''");
has_worker($node, 'shop', 'the empty list is all of them');

# Slots: one for PostgreSQL's own launcher, one for ours, one for a worker.
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
set_databases('shop');
$offset = -s $node->logfile;
$node->restart;
has_worker($node, 'shop', 'the first of two gets the slot');
set_databases('shop, branch');
says($node, 'no background worker slot is free for database "branch"', $offset, 'the second finds none');
# start_workers() lets the launcher try again
refused($node, 'branch', 'SELECT analytics.start_workers()', '53400', qr/HINT:.*max_worker_processes/, 'start_workers() says so too') for 1, 2;
is(count_in_log($node, 'slot is free for database "branch"', $offset), 1, 'the log says it once');
is(count_in_log($node, 'HINT:  Raise max_worker_processes .* or leave databases out', $offset), 1, 'with what to do');
$node->safe_psql('shop', 'SELECT analytics.stop_workers()');
is($node->safe_psql('branch', 'SELECT analytics.start_workers()'), '1', 'when the slot is free it is taken');

done_testing();
