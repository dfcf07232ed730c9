# What is to be done at night is done where only workers run: once a night, as the extension's owner, without what pg_cron does.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkersTest;

my $node = new_server('nightly');
# (pg_cron's jobs here are for New Year: none runs)
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'analytics, pg_cron'
cron.database_name = 'shop'
analytics.refresh_interval = '50 ms'
analytics.http_port = 0
analytics.models_at = ''
timezone = 'Asia/Tokyo'
CONF
$node->restart;
$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE keeper LOGIN');
make_shop($node, 'shop', 'shopkeeper');
my @as = (extra_params => [ '-U', 'shopkeeper' ]);
sub sql { return $node->safe_psql('shop', $_[0], @as) }
has_worker($node, 'shop', 'there is a refresh worker');
# forty customers a store: number c buys c % 5 + 1 times
sql(<<'SQL');
SELECT analytics.grant_access('keeper', 'admin');
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT s, format('e%s-%s', c, d), 1, 'purchase', now() - make_interval(days => 200 - c - d * (7 + c % 11)), 'c' || c, format('o%s-%s', c, d), 'p', 1, c + d, c + d, 'USD'
  FROM unnest('{main,second}'::text[]) s, generate_series(1, 40) c, generate_series(0, c % 5) d;
CREATE TABLE shop.who (name text);
CREATE FUNCTION shop.note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.who VALUES (current_user);
	RETURN NEW;
END $$;
CREATE TRIGGER who BEFORE INSERT ON analytics.segment_recorded FOR EACH ROW EXECUTE FUNCTION shop.note_who();
SQL

sub set_time
{
	my ($time) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET analytics.models_at = '$time'");
	$node->reload;
	return;
}

# Lets the hour come, and waits until $condition holds. (A machine that stood still may have missed it: then the next one.)
sub night
{
	my ($condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for (1 .. 10)
	{
		my ($time, $moment) = split /,/, $node->safe_psql('postgres', "SELECT to_char(t, 'HH24:MI:SS') || ',' || t FROM (SELECT clock_timestamp() + interval '2 seconds' AS t) c");
		set_time($time);
		$node->poll_query_until('shop', "SELECT clock_timestamp() > timestamptz '$moment' + interval '20 seconds' OR ($condition)");
		return pass($name) if $node->safe_psql('shop', "SELECT $condition") eq 't';
	}
	return fail($name);
}
sub version { return sql(q{SELECT coalesce(max(version), 0) FROM analytics.model WHERE store_id = 'second' AND kind = 'customer_value' AND status = 'ready'}) }
sub is_trained { my ($version) = @_; return "coalesce((SELECT max(version) FROM analytics.model WHERE store_id = 'second' AND kind = 'customer_value'), 0) >= $version" }

my $logged = -s $node->logfile;
night(is_trained(1), 'at the hour that is set, in the server\'s time zone');
says($node, qr/nightly work in database "shop" is done\n.*Steps: 8, of which failed: 0/, $logged, 'all of it');
is(sql('SELECT string_agg(store_id || day - (now() AT TIME ZONE $$UTC$$)::date, $$,$$ ORDER BY store_id) FROM analytics.segment_recorded'), 'main-1,second-1', 'yesterday\'s segments are recorded');
is(sql('SELECT string_agg(DISTINCT store_id || status || version, $$,$$ ORDER BY store_id || status || version) FROM analytics.model WHERE kind = $$customer_value$$'), 'mainready1,secondready1', 'models are trained, of each store');
is(sql('SELECT DISTINCT name FROM shop.who'), 'shopkeeper', 'as the owner, who is no superuser');
$node->poll_query_until('shop', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'analytics nightly')});
is(count_in_log($node, qr/nightly work in database/, $logged), 1, 'once');

# While it runs it is seen, and what stops workers stops it.
my $holder = holds_lock($node, 'shop', 'LOCK TABLE analytics.segment_recorded');
$holder->query_safe(q{LOCK TABLE analytics.segment_change});
night(q{EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'analytics nightly' AND datname = 'shop' AND wait_event_type = 'Lock' AND query = 'SELECT analytics.record_segments()')}, 'pg_stat_activity shows what it does');
is($node->safe_psql('shop', 'SELECT string_agg(worker, $$,$$ ORDER BY worker) FROM analytics.running_workers()', extra_params => [ '-U', 'keeper' ]), 'launcher,nightly,refresh', 'running_workers() knows it');
is($node->safe_psql('shop', 'SELECT analytics.stop_workers()', extra_params => [ '-U', 'keeper' ]), '2', 'stop_workers() stops it, too');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'analytics nightly'}), '0', 'and waits for it');
$holder->query_safe('ROLLBACK');
$holder->quit;
$node->safe_psql('shop', 'SELECT analytics.start_workers()', extra_params => [ '-U', 'keeper' ]);

# A step that fails holds back no other.
my $real = sql(q{SELECT pg_get_functiondef('analytics.apply_retention()'::regprocedure)});
sql(q{CREATE OR REPLACE FUNCTION analytics.apply_retention() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no retention tonight'; END $$});
$logged = -s $node->logfile;
night(is_trained(version() + 1), 'models are trained after a step that failed');
says($node, qr/ERROR:  no retention tonight\n.*CONTEXT:(?:.*\n){1,4}\tnightly worker of database "shop"/, $logged, 'which the log tells');
says($node, qr/Steps: 8, of which failed: 1/, $logged, 'and counts');
sql($real);

# What pg_cron does for anybody is left to it, unless the job is switched off.
$node->safe_psql('shop', 'CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO keeper');
$node->safe_psql('shop', q{SELECT cron.schedule('segments', '0 0 1 1 *', 'SELECT analytics.record_segments()'), cron.schedule('models', '0 0 1 1 *', 'CALL analytics.run_models()')},
	extra_params => [ '-U', 'keeper' ]);
$node->safe_psql('shop', q{UPDATE cron.job SET active = false WHERE jobname = 'models'});
my $recorded = sql('SELECT max(recorded_at) FROM analytics.segment_recorded');
$logged = -s $node->logfile;
night(is_trained(version() + 1), 'models are trained beside pg_cron');
says($node, qr/Steps: 7, of which failed: 0/, $logged, 'a step less');
is(sql('SELECT max(recorded_at) FROM analytics.segment_recorded'), $recorded, 'segments are left to its job');

# A relation that only looks like pg_cron's gets no more rights than whoever made it.
$node->safe_psql('shop', 'DROP EXTENSION pg_cron');
sql(q{CREATE SCHEMA cron; CREATE TABLE cron.job (active boolean, database name, command text);
	INSERT INTO cron.job VALUES (true, 'shop', 'x'); ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY; ALTER TABLE cron.job FORCE ROW LEVEL SECURITY;
	CREATE FUNCTION shop.look() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'read by %', current_user; RETURN true; END $$;
	CREATE POLICY look ON cron.job USING (shop.look())});
$logged = -s $node->logfile;
night(is_trained(version() + 1), 'models are trained beside a table called cron.job');
says($node, qr/WARNING:  read by shopkeeper/, $logged, 'which is read as its owner');

refused($node, 'postgres', "ALTER SYSTEM SET analytics.models_at = '$_'", '22023', qr/HINT: .*00:00 to 23:59/, "no time of day: $_") for '24:00', '3:00', '03:60', '03:00:60', '0300', 'now';
done_testing();
