# The merge by merge_cells() beside the one statement of SQL that it replaces: three databases are sent the same random events, and
# must hold the same in every table and show the same in every view. In `plain` merge_cells() is made to decline, so that SQL merges; in
# `portions` a merge has so little memory that it writes after every thousand lines; `native` is as it comes. What happens is drawn
# from SIDE_SEED; SIDE_ROUNDS makes a run longer.
use strict;
use warnings;
use AnalyticsTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SIDE_SEED} // 20240;
my $rounds = $ENV{SIDE_ROUNDS} // 16;
srand $seed;
note "seed $seed";

my @databases = qw(plain native portions);
my $node = new_server('side');
my %session;
for my $database (@databases)
{
	make_shop($node, $database);
	$node->safe_psql($database, slurp_file(dirname(__FILE__) . '/../side.sql'));
	# a psql that lives through the test, so that plans are kept and used again
	$session{$database} = $node->background_psql($database);
	$session{$database}->set_query_timer_restart;
}
$session{plain}->query_safe(q{CREATE OR REPLACE FUNCTION analytics.merge_cells(description text, newer xid8, running xid8[], names text[]) RETURNS bigint
	LANGUAGE sql VOLATILE STRICT AS 'SELECT NULL::bigint'});
$session{portions}->query_safe(q{LOAD 'analytics'; SET analytics.merge_memory = '64kB'});

