# A shop's own tables flow in: loaded in slices, changed, deleted, rolled back, by several writers, by roles with few rights. Figures are compared with
# sums over the shop's tables.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('sync');
$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE engineer LOGIN; CREATE ROLE till LOGIN; CREATE ROLE other LOGIN; CREATE ROLE analyst LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop OWNER shopkeeper');
$node->safe_psql('shop', 'CREATE EXTENSION hll');
sub as { my ($role, $sql) = @_; return $node->safe_psql('shop', $sql, extra_params => [ '-U', $role ]) }
as('shopkeeper', q{CREATE EXTENSION analytics; GRANT CREATE ON DATABASE shop TO engineer, other;
	SELECT analytics.grant_access('engineer', 'writer'), analytics.grant_access('other', 'writer'), analytics.grant_access('analyst', 'reader')});

# The orders of a shop, written by a role that has never heard of analytics.
as('engineer', slurp_file('examples/medusa/schema.sql') . q{
	GRANT USAGE ON SCHEMA medusa TO till; GRANT ALL ON ALL TABLES IN SCHEMA medusa TO till;
	-- what the views must say, from the shop's own tables: the day's orders, units and money, in, and what was given back by then
	CREATE VIEW medusa.truth AS
	WITH line AS (SELECT o.id, o.created_at::date AS day, o.currency_code AS currency, o.status, count(i.id) AS lines, sum(i.quantity) AS units, sum(i.quantity * i.unit_price) AS gross,
	                     sum(i.discount_total) AS discount, sum(i.tax_total) AS tax, o.shipping_total AS shipping, coalesce(o.canceled_at, o.updated_at)::date AS canceled
	                FROM medusa."order" o JOIN medusa.order_line_item i ON i.order_id = o.id GROUP BY o.id)
	SELECT currency, sum(orders) AS orders, sum(units) AS units, sum(gross) AS gross_sales, sum(discount) AS discounts, sum(returned) AS returns, sum(tax) AS taxes, sum(shipping) AS shipping
	  FROM (SELECT currency, 1 AS orders, units, gross, discount, 0 AS returned, tax, shipping FROM line WHERE status <> 'draft'
	        UNION ALL SELECT currency, 0, 0, 0, 0, gross - discount, -tax, -shipping FROM line WHERE status = 'canceled'
	        UNION ALL SELECT o.currency_code, 0, 0, 0, 0, r.amount, 0, 0 FROM medusa.refund r JOIN medusa."order" o ON o.id = r.order_id WHERE o.status <> 'canceled') x
	 GROUP BY currency;
	CREATE VIEW medusa.product_truth AS SELECT o.created_at::date AS day, o.currency_code AS currency, i.variant_sku AS product, count(DISTINCT o.id) AS orders, sum(i.quantity) AS units, sum(i.quantity * i.unit_price) AS gross
	  FROM medusa."order" o JOIN medusa.order_line_item i ON i.order_id = o.id WHERE o.status <> 'draft' GROUP BY 1, 2, 3;
	CREATE FUNCTION medusa.sell(first int, last int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO medusa."order" (id, status, customer_id, currency_code, sales_channel, country_code, shipping_total, created_at)
		SELECT 'o' || i, CASE WHEN i % 11 = 0 THEN 'draft' WHEN i % 13 = 0 THEN 'canceled' ELSE 'completed' END, 'c' || i % 9, CASE WHEN i % 5 = 0 THEN 'SEK' ELSE 'EUR' END, 'web', 'de', i % 7,
		       timestamptz '2026-03-01' + i * interval '37 minutes' FROM generate_series(first, last) i;
		INSERT INTO medusa.order_line_item SELECT 'l' || i || '-' || j, 'o' || i, 'p' || (i + j) % 10, 'Product', 1 + (i * j) % 3, 10 + j + 0.25 * (i % 4), (i % 3) * 0.5, 0.19 * j
		  FROM generate_series(first, last) i, generate_series(1, 1 + i % 3) j;
		INSERT INTO medusa.refund SELECT 'r' || i, 'o' || i, 1.5, timestamptz '2026-06-01' FROM generate_series(first, last) i WHERE i % 26 IN (0, 4);
	$$;
});
sub flows
{
	my ($name, $reconciled) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $truth = $node->safe_psql('shop', 'SELECT currency, orders, units, gross_sales::numeric(20,4), discounts::numeric(20,4), returns::numeric(20,4), taxes::numeric(20,4), shipping::numeric(20,4) FROM medusa.truth ORDER BY 1');
	is($node->safe_psql('shop', q{SELECT currency, sum(orders), sum(units), sum(gross_sales)::numeric(20,4), sum(discounts)::numeric(20,4), sum(returns)::numeric(20,4), sum(taxes)::numeric(20,4), sum(shipping)::numeric(20,4)
		FROM analytics.sales_daily WHERE store_id = 'main' GROUP BY 1 HAVING sum(orders) > 0 ORDER BY 1}), $truth, $name);
	my $products = q{(SELECT day, currency, product, orders, units, gross FROM medusa.product_truth) };
	my $figures = q{(SELECT bucket, currency, product_id, orders, units, gross_sales FROM analytics.product_daily WHERE store_id = 'main' AND (orders, units, gross_sales) <> (0, 0, 0) AND product_id LIKE 'p%') };
	is($node->safe_psql('shop', "$products EXCEPT ALL $figures UNION ALL ($figures EXCEPT ALL $products)"), '', "$name: product by product and day");
	return if !$reconciled;
	$node->safe_psql('shop', 'ANALYZE');    # (autovacuum is off)
	is($node->safe_psql('shop', q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}), '', "$name: and reconciles");
	return;
}
sub sync { return as('engineer', 'SELECT analytics.sync_sources()') }
sub status { my ($columns, $name) = @_; $name //= 'medusa'; return $node->safe_psql('shop', "SELECT $columns FROM analytics.source_status WHERE name = '$name'") }
sub lines { return $node->safe_psql('shop', 'SELECT count(*) FROM analytics.event') }

# What was there before: in slices, interrupted, with the shop going on.
as('till', 'SELECT medusa.sell(1, 500)');
as('engineer', slurp_file('examples/medusa/sync.sql'));
is(status('status, rows_read, sent'), 'loading|0|0', 'registered: nothing is read yet');
is(as('engineer', 'SELECT analytics.sync_sources(3, 50)'), 't', 'three slices, and there is more');
is(status('status, rows_read'), 'loading|150', 'progress shows');
as('engineer', 'BEGIN; SELECT analytics.sync_sources(2, 50); ROLLBACK');
is(status('rows_read'), '150', 'a slice that is undone is not done');
as('till', q{UPDATE medusa.order_line_item SET quantity = quantity + 1 WHERE id IN ('l1-1', 'l9-1');
	DELETE FROM medusa."order" WHERE id IN ('o10', 'o98'); SELECT medusa.sell(501, 510)});
$node->restart('immediate');
is(sync(), 'f', 'after a crash it goes on until nothing is left');
flows('what was there before, and what happened meanwhile', 1);
is(status('status, waiting, rejected, failed'), 'current|0|0|0', 'nothing waits, nothing was bad');
is($node->safe_psql('shop', q{SELECT properties ->> 'number', country, channel FROM analytics.current_event WHERE order_id = 'o7' LIMIT 1}), '7|DE|web', 'with what the mapping says beside the money');

# Every kind of change.
for my $change (
	[ 'an order comes', 'SELECT medusa.sell(511, 530)' ],
	[ 'a quantity and a price change', q{UPDATE medusa.order_line_item SET quantity = 7, unit_price = 3.33 WHERE id = 'l2-1'} ],
	[ 'an item is added', q{INSERT INTO medusa.order_line_item VALUES ('x1', 'o3', 'p77', 'Late', 2, 4.5)} ],
	[ 'an item is removed', q{DELETE FROM medusa.order_line_item WHERE id = 'l5-2'} ],
	[ 'an item moves to another order', q{UPDATE medusa.order_line_item SET order_id = 'o6' WHERE id = 'l5-1'} ],
	[ 'a draft is placed', q{UPDATE medusa."order" SET status = 'completed' WHERE id = 'o11'} ],
	[ 'an order goes back to draft', q{UPDATE medusa."order" SET status = 'draft' WHERE id = 'o12'} ],
	[ 'and forward', q{UPDATE medusa."order" SET status = 'completed' WHERE id = 'o12'} ],
	[ 'a day changes', q{UPDATE medusa."order" SET created_at = '2026-04-20' WHERE id = 'o14'} ],
	[ 'a refund', q{INSERT INTO medusa.refund VALUES ('x1', 'o15', 5, '2026-06-02')} ],
	[ 'a refund changes', q{UPDATE medusa.refund SET amount = 6.5 WHERE id = 'x1'} ],
	[ 'a second refund', q{INSERT INTO medusa.refund VALUES ('x2', 'o15', 0.5, '2026-06-03')} ],
	[ 'the first is deleted', q{DELETE FROM medusa.refund WHERE id = 'x1'} ],
	[ 'a cancellation of what was refunded in part', q{UPDATE medusa."order" SET status = 'canceled', canceled_at = '2026-06-04' WHERE id = 'o15'} ],
	[ 'an edit after the cancellation', q{UPDATE medusa.order_line_item SET quantity = quantity + 2 WHERE order_id = 'o15'} ],
	[ 'the cancellation is taken back', q{UPDATE medusa."order" SET status = 'completed', canceled_at = NULL WHERE id = 'o15'} ],
	[ 'an order is deleted with all that hangs on it', q{DELETE FROM medusa."order" WHERE id = 'o26'} ],
	[ 'and comes back', 'SELECT medusa.sell(26, 26)' ],
	[ 'many at once', q{UPDATE medusa.order_line_item SET unit_price = unit_price + 0.01} ],
	[ 'a mixed transaction', q{BEGIN; SELECT medusa.sell(531, 535); UPDATE medusa."order" SET shipping_total = 9 WHERE id IN ('o531', 'o40'); SAVEPOINT a;
		DELETE FROM medusa."order" WHERE id = 'o41'; ROLLBACK TO a; DELETE FROM medusa."order" WHERE id = 'o42'; COMMIT} ],
	[ 'all items are emptied and written anew', q{BEGIN; CREATE TEMP TABLE kept AS TABLE medusa.order_line_item; TRUNCATE medusa.order_line_item; INSERT INTO medusa.order_line_item SELECT * FROM kept WHERE order_id <> 'o50'; DELETE FROM medusa."order" WHERE id = 'o50'; COMMIT} ])
{
	my ($name, $sql) = @$change;
	as('till', $sql);
	sync();
	flows($name);
}

flows('all of it', 1);

# The same again changes nothing.
my $before = lines();
as('till', q{UPDATE medusa."order" SET updated_at = updated_at WHERE status <> 'canceled'; UPDATE medusa.order_line_item SET quantity = quantity});
sync();
is(lines(), $before, 'rows written as they were');
as('engineer', slurp_file('examples/medusa/sync.sql'));
sync();
is(lines(), $before, 'and a source registered once more write no event');
is($node->safe_psql('shop', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'analytics\_sync%'}), '12', 'nor is there a second set of triggers on its three tables');

