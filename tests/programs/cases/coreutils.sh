# A few dozen file and text commands.
# tier: core
# packages: bash coreutils grep sed gawk findutils diffutils tar gzip bzip2 bc file
cd /work
seq 1 20000 >numbers; shuf --random-source=<(yes) numbers >shuffled
md5sum numbers shuffled; sha1sum numbers; sha256sum numbers; sha512sum numbers | cut -c1-40; b2sum numbers | cut -c1-40; cksum numbers
sort -n shuffled | cmp - numbers && echo sorted
sort shuffled | uniq | wc; sort -R --random-source=<(yes) numbers | head -3
head -3 numbers; tail -n 2 numbers; tac numbers | head -2; nl numbers | sed -n 5p; rev <<<hello
cut -c2-3 numbers | sort | uniq -c | sort -rn | head -3
tr a-z A-Z <<<"mixed Case"; expand <<<$'a\tb'; fold -w 7 <<<"a long line to fold"; fmt -w 20 <<<"words to be filled into lines of twenty"
paste -d, <(seq 3) <(seq 4 6); join <(echo "1 a"; echo "2 b") <(echo "1 c"; echo "2 d"); comm <(seq 3) <(seq 2 4)
printf '%s\n' b a c | sort | tee tee.out | od -c; od -A x -t x4z -N 64 /cases/coreutils.sh
base64 <<<"encode me"; base64 numbers | md5sum; base32 <<<x; basename /a/b.c .c; dirname /a/b.c; seq -s, 1 0.5 3; factor 1234567890123 18446744073709551557
expr 17 \* 3; expr substr abcdef 2 3; numfmt --to=iec 123456789; date -u -d @1700000000 +%FT%T; date -d '2024-02-29 +1 year' +%F
mkdir -p d/e; touch d/e/f; ln -s f d/e/link; ln d/e/f d/hard; stat -c '%n %s %h %F' d/e/f d/e/link; ls -la d/e | awk '{print $1, $NF}'
cp -a d copy; mv copy moved; ls -R moved; readlink moved/e/link; realpath moved/e/link; du -b moved | sort; chmod 640 d/hard; stat -c %a d/e/f
dd if=/dev/zero of=zeros bs=1k count=100 status=none; wc -c zeros; truncate -s 5 zeros; split -n 4 numbers part.; wc -c part.* | tail -1; cat part.* | cmp - numbers && echo joined
test -L d/e/link && [ d/e/f -ef d/hard ] && echo same; install -m 755 numbers installed; stat -c %a installed
tar cf - d | tar tf -; tar czf a.tgz numbers && tar xzOf a.tgz | md5sum; gzip -9c numbers | gunzip | md5sum; bzip2 -c numbers | bunzip2 | md5sum
grep -c 99 numbers; grep -E '^(12|21)+$' numbers; grep -n -m2 777 shuffled | wc -l; sed -n '/^100$/,/^103$/p' numbers; sed 's/\([0-9]\)\([0-9]\)/\2\1/g' numbers | md5sum
awk '{s += $1 * $1} END {printf "%.0f %d\n", s, NR}' numbers; awk 'BEGIN {for (i = 0; i < 5; i++) printf "%.17g ", sin(i) * exp(i); print ""}'
find . -type f -size +10k | sort; find d -name 'f*' -printf '%p %y\n'; xargs -a numbers -n 1000 echo | wc -l
diff <(seq 10) <(seq 2 2 10) | md5sum; diff -u <(printf 'a\nb\n') <(printf 'a\nc\n') | tail -n +3; echo '2^200; scale=50; 4*a(1); sqrt(2)' | bc -l
env -i A=1 env; nproc >/dev/null && echo nproc; id -u; pwd; echo $((RANDOM >= 0)); sync; true; false || echo false; sleep 0.01; tty; uname -s
mktemp -u | wc -c; yes abc | head -c 10000000 | sha256sum; head -c 20000000 /dev/zero | md5sum; tsort <<<$'a b\nb c\nc d'; ptx <<<"one two" | wc -l; pr -h title -l 20 /cases/coreutils.sh | tail -n +4 | md5sum
