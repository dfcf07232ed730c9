# ALTER EXTENSION UPDATE: a database of the version before, with data, rollups of its own, roles and views built on it, is after the
# update what a fresh one is that took in the same; all that both consist of is compared, and what they show. See docs/development.md
# on what to do about a difference.
use strict;
use warnings;
use AnalyticsTest;
use WorkersTest;
use PostgreSQL::Test::Utils;
use File::Spec;
use File::Basename qw(dirname);
use Test::More;

my $from = '0.1.0';
my $here = dirname(File::Spec->rel2abs(__FILE__));
my $catalog = slurp_file("$here/../catalog.sql");
my $node = new_server('update');
my @as = (extra_params => [ '-U', 'shopkeeper' ]);
my $version = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'analytics'});
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(shopkeeper reader writer manager picky stranger);

sub create
{
	my ($database, $version) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER shopkeeper");
	$node->safe_psql($database, 'CREATE EXTENSION hll');
	$node->safe_psql($database, "CREATE EXTENSION analytics VERSION '$version'; SELECT analytics.maintain_partitions()", @as);
	$node->safe_psql($database, slurp_file("$here/../shop.sql"), @as);
	return;
}

# What both take in: settings, rates, events merged and not, some of a transaction that was open meanwhile, lines taken back, visitors
# without a name, what was rejected; rollups of one's own, one of them not built; roles; views built on the extension's.
sub take_in
{
	my ($database) = @_;
	$node->safe_psql($database, <<'SQL', @as);
SELECT analytics.set_setting('timezone', 'Europe/Berlin', 'main'), analytics.set_setting('session_gap', '20 minutes');
SELECT analytics.set_exchange_rate('EUR', 1.25, '2020-01-01'), analytics.set_exchange_rate('JPY', 0.01, '2020-01-01'),
    analytics.set_exchange_rate('JPY', 0.02, '2024-06-01', 'main');
SELECT analytics.create_rollup('by_brand', 'day', '{country,properties->>brand}', '{orders,units,gross_sales,customers,events}');
SELECT analytics.create_rollup('dear', 'month', '{channel}', '{orders,sessions,events}',
    'unit_price >= 50 AND (country IN (''DE'', ''NP'') OR country IS NULL) AND properties->>category LIKE ''category %''');
SELECT analytics.create_rollup('w_day', 'day', '{device}', '{orders,customers}'), analytics.create_rollup('w_week', 'week', '{device}', '{orders,customers}');
SELECT analytics.grant_access('reader', 'reader'), analytics.grant_access('writer', 'writer'), analytics.grant_access('manager', 'admin'),
    analytics.grant_access('manager', 'reader');
GRANT USAGE ON SCHEMA analytics TO picky;
GRANT SELECT ON analytics.sales_daily, analytics.w_day TO picky WITH GRANT OPTION;
GRANT SELECT (bucket, orders) ON analytics.sales_monthly TO picky;
GRANT EXECUTE ON FUNCTION analytics.tail_sales_daily(), analytics.allowed_stores() TO picky;
SQL
	sell($node, $database, 1, 40);
	my $held = holds_lock($node, $database, 'SELECT accepted FROM analytics.ingest(shop.events(101, 104))');
	sell($node, $database, 41, 60);
	$node->safe_psql($database, q{SELECT analytics.retract('e7')}, @as);
	$node->safe_psql($database, 'SELECT analytics.refresh()', @as);
	$held->query_safe('COMMIT');
	$held->quit;
	sell($node, $database, 61, 70);
	$node->safe_psql($database, <<'SQL', @as);
SELECT analytics.retract('e9'), analytics.retract('e63');
SELECT analytics.ingest('[{"event": "page_view", "event_id": "visit1", "timestamp": "2024-07-01T10:00:00Z", "anonymous_id": "a1"},
    {"event": "add_to_cart", "event_id": "visit2", "timestamp": "2024-07-01T10:10:00Z", "anonymous_id": "a1", "items": [{"product_id": "p1", "price": 7}]},
    {"event": "page_view", "event_id": "visit3", "timestamp": "2024-07-01T11:10:00Z", "anonymous_id": "a1"}]'::jsonb);
SELECT analytics.ingest('{"event": "purchase", "event_id": "wrong"}'::jsonb);
INSERT INTO analytics.event (event_id, event_type, occurred_at, customer_id, product_id, quantity, unit_price)
VALUES ('d1', 'purchase', '2024-07-02 10:00Z', 'c1', 'p1', 1, 9);
UPDATE analytics.product SET brand = 'of our own' WHERE product_id = 'p3';
SELECT analytics.create_rollup('hours', 'hour', '{event_type,product_id}', '{events}');
CREATE VIEW shop.best_days AS SELECT bucket, sum(net_sales) AS net_sales FROM analytics.sales_daily GROUP BY bucket;
CREATE MATERIALIZED VIEW shop.brands AS SELECT * FROM analytics.by_brand;
CREATE FUNCTION shop.last_month() RETURNS SETOF analytics.sales_monthly LANGUAGE sql BEGIN ATOMIC SELECT * FROM analytics.sales_monthly ORDER BY bucket DESC LIMIT 1; END;
SQL
	return;
}