# What the shop rolls back never was.
as('till', q{BEGIN; SELECT medusa.sell(600, 620); DELETE FROM medusa."order" WHERE id LIKE 'o1%'; ROLLBACK});
is($node->safe_psql('shop', 'SELECT count(*) FROM analytics.source_queue'), '0', 'a transaction rolled back leaves no note');
sync();
is(lines(), $before, 'and no event');

# A bad row fails nobody's statement, and spoils no other row.
as('till', q{BEGIN; SELECT medusa.sell(640, 645); UPDATE medusa."order" SET currency_code = 'XXX' WHERE id = 'o641'; COMMIT});
is(sync(), 'f', 'a bad row');
is(status('status, rejected > 0, last_error'), 'current|t|', 'is rejected');
like($node->safe_psql('shop', q{SELECT code FROM analytics.rejected_event WHERE payload ->> 'order_id' = 'o641' LIMIT 1}), qr/^unknown_currency$/, 'and kept, with the reason');
is($node->safe_psql('shop', q{SELECT count(DISTINCT order_id) FROM analytics.current_event WHERE order_id IN ('o640', 'o641', 'o642', 'o643', 'o644', 'o645')}), '5', 'its neighbours are in');
as('till', q{UPDATE medusa."order" SET currency_code = 'EUR' WHERE id = 'o641'});
sync();
flows('mended in the shop it comes in');

