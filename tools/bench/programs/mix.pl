# Hashes, regular expressions, sorting, string building.
use strict; use warnings;
my (%count, @lines); my $seed = 1;
for my $i (1 .. 60000) {
    $seed = ($seed * 1103515245 + 12345) & 0x7fffffff;
    push @lines, sprintf("key%d=value%d;%s", $seed % 500, $i, "x" x ($seed % 17));
}
for (@lines) { $count{$1} += length $2 if /^(key\d+)=(value\d+)/; s/x+$/-/; }
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $sum = 0; for my $i (1 .. 400000) { $sum = ($sum + $i * $i) % 1000003; }
print scalar(@sorted), " $sorted[0] $count{$sorted[0]} $sum ", length(join ",", @lines), "\n";
