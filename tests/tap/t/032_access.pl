# A reader with a claim sees its stores' figures, merged or not, taken back or not, exactly; everybody else's stay what they are.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('access');
$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE analyst LOGIN; CREATE ROLE loader LOGIN');
make_shop($node, 'shop', 'shopkeeper');
$node->safe_psql('shop', q{SELECT analytics.grant_access('analyst', 'reader'), analytics.grant_access('loader', 'writer');
	GRANT USAGE ON SCHEMA shop TO loader; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shop TO loader}, extra_params => [ '-U', 'shopkeeper' ]);

my @views = qw(sales_hourly sales_daily sales_weekly sales_monthly product_daily category_daily current_event event);
sub seen # by a role with a claim: all rows of all views
{
	my ($role, $claims) = @_;
	return $node->safe_psql('shop', "SET request.jwt.claims = '$claims'; " . join(' UNION ALL ', map {
		"SELECT '$_', to_jsonb(v) - '{ingest_xid,stamp}'::text[] FROM analytics.$_ v" } @views) . ' ORDER BY 1, 2', extra_params => [ '-U', $role ]);
}
sub store_only { my ($rows, $store) = @_; return join "\n", grep { /"store_id": "$store"/ } split /\n/, $rows }

sub each_sees_its_own
{
	my ($name) = @_;
	my $all = seen('shopkeeper', '');
	is(seen('analyst', ''), $all, "$name: without a claim a reader sees what the owner sees");
	for my $store (qw(main second))
	{
		my $own = seen('analyst', qq({"stores": ["$store"]}));
		isnt($own, '', "$name: $store sees something");
		is($own, store_only($all, $store), "$name: and just its own");
	}
	is(seen('analyst', '{"stores": ["third"]}'), '', "$name: a store without events sees nothing");
	return;
}

sell($node, 'shop', 1, 40);
$node->safe_psql('shop', 'SELECT accepted FROM analytics.ingest(shop.events(21, 60), store => $$second$$)', extra_params => [ '-U', 'loader' ]);
each_sees_its_own('nothing merged');
$node->safe_psql('shop', 'SELECT analytics.refresh()', extra_params => [ '-U', 'shopkeeper' ]);
each_sees_its_own('all merged');
$node->safe_psql('shop', q{SELECT analytics.retract('e7'), analytics.retract('e27', 'second'), analytics.retract('e30', 'second')}, extra_params => [ '-U', 'loader' ]);
sell($node, 'shop', 41, 50);
each_sees_its_own('lines taken back');

# a refresh in a session with a claim merges every store's events
$node->safe_psql('shop', q{SET request.jwt.claims = '{"stores": ["second"]}'; SELECT analytics.refresh()}, extra_params => [ '-U', 'shopkeeper' ]);
is_merged($node, 'shop', 'a refresh under a claim');
each_sees_its_own('merged again');
$node->safe_psql('shop', q{SET request.jwt.claims = '{"stores": ["second"]}'; SELECT analytics.rebuild('sales_daily'), analytics.rebuild('product_daily')}, extra_params => [ '-U', 'shopkeeper' ]);
is_right($node, 'shop', 'a rebuild under a claim builds every store');
refused($node, 'shop', q{SET ROLE analyst; SET request.jwt.claims = '{"stores": ["second"]}'; SELECT analytics.recount_sales_daily('customers', 'main', '2024-03-30', '{EUR,web,DE}')},
	'42501', qr/permission denied for this store/, 'a reader counts nothing of another store');
$node->safe_psql('shop', q{SELECT analytics.create_rollup('by_device', 'month', '{device,channel}')}, extra_params => [ '-U', 'shopkeeper' ]);
is($node->safe_psql('shop', q{SET request.jwt.claims = '{"stores": ["second"]}'; SELECT string_agg(DISTINCT store_id, ',') FROM analytics.by_device}, extra_params => [ '-U', 'analyst' ]),
	'second', 'a rollup made later is the reader\'s too, its own store alone');
done_testing();
