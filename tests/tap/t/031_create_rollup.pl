# Rollups of one's own over committed events: built, merged, taken back from, rebuilt, dumped and restored; each equal to the
# same figures counted from the lines that stand.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('rollups');
$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN');
make_shop($node, 'shop', 'shopkeeper');
my @as = (extra_params => [ '-U', 'shopkeeper' ]);

# The figures of each rollup, counted from the lines that stand, by SQL of the test's own.
my $lines = q{(SELECT l.*, coalesce(l.currency, 'USD') AS money, coalesce(l.amount, l.unit_price * coalesce(l.quantity, 1)) AS value,
	l.event_type = 'purchase' AS bought FROM oracle.standing_line l WHERE l.excluded IS NULL) l};
my %counted = (
	by_brand => qq{SELECT store_id, (occurred_at AT TIME ZONE 'UTC')::date, money, country, properties ->> 'brand',
		count(DISTINCT event_id) FILTER (WHERE bought), coalesce(sum(quantity) FILTER (WHERE bought AND line_kind = 'product'), 0),
		coalesce(sum(value) FILTER (WHERE bought AND line_kind <> 'gift_card'), 0), count(DISTINCT customer_id) FILTER (WHERE bought),
		count(DISTINCT event_id) FROM $lines GROUP BY 1, 2, 3, 4, 5},
	dear => qq{SELECT store_id, date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date, channel,
		count(DISTINCT event_id) FILTER (WHERE bought), count(DISTINCT session_id), count(DISTINCT event_id)
		FROM $lines WHERE unit_price >= 50 AND (country IN ('DE', 'NP') OR country IS NULL) AND properties ->> 'category' LIKE 'category %' GROUP BY 1, 2, 3},
	hours => qq{SELECT store_id, date_trunc('hour', occurred_at, 'UTC'), event_type, product_id, count(DISTINCT event_id)
		FROM $lines GROUP BY 1, 2, 3, 4},
	worth => qq{SELECT store_id, month, money, channel, percentile_disc(0.5) WITHIN GROUP (ORDER BY worth) FILTER (WHERE bought),
		percentile_disc(0.9) WITHIN GROUP (ORDER BY worth) FILTER (WHERE bought)
		FROM (SELECT v.*, CASE WHEN v.value > 0 THEN round(v.value, 2 - floor(log(v.value))::integer) ELSE 0 END AS worth
			FROM (SELECT store_id, date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date AS month, money, channel, event_id, bought,
				coalesce(sum(value - coalesce(discount, 0)) FILTER (WHERE line_kind <> 'gift_card'), 0) AS value
				FROM $lines GROUP BY 1, 2, 3, 4, 5, 6) v) w GROUP BY 1, 2, 3, 4},
);

