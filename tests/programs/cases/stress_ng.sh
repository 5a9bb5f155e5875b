# stress-ng: its own verification of processors, memory, futexes, signals, pipes, processes, and other kernel classes.
# tier: full
# packages: stress-ng
# timeout: 900
cd /work
one() { stress-ng --temp-path /work --verify --quiet --timeout 60 "$@" >log 2>&1; code=$?; echo "$* $code"; [ $code -eq 0 ] || tail -4 log >&2; }
for method in int64 double float crc16 fft hanoi prime queens sieve matrixprod callfunc bitops correlate jenkin nsqrt pi zeta; do one --cpu 1 --cpu-method $method --cpu-ops 30; done
one --vm 1 --vm-bytes 16m --vm-ops 200; one --vm 1 --vm-bytes 4m --vm-method walk-1d --vm-ops 500
one --futex 2 --futex-ops 2000; one --sigpipe 1 --sigpipe-ops 50; one --sigq 1 --sigq-ops 2000; one --sigsuspend 1 --sigsuspend-ops 500; one --kill 1 --kill-ops 2000; one --sigfpe 1 --sigfpe-ops 50; one --sigsegv 1 --sigsegv-ops 200; one --sigtrap 1 --sigtrap-ops 200
one --pipe 1 --pipe-ops 3000; one --fork 1 --fork-ops 50; one --vfork 1 --vfork-ops 50; one --clone 1 --clone-ops 50; one --exec 1 --exec-ops 20; one --pthread 1 --pthread-ops 100; one --mutex 2 --mutex-ops 2000; one --sem 2 --sem-ops 2000; one --switch 1 --switch-ops 2000
one --mmap 1 --mmap-bytes 4m --mmap-ops 20; one --mremap 1 --mremap-bytes 2m --mremap-ops 20; one --brk 1 --brk-ops 5000; one --stack 1 --stack-ops 20; one --bigheap 1 --bigheap-bytes 32m --bigheap-ops 200; one --shm 1 --shm-ops 5; one --mprotect 1 --mprotect-ops 200; one --memfd 1 --memfd-bytes 4m --memfd-ops 10
one --poll 1 --poll-ops 500; one --epoll 1 --epoll-ops 200; one --eventfd 1 --eventfd-ops 2000; one --timer 1 --timer-ops 500; one --timerfd 1 --timerfd-ops 200; one --itimer 1 --itimer-ops 200; one --nanosleep 1 --nanosleep-ops 50; one --sock 1 --sock-ops 50; one --udp 1 --udp-ops 200; one --fifo 1 --fifo-ops 500; one --mq 1 --mq-ops 500; one --msg 1 --msg-ops 1000
one --qsort 1 --qsort-ops 3; one --str 1 --str-ops 500; one --matrix 1 --matrix-ops 20; one --memcpy 1 --memcpy-ops 20; one --atomic 1 --atomic-ops 200; one --longjmp 1 --longjmp-ops 2000; one --tsearch 1 --tsearch-ops 1; one --zlib 1 --zlib-ops 2; one --hash 1 --hash-ops 200; one --vecmath 1 --vecmath-ops 50; one --fp 1 --fp-ops 20; one --funccall 1 --funccall-ops 50; one --context 1 --context-ops 100; one --dir 1 --dir-ops 50; one --hdd 1 --hdd-bytes 4m --hdd-ops 50
