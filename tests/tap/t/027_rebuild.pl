# Rebuilds in slices, first builds in slices and settings that move days, weeks and currencies, with writers, refreshes and
# each other in between: after every step the views say what the events say.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('rebuild');
my @rollups = qw(sales_hourly sales_daily sales_weekly sales_monthly product_daily);

# What happens to a shop between two slices; each call something else. Numbers of events go on from one to the next.
my %next;

sub something_happens
{
	my ($shop) = @_;
	my $n = $next{$shop}++;
	my $first = 100 + $n * 3;
	sell($node, $shop, $first, $first + 2);
	my @also = (
		"SELECT analytics.retract('e${\($n + 1)}')",
		'SELECT analytics.refresh()',
		"SELECT analytics.ingest(jsonb_build_object('event', 'purchase', 'event_id', 'e' || $n + 2, 'order_id', 'o' || $n + 2, 'revision', 2,
			'timestamp', timestamptz '2024-09-09 09:00Z' + $n * interval '1 day', 'currency', 'EUR', 'items', jsonb_build_array(shop.item(1, 2, 3, NULL))))",
		'SELECT analytics.maintain()',
		"INSERT INTO analytics.event (event_id, event_type, occurred_at, unit_price) VALUES ('direct$n', 'purchase', '2024-11-11', 1)");
	$node->safe_psql($shop, $also[ $n % @also ]);
	return;
}

sub new_shop
{
	my ($shop) = @_;
	make_shop($node, $shop);
	sell($node, $shop, 1, 60);
	$node->safe_psql($shop, q{SELECT analytics.ingest(shop.events(1, 20), store => 'second');
		INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, unit_price, customer_id)
		SELECT s, 'no currency ' || n, 'purchase', timestamptz '2024-10-26 22:00Z' + n * interval '40 minutes', n, 'c' || n % 5
		  FROM unnest('{main,second}'::text[]) s, generate_series(1, 20) n});
	$next{$shop} = 0;
	return;
}

