# Two hundred processes forked and waited for.
for ((i = 0; i < 200; i++)); do (exit 3); done; echo $?