# In all three; they answer alike.
sub all
{
	my ($statements, $name) = @_;
	my @answers = map { $session{$_}->query_safe($statements) } @databases;
	is($answers[$_], $answers[0], "$databases[$_] answers like $databases[0]: " . ($name // substr $statements, 0, 60)) for grep { $answers[$_] ne $answers[0] } 1, 2;
	return $answers[0];
}

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

all(<<'SQL');
SELECT analytics.set_setting('timezone', 'America/New_York', 'ny'), analytics.set_setting('week_start', 'sunday', 'ny'), analytics.set_setting('currency', 'EUR', 'ny'),
       analytics.set_setting('timezone', 'Asia/Kathmandu', 'np'), analytics.set_setting('session_gap', '5 minutes', 'np');
INSERT INTO analytics.exchange_rate (store_id, currency, valid_from, rate) VALUES ('', 'JPY', '2024-01-01', 0.0061), ('ny', 'JPY', '2024-03-01', 0.0062875);
SELECT analytics.create_rollup('by_city', 'day', '{country,properties->>city}', '{orders,events,units,net_sales,customers,visitors,sessions}');
SELECT analytics.create_rollup('by_city_weekly', 'week', '{country,properties->>city}', '{orders,net_sales,visitors}');
SELECT analytics.create_rollup('dear', 'month', '{line_kind,product_id}', '{orders,events,gross_sales,total_sales,customers}', 'amount > 50 AND channel <> ''app''');
SQL
my $quantiles = 0;

my @names = ('a', 'b', 'Ünïcode ☃', "quote ' \" \\ tab\t", 'x' x 900, join '', map { chr 33 + int rand 90 } 1 .. 700);
my $number = 0;

sub string { my ($text) = @_; $text =~ s/(["\\])/\\$1/g; $text =~ s/\t/\\t/g; return qq("$text") }

# Minutes matter for sessions, the rest of the time for buckets; some moments are shared by many events.
sub moment
{
	my @day = chance(0.6) ? (2024, 3, 8 + int rand 5) : (2024, 1 + int rand 12, 1 + int rand 28);
	return sprintf '%04d-%02d-%02dT%02d:%02d:%02d%sZ', @day, pick(0, 4, 5, 18, 23), int rand 60, pick(0, 0, 59), pick('', '.000001', '.5');
}

sub event
{
	my ($type, $id, $revision) = @_;
	my @members = (qq("event": "$type"), qq("event_id": "$id"), qq("revision": $revision));
	my $at = moment();
	my $day = substr $at, 0, 10;
	push @members, qq("timestamp": "$at");
	push @members, '"customer_id": "c' . int(rand 12) . '"' if chance(0.5);
	push @members, '"anonymous_id": "v' . int(rand 12) . '"' if chance(0.6);
	push @members, '"session_id": "s' . int(rand 20) . '"' if chance(0.4);
	push @members, '"channel": ' . string(pick(@names)) if chance(0.6);
	push @members, '"country": "' . pick(qw(DE FR GB)) . '"' if chance(0.6);
	push @members, '"device": "' . pick(qw(phone desktop)) . '"' if chance(0.5);
	push @members, '"currency": "' . pick(qw(EUR JPY USD)) . '"' if chance(0.4);
	push @members, '"test": true' if chance(0.03);
	push @members, '"properties": {"city": ' . string(pick(@names, '')) . (chance(0.05) ? ', "note": "' . (pick('x', 'yz') x 30000) . '"' : '') . '}' if chance(0.5);
	my @items;
	for (1 .. pick(0, 1, 1, 1, 2, 3, 7))
	{
		# (what a product is called follows from the day, so that two items of one moment agree)
		my $product = int rand 8;
		push @items, sprintf '{"product_id": "p%d", "quantity": %d, "price": "%s"%s%s%s}', $product, pick(1, 1, 2, 17),
		  pick('0', '0.000', '1', '19.90', '9.999999999999', '123456789012345678', '50.01'),
		  chance(0.6) ? qq(, "name": "Product $product of $day", "category": "kind @{[$product % 3]}") : '', chance(0.2) ? ', "brand": "b' . $product % 2 . '"' : '',
		  chance(0.15) ? ', "kind": "' . pick(qw(gift_card fee)) . '"' : '';
	}
	push @members, '"items": [' . join(', ', @items) . ']' if @items;
	push @members, '"amount": "' . pick('0', '12.50', '1e3') . '"' if !@items && ($type eq 'purchase' || $type eq 'refund');
	push @members, '"shipping": "4.95"', if $type eq 'purchase' && chance(0.3);
	return '{' . join(', ', @members) . '}';
}

my @sent;    # ids, to be revised, taken back
my @orders;
my $apart = 0;    # in a transaction that stays open: of events that nobody else touches

sub ingest
{
	my ($count) = @_;
	my @events;
	for (1 .. $count)
	{
		if (@sent && !$apart && chance(0.25))
		{
			my $old = pick(@sent);
			push @events, event($old->{type}, $old->{id}, ++$old->{revision});
			next;
		}
		my $type = pick(qw(purchase purchase view_item add_to_cart remove_from_cart begin_checkout page_view refund something_else));
		my $id = 'e' . ++$number;
		my $event = event($type, $id, 1);
		if ($type eq 'purchase' && chance(0.7))
		{
			$event =~ s/\}\z/, "order_id": "o$number"}/;
			push @orders, "o$number" unless $apart;
		}
		elsif ($type eq 'refund' && @orders && !$apart && chance(0.6))
		{
			my $order = pick(@orders);
			$event = chance(0.5) ? qq({"event": "refund", "event_id": "$id", "full": true, "order_id": "$order"}) =~ s/\}\z/', "timestamp": "' . moment() . '"}'/er
			  : $event =~ s/\}\z/, "order_id": "$order"}/r;
		}
		push @sent, { type => $type, id => $id, revision => 1 } unless $apart;
		push @events, $event;
	}
	my $store = pick(qw(main main ny np));
	return "SELECT accepted, duplicates, rejected, errors FROM analytics.ingest(\$json\$[" . join(', ', @events) . "]\$json\$::jsonb, store => '$store')";
}

# What ingest() does not let through: many digits, direct writes, lines of one event in any order.
sub write_directly
{
	my @lines;
	for (1 .. 5)
	{
		my $id = 'd' . ++$number;
		my $at = chance(0.9) ? moment() : pick('1990-01-01 00:00Z', '1999-12-31 23:59:59.999999Z', '2000-01-01 00:00Z');
		my $type = pick(qw(purchase add_to_cart remove_from_cart view_item));
		my ($customer, $visitor, $currency) = (pick('NULL', q('c1')), pick('NULL', q('v1')), pick('NULL', q('JPY')));
		for my $line (sort { rand() <=> 0.5 } 1 .. pick(1, 2, 4))
		{
			my $scale = pick(0, 0, 2, 9, 30);
			my $digits = join '', 1 + int rand 9, map { int rand 10 } 1 .. pick(1, 5, 21, 32 - ($scale > 20 ? 20 : 0));
			my $amount = $digits . ($scale ? '.' . join('', map { int rand 10 } 1 .. $scale) : '');
			push @lines, sprintf "('ny', '%s', %d, '%s', '%s', %s, 'p%d', %s, %s, %s, %s)", $id, $line, $type, $at, $customer, $line % 3,
			  pick($amount, 'NULL', '0.000', '1e22'), chance(0.3) ? '0' : 'NULL', $currency, $visitor;
		}
	}
	return 'INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, product_id, amount, discount, currency, anonymous_id) VALUES ' . join ', ', @lines;
}