# Rows that the mapping can't be reckoned for.
as('engineer', q{CREATE TABLE medusa.visit (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT '2026-05-05', page text);
	INSERT INTO medusa.visit SELECT i, '2026-05-05', i FROM generate_series(1, 300) i; UPDATE medusa.visit SET page = 'none' WHERE id IN (77, 201);
	SELECT analytics.sync_source('visits', 'medusa.visit', '{"event": "page_view", "timestamp": "at", "properties": {"page": "page::int"}}')});
sync();
is(status('status, sent, failed', 'visits'), 'current|298|2', 'two rows that can\'t be reckoned are set aside');
like(as('engineer', q{SELECT string_agg(key || ': ' || error, ', ' ORDER BY key) FROM analytics.source_key WHERE error IS NOT NULL}), qr/^201: invalid input syntax.*"none", 77: invalid/, 'with the reason');
as('engineer', q{UPDATE medusa.visit SET page = '1' WHERE id = 77; DELETE FROM medusa.visit WHERE id IN (201, 1)});
sync();
is(status('sent, failed, retracted', 'visits'), '299|0|1', 'mended and deleted');
as('engineer', 'TRUNCATE medusa.visit');
sync();
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.current_event WHERE event_type = 'page_view'}), '0', 'a table emptied takes back all');

