# Models: who waits for whom while one is trained, what cancels it, the nightly procedure, and that a dump brings them along.
use strict;
use warnings;
use AnalyticsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('models');
$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN; CREATE ROLE manager LOGIN');
make_shop($node, 'shop', 'shopkeeper');
my @as = (extra_params => [ '-U', 'shopkeeper' ]);
# forty customers a store: number c buys c % 5 + 1 times
$node->safe_psql('shop', <<'SQL', @as);
SELECT analytics.grant_access('manager', 'admin');
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT s, format('e%s-%s', c, d), 1, 'purchase', timestamptz '2025-01-01 12:00Z' + make_interval(days => c + d * (7 + c % 11)), 'c' || c, format('o%s-%s', c, d), 'p', 1, c + d, c + d, 'USD'
  FROM unnest('{main,second}'::text[]) s, generate_series(1, 40) c, generate_series(0, c % 5) d;
SELECT analytics.refresh();
SQL
my $fit = q{SELECT version, status FROM analytics.fit_customer_value('main', '2025-12-01')};
is($node->safe_psql('shop', $fit, @as), '1|ready', 'a model is trained');

# The last line that comes back: before it what a statement said that had waited.
sub answer { my ($session, $sql) = @_; return (split /\n/, $session->query_safe($sql))[-1] }

# two fits of one model
my $first = holds_lock($node, 'shop', $fit);
my ($second) = waits_for_lock($node, 'shop', $fit);
$first->query_safe('COMMIT');
is(answer($second, 'SELECT max(version) FROM analytics.model'), '3', 'of two at a time the second waits, and is the next version');
$second->quit;
is($node->safe_psql('shop', q{SELECT version FROM analytics.fit_customer_value('second', '2025-12-01')}, @as), '1', 'another store has versions of its own');
my $other = holds_lock($node, 'shop', $fit);
is($node->safe_psql('shop', q{SELECT version FROM analytics.fit_customer_value('second', '2025-12-01')}, @as), '2', 'and does not wait');
is($node->safe_psql('shop', q{SELECT min(model_version) || '|' || count(*) FROM analytics.customer_value WHERE store_id = 'main'}), '3|40', 'until it is committed the version before serves');
$other->query_safe('COMMIT');
is($node->safe_psql('shop', q{SELECT min(model_version) || '|' || count(*) FROM analytics.customer_value WHERE store_id = 'main'}), '4|40', 'then the new one does');

# who is forgotten while a model is trained is not in it afterwards
$other->query_safe('BEGIN');
$other->query_safe($fit);
my ($eraser) = waits_for_lock($node, 'shop', q{SELECT analytics.erase_customer('main', 'c7')});
$other->query_safe('COMMIT');
is(answer($eraser, q{SELECT count(*) FROM analytics.customer_prediction p JOIN analytics.model m USING (model_id) WHERE m.store_id = 'main' AND p.customer_id = 'c7'}), '0',
	'erasure waits for the fit, and finds what it wrote');
is($node->safe_psql('shop', q{SELECT count(*), max(model_version) FROM analytics.customer_value WHERE store_id = 'main'}), '39|5', 'the others are there');
# and a fit waits for an erasure under way
$eraser->query_safe('BEGIN');
$eraser->query_safe(q{SELECT analytics.erase_customer('main', 'c8')});
my ($waiting) = waits_for_lock($node, 'shop', $fit);
$eraser->query_safe('COMMIT');
is(answer($waiting, q{SELECT count(*) FILTER (WHERE customer_id = 'c8'), count(*) FROM analytics.customer_value WHERE store_id = 'main'}), '0|38', 'a fit waits for an erasure, and learns without the person');
$_->quit for $first, $other, $eraser, $waiting;

refused($node, 'shop', "BEGIN ISOLATION LEVEL REPEATABLE READ; $fit", '25001', qr/fit_customer_value/, 'under REPEATABLE READ no model is trained');

# A long fit is cancelled, while it computes.
$node->safe_psql('shop', q{CREATE TABLE shop.many AS SELECT array_agg((i % 300)::float8) AS x, array_agg(CASE WHEN i % 300 = 0 THEN 0 ELSE i::float8 END) AS t_x, array_agg(3e6::float8 + i % 7) AS t
	FROM generate_series(1, 2000000) i}, @as);
refused($node, 'shop', q{SET statement_timeout = '1s'; SELECT length(analytics.bgnbd_fit(x, t_x, t)::text) FROM shop.many}, '57014', qr/statement timeout/, 'a timeout ends a fit');
my $long = $node->background_psql('shop', on_error_stop => 0);
my $pid = $long->query_safe('SELECT pg_backend_pid()');
$long->query_until(qr/sent/, "\\echo sent\nSELECT length(analytics.bgnbd_fit(x, t_x, t)::text) FROM shop.many;\n");
ok($node->poll_query_until('shop', "SELECT query LIKE 'analytics: BG/NBD, start%' FROM pg_stat_activity WHERE pid = $pid"), 'pg_stat_activity shows how far it is');
$node->safe_psql('shop', "SELECT pg_cancel_backend($pid)");
ok($node->poll_query_until('shop', "SELECT state <> 'active' FROM pg_stat_activity WHERE pid = $pid"), 'and a cancel ends it');
$long->quit;

