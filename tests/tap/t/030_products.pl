# What products are called: of what the shop says and what items say the later holds, field by field, whenever a refresh comes
# by. A shop's open transaction on product holds up what the engine learns of products, and nothing else.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('products');
make_shop($node, 'shop');
sub sql { return $node->safe_psql('shop', $_[0]) }
sub names { return sql('SELECT DISTINCT product_id, name, category, brand FROM analytics.product_daily ORDER BY 1') =~ s/\n/, /gr }

# A view of the product, so many hours from now, with an item that says this.
my $number = 0;
sub seen
{
	my ($product, $hours, $item) = @_;
	sql("SELECT analytics.ingest(jsonb_build_object('event', 'view_item', 'event_id', 'seen ${\(++$number)}', 'timestamp', now() + interval '$hours hours',
		'items', jsonb_build_array(jsonb_build_object('product_id', '$product', 'price', 1) || '{$item}'::jsonb)))");
	return;
}

# The same, with and without a refresh after each step.
for my $between ('', 'SELECT analytics.refresh()')
{
	my $how = $between ? 'refreshed in between' : 'never refreshed';
	my $p = $between ? 'q' : 'p';
	my $step = sub { my ($expected, $name) = @_; sql($between) if $between; like(names(), qr/(^|, )\Q$p|$expected\E(,|$)/, "$name, $how"); is_right($node, 'shop', "$name, and is right, $how") };
	seen($p, -5, '"name": "Old", "category": "old"');
	$step->('Old|old|', 'an item names a product');
	seen($p, -4, '"brand": "B"');
	$step->('Old|old|B', 'a later item that says something else adds to it');
	seen($p, -4.5, '"category": "in between"');
	$step->('Old|in between|B', 'a late item that says what no later one says holds');
	seen($p, -9, '"name": "Ancient", "category": "ancient"');
	$step->('Old|in between|B', 'an older one does not');
	$between
	  ? sql("UPDATE analytics.product SET name = 'Shop''s' WHERE product_id = '$p'")
	  : sql("INSERT INTO analytics.product (product_id, name) VALUES ('$p', 'Shop''s')");
	$step->("Shop's|in between|B", 'what the shop says holds against what items said before');
	seen($p, -1, '"name": "Late", "category": "late"');
	$step->("Shop's|late|B", 'and against late items, in the field that it said something of');
	seen($p, 1, '');
	$step->("Shop's|late|B", 'an item that says nothing changes nothing');
	seen($p, 2, '"name": "Newest"');
	$step->('Newest|late|B', 'a newer item holds');
}
sql('SELECT analytics.refresh()');
is(join(', ', map { s/^[pq]//r } split /, /, names()), '|Newest|late|B, |Newest|late|B', 'whether a refresh came by makes no difference');
sell($node, 'shop', 1, 40);
sql('SELECT analytics.refresh()');
is_merged($node, 'shop', 'all merged');

# Open transactions on product.
for my $case ([ 'updates a product', "UPDATE analytics.product SET name = 'Held', category = 'held' WHERE product_id IN ('p1', 'p7')" ],
	[ 'inserts one', "INSERT INTO analytics.product (product_id, name) VALUES ('NEW', 'Held')" ],
	[ 'locks the table', 'LOCK TABLE analytics.product IN SHARE MODE' ])
{
	for my $end ('ROLLBACK', 'COMMIT')
	{
		my ($what, $statement) = @$case;
		my $first = 100 + 10 * ++$number;
		my $shop = holds_lock($node, 'shop', $statement =~ s/NEW/new $first/r);
		sell($node, 'shop', $first, $first + 9);
		seen("new $first", -1, '"name": "Learned", "category": "learned"');
		my $before = lines_merged($node, 'shop');
		sql('SELECT analytics.refresh()');
		isnt(lines_merged($node, 'shop'), $before, "a transaction that $what: sales are merged");
		is(lines_merged($node, 'shop'), join(',', (sql('SELECT count(*) FROM oracle.line')) x 4), "a transaction that $what: all of them");
		is_right($node, 'shop', "a transaction that $what: the views are right for others");
		is($shop->query_safe('SELECT count(*) FROM oracle.differences()'), '0', "a transaction that $what: and for itself");
		$shop->query_safe($end);
		$shop->quit;
		is_right($node, 'shop', "a transaction that $what: right after its $end");
		sql('SELECT analytics.refresh()');
		is_merged($node, 'shop', "a transaction that $what: and the next refresh learns the rest");
	}
}

done_testing();
