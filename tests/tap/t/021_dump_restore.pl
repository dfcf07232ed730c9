# Dump and restore by a role that only owns its database, into clusters whose transaction ids are far ahead or far behind:
# right figures at once, merged by the next refresh, what was ingested stays known. And DROP EXTENSION leaves nothing.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $dumps = PostgreSQL::Test::Utils::tempdir;
my %node = map { $_ => new_server($_) } qw(young old);
for my $node (values %node)
{
	$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE somebody_else LOGIN');
}
burn_ids($node{old}, 60_000);

sub as { my ($role) = @_; return (extra_params => [ '-U', $role ]) }

# Everything that a reader sees of the shop, in one text.
sub shown
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, <<'SQL');
SELECT v.* FROM (SELECT 'hour', to_jsonb(s) FROM analytics.sales_hourly s UNION ALL SELECT 'day', to_jsonb(s) FROM analytics.sales_daily s
    UNION ALL SELECT 'week', to_jsonb(s) FROM analytics.sales_weekly s UNION ALL SELECT 'month', to_jsonb(s) FROM analytics.sales_monthly s
    UNION ALL SELECT 'product', to_jsonb(s) FROM analytics.product_daily s UNION ALL SELECT 'category', to_jsonb(s) FROM analytics.category_daily s
    UNION ALL SELECT 'pair', to_jsonb(s) FROM analytics.product_affinity s
    UNION ALL SELECT 'event', to_jsonb(s) - '{ingest_xid}'::text[] FROM analytics.current_event s
    UNION ALL SELECT 'rejected', to_jsonb(s) FROM analytics.rejected_event s UNION ALL SELECT 'key', to_jsonb(s) FROM analytics.event_key s
    UNION ALL SELECT 'store', to_jsonb(s) FROM analytics.store s UNION ALL SELECT 'rate', to_jsonb(s) FROM analytics.exchange_rate s
    UNION ALL SELECT 'rule', to_jsonb(s) FROM analytics.segment_rule s UNION ALL SELECT 'rfm', to_jsonb(s) FROM analytics.rfm_at('2024-06-01') s
    UNION ALL SELECT 'segment', to_jsonb(s) FROM analytics.segment_history s UNION ALL SELECT 'recorded', to_jsonb(s) FROM analytics.segment_recorded s
    UNION ALL SELECT 'ingest key', to_jsonb(s) FROM analytics.ingest_key s
    UNION ALL SELECT 'shop''s own view', to_jsonb(s) FROM shop.best_days s) v(what, line) ORDER BY v.what, v.line::text
SQL
}

sub partitions
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q{SELECT string_agg(c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid), ', ' ORDER BY c.relname)
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'analytics.event'::regclass});
}

# A database that belongs to the role, hll in it, and the dump restored by that role, whole or not at all. Comments stay out,
# since the dump has one on hll, which belongs to whoever put it there.
sub restore
{
	my ($node, $database, $role, @options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER $role");
	$node->safe_psql($database, 'CREATE EXTENSION hll');
	my (undef, $errors) = run_command([ 'pg_restore', '-1', '--no-comments', '-U', $role, '-h', $node->host, '-p', $node->port,
		'-d', $database, @options, "$dumps/shop.dump" ]);
	is($errors, '', "pg_restore -1 as $role of " . $node->name . ': no errors');
	return;
}

# The restored shop: right before anything is done, after a refresh, and when business goes on.
sub goes_on
{
	my ($node, $database, $before, $partitions) = @_;
	my $name = $node->name;
	is(shown($node, $database), $before, "$name: all figures, events, keys, settings are what they were");
	is(partitions($node, $database), $partitions, "$name: the partitions are there");
	is($node->safe_psql($database, 'SELECT count(*) FROM analytics.rollup_state'), '0', "$name: the state of the engine did not come along");
	is_right($node, $database, "$name: right before any refresh");
	is($node->safe_psql($database, q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}), '', "$name: nothing to reconcile");

	is($node->safe_psql($database, "SELECT accepted, duplicates = jsonb_array_length(e) FROM (SELECT shop.events(1, 60) AS e) s, analytics.ingest(e)"),
		'0|t', "$name: known events are duplicates");
	refused($node, $database, q{INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id) VALUES ('new', 'purchase', now(), 'o7')},
		'23505', qr/known already/, "$name: and so is a known order that is written directly");
	$node->safe_psql($database, 'SELECT analytics.refresh()', as('shopkeeper'));
	is_merged($node, $database, "$name: after a refresh by the owner");
	is(shown($node, $database), $before, "$name: which changes no figure");

	sell($node, $database, 201, 240);
	is_right($node, $database, "$name: after more events");
	$node->safe_psql($database, q{SELECT analytics.retract('e9'), analytics.ingest('{"event": "purchase", "event_id": "e8", "order_id": "o8",
		"revision": 2, "items": [{"product_id": "p1", "price": 3}]}'::jsonb)});
	is_right($node, $database, "$name: after a retraction and a revision of restored events");
	$node->safe_psql($database, 'SELECT analytics.refresh()');
	is_merged($node, $database, "$name: and when these are merged");

	is($node->safe_psql($database, q{UPDATE analytics.rejected_event SET payload = payload || '{"timestamp": "2024-05-05T05:05:05Z"}' WHERE status = 'open';
		SELECT accepted, rejected FROM analytics.replay_rejected()}), '1|0', "$name: a rejected event can be mended and replayed");
	is($node->safe_psql($database, q{SELECT rejected FROM analytics.ingest('{"event": "x", "timestamp": "never"}'::jsonb)}), '1',
		"$name: another is kept, under a number of its own");
	is($node->safe_psql($database, 'SELECT analytics.maintain_partitions()'), '1', "$name: what stood in the default partition moves to its year");
	is_right($node, $database, "$name: which changes nothing");
	$node->safe_psql($database, 'SELECT analytics.refresh()');
	is_merged($node, $database, "$name: and is merged");
	is($node->safe_psql($database, q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}), '', "$name: nothing to reconcile in the end");
	return;
}

