# The oracle itself: figures worked out by hand from the money rules, and that it notices whatever is wrong.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('oracle');
make_shop($node, 'shop');
sub sql { return $node->safe_psql('shop', $_[0]) }

sql(<<'SQL');
SELECT analytics.set_setting('currency', 'EUR'), analytics.set_setting('timezone', 'Asia/Kathmandu', 'np'),
       analytics.set_setting('week_start', 'sunday', 'np');
INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id, customer_id, session_id, channel, country, currency, line,
       product_id, line_kind, quantity, unit_price, amount, discount, tax, shipping, properties) VALUES
('e1', 'purchase', '2026-03-14 10:20Z', 'o1', 'c1', 's1', 'web', 'DE', 'EUR', 1, 'P1', 'product', 2, 10, 20, 1, 2, 5,
       '{"name": "Mug", "category": "Kitchen", "brand": "B"}'),
('e1', 'purchase', '2026-03-14 10:20Z', 'o1', 'c1', 's1', 'web', 'DE', 'EUR', 2, 'P2', 'product', 1, 30.50, 30.50, NULL, 3, NULL,
       '{"name": "Pan", "category": "Kitchen"}'),
('e1', 'purchase', '2026-03-14 10:20Z', 'o1', 'c1', 's1', 'web', 'DE', 'EUR', 3, 'G', 'gift_card', 1, 25, 25, NULL, NULL, NULL, NULL),
('e1', 'purchase', '2026-03-14 10:20Z', 'o1', 'c1', 's1', 'web', 'DE', 'EUR', 4, 'F', 'fee', 1, 3, 3, NULL, 0.5, NULL, NULL),
('e2', 'purchase', '2026-03-14 10:50Z', 'o2', 'c1', 's2', 'web', 'DE', 'EUR', 1, 'P1', 'product', 1, 10, NULL, NULL, NULL, NULL, NULL),
('r1', 'refund', '2026-03-14 12:00Z', 'o1', 'c2', 's1', 'web', 'DE', 'EUR', 1, 'P1', 'product', 1, 10, 10, 0.5, 1, 5, NULL),
('r1', 'refund', '2026-03-14 12:00Z', 'o1', 'c2', 's1', 'web', 'DE', 'EUR', 2, 'G', 'gift_card', 1, 5, 5, NULL, NULL, NULL, NULL),
('v1', 'view_item', '2026-03-14 09:00Z', NULL, NULL, 's3', 'web', 'DE', NULL, 1, 'P1', 'product', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
('a1', 'add_to_cart', '2026-03-14 09:01Z', NULL, NULL, 's3', 'web', 'DE', NULL, 1, 'P1', 'product', 5, 10, 50, NULL, NULL, NULL, NULL),
('a1', 'add_to_cart', '2026-03-14 09:01Z', NULL, NULL, 's3', 'web', 'DE', NULL, 2, 'P3', 'product', 1, 8, 8, NULL, NULL, NULL, NULL),
('x1', 'purchase', '2026-03-14 23:59:59Z', NULL, NULL, NULL, NULL, NULL, 'JPY', 1, NULL, 'product', NULL, NULL, 7, NULL, NULL, NULL, NULL);
INSERT INTO analytics.event (event_id, event_type, occurred_at, order_id, excluded, unit_price, amount)
VALUES ('t1', 'purchase', '2026-03-14 10:00Z', 'o9', 'test', 99, 99);
INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, order_id, quantity, product_id, unit_price, amount, channel)
VALUES ('np', 'n1', 'purchase', '2026-03-14 18:20Z', 'o1', 3, 'P1', 2, 6, 'web');
SELECT * FROM analytics.ingest('{"event": "purchase", "event_id": "w1", "order_id": "w", "timestamp": "2026-03-14T10:00:00Z",
    "customer_id": "c9", "items": [{"product_id": "P1", "price": 1000}]}'::jsonb);
SELECT analytics.retract('w1');
SELECT * FROM analytics.ingest('[{"event": "purchase", "event_id": "w2", "order_id": "w2", "timestamp": "2026-03-13T10:00:00Z",
    "customer_id": "c9", "channel": "app", "items": [{"product_id": "P1", "price": 1000}, {"product_id": "P2", "price": 1}]}]'::jsonb);
SELECT * FROM analytics.ingest('[{"event": "purchase", "event_id": "w2", "order_id": "w2", "timestamp": "2026-03-12T10:00:00Z",
    "revision": 2, "customer_id": "c8", "channel": "app", "items": [{"product_id": "P1", "price": 100, "quantity": 3}]}]'::jsonb);
SQL

my $by_hand = <<'ROWS';
main|2026-03-12|EUR|app||1|3|0|300|0|0|300|0|0|300|0|300|1|0|1
main|2026-03-14|EUR|web|DE|2|4|1|63.5|1|9.5|53|4.5|0|57.5|20|31.25|1|3|5
main|2026-03-14|JPY|||1|0|0|7|0|0|7|0|0|7|0|7|0|0|1
np|2026-03-15|EUR|web||1|3|0|6|0|0|6|0|0|6|0|6|0|0|1
ROWS
chomp $by_hand;
my $columns = 'store_id, %s, currency, channel, country, orders, units, units_returned, trim_scale(gross_sales), trim_scale(discounts), '
  . 'trim_scale(returns), trim_scale(net_sales), trim_scale(taxes), trim_scale(shipping), trim_scale(total_sales), '
  . 'trim_scale(gift_card_sales), trim_scale(aov), customers, sessions, events';
my $days = sprintf "SELECT $columns FROM oracle.sales_daily ORDER BY 1, 2, 3, 4", 'bucket';
is(sql($days), $by_hand, 'days, as worked out by hand');

