# Perl: regular expressions, hashes, sorting, sprintf, pack, local time, fork, closures, big integers.
# tier: core
# packages: perl
cd /work
perl -e '
use strict; use warnings; use List::Util qw(sum max shuffle reduce); use POSIX qw(floor fmod strftime); use Math::BigInt; use Digest::MD5 qw(md5_hex); use Digest::SHA qw(sha256_hex);
my %count; $count{$_ % 17} += $_ for 1 .. 50000; print join(",", map { "$_=$count{$_}" } sort { $a <=> $b } keys %count), "\n";
my $text = join " ", map { chr(97 + $_ % 26) x ($_ % 5 + 1) } 1 .. 2000; my $n = () = $text =~ /\b(\w)\1{2,}\b/g; print "$n\n";
(my $t = $text) =~ s/(\w+) (\w+)/$2 $1/g; print md5_hex($t), " ", sha256_hex($t), "\n";
printf "%.15g %s %e %05d %x %b\n", atan2(1,1)*4, 1e21+1, 12345.678, 42, 255, 10;
print unpack("H*", pack("NnCa5w", 1, 2, 3, "abc", 300)), " ", join(",", unpack("l< s> d<", pack("l< s> d<", -5, -6, 1.25))), "\n";
print Math::BigInt->new("2")->bpow(300), " ", Math::BigInt->new(100)->bfac() % 1000003, "\n";
my @sorted = sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] } map { [$_, length] } split / /, $text; print $sorted[0][0], " ", $sorted[-1][0], "\n";
print strftime("%Y-%m-%d %H:%M:%S", gmtime(1e9)), "\n"; my @subs = map { my $k = $_; sub { $_[0] * $k } } 1 .. 5; print join(" ", map { $_->(7) } @subs), "\n";
my $pid = fork; if (!$pid) { exit 9 } waitpid $pid, 0; print $? >> 8, "\n"; print `echo backticks`; eval { die { code => 5 } }; print $@->{code}, "\n";
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select undef, undef, undef, 5; }; print $@; my @m = map { [map { rand() < 2 ? $_ : 0 } 1 .. 50] } 1 .. 50; print sum(map { sum @$_ } @m), "\n";
print join(",", "aXbXc" =~ /[^X]+/g), " ", lc("ABC") . uc("def") . ucfirst("ghi"), " ", reverse("olleh") . "", scalar reverse("dlrow"), "\n"; print "ok\n" if "foobar" =~ /^(?<x>foo)(?=bar)/ && $+{x} eq "foo";
my $s = 0; for my $i (1 .. 300000) { $s = ($s * 31 + $i) % 1000003 } print "$s\n"; print sprintf("%.10f", reduce { $a + 1 / $b } 0, 1 .. 1000), "\n";
'
