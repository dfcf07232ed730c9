# Every way to break the engine that the torture test knows (tests/torture/mutations.py) still finds the text that it replaces: one that does
# not would break nothing, and a run that notices nothing would prove nothing.
use strict;
use warnings;
use AnalyticsTest;
use File::Basename qw(dirname);
use File::Spec;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('mutations');
make_shop($node, 'shop');
my $program = File::Spec->rel2abs(dirname(__FILE__) . '/../../torture/mutations.py');
my $functions = q{SELECT md5(string_agg(pg_get_functiondef(p.oid), '' ORDER BY p.oid)) FROM pg_proc p WHERE p.pronamespace = 'analytics'::regnamespace AND p.prokind = 'f'};
my $before = $node->safe_psql('shop', $functions);
my ($output, $errors) = run_command([ 'python3', $program, $node->connstr('shop') ]);
is($errors, '', 'no error');
my @lines = split /\n/, $output;
cmp_ok(scalar @lines, '>', 15, 'the mutations');
is($_ =~ /^ok / ? '' : $_, '', $_ =~ s/^(ok )?(\w+).*/$2/r . ' fits') for @lines;
is($node->safe_psql('shop', $functions), $before, 'all of it was undone');

# It would be noticed.
my $other = $node->safe_psql('shop', q{SELECT replace(pg_get_functiondef('analytics.retract(text,text)'::regprocedure), 'FOR UPDATE', 'FOR NO KEY UPDATE')});
$node->safe_psql('shop', $other);
($output, $errors) = run_command([ 'python3', $program, $node->connstr('shop') ]);
is(join("\n", grep { !/^ok / } split /\n/, $output), q{retract_without_lock: retract does not say 'FOR UPDATE': the mutation has to follow the engine}, 'a function that says something else is named');
done_testing();
