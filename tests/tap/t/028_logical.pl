# Logical replication into a database that has the extension: events are stamped anew by the subscriber's transactions, and
# its engine merges them as its own. What to publish: event through its root, inserts alone (moves between partitions are
# each side's own business), and event_key. Not the settings, since set_setting() moves what is merged, and not product, which
# the subscriber learns from the events as the publisher does.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_server('publisher', allows_streaming => 'logical');
my $subscriber = new_server('subscriber', allows_streaming => 'logical');
burn_ids($subscriber, 5_000);
make_shop($_, 'shop') for $publisher, $subscriber;

sub publisher { return $publisher->safe_psql('shop', $_[0]) }
sub subscriber { return $subscriber->safe_psql('shop', $_[0]) }

sub both_right
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$publisher->wait_for_catchup($_) for qw(events keys);
	is_right($publisher, 'shop', "$name: the publisher is right");
	is_right($subscriber, 'shop', "$name: the subscriber is right");
	my $figures = 'SELECT * FROM analytics.sales_daily ORDER BY 1, 2, 3, 4, 5';
	is(subscriber($figures), publisher($figures), "$name: both show the same");
	return;
}

# what is there before: merged, unmerged, taken back, in the default partition
publisher(q{ALTER TABLE analytics.event DETACH PARTITION analytics.event_y2012; DROP TABLE analytics.event_y2012});
$_->safe_psql('shop', q{SELECT analytics.set_setting('timezone', 'Europe/Berlin')}) for $publisher, $subscriber;
sell($publisher, 'shop', 1, 40);
publisher(q{INSERT INTO analytics.event (event_id, event_type, occurred_at, unit_price) VALUES ('old', 'purchase', '2012-02-02', 2);
	SELECT analytics.refresh()});
publisher(q{SELECT analytics.retract('e5')});
publisher(q{CREATE PUBLICATION events FOR TABLE analytics.event WITH (publish = 'insert', publish_via_partition_root = true);
	CREATE PUBLICATION keys FOR TABLE analytics.event_key});
my $connection = $publisher->connstr . ' dbname=shop';
subscriber("CREATE SUBSCRIPTION $_ CONNECTION '$connection' PUBLICATION $_") for qw(events keys);
$subscriber->wait_for_subscription_sync($publisher, $_, 'shop') for qw(events keys);
both_right('what was there before');
cmp_ok(subscriber('SELECT min(stamp) FROM analytics.event'), '>', 5_000, "rows are stamped with the subscriber's transaction ids");

subscriber('SELECT analytics.refresh()');
is_merged($subscriber, 'shop', 'merged on the subscriber');
sell($publisher, 'shop', 41, 60);
publisher(q{SELECT analytics.retract('e7'), analytics.retract('e45');
	SELECT analytics.ingest('{"event": "purchase", "event_id": "e8", "order_id": "o8", "revision": 2, "items": [{"product_id": "p1", "price": 3}]}'::jsonb);
	BEGIN; SAVEPOINT a; SELECT analytics.ingest(shop.events(61, 62)); ROLLBACK TO a; SELECT analytics.ingest(shop.events(63, 64)); COMMIT});
both_right('new events, retractions, a revision, savepoints');
subscriber('SELECT analytics.refresh()');
is_merged($subscriber, 'shop', 'merged on the subscriber, too');

# a setting that moves figures is set on both sides; a product that is new is learned on both
publisher(q{SELECT analytics.ingest('{"event": "view_item", "event_id": "new", "items": [{"product_id": "new", "price": 1, "name": "New", "category": "new"}]}'::jsonb);
	SELECT analytics.refresh()});
$publisher->wait_for_catchup('events');
subscriber('SELECT analytics.refresh()');
$_->safe_psql('shop', q{SELECT analytics.set_setting('timezone', 'Asia/Kathmandu')}) for $publisher, $subscriber;
both_right('a new product and other days');
is(subscriber(q{SELECT name FROM analytics.product WHERE product_id = 'new'}), 'New', 'the subscriber knows it');

# a transaction that the subscriber applies while it refreshes
my $open = holds_lock($publisher, 'shop', 'SELECT accepted FROM analytics.ingest(shop.events(65, 70))');
sell($publisher, 'shop', 71, 80);
publisher('SELECT analytics.refresh()');
subscriber('SELECT analytics.refresh()');
both_right('beside an open transaction');
$open->query_safe('COMMIT');
$open->quit;
both_right('which then commits');

# each side keeps its own partitions
is(publisher('SELECT analytics.maintain_partitions()'), '1', 'the publisher moves a row out of its default partition');
both_right('which is not replicated');
is(subscriber(q{SELECT count(*) FROM analytics.event WHERE event_id = 'old'}), '1', 'the subscriber has it once, in the partition it had');
subscriber('SELECT analytics.refresh()');
is_merged($subscriber, 'shop', 'merged in the end');
is(subscriber(q{SELECT * FROM analytics.reconcile() WHERE check_name <> 'missing_rate'}), '', 'and nothing to reconcile');

# taking over: the subscriber knows what was ingested
subscriber('DROP SUBSCRIPTION events; DROP SUBSCRIPTION keys');
is(subscriber('SELECT accepted FROM analytics.ingest(shop.events(1, 60))'), '0', 'on the subscriber, known events are duplicates');
sell($subscriber, 'shop', 101, 110);
is_right($subscriber, 'shop', 'and new ones count');

done_testing();