# A shop that changes under its source.
as('engineer', q{INSERT INTO medusa.visit VALUES (1000, '2026-05-05', '1'); ALTER TABLE medusa.visit RENAME COLUMN page TO path});
as('till', 'SELECT medusa.sell(650, 655)');
my ($status, $output, $errors) = $node->psql('shop', 'SELECT analytics.sync_sources()', extra_params => [ '-U', 'engineer' ]);
like($errors, qr/WARNING:  source visits could not be synced\s+DETAIL:  column "page" does not exist/, 'a column that is gone is told');
is(status(q{status, last_error, waiting}, 'visits'), 'failed|column "page" does not exist|1', 'and shows; its notes stay');
flows('other sources go on');
as('engineer', q{ALTER TABLE medusa.visit RENAME COLUMN id TO number; INSERT INTO medusa.visit VALUES (1001, '2026-05-05', '2'); DELETE FROM medusa.visit WHERE number = 1001});
is(status('waiting', 'visits'), '1', 'without its key column the shop goes on');
as('engineer', q{ALTER TABLE medusa.visit RENAME COLUMN number TO id; ALTER TABLE medusa.visit RENAME COLUMN path TO page});
sync();
is(status('status, last_error', 'visits'), 'current|', 'put right it catches up');
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.current_event WHERE event_type = 'page_view'}), '1', 'with what waited');

# Writers side by side, and two that sync at once.
my $writer = holds_lock($node, 'shop', q{SELECT medusa.sell(700, 705)}, q{UPDATE medusa.order_line_item SET quantity = 9 WHERE order_id = 'o60'});
as('till', q{UPDATE medusa."order" SET shipping_total = 3 WHERE id = 'o61'; SELECT medusa.sell(706, 710)});
sync();
flows('a transaction that is open is not there yet, and holds up nobody');
my $syncing = $node->background_psql('shop', extra_params => [ '-U', 'engineer' ]);
$syncing->set_query_timer_restart;
as('till', q{UPDATE medusa."order" SET shipping_total = 4 WHERE id = 'o62'});
$syncing->query_safe($_) for 'BEGIN', 'SELECT analytics.sync_sources()';
is(sync(), 'f', 'a second sync leaves it to the first');
$syncing->query_safe('COMMIT');
flows('which did it');
$writer->query_safe('COMMIT');
sync();
flows('and now it is there');
$syncing->query_safe($_) for 'BEGIN', slurp_file('examples/medusa/sync.sql') =~ s/"'refund-'/"'back-'/r;
is(sync(), 'f', 'while a source is being changed a sync leaves it alone');
$syncing->query_safe('COMMIT');
sync();
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.current_event WHERE event_id LIKE 'refund-%'}), '0', 'another mapping is carried through');
flows('and comes to the same figures', 1);
as('engineer', slurp_file('examples/medusa/sync.sql'));
sync();
$syncing->quit;

# Several writers at random, each in many small transactions, while it syncs.
my @writers;
for my $n (1 .. 3)
{
	my $session = $node->background_psql('shop', extra_params => [ '-U', 'till' ]);
	$session->set_query_timer_restart;
	push @writers, $session;
	$session->query_until(qr/sent/, qq{\\echo sent
SET application_name = 'busy writer';
DO \$\$ DECLARE o text; BEGIN
	PERFORM setseed(0.$n);
	FOR i IN 1 .. 400 LOOP
		o := 'o' || $n * 100 + (random() * 90)::int;
		CASE (random() * 5)::int
			WHEN 0 THEN UPDATE medusa.order_line_item SET quantity = 1 + (random() * 5)::int WHERE order_id = o;
			WHEN 1 THEN UPDATE medusa."order" SET status = CASE status WHEN 'canceled' THEN 'completed' ELSE 'canceled' END WHERE id = o;
			WHEN 2 THEN UPDATE medusa."order" SET status = 'draft' WHERE id = o AND NOT EXISTS (SELECT FROM medusa.refund r WHERE r.order_id = o);
			WHEN 3 THEN DELETE FROM medusa."order" WHERE id = o;
			ELSE PERFORM medusa.sell(1000 * $n + i, 1000 * $n + i);
		END CASE;
		IF random() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END \$\$;
});
}
my $rounds = 0;
do { as('engineer', 'CALL analytics.run_sync()'); $rounds++ }
  while $node->safe_psql('shop', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'till' AND state = 'active')}) eq 't';