# The nightly procedure, by an administrator: each store's model in a transaction of its own.
$node->safe_psql('shop', q{SELECT analytics.set_setting('clock', 'data', 'second')}, @as);
is($node->safe_psql('shop', q{CALL analytics.run_models(); SELECT string_agg(m.store_id || ' ' || m.status, ', ' ORDER BY m.store_id), count(DISTINCT m.xmin::text)
	FROM analytics.model m WHERE m.trained_at > now() - interval '1 minute' AND (m.parameters ->> 'horizon') = '90 days' AND m.version = (SELECT max(n.version) FROM analytics.model n WHERE n.store_id = m.store_id)},
	extra_params => [ '-U', 'postgres' ]), 'main ready, second ready|2', 'run_models() trains every store, and commits each');
is($node->safe_psql('shop', q{SELECT bool_and((parameters ->> 'as_of')::timestamptz < '2026-01-01') FROM (SELECT DISTINCT ON (store_id) * FROM analytics.model WHERE store_id = 'second' ORDER BY store_id, version DESC) m}), 't',
	'with the clock of the data as of the newest event');
$node->safe_psql('shop', 'CALL analytics.run_models()', extra_params => [ '-U', 'manager' ]);
pass('an administrator may');

# A recommender: who is forgotten while it is learned is not in it; a cancel ends it; a session that has its factors in memory sees the next version.
$node->safe_psql('shop', <<'SQL', @as);
INSERT INTO analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency)
SELECT 'board', format('e%s-%s', u, i), 1, 'purchase', timestamptz '2025-01-01 12:00Z' + make_interval(days => (u * 7 + i * 5) % 90), 'c' || u, format('o%s-%s', u, i), 'p' || i, 1, 1, 1, 'USD'
  FROM generate_series(1, 40) u, generate_series(1, 24) i WHERE (u + i) % 2 = 0 AND (u * 3 + i) % 7 > 0;
SQL
my $learn = q{SELECT version, status FROM analytics.fit_recommender(store => 'board', factors => 4, force => true)};
my $asked = q{SELECT string_agg(u || ':' || r.product_id || ' ' || r.score, ',' ORDER BY u, r.rank) FROM generate_series(1, 40) u, analytics.recommend('c' || u, 3, 'board') r WHERE r.source = 'factors'};
is($node->safe_psql('shop', $learn, @as), '1|ready', 'a recommender is learned');
my $page = $node->background_psql('shop');
isnt($page->query_safe($asked), '', 'a session asks it');
is($page->query_safe($asked), $node->safe_psql('shop', $asked), 'what it has in memory is what another one reads');
my $id = q{SELECT min(recommendation_id) FROM analytics.recommend('c1', 3, 'board')};
my $list = $page->query_safe($id);
my $learning = holds_lock($node, 'shop', $learn);
is($page->query_safe($id), $list, 'until the next version is committed the one before serves');
my ($forgetter) = waits_for_lock($node, 'shop', q{SELECT analytics.erase_customer('board', 'c7')});
$learning->query_safe('COMMIT');
isnt($page->query_safe($id), $list, 'then the new one does, in a session that had the old one, too');
is(answer($forgetter, q{SELECT count(*) FROM analytics.recommender_customer c JOIN analytics.model m USING (model_id) WHERE m.store_id = 'board' AND c.customer_id = 'c7'}), '0',
	'erasure waits for the recommender, and finds what it wrote');
$_->quit for $page, $learning, $forgetter;
refused($node, 'shop', q{SET statement_timeout = '1s'; SELECT status FROM analytics.fit_recommender(store => 'board', factors => 512, iterations => 1000, force => true)}, '57014', qr/statement timeout/, 'a timeout ends a fit');
is($node->safe_psql('shop', q{SELECT max(version) FROM analytics.model WHERE kind = 'recommender' AND store_id = 'board'}), '2', 'which leaves nothing');
$node->safe_psql('shop', 'SELECT analytics.refresh()', @as);

# A dump by the owner brings models and predictions along.
my $shown = qq{SELECT to_jsonb(v)::text FROM analytics.customer_value v UNION ALL SELECT to_jsonb(m)::text FROM analytics.model m UNION ALL ($asked) ORDER BY 1};
my $before = $node->safe_psql('shop', $shown);
isnt($before, '', 'there is something to dump');
my $dump = PostgreSQL::Test::Utils::tempdir . '/shop.dump';
$node->safe_psql('shop', 'DROP TABLE shop.many', @as);
$node->command_ok([ 'pg_dump', '-U', 'shopkeeper', '-h', $node->host, '-p', $node->port, '-d', 'shop', '-Fc', '-f', $dump ], 'pg_dump by the owner');
$node->safe_psql('postgres', 'CREATE DATABASE again OWNER shopkeeper');
$node->safe_psql('again', 'CREATE EXTENSION hll');
$node->command_ok([ 'pg_restore', '-1', '--no-comments', '-U', 'shopkeeper', '-h', $node->host, '-p', $node->port, '-d', 'again', $dump ], 'pg_restore -1');
is($node->safe_psql('again', $shown), $before, 'models serve as they did');
# events have other stamps there: news is what came later
$node->safe_psql('again', q{INSERT INTO analytics.event (store_id, event_id, event_type, occurred_at, customer_id, product_id) VALUES ('board', 'later', 'view_item', '2025-06-01', 'c1', 'p3')}, @as);
is($node->safe_psql('again', q{SELECT string_agg(DISTINCT u || ' ' || r.source, ',') FROM unnest('{c1,c3}'::text[]) u, analytics.recommend(u, 2, 'board') r}), 'c1 fold_in,c3 factors', 'what came after the restore is news, the rest is not');
my $version = $node->safe_psql('again', q{SELECT max(version) + 1 FROM analytics.model WHERE store_id = 'main'});
is($node->safe_psql('again', $fit, @as), "$version|ready", 'and the next version is trained');

done_testing();
