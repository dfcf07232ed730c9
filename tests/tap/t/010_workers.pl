# One database with a worker: it starts by itself, merges, and survives what goes wrong.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = preloaded_server('workers');
sub admin { return $node->safe_psql('postgres', $_[0]) }
sub sql { return $node->safe_psql('shop', $_[0]) }
sub as_keeper { return $node->safe_psql('shop', $_[0], extra_params => [ '-U', 'keeper' ]) }

admin('CREATE ROLE keeper LOGIN; CREATE ROLE nobody LOGIN');
make_shop($node, 'shop', 'keeper');
has_worker($node, 'shop', 'CREATE EXTENSION is enough');
my $launcher = admin(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics launcher'});
is(admin(q{SELECT backend_type, application_name, query FROM pg_stat_activity WHERE backend_type LIKE 'analytics%' ORDER BY 1}),
	"analytics launcher|analytics launcher|looking for databases\nanalytics refresh|analytics refresh|SELECT analytics.maintain()",
	'pg_stat_activity names the processes');
is(as_keeper('SELECT * FROM analytics.running_workers() ORDER BY 1'), "launcher|$launcher\nrefresh|" . worker_pid($node, 'shop'),
	'and an owner, who does not see that, is told');

# What may be set for a database must not break the worker.
my $pid = worker_pid($node, 'shop');
admin("ALTER DATABASE shop SET $_") for q{default_transaction_isolation = 'serializable'}, 'default_transaction_read_only = on',
  q{session_replication_role = 'replica'}, q{lock_timeout = '1ms'}, q{statement_timeout = '1ms'}, 'search_path = public';
kill 'TERM', $pid;
has_new_worker($node, 'shop', $pid, 'a worker that is terminated is replaced');
admin('ALTER DATABASE shop RESET ALL');
sell($node, 'shop', 1, 60);
gets_merged($node, 'shop', 'the worker merges, whatever was set for the database');

# An extension that was rolled back is none of the launcher's business; one that was committed is.
admin('CREATE DATABASE never'), admin('CREATE DATABASE later');
$node->safe_psql('never', 'BEGIN; CREATE EXTENSION hll; CREATE EXTENSION analytics; ROLLBACK');
$node->safe_psql('later', 'BEGIN; CREATE EXTENSION hll; SAVEPOINT s; CREATE EXTENSION analytics; RELEASE s; COMMIT');
has_worker($node, 'later', 'CREATE EXTENSION in a transaction is noticed at its commit');
is(worker_pid($node, 'never'), '', 'what was rolled back has no worker');

# Settings: refused where they make no sense, followed when reloaded.
for my $setting ([ 'refresh_interval', '9ms' ], [ 'refresh_interval', '2h' ], [ 'databases', 'shop,,later' ], [ 'databases', 'shop later' ])
{
	my ($name, $value) = @$setting;
	refused($node, 'postgres', "ALTER SYSTEM SET analytics.$name = '$value'", '22023', qr/"analytics.$name"/, "$name = '$value' is refused");
}
refused($node, 'postgres', 'SET analytics.unheard_of = 1', '42602', qr/reserved prefix/, 'the prefix is reserved');
is(admin('SHOW analytics.refresh_interval'), '1s', 'the interval is a second unless set');

sub set_interval
{
	my ($interval) = @_;
	admin("ALTER SYSTEM SET analytics.refresh_interval = '$interval'");
	$node->reload;
	return;
}
set_interval('1h');
set_interval('10ms');
sell($node, 'shop', 61, 70);
gets_merged($node, 'shop', 'with a shorter interval');
sell($node, 'shop', 71, 80);
gets_merged($node, 'shop', 'and again, within the hour that was set before');

# A crash of the worker is a crash of the server; it comes back with it.
set_interval('1s');
sell($node, 'shop', 81, 120);
$pid = worker_pid($node, 'shop');
crash($node, $pid);
has_new_worker($node, 'shop', $pid, 'after kill -9 there is a new worker');
sell($node, 'shop', 121, 130);
gets_merged($node, 'shop', 'and every line is merged once');

# An error in a step: said once, tried again, and the end of it is said too. The sequence counts what is rolled back.
sql('CREATE SEQUENCE public.attempts; GRANT USAGE ON SEQUENCE public.attempts TO keeper');
$pid = worker_pid($node, 'shop');
my $offset = -s $node->logfile;
my $real_step = replace_step($node, 'shop',
	q{BEGIN PERFORM nextval('public.attempts'); RAISE EXCEPTION 'the step broke' USING HINT = 'Mend it.'; END});
ok($node->poll_query_until('shop', 'SELECT last_value >= 3 FROM public.attempts'), 'a failing step is tried again');
is(count_in_log($node, 'ERROR:  the step broke', $offset), 1, 'its error is logged once');
is(count_in_log($node, 'HINT:  Mend it\.', $offset), 1, 'with its hint');
is(count_in_log($node, 'refresh worker of database "shop"', $offset), 1, 'and with the place');
sql($real_step);
says($node, 'refresh worker of database "shop" works again', $offset, 'the end of the trouble is logged');
is(worker_pid($node, 'shop'), $pid, 'the worker went on all the time');
sell($node, 'shop', 131, 140);
gets_merged($node, 'shop', 'and merges');

# The step runs as the extension's owner, who is given no way up.
sql('CREATE TABLE public.seen (who name, set_role text, deferred text); GRANT ALL ON public.seen TO keeper');
sql(q{CREATE FUNCTION public.never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TABLE public.trap (); GRANT ALL ON public.trap TO keeper;
	CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.trap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.never()});
replace_step($node, 'shop', q{
DECLARE set_role text := 'allowed'; deferred text := 'allowed';
BEGIN
	BEGIN EXECUTE 'SET ROLE postgres'; EXCEPTION WHEN OTHERS THEN set_role := SQLSTATE; END;
	BEGIN INSERT INTO public.trap DEFAULT VALUES; EXCEPTION WHEN OTHERS THEN deferred := SQLSTATE; END;
	PERFORM set_config('application_name', 'renamed', false);
	INSERT INTO public.seen VALUES (current_user, set_role, deferred);
	RETURN false;
END});
ok($node->poll_query_until('shop', 'SELECT EXISTS (SELECT FROM public.seen)'), 'the owner may change what a step does');
is(sql('SELECT DISTINCT who, set_role, deferred FROM public.seen'), 'keeper|42501|42501',
	'it runs with the rights of the owner, and nothing of it later with others');
is(admin("SELECT application_name FROM pg_stat_activity WHERE pid = $pid"), 'analytics refresh', 'and leaves no setting behind');

# A step that takes an hour is no obstacle.
sub sleeps
{
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE datname = 'shop' AND backend_type = 'analytics refresh' AND wait_event = 'PgSleep'}) or die 'no worker sleeps';
	return;
}
replace_step($node, 'shop', 'BEGIN PERFORM pg_sleep(3600); RETURN false; END');
sleeps();
is(sql('SELECT analytics.stop_workers()'), '1', 'stop_workers() interrupts it');
is(worker_pid($node, 'shop'), '', 'and waits until the worker is gone');
is(sql('SELECT analytics.stop_workers()'), '0', 'there is none to stop then');
is(as_keeper('SELECT analytics.start_workers(), analytics.start_workers()'), '1|0', 'start_workers() starts one, not two');
sleeps();
is(as_keeper('SELECT analytics.stop_workers(), analytics.start_workers()'), '1|1', 'an owner may do both');
sql('GRANT USAGE ON SCHEMA analytics TO nobody');
refused($node, 'shop', "SET ROLE nobody; SELECT analytics.$_()", '42501', qr/permission denied/, "$_() is not for everybody")
  for 'start_workers', 'stop_workers';

# A new launcher finds the worker of the former one.
sleeps();
$pid = worker_pid($node, 'shop');
kill 'TERM', $launcher = admin(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'analytics launcher'});
ok($node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'analytics launcher' AND pid <> $launcher"),
	'the launcher comes back');
is(sql('SELECT analytics.start_workers()'), '0', 'the worker kept its place');
kill 'TERM', $pid;
has_new_worker($node, 'shop', $pid, 'and is replaced when it leaves');

sleeps();
admin('CHECKPOINT');
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', '5', 'stop' ], 'the server stops fast though a step is under way');
$node->_update_pid(0);
$node->start;
sql($real_step);
has_worker($node, 'shop', 'and has its worker again when it starts');

done_testing();
