-- Clusters in the portable edition: what is C++ says that it is not there, and what to do instead.
BEGIN;
SELECT plan(7);
SELECT throws_ok($$SELECT analytics.kmeans('{{1},{2}}', 2)$$, '0A000', 'kmeans() needs the analytics library', 'no k-means');
SELECT throws_ok($$SELECT analytics.fit_clusters('customers')$$, '0A000', 'fit_clusters() needs the analytics library', 'no clusters');
SELECT throws_ok($$SELECT analytics.fit_clusters('customers', scaling => 'x')$$, '22023', 'unknown scaling', 'arguments are looked at before');
SELECT is_empty('SELECT * FROM analytics.model', 'no model is there');
SELECT is_empty('SELECT * FROM analytics.customer_cluster', 'nobody is in a cluster');
SELECT is(analytics.refit_clusters(), 0, 'the night has none to fit');
SELECT throws_ok($$SELECT analytics.assign_cluster('customers', '{1,2,3}')$$, '22023', 'no such clusters', 'and nothing to assign to');
SELECT * FROM finish();
ROLLBACK;