# one row a day and store in these data: weeks and months move the date alone, except that main's two days meet
is(sql(sprintf "SELECT $columns FROM oracle.sales_weekly ORDER BY 1, 2, 3, 4", 'bucket'),
	$by_hand =~ s/main\|2026-03-1[24]/main|2026-03-09/gr, 'weeks begin on Monday, or on Sunday in the store that says so');
is(sql(sprintf "SELECT $columns FROM oracle.sales_monthly ORDER BY 1, 2, 3, 4", 'bucket'),
	$by_hand =~ s/2026-03-1\d/2026-03-01/gr, 'months');

is(sql(q{SELECT store_id, bucket AT TIME ZONE 'UTC', orders, trim_scale(total_sales), sessions, events FROM oracle.sales_hourly
	WHERE currency = 'EUR' ORDER BY 1, 2}), <<'ROWS' =~ s/\n\z//r, 'hours, on the wall clock of a zone that is 5:45 off');
main|2026-03-12 10:00:00|1|300|0|1
main|2026-03-14 09:00:00|0|0|1|2
main|2026-03-14 10:00:00|2|73|2|2
main|2026-03-14 12:00:00|0|-15.5|1|1
np|2026-03-14 18:15:00|1|6|0|1
ROWS

is(sql(q{SELECT store_id, bucket, currency, product_id, name, category, brand, views, add_to_carts, orders, units, units_returned,
	trim_scale(gross_sales), trim_scale(discounts), trim_scale(returns), trim_scale(net_sales), customers
	FROM oracle.product_daily ORDER BY 1, 2, 4}), <<'ROWS' =~ s/\n\z//r, 'products: no gift cards, no fees, an order once');
main|2026-03-12|EUR|P1|Mug|Kitchen|B|0|0|1|3|0|300|0|0|300|1
main|2026-03-14|EUR|P1|Mug|Kitchen|B|1|1|2|3|1|30|1|9.5|19.5|1
main|2026-03-14|EUR|P2|Pan|Kitchen||0|0|1|1|0|30.5|0|0|30.5|1
main|2026-03-14|EUR|P3||||0|1|0|0|0|0|0|0|0|0
np|2026-03-15|EUR|P1||||0|0|1|3|0|6|0|0|6|0
ROWS

is(sql(q{SELECT store_id, bucket, currency, category, views, add_to_carts, orders, units, units_returned,
	trim_scale(gross_sales), trim_scale(discounts), trim_scale(returns), trim_scale(net_sales), customers
	FROM oracle.category_daily ORDER BY 1, 2, 4}), <<'ROWS' =~ s/\n\z//r, 'categories: an order with two of its products once');
main|2026-03-12|EUR|Kitchen|0|0|1|3|0|300|0|0|300|1
main|2026-03-14|EUR|(none)|0|1|0|0|0|0|0|0|0|0
main|2026-03-14|EUR|Kitchen|1|1|2|4|1|60.5|1|9.5|50|1
np|2026-03-15|EUR|(none)|0|0|1|3|0|6|0|0|6|0
ROWS

is(sql(q{SELECT * FROM oracle.product_affinity ORDER BY 1, 2, 3}), <<'ROWS' =~ s/\n\z//r, 'pairs: one order of three holds both, one holds none of P2');
main|P1|P2|1|3|1|3
main|P2|P1|1|1|3|3
ROWS

is_right($node, 'shop', 'the views agree before anything is merged');
sell($node, 'shop', 101, 160);
sql('SELECT analytics.refresh()');
is_merged($node, 'shop', 'and after the merge of these and sixty more');

# What the oracle is for: whatever is off shows, and shows where.
my %damage = (
	sales_hourly => q{UPDATE analytics.rollup_sales_hourly SET units = units + 1 WHERE store_id = 'np'},
	sales_daily => q{DELETE FROM analytics.rollup_sales_daily WHERE store_id = 'np'},
	sales_weekly => q{UPDATE analytics.rollup_sales_weekly SET bucket = bucket + 1 WHERE store_id = 'np'},
	sales_monthly => q{UPDATE analytics.rollup_sales_monthly SET taxes = taxes + 0.01 WHERE store_id = 'np'},
	product_daily => q{UPDATE analytics.rollup_product_daily SET customers = public.hll_add(customers, public.hll_hash_text('nobody'))
		WHERE store_id = 'main' AND bucket = '2026-03-12'},
	product_affinity => q{UPDATE analytics.product_basket SET baskets = baskets + 1 WHERE store_id = 'main' AND product_id = ''},
	event_key => q{DELETE FROM analytics.event_key WHERE store_id = 'np' AND key = 'o1'},
);
for my $where (sort keys %damage)
{
	my $seen = sql("BEGIN; $damage{$where}; SELECT DISTINCT view FROM oracle.differences() ORDER BY 1; ROLLBACK");
	like($seen, qr/^\Q$where\E$/m, "damage to $where is noticed there");
}
like(sql(q{BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO analytics.event (event_id, event_type, occurred_at, sign)
	VALUES ('v1', 'view_item', '2026-03-14 09:00Z', -1); SELECT DISTINCT view FROM oracle.differences(); ROLLBACK}),
	qr/^sales_daily$/m, 'a line taken back that does not say what was said is noticed');
like(sql(q{BEGIN; UPDATE analytics.rollup_state SET merged = '3:3:' WHERE name = 'sales_daily';
	SELECT DISTINCT view FROM oracle.differences(); ROLLBACK}), qr/^sales_daily$/m, 'what is merged and tail at once is noticed');

done_testing();