# The shop that is dumped: retractions, revisions, a rejected event, settings, rates, products, another store, a row in the
# default partition, a view of the shop's own; part of it merged.
make_shop($node{young}, 'shop', 'shopkeeper');
sell($node{young}, 'shop', 1, 50);
$node{young}->safe_psql('shop', <<'SQL', as('shopkeeper'));
ALTER TABLE analytics.event DETACH PARTITION analytics.event_y2012;
DROP TABLE analytics.event_y2012;
CREATE VIEW shop.best_days AS SELECT bucket, net_sales FROM analytics.sales_daily WHERE net_sales > 400;
SELECT analytics.set_setting('timezone', 'America/New_York'), analytics.set_setting('week_start', 'sunday', 'second'),
       analytics.set_setting('currency', 'GBP', 'second'), analytics.set_exchange_rate('JPY', 0.006, '2024-01-01');
INSERT INTO analytics.event (event_id, event_type, occurred_at, product_id, quantity, unit_price) VALUES ('old', 'purchase', '2012-06-01', 'p1', 1, 5);
INSERT INTO analytics.product (product_id, name, category) VALUES ('p19', 'Named by the shop', 'the shop''s own');
SELECT analytics.ingest(shop.events(61, 80), store => 'second');
SELECT analytics.create_ingest_key('browser', 'second', 5, '{view_item}'), analytics.create_ingest_key('gone', webhook_secret => 'x'), analytics.revoke_ingest_key('gone');
SELECT analytics.refresh();
SELECT analytics.record_segments('2024-06-01');
BEGIN;
DELETE FROM analytics.segment_rule WHERE segment = 'dormant';  -- and the same in other words, for the oracle
INSERT INTO analytics.segment_rule (priority, segment, r_min, r_max, fm_min, fm_max) VALUES (1, 'dormant', 1, 1, 1, 1), (300, 'dormant', 2, 2, 1, 1);
COMMIT;
SELECT analytics.retract('e3'), analytics.retract('v2');
SELECT analytics.ingest('{"event": "purchase", "event_id": "e4", "order_id": "o4", "revision": 2, "timestamp": "2024-06-01T00:00:00Z",
    "items": [{"product_id": "p1", "price": 3}]}'::jsonb);
SELECT analytics.ingest('{"event": "purchase", "event_id": "bad", "timestamp": "never", "items": [{"product_id": "p1", "price": 3}]}'::jsonb);
SELECT analytics.ingest(shop.events(51, 60));
SQL
is_right($node{young}, 'shop', 'the shop that is dumped is right');
my $before = shown($node{young}, 'shop');
my $partitions = partitions($node{young}, 'shop');
is($node{young}->safe_psql('shop', 'SELECT count(*) FROM analytics.event_default'), '1', 'it has a row in the default partition');
my @dump = ('pg_dump', '-U', 'shopkeeper', '-h', $node{young}->host, '-p', $node{young}->port, '-d', 'shop');
$node{young}->command_ok([ @dump, '-Fc', '-f', "$dumps/shop.dump" ], 'pg_dump -Fc by the owner');
$node{young}->command_ok([ @dump, '-f', "$dumps/shop.sql" ], 'and as a script');

