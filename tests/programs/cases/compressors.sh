# xz, zstd, gzip, bzip2, lz4 and 7z: round trips at several levels, and but for gzip (its builds differ) the bytes of the native run.
# tier: core
# packages: xz-utils zstd gzip bzip2 lz4 p7zip-full coreutils
# timeout: 300
cd /work
for i in $(seq 1 300); do cat /cases/coreutils.sh; seq $i 97 20000; done | head -c 6000000 >data
sum=$(md5sum <data)
for tool in "xz -0" "xz -6" "xz -3 -T2" "zstd -1" "zstd -9" "zstd -19 --long" "zstd -T2 -3" "gzip -1" "gzip -9" "bzip2 -9" "lz4 -1" "lz4 -9"; do
    $tool -q -c data >packed
    [ "$($tool -q -d -c packed | md5sum)" = "$sum" ] || echo "$tool: WRONG"
    case $tool in gzip*) echo "$tool" ;; *) echo "$tool: $(md5sum <packed)" ;; esac
done
7z a -bd -bso0 -mx=5 -mmt=1 archive.7z data && 7z t -bd -bso0 archive.7z && 7z x -so -bd archive.7z data | md5sum
7z a -bd -bso0 -tzip archive.zip data && 7z x -so archive.zip data | md5sum
head -c 1000 packed >cut; xz -dc cut 2>/dev/null; echo "broken: $?"