$_->quit for @writers;
sync();
flows("three writers at random, synced $rounds times meanwhile");
$node->safe_psql('shop', 'SELECT analytics.refresh()');
flows('and merged', 1);
is($node->safe_psql('shop', 'SELECT count(*) FROM analytics.source_queue'), '0', 'nothing waits');

# WooCommerce-like tables: a query over several, items as names and values; noted by triggers in one store, polled in another.
as('engineer', slurp_file('examples/woocommerce/schema.sql') . q{
	CREATE FUNCTION woo.sell(i bigint, changed timestamp) RETURNS void LANGUAGE sql AS $$
		INSERT INTO woo.wp_wc_orders (id, status, currency, customer_id, date_created_gmt, date_updated_gmt) VALUES (i, 'wc-completed', 'EUR', i % 7, changed, changed);
		INSERT INTO woo.wp_wc_order_operational_data VALUES (i, 4.9, timestamp '2026-03-01' + i * interval '1 hour');
		INSERT INTO woo.wp_woocommerce_order_items SELECT i * 10 + j, i, 'line_item', 'P' || j FROM generate_series(1, 2) j;
		INSERT INTO woo.wp_woocommerce_order_itemmeta (order_item_id, meta_key, meta_value)
		SELECT i * 10 + j, x.k, x.v FROM generate_series(1, 2) j, LATERAL (VALUES ('_product_id', 'w' || j), ('_qty', j::text), ('_line_subtotal', (j * (10 + j))::text), ('_line_total', (j * (10 + j) - 1)::text), ('_line_tax', '0.5')) x(k, v);
	$$;
	SELECT woo.sell(i, timestamp '2026-03-01' + i * interval '1 hour') FROM generate_series(1, 120) i;
	INSERT INTO woo.wp_wc_orders VALUES (5001, 'wc-completed', 'shop_order_refund', 1, 'EUR', 0, -2, -12, '2026-05-01', '2026-05-01')});