# into a cluster whose ids are far ahead, and from there into one whose ids are far behind
restore($node{old}, 'shop', 'shopkeeper');
my ($newest) = $node{old}->safe_psql('shop', 'SELECT max(stamp::text::bigint) FROM analytics.event');
cmp_ok($newest, '>', 60_000, 'restored events are stamped by the cluster that they are in');
goes_on($node{old}, 'shop', $before, $partitions);

$before = shown($node{old}, 'shop');
$partitions = partitions($node{old}, 'shop');
unlink "$dumps/shop.dump";
$node{old}->command_ok([ 'pg_dump', '-U', 'shopkeeper', '-h', $node{old}->host, '-p', $node{old}->port, '-d', 'shop', '-Fc', '-f', "$dumps/shop.dump" ],
	'the restored shop can be dumped');
restore($node{young}, 'again', 'somebody_else', '--no-owner');
is(shown($node{young}, 'again'), $before, 'back into the first cluster, to another owner: all is there');
is_right($node{young}, 'again', 'right before any refresh');
$node{young}->safe_psql('again', 'SELECT analytics.refresh()', as('somebody_else'));
is_merged($node{young}, 'again', 'and after one by its owner');
sell($node{young}, 'again', 241, 260);
is_right($node{young}, 'again', 'and when business goes on');

# As a script, by psql; the one thing that the owner may not do is to comment on hll.
$node{old}->safe_psql('postgres', 'CREATE DATABASE script OWNER shopkeeper');
$node{old}->safe_psql('script', 'CREATE EXTENSION hll');
my (undef, $errors) = run_command([ 'psql', '-X', '-q', '-U', 'shopkeeper', '-h', $node{old}->host, '-p', $node{old}->port, '-d', 'script',
	'-f', "$dumps/shop.sql" ]);
is(join("\n", grep { /ERROR|FATAL/ && !/must be owner of extension hll/ } split /\n/, $errors), '', 'a script is restored without errors');
is(shown($node{old}, 'script'), shown($node{young}, 'shop'), 'the same shop');
is_right($node{old}, 'script', 'and right');

# The same as INSERTs, each a transaction of its own.
$node{young}->command_ok([ @dump, '--inserts', '-f', "$dumps/inserts.sql" ], 'pg_dump --inserts');
$node{old}->safe_psql('postgres', 'CREATE DATABASE inserts OWNER shopkeeper');
$node{old}->safe_psql('inserts', 'CREATE EXTENSION hll');
(undef, $errors) = run_command([ 'psql', '-X', '-q', '-U', 'shopkeeper', '-h', $node{old}->host, '-p', $node{old}->port, '-d', 'inserts',
	'-f', "$dumps/inserts.sql" ]);
is(join("\n", grep { /ERROR|FATAL/ && !/must be owner of extension hll/ } split /\n/, $errors), '', 'INSERTs are restored without errors');
is(shown($node{old}, 'inserts'), shown($node{young}, 'shop'), 'the same shop, with its rules of segments');
is_right($node{old}, 'inserts', 'and right');

# DROP EXTENSION removes all of it.
$node{young}->safe_psql('shop', 'DROP SCHEMA shop, oracle CASCADE; DROP EXTENSION analytics CASCADE', as('shopkeeper'));
is($node{young}->safe_psql('shop', <<'SQL'), '', 'DROP EXTENSION CASCADE leaves nothing behind');
SELECT 'relation', relname FROM pg_class WHERE relnamespace = to_regnamespace('analytics')
UNION ALL SELECT 'routine', proname FROM pg_proc WHERE pronamespace = to_regnamespace('analytics')
UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = to_regnamespace('analytics')
SQL
$node{young}->safe_psql('shop', 'CREATE EXTENSION analytics; SELECT analytics.maintain_partitions()', as('shopkeeper'));
load_oracle($node{young}, 'shop', as('shopkeeper'));
is($node{young}->safe_psql('shop', q{SELECT accepted FROM analytics.ingest('{"event": "purchase", "order_id": "o1", "items":
	[{"product_id": "p1", "price": 3}]}'::jsonb); SELECT analytics.refresh()}, as('shopkeeper')), "1\n1", 'CREATE EXTENSION again starts afresh');
is_merged($node{young}, 'shop', 'and counts');

done_testing();
