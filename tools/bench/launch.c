/* launch LIMIT PROGRAM ARGUMENT...: runs a program and writes what it used to descriptor 3:
 * user and system microseconds, wall microseconds, peak RSS in KiB, exit status (negative: signal).
 * A process of its own, because the peak RSS of a child begins with that of the process it was forked from. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;
static volatile sig_atomic_t late;

static void on_alarm(int number) {
    late = 1;
    kill(-child, SIGKILL);
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        close(3);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    setpgid(child, child);
    signal(SIGALRM, on_alarm);
    alarm(atoi(argv[1]));
    struct rusage used;
    int status;
    while (wait4(child, &status, 0, &used) != child)
        ;
    clock_gettime(CLOCK_MONOTONIC, &to);
    dprintf(3, "%ld %ld %ld %d\n", (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000L + used.ru_utime.tv_usec + used.ru_stime.tv_usec,
            (to.tv_sec - from.tv_sec) * 1000000L + (to.tv_nsec - from.tv_nsec) / 1000, used.ru_maxrss,
            late ? -SIGALRM : WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    return 0;
}
