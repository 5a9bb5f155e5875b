# A shell that forks, executes, pipes and waits a thousand times: nothing hangs, no status and no byte is lost.
# tier: full
# packages: bash coreutils
# timeout: 900
cd /work
wrong=0
for ((i = 0; i < 1000; i++)); do
    [[ $(/usr/bin/printf '%s' "$i" | /usr/bin/tr 0-9 a-j | /usr/bin/tr a-j 0-9) == "$i" ]] || ((wrong++))
    (exit $((i % 200))) & first=$!
    /bin/sh -c "exit $((i % 100))" & second=$!
    wait $second; [[ $? == $((i % 100)) ]] || ((wrong++))
    wait $first; [[ $? == $((i % 200)) ]] || ((wrong++))
    /bin/false && ((wrong++))
    /nonexistent 2>/dev/null; [[ $? == 127 ]] || ((wrong++))
done
echo "rounds $i, wrong $wrong"