sub are_right
{
	my ($database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $rollup (sort keys %counted)
	{
		is($node->safe_psql($database, "(TABLE analytics.$rollup EXCEPT ALL ($counted{$rollup})) UNION ALL (($counted{$rollup}) EXCEPT ALL TABLE analytics.$rollup) LIMIT 5"),
			'', "$name: $rollup");
	}
	is_right($node, $database, "$name: the built-in ones");
	return;
}

sub status { return $node->safe_psql($_[0], q{SELECT string_agg(status, ' ' ORDER BY name) FROM analytics.rollup_status WHERE name IN ('by_brand', 'dear', 'hours')}) }

sell($node, 'shop', 1, 60);
$node->safe_psql('shop', 'SELECT analytics.refresh()', @as);
sell($node, 'shop', 61, 70);
$node->safe_psql('shop', <<'SQL', @as);
SELECT analytics.create_rollup('by_brand', 'day', '{country,properties->>brand}', '{orders,units,gross_sales,customers,events}');
SELECT analytics.create_rollup('dear', 'month', '{channel}', '{orders,sessions,events}',
    'unit_price >= 50 AND (country IN (''DE'', ''NP'') OR country IS NULL) AND properties->>category LIKE ''category %''');
SELECT analytics.create_rollup('hours', 'hour', '{event_type,product_id}', '{events}');
SELECT analytics.create_rollup('worth', 'month', '{channel}', '{order_value_p50,order_value_p90}');
SQL
isnt($node->safe_psql('shop', 'SELECT count(*) FROM analytics.dear'), '0', 'the filter lets something pass');
is(status('shop'), 'not built not built not built', 'new ones are not built');
are_right('shop', 'right before they are built');
is($node->safe_psql('shop', 'SELECT analytics.maintain()', @as), 't', 'the worker builds them, step by step') for 1 .. 3;
is(status('shop'), 'not built not built building', 'the finest first, from the newest month on');
are_right('shop', 'right while one is being built');
$node->safe_psql('shop', 'SELECT analytics.refresh()', @as);
is(status('shop'), 'current current current', 'a refresh builds what is left');
are_right('shop', 'built');

# merged, with lines taken back, late ones, a transaction held open
my $held = holds_lock($node, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(101, 105))');
sell($node, 'shop', 71, 80);
$node->safe_psql('shop', q{SELECT analytics.retract('e7'), analytics.retract('e75'); SELECT analytics.ingest('{"event": "purchase", "event_id": "e8", "order_id": "o8",
	"revision": 2, "timestamp": "2024-05-05T05:05:05Z", "items": [{"product_id": "p1", "price": 60, "category": "category 9"}, {"product_id": "p2", "price": 5}]}'::jsonb)});
are_right('shop', 'lines taken back, not merged');
$node->safe_psql('shop', 'SELECT analytics.refresh()', @as);
is(status('shop'), 'current current current', 'all is merged');
are_right('shop', 'merged');
$held->query_safe('COMMIT');
$held->quit;
are_right('shop', 'what was open is committed');
$node->safe_psql('shop', 'SELECT analytics.refresh()', @as);
are_right('shop', 'and merged');
like($node->safe_psql('shop', q{SELECT string_agg(DISTINCT merged::text, ' ') FROM analytics.rollup_state JOIN analytics.rollup USING (name)}), qr/^\S+$/, 'all rollups stand at one P');
$node->safe_psql('shop', q{SELECT analytics.rebuild('dear', 2), analytics.rebuild('hours')}, @as);
are_right('shop', 'half rebuilt');
is($node->safe_psql('shop', q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}, @as), '', 'nothing to reconcile');

# a dump brings cells along and no state: they are not counted with the tail, nor left behind by the build
my $dump = PostgreSQL::Test::Utils::tempdir . '/shop.dump';
$node->command_ok([ 'pg_dump', '-U', 'shopkeeper', '-h', $node->host, '-p', $node->port, '-Fc', '-f', $dump, 'shop' ], 'pg_dump by the owner');
$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER shopkeeper');
$node->safe_psql('copy', 'CREATE EXTENSION hll');
my (undef, $errors) = run_command([ 'pg_restore', '-1', '--no-comments', '-U', 'shopkeeper', '-h', $node->host, '-p', $node->port, '-d', 'copy', $dump ]);
is($errors, '', 'pg_restore -1 by the owner');
are_right('copy', 'restored');
$node->safe_psql('copy', q{SELECT analytics.rebuild('by_brand', 1), analytics.rebuild('hours', 2)}, @as);
are_right('copy', 'restored, the first months built');
sell($node, 'copy', 81, 90);
$node->safe_psql('copy', q{SELECT analytics.retract('e9'); SELECT analytics.refresh()});
is(status('copy'), 'current current current', 'restored and refreshed');
are_right('copy', 'restored and merged');
sell($node, 'copy', 91, 95);
$node->safe_psql('copy', 'SELECT analytics.refresh()', @as);
are_right('copy', 'restored, and business goes on');

$node->safe_psql('copy', q{SELECT analytics.drop_rollup('hours'), analytics.drop_rollup('dear'), analytics.drop_rollup('by_brand'), analytics.drop_rollup('worth')}, @as);
sell($node, 'copy', 96, 99);
$node->safe_psql('copy', 'SELECT analytics.refresh()', @as);
is_merged($node, 'copy', 'without them the others go on');
# what is created or dropped beside a transaction with an older snapshot
sell($node, 'shop', 111, 112);
my $older = holds_lock($node, 'shop', 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM analytics.rollup');
$node->safe_psql('shop', q{SELECT analytics.rebuild('dear'); SELECT analytics.create_rollup('beside', 'day', '{properties->>key,channel}', '{orders,customers}'); SELECT analytics.rebuild('beside')}, @as);
is($older->query_safe('SELECT analytics.refresh() IS NULL'), 't', 'a refresh with an older snapshot merges nothing');
$older->query_safe('COMMIT');
$older->quit;
are_right('shop', 'after it');
refused($node, 'shop', q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT analytics.create_rollup('x', 'day')}, '25001', qr/READ COMMITTED only/, 'no creating under a fixed snapshot');
refused($node, 'shop', q{BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT analytics.drop_rollup('beside')}, '25001', qr/READ COMMITTED only/, 'nor dropping');
$node->safe_psql('shop', 'SELECT analytics.refresh()', @as);
is($node->safe_psql('shop', 'SELECT sum(orders) FROM analytics.beside'), $node->safe_psql('shop', q{SELECT sum(orders) FROM analytics.sales_daily}), 'each event is merged into it once');

# a week counts lost cells by way of a day's rollup, while there is one
$node->safe_psql('shop', q{SELECT analytics.create_rollup('w_day', 'day', '{device}', '{orders,customers}'), analytics.create_rollup('w_week', 'week', '{device}', '{orders,customers}'); SELECT analytics.refresh()}, @as);
my $weeks = q{TABLE analytics.w_week EXCEPT ALL (SELECT store_id, (date_trunc('week', occurred_at AT TIME ZONE 'UTC'))::date, device, count(DISTINCT event_id) FILTER (WHERE event_type = 'purchase'),
	count(DISTINCT customer_id) FILTER (WHERE event_type = 'purchase') FROM oracle.standing_line WHERE excluded IS NULL GROUP BY 1, 2, 3)};
$node->safe_psql('shop', q{SELECT analytics.retract('e11')}, @as);
is($node->safe_psql('shop', $weeks), '', 'a lost week, counted by its days');
$node->safe_psql('shop', q{SELECT analytics.drop_rollup('w_day'); SELECT analytics.retract('e12')}, @as);
is($node->safe_psql('shop', $weeks), '', 'without its days, from the events');
$node->safe_psql('shop', q{SELECT analytics.create_rollup('w_day', 'day', '{device}', '{orders,customers}', 'country = ''DE''')}, @as);
is($node->safe_psql('shop', $weeks), '', 'and not by another rollup of that name');
$node->safe_psql('shop', q{SELECT analytics.refresh()}, @as);
is($node->safe_psql('shop', $weeks), '', 'and merged');

# no value of a dimension is too long to be merged
$node->safe_psql('shop', q{SELECT analytics.ingest(jsonb_build_array(jsonb_build_object('event', 'page_view', 'properties',
	jsonb_build_object('brand', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 5000) i))))); SELECT analytics.refresh()}, @as);
is($node->safe_psql('shop', q{SELECT sum(events) FROM analytics.by_brand WHERE octet_length(brand) BETWEEN 200 AND 1000}), '1', 'a long value is cut');
is(status('shop'), 'current current current', 'and merged');

# without CASCADE what depends on the extension keeps it; with it, nothing is left
refused($node, 'shop', 'DROP EXTENSION analytics', '2BP01', qr/other objects depend/, 'DROP EXTENSION says what depends');
$node->safe_psql('shop', 'DROP SCHEMA oracle CASCADE; DROP EXTENSION analytics CASCADE', @as);
is($node->safe_psql('shop', q{SELECT c.relname FROM pg_class c WHERE c.relnamespace = to_regnamespace('analytics') UNION ALL SELECT p.proname FROM pg_proc p WHERE p.pronamespace = to_regnamespace('analytics')}),
	'', 'DROP EXTENSION CASCADE leaves nothing of them');
$node->safe_psql('shop', 'CREATE EXTENSION analytics', @as);
is($node->safe_psql('shop', 'SELECT count(*) FROM analytics.sales_daily'), '0', 'and it can be made again');
done_testing();
