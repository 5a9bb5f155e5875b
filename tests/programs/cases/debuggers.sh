# gdb and strace on a guest program (both need ptrace).
# tier: full
# packages: gdb strace
# timeout: 300
# compare: file
# peer: ptrace is missing
cd /work
strace -f -o trace /bin/echo traced; grep -c '^[0-9]* *execve("/bin/echo"' trace; grep -o 'write(1, "traced' trace; grep -o 'exited with 0' trace
gdb -nx -batch -ex 'set startup-with-shell off' -ex 'break write' -ex 'run' -ex 'info registers pc' -ex 'continue' --args /bin/echo debugged 2>&1 | grep -oE 'Breakpoint 1, |debugged|exited normally' | sort