# Thousands of lines, so that a portion ends within; with what takes some of them back in another one, and with events whose second lines come
# long before their first ones.
sub write_many
{
	my ($again) = @_;
	my $base = $number += 4000;
	my $statement = qq{SELECT accepted, rejected FROM analytics.ingest((SELECT jsonb_agg(jsonb_build_object('event', CASE i % 3 WHEN 0 THEN 'add_to_cart' ELSE 'view_item' END, 'event_id', 'm' || $base + i,
		'timestamp', timestamptz '2024-05-01 00:00Z' + i * 7 % 1800 * interval '1 minute', 'customer_id', 'c' || i % 97, 'channel', CASE WHEN i % 2 = 0 THEN 'web' END, 'session_id', CASE WHEN i % 5 = 0 THEN 's' || i % 20 END, 'revision', %d,
		'items', jsonb_build_array(jsonb_build_object('product_id', 'p' || i % 7, 'price', i % 10), jsonb_build_object('product_id', 'p' || i % 5, 'price', 1)))) FROM generate_series(%d, %d, %d) i))};
	return join ";\n", sprintf($statement, 1, 1, 1200, 1), $again ? sprintf($statement, 2, 1, 1200, 37) : (), "SELECT count(analytics.retract('m' || $base + i)) FROM generate_series(5, 1200, 53) i",
	  qq{INSERT INTO analytics.event (event_id, line, event_type, occurred_at, anonymous_id, product_id, quantity, unit_price, amount, order_id)
		SELECT 'n' || $base + i, line, CASE WHEN i % 2 = 0 THEN 'purchase' ELSE 'add_to_cart' END, timestamptz '2024-05-03 00:00Z' + i * interval '1 hour', 'v' || i % 31, 'p' || i % 3, 1, 2.50, 2.50, 'n' || $base + i
		  FROM generate_series(1, 700) i, unnest('{2,3,1}'::integer[]) WITH ORDINALITY l(line, place) ORDER BY place, i};
}

sub shown
{
	my ($database, $what, $of) = @_;
	return [ grep { $_ =~ $of } sort split /\n/, $node->safe_psql($database, "SELECT source || ' ' || replace(line, E'\\n', ' ') FROM side.$what()") ];
}

