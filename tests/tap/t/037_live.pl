# What GET /api/live is made of: a sequence of calls of http_live(), each with the snapshot that the former returned, shows every committed
# event once, whatever the order of commits; and what GET /api/health is made of.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use JSON::PP;
use Test::More;

my $node = new_server('live');
make_shop($node, 'shop');
sub sql { return $node->safe_psql($_[1] // 'shop', $_[0]) }
my $json = JSON::PP->new->canonical->allow_bignum;

# The first call begins, each further one goes on: what it shows, and all it returns.
my %since;
sub live
{
	my ($database, $most) = @_;
	my $since = $since{ $database // 'shop' };
	my ($snapshot, $events, $counts, $dropped) = split /\|/, sql(sprintf('SELECT snapshot, events, counts, dropped FROM analytics.http_live(%s, %d)',
		defined $since ? "'$since'" : 'NULL', $most // 100), $database);
	$since{ $database // 'shop' } = $snapshot;
	return { events => $json->decode($events), counts => $counts, dropped => $dropped };
}
sub shown { return join ' ', map { $_->{order_id} // $_->{product_id} // $_->{event_type} } @{ live(@_)->{events} } }

# An order of an id and a price, at noon of a day of May.
sub order
{
	my ($id, $price, $day, $more) = @_;
	return sprintf(q{{"event": "purchase", "order_id": "%s", "timestamp": "2026-05-%02dT12:00:00Z", "items": [{"product_id": "mug", "price": %s}]%s}}, $id, $day // 1, $price, $more // '');
}
sub send_events { my @events = @_; return "SELECT accepted FROM analytics.ingest('[" . join(', ', @events) . "]')" }

# What an entry says.
is(shown(), '', 'to begin with, nothing');
sql(send_events(
	q{{"event": "purchase", "order_id": "o1", "event_id": "e1", "timestamp": "2026-05-01T10:00:00.250Z", "customer_id": "ada", "anonymous_id": "v", "session_id": "s", "currency": "EUR", "channel": "web", "country": "DE",
		"device": "mobile", "shipping": 5, "discount": 1, "tax": 3, "properties": {"secret": "x"}, "items": [{"product_id": "mug", "price": 9.50, "quantity": 2}, {"product_id": "tray", "price": 4}]}},
	q{{"event": "view_item", "timestamp": "2026-05-01T09:00:00Z", "customer_id": "ada", "items": [{"product_id": "mug"}]}},
	q{{"event": "login", "timestamp": "2026-05-01T08:00:00Z", "store": "paris"}},
	q{{"event": "login", "timestamp": "2026-05-01T08:00:00Z", "test": true}}));
my $seen = live();
is($json->encode($seen->{events}), $json->encode($json->decode(<<'JSON')), 'an entry an event, without anybody, oldest first');
[{"event_type": "login", "occurred_at": "2026-05-01T08:00:00.000Z", "store_id": "paris", "order_id": null, "product_id": null, "quantity": null, "value": null, "currency": "USD", "channel": null, "country": null, "device": null},
 {"event_type": "view_item", "occurred_at": "2026-05-01T09:00:00.000Z", "store_id": "main", "order_id": null, "product_id": "mug", "quantity": 1, "value": null, "currency": "USD", "channel": null, "country": null, "device": null},
 {"event_type": "purchase", "occurred_at": "2026-05-01T10:00:00.250Z", "store_id": "main", "order_id": "o1", "product_id": null, "quantity": 3, "value": 22, "currency": "EUR", "channel": "web", "country": "DE", "device": "mobile"}]
JSON
is($json->encode($json->decode($seen->{counts})), '{"main":{"purchase":1,"view_item":1},"paris":{"login":1}}', 'counted by store and type, tests left out');
is(shown(), '', 'once');

# The newest of each store and type; the others are counted.
sql(send_events((map { order("m$_", 1, $_) } 1 .. 7), map { qq{{"event": "login", "timestamp": "2026-05-0${_}T10:00:00Z"}} } 1 .. 2));
$seen = live('shop', 3);
is(join(' ', map { $_->{order_id} // $_->{event_type} } @{ $seen->{events} }), 'login login m5 m6 m7', 'the newest three');
is("$seen->{counts} $seen->{dropped}", '{"main": {"login": 2, "purchase": 7}} 4', 'of seven: four are dropped');

# Corrections: the version that stands, retractions not at all, and nothing anew that shows nothing new.
sql(send_events(order('c1', 1), order('c2', 1), order('c3', 1)));
sql(send_events(order('c2', 2, 1, ', "revision": 2')));
sql(send_events(order('c3', 3, 1, ', "revision": 2')));
sql(send_events(order('c3', 4, 1, ', "revision": 3')));
is(join(' ', map { "$_->{order_id} $_->{value}" } @{ live()->{events} }), 'c1 1 c2 2 c3 4', 'of several versions the one that stands');
sql(send_events(order('c1', 5, 1, ', "revision": 2')) . q{; SELECT analytics.retract('purchase:c2')});
is(join(' ', map { "$_->{order_id} $_->{value}" } @{ live()->{events} }), 'c1 5', 'a correction; not what was taken back');
sql(send_events(order('c4', 1)) . q{; SELECT analytics.retract('purchase:c4')});
sql(send_events(order('c1', 5, 1, ', "revision": 3, "test": true')));
is(shown(), '', 'nor what never was, nor what turned out to be a test');
sql(send_events(q{{"event": "search", "event_id": "s1", "anonymous_id": "visitor", "timestamp": "2026-05-01T10:00:00Z"}}));
is(shown(), 'search', 'a visitor');
sql(send_events(q{{"event": "search", "event_id": "s2", "anonymous_id": "visitor", "timestamp": "2026-05-01T11:00:00Z"}}) . q{; SELECT analytics.identify('visitor', 'ada')});
is(shown(), 'search', 'who turns out to be a customer: what was not shown yet');
sql(q{SELECT analytics.erase_customer('main', 'ada'), analytics.refresh()});
is(shown(), '', 'neither erasure nor a refresh shows anything');

# Direct writes count the same.
sql(q{INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id, product_id, quantity, unit_price) VALUES ('d', 'purchase', '2026-05-01', 'direct', 'mug', 2, 3)});
is(join(' ', map { "$_->{order_id} $_->{value}" } @{ live()->{events} }), 'direct 6', 'an INSERT');

# Lines that move from the default partition are stamped anew. They are shown once: those that were, not again; those that were not, then.
sql(q{CREATE DATABASE moving}, 'postgres');
sql('CREATE EXTENSION analytics CASCADE', 'moving');
sql(q{DO $$ DECLARE part regclass;
BEGIN
	FOR part IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^event_[my]' LOOP
		EXECUTE format('DROP TABLE %s', part);
	END LOOP;
END $$}, 'moving');
shown('moving');
sql(send_events(order('before', 1)), 'moving');
is(shown('moving'), 'before', 'an event in the default partition');
sql(send_events(order('meanwhile', 1)), 'moving');
cmp_ok(sql('SELECT analytics.maintain_partitions()', 'moving'), '>', 10, 'partitions are made');
is(sql(q{SELECT count(*) FROM analytics.event WHERE stamp <> ingest_xid}, 'moving'), '2', 'and both have moved there');
is(shown('moving'), 'meanwhile', 'the one that was not shown yet is shown');
is(shown('moving'), '', 'once');

# The own transaction: what it wrote is shown once it is committed, although others began and ended meanwhile.
my $writer = holds_lock($node, 'shop', send_events(order('own', 1)));
burn_ids($node, 3);
my ($inside, $events) = split /\|/, $writer->query_safe("SELECT snapshot, events FROM analytics.http_live('$since{shop}')");
is($events, '[]', 'not inside');
$writer->query_safe('SAVEPOINT s');
$writer->query_safe(send_events(order('late', 1)));
$writer->query_safe('COMMIT');
$writer->quit;
$since{shop} = $inside;
is(shown(), 'late own', 'afterwards both that came before and after it asked');

# It reads only: in a read-only transaction, without a transaction id, without WAL.
is(sql("BEGIN READ ONLY; SELECT dropped FROM analytics.http_live('$since{shop}'); SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT"), "0\nt", 'a read-only transaction without an id');
sql(send_events(order('idle', 1)));
sql('VACUUM analytics.event; CHECKPOINT');
sql("SELECT dropped FROM analytics.http_live('$since{shop}')");
my $used = 'SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())';
my $before = sql($used);
sql("SELECT events FROM analytics.http_live('$since{shop}'), analytics.http_live_is_stale('$since{shop}')") for 1 .. 10;
is(sql($used), $before, 'no WAL, no transaction id');
is(shown(), 'idle', 'what there was to show');
refused($node, 'shop', q{SELECT * FROM analytics.http_live('1:4000000000:')}, '22023', qr/HINT: .*begin anew with NULL/, 'a snapshot of the future');

# Any order of commits, rollbacks and prepared transactions, with others in between.
srand(37);
my @sessions = map { { session => holds_lock($node, 'shop'), open => undef } } 1 .. 6;
$_->{session}->query_safe('ROLLBACK') for @sessions;
my (%committed, %shown, %prepared);
my ($number, $looked) = (0, 0);
sub look
{
	++$looked;
	$shown{ $_->{order_id} }++ for @{ live()->{events} };
	return;
}
for my $step (1 .. 300)
{
	my $one = $sessions[ rand @sessions ];
	my $what = rand;
	if (!$one->{open})
	{
		$one->{session}->query_safe($what < 0.2 ? 'BEGIN; SELECT pg_current_xact_id()' : 'BEGIN');    # its id may be older than its events
		$one->{open} = [];
	}
	elsif ($what < 0.45)
	{
		my @new = map { 'r' . ++$number } 0 .. rand 3;
		$one->{session}->query_safe(send_events(map { order($_, 1) } @new));
		push @{ $one->{open} }, @new;
	}
	elsif ($what < 0.85 || keys %prepared > 3)
	{
		my $commits = rand() < 0.8;
		$one->{session}->query_safe($commits ? 'COMMIT' : 'ROLLBACK');
		@committed{ @{ $one->{open} } } = () if $commits;
		$one->{open} = undef;
	}
	else
	{
		$one->{session}->query_safe("PREPARE TRANSACTION 'p$step'");
		$prepared{"p$step"} = $one->{open};
		$one->{open} = undef;
	}
	if (%prepared && rand() < 0.1)
	{
		my ($name) = sort keys %prepared;
		my $commits = rand() < 0.7;
		sql(($commits ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$name'");
		@committed{ @{ delete $prepared{$name} } } = () if $commits;
		delete $prepared{$name};
	}
	look() if rand() < 0.5;
}
cmp_ok(scalar(grep { !exists $committed{$_} } keys %shown), '==', 0, 'nothing was shown before it was committed');
sql("COMMIT PREPARED '$_'"), @committed{ @{ $prepared{$_} } } = () for sort keys %prepared;
for my $one (@sessions)
{
	$one->{session}->query_safe('COMMIT') if $one->{open};
	@committed{ @{ $one->{open} // [] } } = ();
	$one->{session}->quit;
}
look();
cmp_ok(scalar keys %committed, '>', 80, scalar(keys %committed) . " orders in $looked looks");
is(join(' ', sort keys %shown), join(' ', sort keys %committed), 'every order that was committed was shown');
is(join(' ', grep { $shown{$_} > 1 } sort keys %shown), '', 'once');

# How far back an id reaches.
sub stale { return sql("SELECT analytics.http_live_is_stale($_[0])") }
my $now = $since{shop};
is(stale("'$now'"), 'f', 'an id of now reaches back over nothing');
is(stale("'$now', '0'"), 'f', 'not even over no time, while nothing has come in');
sql(send_events(order('young', 1)));
is(stale("'$now'"), 'f', 'what came in after it is young');
is(stale("'$now', '0'"), 't', 'but not younger than nothing');
is(stale($_), 't', "no id of ours: $_") for "'garbage'", "''", 'NULL', "'1:4000000000:'", "'5:3:'", "'1:99999999999999999999999999:'", q{'728:931:728'';--'};
sql(q{SET session_replication_role = replica; UPDATE analytics.event SET ingested_at = now() - interval '6 minutes' WHERE order_id = 'young'});
is(stale("'$now'"), 't', 'what came in after it is six minutes old');
is(shown(), 'young', 'and would be shown if it were asked for');
is(stale("'$since{shop}'"), 'f', 'behind it nothing is old');

# How things stand.
sub health { return sql('SELECT version = (SELECT extversion FROM pg_extension WHERE extname = $$analytics$$), as_of BETWEEN now() - make_interval(secs => lag_seconds::float8 + 0.1) AND clock_timestamp(),
	pending_rows, array_to_string(problems, $$; $$) FROM analytics.http_health()', $_[0]) }
sql('SELECT analytics.refresh()');
is(health(), 't|t|0|', 'all is merged');
is(sql('SELECT lag_seconds FROM analytics.http_health()'), '0.000', 'up to now');
sql(send_events(map { order("h$_", 1) } 1 .. 3));
is(health(), 't|t|3|', 'three lines are not merged yet, which is no problem');
is(sql(q{SELECT as_of = (SELECT min(ingested_at) FROM analytics.event WHERE order_id ~ '^h[123]$') FROM analytics.http_health()}), 't', 'all before them is');
sql(q{SET session_replication_role = replica; UPDATE analytics.event SET ingested_at = ingested_at - interval '90 seconds' WHERE order_id = 'h1'});
is(health(), 't|t|3|events of more than a minute ago are not merged yet, and no refresh worker runs', 'for a minute and a half it is one');
is(sql('SELECT lag_seconds BETWEEN 90 AND 150 FROM analytics.http_health()'), 't', 'so long');
sql(q{SELECT analytics.ingest(jsonb_agg(jsonb_build_object('event', 'login', 'event_id', 'many' || n))) FROM generate_series(1, 12000) n});
is(sql('SELECT pending_rows FROM analytics.http_health()'), '10000', 'what is pending is counted so far');
sql('SELECT analytics.refresh()');
is(health(), 't|t|0|', 'merged');
like(health('moving'), qr/^t\|t\|2\|not built yet: customer_daily, .*session/, 'before the first refresh rollups are not built');
sql(q{DELETE FROM analytics.rollup_state WHERE name = 'session'});
like(health(), qr/\|not built yet: session; events of/, 'sessions, too');
sql(q{SELECT analytics.refresh(); UPDATE analytics.rollup_state SET built_from = '2026-01-01' WHERE name = 'sales_daily'});
is(health(), 't|t|0|being built: sales_daily', 'a build under way');
is(sql('BEGIN READ ONLY; SELECT pending_rows FROM analytics.http_health(); SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT'), "0\nt", 'it reads only');
sql(q{UPDATE analytics.rollup_state SET built_from = '-infinity' WHERE name = 'sales_daily'});
sql(q{DO $$ BEGIN EXECUTE format('DROP TABLE analytics.%I', to_char(now(), '"event_m"YYYY_MM')); END $$});
like(health(), qr/^t\|t\|0\|partition event_m\d{4}_\d\d is missing: its events go to the default one$/, 'a missing partition');
done_testing();