my $woo = slurp_file('examples/woocommerce/sync.sql');
my ($query, $mapping) = $woo =~ /sync_source\('woo', \$\$(.*?)\$\$, \$\$(.*?)\$\$/s;
$woo =~ s/key => 'id'/key => 'id', store => 'woo'/;
as('engineer', $woo);
$mapping =~ s/,\s*"watch".*/}/s;
my $late = $node->background_psql('shop', extra_params => [ '-U', 'engineer' ]);
$late->set_query_timer_restart;
$late->query_safe($_) for 'BEGIN', q{SELECT woo.sell(200, '2026-02-01')};    # neither its key nor its watermark will be new when it commits
as('engineer', "SELECT analytics.sync_source('polled', \$q\$$query\$q\$, \$m\$$mapping\$m\$, watermark => 'date_updated_gmt', key => 'id', store => 'polled')");
sub woo_flows
{
	my ($store, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $truth = $node->safe_psql('shop', q{WITH line AS (
		    SELECT o.id, o.status, count(*) OVER (PARTITION BY o.id) AS n, q.meta_value::numeric AS units, s.meta_value::numeric AS gross, s.meta_value::numeric - t.meta_value::numeric AS discount, x.meta_value::numeric AS tax
		      FROM woo.wp_wc_orders o JOIN woo.wp_woocommerce_order_items i ON i.order_id = o.id
		      JOIN woo.wp_woocommerce_order_itemmeta q ON q.order_item_id = i.order_item_id AND q.meta_key = '_qty'
		      JOIN woo.wp_woocommerce_order_itemmeta s ON s.order_item_id = i.order_item_id AND s.meta_key = '_line_subtotal'
		      JOIN woo.wp_woocommerce_order_itemmeta t ON t.order_item_id = i.order_item_id AND t.meta_key = '_line_total'
		      JOIN woo.wp_woocommerce_order_itemmeta x ON x.order_item_id = i.order_item_id AND x.meta_key = '_line_tax'
		     WHERE o.type = 'shop_order' AND o.status <> 'trash')
		SELECT count(DISTINCT id), sum(units), sum(gross)::numeric(20,4), sum(discount)::numeric(20,4),
		       (coalesce(sum(gross - discount) FILTER (WHERE status = 'wc-cancelled'), 0)
		        + (SELECT coalesce(sum(r.tax_amount - r.total_amount), 0) FROM woo.wp_wc_orders r JOIN woo.wp_wc_orders o ON o.id = r.parent_order_id AND o.status <> 'wc-cancelled' WHERE r.type = 'shop_order_refund'))::numeric(20,4),
		       (count(DISTINCT id) FILTER (WHERE status <> 'wc-cancelled') * 4.9)::numeric(20,4) FROM line});
	is($node->safe_psql('shop', qq{SELECT sum(orders), sum(units), sum(gross_sales)::numeric(20,4), sum(discounts)::numeric(20,4), sum(returns)::numeric(20,4), sum(shipping)::numeric(20,4)
		FROM analytics.sales_daily WHERE store_id = '$store'}), $truth, "$store: $name");
	return;
}
sync();
woo_flows($_, 'loaded') for qw(woo polled);
as('engineer', q{UPDATE woo.wp_woocommerce_order_itemmeta SET meta_value = '4' WHERE meta_key = '_qty' AND order_item_id IN (31, 42)});
sync();
woo_flows('woo', 'a value of an item is found by way of its item');
as('engineer', q{UPDATE woo.wp_wc_orders SET date_updated_gmt = '2026-06-01' WHERE id IN (3, 4); UPDATE woo.wp_wc_orders SET status = 'wc-cancelled', date_updated_gmt = '2026-06-01' WHERE id = 5; SELECT woo.sell(121, '2026-06-01')});
sync();
woo_flows($_, 'changes that moved the watermark') for qw(woo polled);

# Polling: nothing that commits late is missed, however late, by whatever way it went.
sub five_minutes_later { return $node->safe_psql('shop', q{UPDATE analytics.source SET next_at = next_at - interval '5 minutes' WHERE watermark IS NOT NULL}) }
is(status('mark', 'polled'), '', 'no mark yet: a row could still appear behind the first pass');
five_minutes_later();
sync();
is(status('mark', 'polled'), '', 'nor while a transaction runs that began before');
$late->query_safe('COMMIT');
sync();
woo_flows($_, 'what committed behind the first pass is found by a second') for qw(woo polled);
is(status('mark', 'polled'), '2026-05-01 00:00:00', 'the mark is what was newest when it was registered');
$late->query_safe($_) for 'BEGIN', 'SELECT 1';    # nothing written yet: it has no transaction id
as('engineer', q{SELECT woo.sell(122, '2026-06-03')});
sync();
five_minutes_later();
sync();
my $mark = status('mark', 'polled');
$late->query_safe(q{SELECT woo.sell(123, '2026-06-02')});    # its clock is that of its beginning
five_minutes_later();
sync();
is(status('mark', 'polled'), $mark, 'the mark waits for a transaction that began before');
is($node->safe_psql('shop', q{SELECT count(DISTINCT order_id) FROM analytics.current_event WHERE store_id = 'polled' AND order_id IN ('122', '123')}), '1', 'what others did is in meanwhile');
$late->query_safe('COMMIT');
sync();
woo_flows($_, 'what committed late with an earlier watermark is found') for qw(woo polled);
five_minutes_later();
sync();
$late->query_safe($_) for 'BEGIN', q{SELECT woo.sell(124, '2026-06-04')};
as('engineer', q{SELECT woo.sell(125, '2026-06-05')});
sync();
$late->query_safe(q{PREPARE TRANSACTION 'late'});
five_minutes_later();
sync();
five_minutes_later();
sync();
$late->query_safe(q{COMMIT PREPARED 'late'});
sync();
woo_flows($_, 'a prepared transaction, too') for qw(woo polled);
for (1 .. 2) { five_minutes_later(); sync() }
is(status('mark', 'polled'), '2026-06-05 00:00:00', 'then the mark moves on');
my $written = sub { $node->safe_psql('shop', 'SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())') };
my $now = $written->();
sync();
is($written->(), $now, 'with nothing new a sync writes nothing, and takes no transaction id');
as('engineer', q{DELETE FROM woo.wp_wc_orders WHERE id IN (7, 8)});
sync();
woo_flows('woo', 'deletions are noted by triggers');
is($node->safe_psql('shop', q{SELECT count(DISTINCT order_id) FROM analytics.current_event WHERE store_id = 'polled' AND order_id IN ('7', '8')}), '2', 'and leave no watermark');
$node->safe_psql('shop', q{UPDATE analytics.source SET checked_at = checked_at - interval '1 day'});
sync();
woo_flows('polled', 'a day later they are looked for, key by key');

# A dump carries sources with what they know; restored, they go on.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/shop.dump';
as('till', 'SELECT medusa.sell(804, 807)');    # noted, not synced
$node->safe_psql('postgres', 'GRANT engineer TO shopkeeper; CREATE DATABASE restored OWNER shopkeeper; GRANT CREATE ON DATABASE restored TO engineer');
$node->safe_psql('restored', 'CREATE EXTENSION hll');
$node->command_ok([ 'pg_dump', '-U', 'shopkeeper', '-Fc', '-f', $dump, '-d', $node->connstr('shop') ], 'dumped by the extension\'s owner');
$node->command_ok([ 'pg_restore', '-1', '--no-comments', '-U', 'shopkeeper', '-d', $node->connstr('restored'), $dump ], 'restored');
$node->safe_psql('postgres', 'REVOKE engineer FROM shopkeeper');
$before = $node->safe_psql('restored', 'SELECT count(*) FROM analytics.event');
is($before, lines(), 'all events');
sub restored { return $node->safe_psql('restored', $_[0], extra_params => [ '-U', 'engineer' ]) }
is(restored('SELECT analytics.sync_sources()'), 'f', 'a source goes on');
is($node->safe_psql('restored', q{SELECT count(DISTINCT order_id) FROM analytics.event WHERE order_id LIKE 'o80_'}), '4', 'with what was noted');
is($node->safe_psql('restored', 'SELECT count(*) FROM analytics.event') - $before,
	$node->safe_psql('restored', q{SELECT count(*) FROM analytics.event WHERE order_id LIKE 'o80_'}), 'and with nothing else');
restored(q{UPDATE medusa.order_line_item SET quantity = 8 WHERE id = 'l804-1'; SELECT analytics.sync_sources()});
is($node->safe_psql('restored', q{SELECT max(quantity) FROM analytics.current_event WHERE order_id = 'o804'}), '8', 'its triggers are there');
sync();
flows('here as well');

# Rights. What a source's owner wrote runs as the owner; nobody else's sync touches it.
as('engineer', q{CREATE TABLE medusa.trap (id int PRIMARY KEY, at timestamptz DEFAULT '2026-05-06'); INSERT INTO medusa.trap VALUES (1);
	CREATE FUNCTION medusa.who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text'; GRANT USAGE ON SCHEMA medusa TO PUBLIC;
	SELECT analytics.sync_source('trap', 'medusa.trap', '{"event": "search", "timestamp": "at", "properties": {"who": "medusa.who()"}}')});
as($_, 'SELECT analytics.sync_sources()') for qw(other shopkeeper postgres);
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.event WHERE event_type = 'search'}), '0', 'nobody else runs an owner\'s mapping');
sync();
is($node->safe_psql('shop', q{SELECT properties ->> 'who' FROM analytics.event WHERE event_type = 'search'}), 'engineer', 'the owner does, as the owner');
is(as('other', 'SELECT count(*) FROM analytics.source_key'), '0', 'other roles see nothing of it');
sub refused_as { my ($role, $sql, @rest) = @_; local $Test::Builder::Level = $Test::Builder::Level + 1; return refused($node, 'shop', "SET ROLE $role; $sql", @rest) }
refused_as('other', q{SELECT analytics.drop_source('trap')}, '22023', qr/no such source/, 'nor drop it');
as('other', 'CREATE SCHEMA mine; CREATE TABLE mine.t (id int PRIMARY KEY, at timestamptz DEFAULT now())');
refused_as('other', q{SELECT analytics.sync_source('trap', 'mine.t', '{"event": "search", "timestamp": "at"}')}, '42710', qr/the name is taken/, 'nor take its name');
refused_as('other', q{INSERT INTO analytics.source (name, owner, store_id, relation, is_query, key, key_type, mapping, search_path) VALUES ('x', 'postgres', 'main', 'mine.t', false, 'id', 'integer', '{}', '')},
	'42501', qr/row-level security/, 'nor put one in somebody else\'s name');
