#!/usr/bin/env perl
# Runs TAP files and ends with 'N passed, N failed': tap.pl JOBS COMMAND [ARGUMENT...] -- FILE...
# TAP_COMMENTS=1 shows comments too: pgTAP's diagnoses are among them, those of Test::More are not.
# What TAP calls a pass without having tested (a file that skips all, one whose plan is not met) is a failure here.
use strict;
use warnings;
use TAP::Harness;

my ($jobs, @rest) = @ARGV;
my @command;
while (@rest && $rest[0] ne '--') { push @command, shift @rest; }
shift @rest;

my $harness = TAP::Harness->new({ exec => \@command, jobs => $jobs, failures => 1, comments => $ENV{TAP_COMMENTS}, merge => 0, timer => 1 });
my $aggregate = $harness->runtests(@rest);
my ($passed, $failed) = (0, 0);
for my $parser ($aggregate->parsers)
{
	my $bad = scalar($parser->failed) + scalar($parser->todo_passed);
	$bad = 1 if !$bad && ($parser->has_problems || $parser->skip_all || !$parser->tests_run);
	print "skipped as a whole: ", $parser->skip_all, "\n" if $parser->skip_all;
	$passed += $parser->passed;
	$failed += $bad;
}
print "$passed passed, $failed failed\n";
exit($failed || !$passed ? 1 : 0);