sub same
{
	my ($what, $name, $of) = @_;
	$of //= qr/^/;
	my $expected = shown('plain', $what, $of);
	for my $database (qw(native portions))
	{
		my $found = shown($database, $what, $of);
		my %count;
		$count{$_}++ for @$expected;
		$count{$_}-- for @$found;
		my @different = map { ($count{$_} > 0 ? 'plain:     ' : "$database: ") . substr $_, 0, 400 } grep { $count{$_} } sort keys %count;
		ok(@different == 0, "$name: $what of $database are those of plain") || diag join "\n", @different[ 0 .. ($#different > 11 ? 11 : $#different) ];
	}
	return scalar @$expected;
}

sub compare
{
	my ($name) = @_;
	my $rows = same('tables', $name);
	same('views', $name);
	return $rows;
}

# (what builds says how many lines stand, a merge how many it read)
all(ingest(20) . '; SELECT analytics.refresh() > 0');
my $prepared = 0;
for my $round (1 .. $rounds)
{
	all(ingest(3 + int rand 40));
	all(write_directly()) if chance(0.5);
	all(write_many($round % 2)) if $round % 10 == 3;
	all(sprintf q{SELECT analytics.retract('%s', '%s')}, pick(@sent)->{id}, $_) for map { pick(qw(main ny np)) } 1 .. pick(0, 1, 3);
	if (!$prepared)    # (these would wait for it)
	{
		all(sprintf q{SELECT analytics.identify('v%d', 'c%d', '%s')}, int rand 12, int rand 12, pick(qw(main ny np))) if chance(0.15);
		all(sprintf q{SELECT analytics.erase_customer('%s', 'c%d') >= 0}, pick(qw(main np)), int rand 12) if chance(0.08);
		all(pick("SELECT analytics.set_setting('session_gap', '" . pick('10 minutes', '2 hours') . "', 'main')", "SELECT analytics.set_setting('timezone', '" . pick('Europe/Berlin', 'UTC') . "', 'main')",
			"SELECT analytics.set_setting('week_start', '" . pick('saturday', 'monday') . "', 'np')")) if chance(0.1);
	}
	# lines that a merge must leave alone: of its own transaction, of one that is not over
	if (!$prepared && chance(0.3))
	{
		$apart = 1;
		my $statement = ingest(6);
		$apart = 0;
		$session{$_}->query_safe("BEGIN; $statement; PREPARE TRANSACTION '$_'") for @databases;
		$prepared = 1;
	}
	elsif ($prepared && chance(0.5))
	{
		my $end = pick('COMMIT', 'COMMIT', 'ROLLBACK');
		$session{$_}->query_safe("$end PREPARED '$_'") for @databases;
		$prepared = 0;
	}
	if (!$quantiles && $round > $rounds / 2)
	{
		# from here on the custom ones are merged by SQL everywhere
		all(q{SELECT analytics.create_rollup('quantiles', 'day', '{channel}', '{orders,order_value_p50}')});
		$quantiles = 1;
	}
	if (chance(0.3))
	{
		# (not each of them is written to each time)
		my $target = pick(qw(rollup_sales_hourly rollup_product_weekly rollup_session rollup_session_day product rollup_customer));
		$session{$_}->query_safe("SELECT side.refresh_in_vain('$target')") for @databases;
	}
	my $how = pick(qw(plain plain plain within twice fixed none));
	all('BEGIN; ' . ingest(4) . '; SELECT analytics.refresh() > 0; ' . ingest(4) . '; COMMIT') if $how eq 'within';
	all('BEGIN ISOLATION LEVEL ' . pick('REPEATABLE READ', 'SERIALIZABLE') . '; SELECT analytics.refresh(); COMMIT') if $how eq 'fixed';
	all('SELECT analytics.refresh()') if $how eq 'plain' || $how eq 'twice';
	all('SELECT analytics.refresh()') if $how eq 'twice';
	same('views', "round $round, $how") if $round % 8 == 0;
	if ($round % 8 == 4)
	{
		all('SELECT analytics.refresh()');
		compare("round $round");
	}
}
if ($prepared)
{
	$session{$_}->query_safe("COMMIT PREPARED '$_'") for @databases;
}
all('SELECT analytics.refresh()');
cmp_ok(compare('at the end'), '>', 500, 'and there is something to compare');
is_right($node, 'portions', 'and it is what the raw events say');

# All once more from nothing, as after a restore.
all('DELETE FROM analytics.rollup_state');
all('SELECT analytics.refresh() > 1000');
compare('built from nothing');

# Sessions whose first events are gone are kept, and take what comes late. (What else comes late and is taken back at once is nothing to merge_cells(),
# while SQL keeps the key of it, as docs/engine.md says.)
all(q{SELECT analytics.set_setting('event_retention', extract(day FROM now() - timestamptz '2024-05-20') || ' days', 'main')});
like(all('SELECT analytics.apply_retention()::text'), qr/\d/, 'events before May are gone');
for my $round (1 .. 2)
{
	all(write_many($round));
	all(ingest(60)) for 1 .. 4;
	all(sprintf q{SELECT analytics.retract('%s', 'main')}, pick(@sent)->{id}) for 1 .. 8;
	all('SELECT analytics.refresh()');
	same($_, "late events $round", qr/^(rollup_)?(session|funnel)/) for qw(tables views);
}
$_->quit for values %session;
done_testing();
