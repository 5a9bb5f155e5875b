# Pipes, traps, background jobs, wait, signals, process substitution, subshells, job control.
# tier: core
# packages: bash coreutils grep sed findutils
cd /work
trap 'echo "exit trap"' EXIT
trap 'echo "got USR1"' USR1
kill -USR1 $$
seq 1 1000 | grep 7 | sed 's/7/seven/' | sort -r | head -5
yes | head -100000 | wc -l
for i in 1 2 3 4 5 6 7 8; do (sleep 0.0$i; exit $i) & pids[i]=$!; done
for i in 8 7 6 5 4 3 2 1; do wait ${pids[i]}; echo "child $i: $?"; done
sleep 100 & p=$!; sleep 0.3; kill -TERM $p; wait $p; echo "terminated: $?"
bash -c 'kill -SEGV $$'; echo "segv: $?"
bash -c 'exit 300'; echo "exit 300: $?"
diff <(seq 5) <(seq 2 6); echo "diff $?"
false | true | false; echo "${PIPESTATUS[@]}"
set -o pipefail; false | true; echo "pipefail $?"; set +o pipefail
no_such_command_here 2>/dev/null; echo "not found: $?"
(ulimit -n 64; ulimit -n)
exec 5>out.txt; echo "to five" >&5; exec 5>&-; cat out.txt
coproc CAT { cat; }; pid=$CAT_PID; echo "through coproc" >&${CAT[1]}; read -r line <&${CAT[0]}; echo "$line"; eval "exec ${CAT[1]}>&-"; wait $pid; echo "coproc $?"
set -m
sleep 30 & sleep 0.3; kill -STOP %sleep; sleep 0.3; jobs %sleep | sed 's/  */ /g; s/^.*\] *[-+]* *//'; kill -CONT %sleep; p=$!; kill $p; wait $p; echo "job: $?"
set +m
mkfifo pipe; (echo fifo >pipe) & cat pipe; wait
timeout 0.2 sleep 10; echo "timeout: $?"
echo "a b c" | xargs -n1 echo item
find /cases -name 'bash_*.sh' -exec basename {} \; | sort
trap 'echo interrupted; exit 0' INT
(sleep 0.1; kill -INT $$) & 
while :; do sleep 0.05; done