# What differs between two texts, line by line, both ways.
sub differences
{
	my ($first, $second) = @_;
	my %in = map { $_ => 1 } split /\n/, $first;
	my %also = map { $_ => 1 } split /\n/, $second;
	return (join "\n", (map { "- $_" } grep { !$also{$_} } sort keys %in), (map { "+ $_" } grep { !$in{$_} } sort keys %also)) =~ s/^(.{300}).*/$1 .../mgr;
}

# Both databases consist of the same: lines with - are what the first has, + the second.
sub same_catalog
{
	my ($first, $second, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(differences($node->safe_psql($first, $catalog), $node->safe_psql($second, $catalog)), '', $name);
}

# All that reports show, and what else is kept.
sub shown
{
	my ($database) = @_;
	my $reports = $node->safe_psql($database, <<'SQL');
SELECT string_agg(format('SELECT %L, (to_jsonb(v) - ''{ingest_xid,ingested_at}''::text[])::text FROM analytics.%I v', relname, relname), ' UNION ALL ')
  FROM pg_class WHERE relnamespace = 'analytics'::regnamespace
   AND (relkind = 'v' AND relname NOT IN ('counted_line', 'product_news', 'rollup_status', 'source_status', 'data_dictionary') OR relname IN ('store', 'exchange_rate', 'event_key'))
SQL
	return $node->safe_psql($database, "SELECT * FROM ($reports) s(view, line) ORDER BY 1, 2");
}

# Figures of the own rollups, by SQL of the test's own.
my $lines = q{(SELECT l.*, l.occurred_at AT TIME ZONE 'Europe/Berlin' AS wall, coalesce(l.currency, 'USD') AS money, coalesce(l.amount, l.unit_price * coalesce(l.quantity, 1)) AS value,
	l.event_type = 'purchase' AS bought FROM oracle.standing_line l WHERE l.excluded IS NULL) l};
my %counted = (
	by_brand => qq{SELECT store_id, wall::date, money, country, properties ->> 'brand',
		count(DISTINCT event_id) FILTER (WHERE bought), coalesce(sum(quantity) FILTER (WHERE bought AND line_kind = 'product'), 0),
		coalesce(sum(value) FILTER (WHERE bought AND line_kind <> 'gift_card'), 0), count(DISTINCT customer_id) FILTER (WHERE bought),
		count(DISTINCT event_id) FROM $lines GROUP BY 1, 2, 3, 4, 5},
	dear => qq{SELECT store_id, date_trunc('month', wall)::date, channel, count(DISTINCT event_id) FILTER (WHERE bought), count(DISTINCT session_id), count(DISTINCT event_id)
		FROM $lines WHERE unit_price >= 50 AND (country IN ('DE', 'NP') OR country IS NULL) AND properties ->> 'category' LIKE 'category %' GROUP BY 1, 2, 3},
	w_week => qq{SELECT store_id, date_trunc('week', wall)::date, device, count(DISTINCT event_id) FILTER (WHERE bought), count(DISTINCT customer_id) FILTER (WHERE bought)
		FROM $lines GROUP BY 1, 2, 3},
	hours => qq{SELECT store_id, date_trunc('hour', occurred_at, 'UTC'), event_type, product_id, count(DISTINCT event_id) FROM $lines GROUP BY 1, 2, 3, 4},
);

sub all_right
{
	my ($database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $rollup (sort keys %counted)
	{
		is($node->safe_psql($database, "(TABLE analytics.$rollup EXCEPT ALL ($counted{$rollup})) UNION ALL (($counted{$rollup}) EXCEPT ALL TABLE analytics.$rollup) LIMIT 5"),
			'', "$name: $rollup");
	}
	return is_right($node, $database, "$name: the built-in ones");
}

my $merged = q{SELECT name, merged, built_from, rebuilding_from FROM analytics.rollup_state WHERE name IN ('sales_hourly', 'sales_daily', 'sales_weekly', 'sales_monthly', 'product', 'by_brand', 'dear', 'w_day', 'w_week') ORDER BY 1};
my $cells = q{SELECT 'day', s.ctid, s.* FROM analytics.rollup_sales_daily s ORDER BY 1, 2};

create('old', $from);
create('fresh', $version);
take_in($_) for qw(old fresh);
is($node->safe_psql('old', q{SELECT extversion FROM pg_extension WHERE extname = 'analytics'}), $from, "events came in through $from with the library of $version");
is($node->safe_psql('old', q{SELECT count(*), count(DISTINCT customer_id IS NULL) FROM analytics.event WHERE event_id ~ '^visit'}), '3|1', 'those of visitors, too');
my $state_before = $node->safe_psql('old', $merged);
my $cells_before = $node->safe_psql('old', $cells);
my $sales_before = $node->safe_psql('old', 'SELECT * FROM analytics.sales_daily ORDER BY 1, 2, 3, 4, 5');

# What stands in the way is named.
$node->safe_psql('old', 'CREATE VIEW shop.my_lines AS SELECT * FROM analytics.counted_line', @as);
refused($node, 'old', 'SET ROLE shopkeeper; ALTER EXTENSION analytics UPDATE', '2BP01', qr/DETAIL:  view shop\.my_lines depends on view analytics\.counted_line\n/,
	'a view on one whose columns change is in the way');
$node->safe_psql('old', 'DROP VIEW shop.my_lines; GRANT CREATE ON SCHEMA analytics TO stranger', @as);
$node->safe_psql('old', q{CREATE FUNCTION analytics.grant_access(grantee name, level name) RETURNS void LANGUAGE sql AS 'SELECT'}, extra_params => [ '-U', 'stranger' ]);
refused($node, 'old', 'SET ROLE shopkeeper; ALTER EXTENSION analytics UPDATE', '42501', qr/analytics\.grant_access\(name,name\) \(stranger\)/,
	'and so is a function that somebody else put there');
$node->safe_psql('old', 'DROP FUNCTION analytics.grant_access(name, name); REVOKE CREATE ON SCHEMA analytics FROM stranger');
is($node->safe_psql('old', 'SELECT * FROM analytics.sales_daily ORDER BY 1, 2, 3, 4, 5'), $sales_before, 'nothing has happened so far');


# What the owner put into the extension's objects runs as the owner, even where a superuser updates.
is($node->safe_psql('old', <<'SQL'), 'shopkeeper', q{the owner's own code runs as the owner});
BEGIN;
SET ROLE shopkeeper;
CREATE TABLE shop.ran (by name);
CREATE FUNCTION shop.run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.ran VALUES (current_user); RETURN NEW; END $$;
CREATE TRIGGER run BEFORE INSERT ON analytics.rollup FOR EACH ROW EXECUTE FUNCTION shop.run();
CREATE OR REPLACE FUNCTION analytics.grant_access(grantee name, level text) RETURNS void LANGUAGE sql AS 'INSERT INTO shop.ran VALUES (current_user)';
RESET ROLE;
ALTER EXTENSION analytics UPDATE;
SELECT DISTINCT by FROM shop.ran;
ROLLBACK;
SQL

# The update, by the owner, who is no superuser.
$node->safe_psql('old', 'ALTER EXTENSION analytics UPDATE', @as);
same_catalog('old', 'fresh', 'an updated database (-) consists of what a fresh one (+) does');
is($node->safe_psql('old', $merged), $state_before, 'what was merged counts as merged');
is($node->safe_psql('old', $cells), $cells_before, 'its cells are the very same rows');
is($node->safe_psql('old', 'SELECT * FROM analytics.sales_daily ORDER BY 1, 2, 3, 4, 5'), $sales_before, 'and say the same');
is($node->safe_psql('old', 'SELECT count(*) FROM shop.best_days, shop.last_month()'), $node->safe_psql('fresh', 'SELECT count(*) FROM shop.best_days, shop.last_month()'), 'what was built on views goes on');
load_oracle($node, $_, @as) for qw(old fresh);
all_right('old', 'right at once');
is(differences(shown('old'), shown('fresh')), '', 'updated (-) and fresh (+) show the same');
is($node->safe_psql('old', 'SELECT * FROM analytics.reconcile()', @as), '', 'nothing to reconcile');

# Business goes on: new targets are built, old ones merged.
for my $database (qw(old fresh))
{
	$node->safe_psql($database, 'SELECT analytics.refresh()', @as);
	is_merged($node, $database, "$database: merged");
	is($node->safe_psql($database, q{SELECT string_agg(DISTINCT status, ' ') FROM analytics.rollup_status}), 'current', "$database: all rollups are built");
	sell($node, $database, 71, 80);
	$node->safe_psql($database, q{SELECT analytics.retract('e11'), analytics.retract('e72'), analytics.identify('a1', 'c3')}, @as);
}
all_right('old', 'and more to merge');
$node->safe_psql($_, 'SELECT analytics.refresh()', @as) for qw(old fresh);
all_right('old', 'merged again');
is(differences(shown('old'), shown('fresh')), '', 'both still show the same');
is($node->safe_psql('old', q{SELECT analytics.drop_rollup('hours'); SELECT analytics.create_rollup('hours', 'hour', '{event_type,product_id}', '{events}'); SELECT analytics.refresh()}, @as) ne '', 1,
	'a rollup can be dropped and made again');
all_right('old', 'and is right');

# A dump of the updated database is one of a fresh one, privileges and all.
my $dump = PostgreSQL::Test::Utils::tempdir . '/old.dump';
$node->safe_psql('old', 'DROP SCHEMA oracle CASCADE', @as);
$node->command_ok([ 'pg_dump', '-U', 'shopkeeper', '-h', $node->host, '-p', $node->port, '-Fc', '-f', $dump, 'old' ], 'pg_dump by the owner');
$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER shopkeeper');
$node->safe_psql('copy', 'CREATE EXTENSION hll');
my (undef, $errors) = run_command([ 'pg_restore', '-1', '--no-comments', '-U', 'shopkeeper', '-h', $node->host, '-p', $node->port, '-d', 'copy', $dump ]);
is($errors, '', 'pg_restore -1 by the owner');
load_oracle($node, $_, @as) for qw(old copy);
all_right('copy', 'restored');
is(differences(shown('copy'), shown('old')), '', 'restored (-) and dumped (+) show the same');
my $privileges = sub { join "\n", grep { /^privileges / } split /\n/, $node->safe_psql($_[0], $catalog) };
is(differences($privileges->('copy'), $privileges->('old')), '', 'the same roles may do the same');
is($node->safe_psql('copy', 'SELECT count(*) > 0 FROM analytics.customer', extra_params => [ '-U', 'reader' ]), 't', 'a reader reads what is new');

# An update to what is there, by a superuser, with something built on each view, changes nothing.
$node->safe_psql('fresh', <<'SQL', @as);
DO $$
DECLARE
    view name;
BEGIN
    FOR view IN SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v' LOOP
        EXECUTE format('CREATE VIEW shop.%I AS SELECT * FROM analytics.%I', 'on_' || view, view);
    END LOOP;
END
$$
SQL
sell($node, 'fresh', 81, 85);
my ($before, $shown) = ($node->safe_psql('fresh', $catalog), shown('fresh'));
my $states = 'SELECT name, merged, built_from FROM analytics.rollup_state ORDER BY 1';
my $states_before = $node->safe_psql('fresh', $states);
my $update = holds_lock($node, 'fresh', q{ALTER EXTENSION analytics UPDATE TO 'again'});
my ($refresh, undef) = waits_for_lock($node, 'fresh', 'SELECT analytics.refresh()');
$update->query_safe('COMMIT');
$update->quit;
$refresh->query_until(qr/done/, "\\echo done\n");
like($refresh->{stderr}, qr/analytics was updated meanwhile/, 'a refresh that waited for the update does not go on with old code');
$refresh->quit;
is(differences($before, $node->safe_psql('fresh', $catalog)), '', 'an update to the same version changes nothing (- before, + after)');
is($node->safe_psql('fresh', $states), $states_before, 'nor what is merged');
is(differences($shown, shown('fresh')), '', 'nor what is shown');
is($node->safe_psql('fresh', 'SELECT analytics.refresh() BETWEEN 1 AND 50', @as), 't', 'nothing is to be built, but what came last merged');
is_merged($node, 'fresh', 'after the update');

# Cells of another shape than the new version's are brought into line, and built anew. (A column that comes later stands last, which
# the text of its view shows.)
my $columns = sub { join "\n", grep { !/^view analytics\.dear/ } split /\n/, $node->safe_psql('old', $catalog) };
$before = $columns->();
$node->safe_psql('old', <<'SQL', @as);
ALTER TABLE analytics.rollup_dear DROP COLUMN sessions CASCADE, DROP COLUMN events CASCADE;
ALTER TABLE analytics.rollup_sales_daily ADD COLUMN gone text;
ALTER EXTENSION analytics UPDATE TO 'again';
SQL
is($node->safe_psql('old', q{SELECT string_agg(name, ' ' ORDER BY name) FROM analytics.rollup_status WHERE status = 'not built'}), 'dear sales_daily', 'those alone are to be built');
is(differences($before, $columns->()), '', 'the same columns again');
all_right('old', 'before they are built');
$node->safe_psql('old', 'SELECT analytics.refresh()', @as);
is_merged($node, 'old', 'built');
all_right('old', 'built');

# A worker runs old code: it is stopped before.
create('busy', $from);
load_oracle($node, 'busy', @as);
sell($node, 'busy', 1, 20);
$node->safe_psql('busy', 'SELECT analytics.start_workers()', @as);
refused($node, 'busy', 'SET ROLE shopkeeper; ALTER EXTENSION analytics UPDATE', '55006', qr/HINT:  SELECT analytics.stop_workers\(\)/, 'not while a worker runs');
$node->safe_psql('busy', 'SELECT analytics.stop_workers(); ALTER EXTENSION analytics UPDATE; SELECT analytics.start_workers()', @as);
gets_merged($node, 'busy', 'the worker goes on with what is new');
$node->safe_psql('busy', 'SELECT analytics.stop_workers()', @as);
done_testing();