# In slices of so many months until nothing is left.
sub rebuilt
{
	my ($shop, $rollup, $months, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($calls, $left) = (0, undef);
	do
	{
		my ($done, $rows);
		($done, $left, $rows) = split /\|/, $node->safe_psql($shop, "SELECT * FROM analytics.rebuild('$rollup', $months)");
		is_right($node, $shop, "$name, slice ${\(++$calls)}, $left months left");
		something_happens($shop);
		is_right($node, $shop, 'and when business goes on');
	} while ($left > 0 && $calls < 60);
	cmp_ok($calls, '>', 1, "$name took several slices");
	is($left, 0, "$name came to its end");
	return;
}

# A rebuild of each rollup, all at once and in slices.
new_shop('again');
$node->safe_psql('again', 'SELECT analytics.refresh()');
for my $rollup (@rollups)
{
	rebuilt('again', $rollup, 9, "rebuild of $rollup");
	like($node->safe_psql('again', "SELECT * FROM analytics.rebuild('$rollup')"), qr/^\d+\|0\|\d+$/, "rebuild of $rollup at once");
	is_right($node, 'again', 'is right');
}
$node->safe_psql('again', 'SELECT analytics.refresh()');
is_merged($node, 'again', 'all is merged after the rebuilds');

# Interrupted: what the interrupted call had done is undone, what calls before had done is not done again.
$node->safe_psql('again', q{SELECT analytics.rebuild('sales_daily', 5)});
my ($reached) = $node->safe_psql('again', q{SELECT rebuilding_from FROM analytics.rollup_state WHERE name = 'sales_daily'});
my $holder = holds_lock($node, 'again', "SELECT FROM analytics.rollup_sales_daily WHERE bucket < '$reached' FOR UPDATE");
my ($session, $pid) = waits_for_lock($node, 'again', q{SELECT analytics.rebuild('sales_daily', 5)});
$node->safe_psql('again', "SELECT pg_cancel_backend($pid)");
$session->query('SELECT 1');
$session->quit;
$holder->query_safe('ROLLBACK');
$holder->quit;
is($node->safe_psql('again', q{SELECT rebuilding_from FROM analytics.rollup_state WHERE name = 'sales_daily'}), $reached,
	'a cancelled slice leaves the mark where it was');
is_right($node, 'again', 'and the views right');
my $waiting = $node->safe_psql('again', "SELECT count(*) FROM analytics.event_months('sales_daily') m WHERE m < '$reached'");
is($node->safe_psql('again', q{SELECT months_done, months_left FROM analytics.rebuild('sales_daily')}), "$waiting|0", 'the next call does the rest');
is_right($node, 'again', 'and the views are right');

# Damage is what a rebuild is for.
$node->safe_psql('again', 'UPDATE analytics.rollup_sales_weekly SET units = units + 1; DELETE FROM analytics.rollup_sales_hourly');
isnt($node->safe_psql('again', 'SELECT count(*) FROM oracle.differences()'), '0', 'damage shows');
isnt($node->safe_psql('again', 'SELECT count(*) FROM analytics.reconcile()'), '0', 'in reconcile(), too');
$node->safe_psql('again', "SELECT analytics.rebuild('$_')") for qw(sales_hourly sales_weekly);
is_merged($node, 'again', 'and a rebuild repairs it');

# The first build, in slices of a month: first of each kind of figure, as a worker does after a restore.
new_shop('first');
my $slices = 0;
while ($node->safe_psql('first', 'SELECT analytics.maintain()') eq 't' && ++$slices < 300)
{
	is_right($node, 'first', "the worker's step $slices") if $slices % 8 == 1;
	something_happens('first') if $slices % 16 == 1 && $next{first} % 5 != 1;
	$next{first}++ if $next{first} % 5 == 1;
}
cmp_ok($slices, '>', 2 * @rollups, 'a worker builds month by month');
cmp_ok($slices, '<', 300, 'and comes to an end');
$node->safe_psql('first', 'SELECT analytics.refresh()');
is_merged($node, 'first', 'all is built and merged');

new_shop('slowly');
rebuilt('slowly', $_, 9, "first build of $_") for qw(sales_monthly product_daily);
$node->safe_psql('slowly', 'SELECT analytics.refresh()');
is_merged($node, 'slowly', 'a refresh builds the others');

# Settings that move figures, in every state of the engine: nothing merged, all merged, a first build and a rebuild under way.
my @settings = (
	q{'timezone', 'Asia/Kathmandu'}, q{'timezone', 'America/Los_Angeles', 'second'}, q{'week_start', 'sunday'}, q{'week_start', 'saturday', 'main'},
	q{'currency', 'GBP', 'second'}, q{'currency', 'JPY'}, q{'timezone', 'Australia/Lord_Howe', 'main'}, q{'timezone', NULL, 'second'},
	q{'timezone', NULL}, q{'week_start', NULL}, q{'currency', NULL});
my %state = (
	nothing => '',
	everything => 'SELECT analytics.refresh()',
	'a first build under way' => join(';', map { "SELECT analytics.rebuild('$_', 4)" } @rollups),
	'one of two built, the other under way' => q{SELECT analytics.rebuild('sales_daily'); SELECT analytics.rebuild('sales_hourly', 4)},
	'rebuilds under way' => join(';', 'SELECT analytics.refresh()', map { "SELECT analytics.rebuild('$_', 4)" } @rollups),
);
my $number = 0;
for my $state (sort keys %state)
{
	my $shop = 'set' . ++$number;
	new_shop($shop);
	for my $setting (@settings)
	{
		$node->safe_psql($shop, $state{$state}) if $state{$state};
		$node->safe_psql($shop, "SELECT analytics.set_setting($setting)");
		is_right($node, $shop, "$state merged: set_setting($setting)");
		something_happens($shop) if $state{$state};
	}
	$node->safe_psql($shop, "SELECT analytics.rebuild('$_', 5)") for @rollups;
	is_right($node, $shop, "$state merged: some slices later");
	$node->safe_psql($shop, 'SELECT analytics.refresh()');
	is_right($node, $shop, "$state merged: after a refresh");
	$node->safe_psql($shop, "SELECT analytics.rebuild('$_')") for @rollups;
	is_merged($node, $shop, "$state merged: and when all is done");
}

# While a first build is under way, a setting of one store moves buckets that are not built yet and some that are.
for my $of_one_store (q{'timezone', 'America/Los_Angeles', 'second'}, q{'week_start', 'saturday', 'second'}, q{'currency', 'GBP', 'second'})
{
	my $shop = 'half' . ++$number;
	new_shop($shop);
	$node->safe_psql($shop, $state{'a first build under way'});
	$node->safe_psql($shop, "SELECT analytics.set_setting($of_one_store)");
	is_right($node, $shop, "set_setting($of_one_store) while a first build is under way");
	something_happens($shop);
	$node->safe_psql($shop, "SELECT analytics.rebuild('$_', 5)") for @rollups;
	is_right($node, $shop, 'and some slices later');
	$node->safe_psql($shop, 'SELECT analytics.refresh()');
	is_merged($node, $shop, 'and when it is done');
}

# A setting in an open transaction.
my $setting = holds_lock($node, 'again', q{SELECT analytics.set_setting('timezone', 'Asia/Tokyo')});
is_right($node, 'again', 'others see the old days until the setting commits');
is($setting->query_safe('SELECT count(*) FROM oracle.differences()'), '0', 'its own transaction sees the new ones');
sell($node, 'again', 900, 905);
is_right($node, 'again', 'writers go on meanwhile');
$setting->query_safe('COMMIT');
$setting->quit;
is_right($node, 'again', 'and all is right when it has committed');
$node->safe_psql('again', 'SELECT analytics.refresh()');
is_right($node, 'again', 'and merged');

done_testing();
