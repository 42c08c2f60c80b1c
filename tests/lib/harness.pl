#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
# harness.pl LIST: runs the TAP-printing commands of LIST (NAME<TAB>COMMAND a line), shows what failed and
# closes with "N passed, N failed, N skipped". With STRICT=yes a skipped test is a failure.
use strict;
use warnings;
use TAP::Harness;
use TAP::Parser::Aggregator;

my ($list) = @ARGV;
my (@tests, %command);
open(my $fh, '<', $list) or die "$list: $!\n";
while (<$fh>) {
	chomp;
	my ($name, $cmd) = split(/\t/, $_, 2);
	push @tests, [ $name, $name ];
	$command{$name} = $cmd;
}
close($fh);
die "no test fits\n" unless @tests;

sub harness {
	my ($jobs) = @_;
	return TAP::Harness->new({
		verbosity => 0,
		failures => 1,
		comments => $jobs == 1,
		timer => 1,
		merge => 0,
		jobs => $jobs,
		exec => sub {
			my ($h, $test) = @_;
			return [ 'timeout', '-k', '10', $ENV{TEST_SECONDS} // '900', 'sh', '-c', "exec $command{$test}" ];
		},
	});
}

# What watches processes, or counts what a loaded machine loses, has the machine to itself.
my $agg = TAP::Parser::Aggregator->new;
my @alone = grep { $_->[0] =~ m{^(bpf|e2e)/} } @tests;
my @together = grep { $_->[0] !~ m{^(bpf|e2e)/} } @tests;
$agg->start;
my $last;
foreach my $part ([ harness(2), @together ], [ harness(1), @alone ]) {
	my ($h, @part) = @$part;
	next unless @part;
	$h->formatter->prepare(map { $_->[1] } @part);
	$h->aggregate_tests($agg, @part);
	$last = $h;
}
$agg->stop;
$last->summary($agg);

# A program that died, or that printed no plan, fails as a whole.
my $failed = $agg->failed;
foreach my $p ($agg->parsers) {
	$failed++ if !$p->failed && ($p->exit || $p->parse_errors);
}
my $passed = $agg->passed - $agg->skipped;
my $skipped = $agg->skipped;
my $bad = $failed || (($ENV{STRICT} // '') eq 'yes' && $skipped);
print "skipped although it can run here: this counts as a failure\n"
	if !$failed && $bad;
printf "%d passed, %d failed, %d skipped\n", $passed, $failed, $skipped;
exit($bad ? 1 : 0);
