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
is($node->safe_psql('shop', 'SELECT * FROM analytics.reconcile()', @as), '', 'nothing to reconcile');

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

$node->safe_psql('copy', q{SELECT analytics.drop_rollup('hours'), analytics.drop_rollup('dear'), analytics.drop_rollup('by_brand')}, @as);
sell($node, 'copy', 96, 99);
$node->safe_psql('copy', 'SELECT analytics.refresh()', @as);
is_merged($node, 'copy', 'without them the others go on');
$node->safe_psql('shop', 'DROP EXTENSION analytics CASCADE', @as);
is($node->safe_psql('shop', q{SELECT count(*) FROM pg_class WHERE relname IN ('by_brand', 'dear', 'hours')}), '0', 'views of rollups go with the extension');
done_testing();
