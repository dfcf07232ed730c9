# Jobs of pg_cron, the real one: no worker, nothing of ours preloaded, no superuser. Who lacks something is told what to do.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('schedule');
my ($host, $port) = ($node->host, $node->port);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'shop'\ncron.host = '$host'\n");
$node->restart;
$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE keeper LOGIN; CREATE ROLE clerk LOGIN');
make_shop($node, $_, 'shopkeeper') for qw(shop other);
$node->safe_psql($_, q{SELECT analytics.grant_access('keeper', 'admin'), analytics.grant_access('clerk', 'reader');
	GRANT EXECUTE ON FUNCTION analytics.schedule(interval, time), analytics.jobs(text, text), analytics.cron_every(interval), analytics.cron_daily(time) TO clerk}, extra_params => [ '-U', 'shopkeeper' ]) for qw(shop other);

sub as { my ($role, $sql, $database) = @_; return $node->safe_psql($database // 'shop', $sql, extra_params => [ '-U', $role ]) }
sub refused_as
{
	my ($role, $database, $sql, $sqlstate, $pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return refused($node, $database, "SET ROLE $role; $sql", $sqlstate, $pattern, $name);
}

# What is missing, and what to do about it.
refused_as('postgres', 'shop', 'SELECT analytics.schedule()', '55000', qr/HINT: .*CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO postgres;/, 'not installed here');
refused_as('keeper', 'shop', 'SELECT analytics.schedule()', '55000', qr/HINT: .*CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO keeper;/, 'nor for one who may not look at settings');
$node->safe_psql('shop', 'CREATE EXTENSION pg_cron');
refused_as('keeper', 'shop', "SELECT analytics.$_()", '42501', qr/HINT: .*GRANT USAGE ON SCHEMA cron TO keeper;/, "$_ without rights on pg_cron")
  for qw(schedule unschedule);
$node->safe_psql('shop', 'GRANT USAGE ON SCHEMA cron TO keeper, shopkeeper');
refused_as('clerk', 'shop', 'SELECT analytics.schedule()', '42501', qr/no job for this role.*HINT: .*grant_access\('clerk', 'admin'\)/s, 'without rights on what jobs run');
refused_as('keeper', 'shop', "SELECT analytics.schedule($_)", '22023', qr/HINT: .*1 to 59 whole minutes/, "refresh_every $_")
  for map { "'$_'" } '30 s', '90 s', '61 min', '90 min', '25 h', '2 days', '0', '-1 min', '1 month';
refused_as('keeper', 'shop', 'SELECT analytics.schedule(NULL)', '22023', qr/HINT: .*1 to 59 whole minutes/, 'refresh_every null');
refused_as('keeper', 'shop', "SELECT analytics.schedule(models_at => $_)", '22023', qr/HINT: .*00:00 to 23:59/, "models_at $_")
  for "'03:00:30'", "'24:00'", 'NULL';
is($node->safe_psql('shop', q{SELECT string_agg(analytics.cron_every(i), ' | ' ORDER BY i)
	FROM unnest('{1 min,7 min,59 min,60 min,2 h,23 h,24 h}'::interval[]) i}),
	'* * * * * | */7 * * * * | */59 * * * * | 0 * * * * | 0 */2 * * * | 0 */23 * * * | 0 0 * * *', 'intervals as cron has them');
is($node->safe_psql('shop', q{SELECT analytics.cron_daily('03:05')}), '5 3 * * *', 'a time of day as cron has it');

# Jobs are the caller's, of this database, and made once. (The list grows: what runs at night is another matter.)
my $jobs = q{SELECT jobid, jobname, schedule, command, database, username FROM cron.job WHERE jobname = 'analytics_refresh' ORDER BY 1};
is(as('keeper', q{SELECT * FROM analytics.schedule('5 min', '04:30') WHERE job_name = 'analytics_refresh'}),
	'analytics_refresh|*/5 * * * *|CALL analytics.run_maintenance()', 'says what it made');
is(as('keeper', $jobs), '1|analytics_refresh|*/5 * * * *|CALL analytics.run_maintenance()|shop|keeper', 'and made it');
like(as('keeper', q{SELECT string_agg(DISTINCT schedule, ',' ORDER BY schedule) FROM analytics.schedule('5 min', '04:30')}), qr{^\*/5 \* \* \* \*(,30 4 \* \* \*)?$}, 'at two times');
is(as('keeper', q{SELECT * FROM analytics.schedule('5 min', '04:30') WHERE job_name = 'analytics_sync'}), 'analytics_sync|*/5 * * * *|CALL analytics.run_sync()', 'and what syncs the caller\'s sources');
is(as('keeper', q{SELECT * FROM analytics.schedule('5 min', '04:30') WHERE job_name = 'analytics_segments'}), 'analytics_segments|30 4 * * *|SELECT analytics.record_segments()', 'and what records segments at night');
as('keeper', q{SELECT cron.schedule('analytics_of_mine', '0 0 1 1 *', 'SELECT 1'), cron.schedule('analytics_old', '0 0 1 1 *', 'SELECT analytics.gone()')});
as('shopkeeper', 'SELECT analytics.schedule()');
as('keeper', 'SELECT analytics.schedule()');
is(as('keeper', $jobs), '1|analytics_refresh|* * * * *|CALL analytics.run_maintenance()|shop|keeper', 'once more replaces it');
is(as('keeper', q{SELECT string_agg(jobname, ',') FROM cron.job WHERE jobname IN ('analytics_of_mine', 'analytics_old')}), 'analytics_of_mine',
	'and removes what it would not make again, nothing else');

# In a database that pg_cron does not live in: what to run where it does.
my ($status, $output, $errors) = $node->psql('other', 'SELECT * FROM analytics.schedule()');
like($errors, qr/pg_cron is in database shop/, 'another database says where pg_cron is');
my ($elsewhere) = $errors =~ /^((?:SELECT cron\.schedule_in_database.*\n?)+)/m;
like($elsewhere // '', qr/'analytics_other_refresh', '\* \* \* \* \*', 'CALL analytics\.run_maintenance\(\)', 'other', 'postgres'/, 'and what to run there');
$node->safe_psql('shop', $elsewhere);
refused_as('keeper', 'other', 'SELECT analytics.schedule()', '55000', qr/cron\.schedule_in_database\('analytics_other_refresh'/, 'told to those too who may not look at settings');

# A minute later everything is merged, built from nothing, in both databases.
sell($node, $_, 1, 60) for qw(shop other);
for my $database (qw(shop other))
{
	ok($node->poll_query_until($database, "SELECT bool_and(status = 'current') FROM analytics.rollup_status"), "$database: the job refreshes")
	  or diag($node->safe_psql('shop', 'SELECT * FROM cron.job_run_details'));
	is_merged($node, $database, "$database: all is merged");
}
ok($node->poll_query_until('shop', q{SELECT count(*) >= 2 FROM cron.job_run_details WHERE status = 'succeeded'}), 'runs are recorded as succeeded');
is($node->safe_psql('shop', q{SELECT DISTINCT status FROM cron.job_run_details WHERE end_time IS NOT NULL}), 'succeeded', 'all of them');

# A reader sees the jobs of the extension's owner, and how they went; not what they said, if he may see some stores alone.
ok($node->poll_query_until('shop', q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded' AND username = 'shopkeeper' AND command ~ 'run_maintenance'}), 'the owner\'s job ran, too');
my $health = q{SELECT %s FROM jsonb_array_elements(analytics.health() -> 'jobs') j};
is(as('clerk', sprintf($health, q{string_agg(j ->> 'job_name', ',' ORDER BY j ->> 'job_name')})),
	as('shopkeeper', q{SELECT string_agg(jobname, ',' ORDER BY jobname COLLATE "default") FROM cron.job WHERE database = 'shop' AND jobname LIKE 'analytics%'}), 'health lists the owner\'s jobs');
is(as('clerk', sprintf($health, q{concat_ws(' ', j ->> 'schedule', (j ->> 'last_run')::timestamptz <= now(), j ->> 'last_status' IS NOT NULL)}) . q{ WHERE j ->> 'job_name' = 'analytics_refresh'}),
	'* * * * * t t', 'with their last run');
is(as('clerk', q{SET request.jwt.claims = '{"stores": ["main"]}'; } . sprintf($health, q{count(*) > 0 AND bool_and(j -> 'last_message' = 'null')})), 't', 'and not what it said, of other stores');

# Taking down.
is(as('keeper', 'SELECT analytics.unschedule() = (SELECT count(*) FROM analytics.jobs($$$$, $$$$))'), 't', 'unschedule() says how many');
is(as('keeper', 'SELECT string_agg(jobname, $$,$$) FROM cron.job'), 'analytics_of_mine', 'the caller\'s own job stays');
is(as('shopkeeper', 'SELECT count(*) > 0 FROM cron.job'), 't', 'another role\'s jobs stay');
is(as('keeper', 'SELECT analytics.unschedule()'), '0', 'nothing left to remove');
($status, $output, $errors) = $node->psql('other', 'SELECT analytics.unschedule()');
is("$status $output", '0 0', 'another database has none of its own');
my ($there) = $errors =~ /^(SELECT cron\.unschedule.*)$/m;
like($node->safe_psql('shop', $there // ''), qr/^(t\n?)+$/, 'the other database\'s jobs, as its hint says');
is($node->safe_psql('shop', q{SELECT count(*) FROM cron.job WHERE database = 'other'}), '0', 'are gone, too');
done_testing();