refused_as('other', q{SELECT analytics.sync_source('other', 'medusa.visit', '{"event": "search", "timestamp": "at"}')}, '22023', qr/can't be read|can't be made/, 'nor sync what is not theirs');
as('other', q{CREATE TRIGGER forged AFTER INSERT ON mine.t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION analytics.queue_source('trap', '0', 'id'); INSERT INTO mine.t VALUES (1)});
is($node->safe_psql('shop', 'SELECT count(*) FROM analytics.source_queue'), '0', 'nor leave notes for it');
refused_as('analyst', 'SELECT analytics.sync_sources()', '42501', qr/permission denied/, 'a reader syncs nothing');
refused_as('till', 'SELECT analytics.sync_sources()', '42501', qr/permission denied/, 'nor does who may only write to the shop');

# Arguments.
for my $bad (
	[ q{'Bad name', 'medusa.visit', '{}'}, '22023', qr/event is missing/ ],
	[ q{'Bad name', 'medusa.visit', '{"event": "search", "timestamp": "at"}'}, '42602', qr/lower-case/ ],
	[ q{'x', 'medusa.gone', '{"event": "search", "timestamp": "at"}'}, '22023', qr/no such table/ ],
	[ q{'x', 'medusa.visit', '{"event": "search"}'}, '22023', qr/timestamp is missing/ ],
	[ q{'x', 'medusa.visit', '{"event": "search", "timestamp": "when_it_was"}'}, '22023', qr/"when_it_was" does not exist/ ],
	[ q{'x', 'medusa.visit', '{"event": "search", "timestamp": "at)"}'}, '22023', qr/syntax error/ ],
	[ q{'x', 'medusa.visit', '{"event": "purchase", "timestamp": "at", "items": {"table": "medusa.order_line_item"}}'}, '22023', qr/items and each need table/ ],
	[ q{'x', 'medusa.visit', '[{"event": "refund", "timestamp": "at", "each": {"table": "medusa.refund", "key": "order_id"}}]'}, '22023', qr/event_id is missing/ ],
	[ q{'x', 'medusa.visit', '{"event": "search", "timestamp": "at", "deleted": "maybe"}'}, '22023', qr/deleted is neither/ ],
	[ q{'x', 'SELECT 1 AS id, now() AS at', '{"event": "search", "timestamp": "at"}'}, '22023', qr/nothing tells when/ ],
	[ q{'x', 'SELECT 1 AS id, now() AS at', '{"event": "search", "timestamp": "at"}', watermark => 'at'}, '22023', qr/key is missing/ ],
	[ q{'x', 'medusa.truth', '{"event": "search", "timestamp": "now()"}', key => 'orders'}, '22023', qr/can't be made on medusa.truth/ ],
	[ q{'x', 'medusa.visit', NULL}, '22023', qr/not sound/ ],
	[ q{'visits', 'medusa.visit', '{"event": "search", "timestamp": "at"}', key => 'page'}, '22023', qr/key of a source can't change/ ])
{
	refused_as('engineer', "SELECT analytics.sync_source($bad->[0])", $bad->[1], $bad->[2], "refused: $bad->[0]");
}
is(as('engineer', q{SELECT events FROM analytics.source_events('trap', '{1,2}') ORDER BY key}), qq([{"event": "search", "timestamp": "2026-05-06T00:00:00+00:00", "properties": {"who": "engineer"}}]\n), 'what would be sent, and null for a row that is not there');

# Keeping what the shop throws away; leaving.
as('engineer', q{SELECT analytics.sync_source('trap', 'medusa.trap', '{"event": "search", "timestamp": "at", "deleted": "keep"}')});
sync();
as('engineer', 'DELETE FROM medusa.trap');
sync();
as('engineer', q{SELECT analytics.sync_source('trap', 'medusa.trap', '{"event": "search", "timestamp": "at", "deleted": "keep"}')});
sync();
is($node->safe_psql('shop', q{SELECT count(*) FROM analytics.current_event WHERE event_type = 'search'}), '1', 'deleted: keep');
as('engineer', q{SELECT analytics.drop_source(name) FROM analytics.source ORDER BY name});
is($node->safe_psql('shop', q{SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'analytics\_sync%'), (SELECT count(*) FROM analytics.source_key)}), '0|0', 'dropped: no trigger and no note is left');
as('till', 'SELECT medusa.sell(5000, 5001)');
is($node->safe_psql('shop', q{SELECT count(*) > 100 FROM analytics.current_event WHERE event_type = 'purchase' AND store_id = 'main'}), 't', 'the events stay');
done_testing();
