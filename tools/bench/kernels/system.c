/* System calls and signals: cheap calls, a pipe to itself and to another process, handled signals, page faults, new
   processes that end at once or execute another program (this one, told to do nothing). */
#include "kernel.h"
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t run_getppid(long count) {
    uint64_t same = 0, first = syscall(SYS_getppid);
    for (long n = 0; n < count; n++)
        same += (uint64_t)syscall(SYS_getppid) == first;
    return same;
}

static uint64_t run_pipe(long count) {
    int ends[2];
    char text[512] = "pipe";
    uint64_t total = 0;
    if (pipe(ends))
        return 0;
    for (long n = 0; n < count; n++)
        total += write(ends[1], text, sizeof text) + read(ends[0], text, sizeof text);
    return total;
}

static uint64_t ping_pong(long count) {
    int there[2], back[2];
    if (pipe(there) || pipe(back))
        return 0;
    pid_t child = fork();
    char byte = 1;
    if (child == 0) {
        for (long n = 0; n < count; n++)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    uint64_t total = 0;
    for (long n = 0; n < count; n++)
        total += write(there[1], &byte, 1) + read(back[0], &byte, 1);
    waitpid(child, NULL, 0);
    return total;
}

static volatile sig_atomic_t handled;
static void handler(int number) { handled++; }

static uint64_t signals(long count) {
    signal(SIGUSR1, handler);
    for (long n = 0; n < count; n++)
        raise(SIGUSR1);
    return handled;
}

static uint64_t run_mmap(long count) {
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        unsigned char *p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < 16; i++)
            p[i * 4096] = n;
        sum += p[4096 * (n & 15)];
        munmap(p, 16 * 4096);
    }
    return sum;
}

/* 1 if the process ended with status 7. */
static uint64_t ended(pid_t child) {
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/* A macro, for a child of vfork must not return from the function that called it. */
#define CHILDREN(name, start)                  \
    static uint64_t name(long count) {         \
        uint64_t total = 0;                    \
        for (long n = 0; n < count; n++) {     \
            pid_t child = start();             \
            if (child == 0)                    \
                _exit(7);                      \
            total += ended(child);             \
        }                                      \
        return total;                          \
    }

CHILDREN(run_fork, fork)
CHILDREN(run_vfork, vfork)

static char *const nothing[] = {"system", "nothing", "0", NULL};

static uint64_t run_fork_exec(long count) {
    uint64_t total = 0;
    for (long n = 0; n < count; n++) {
        pid_t child = fork();
        if (child == 0) {
            execv("/proc/self/exe", nothing);
            _exit(1);
        }
        total += ended(child);
    }
    return total;
}

static uint64_t run_spawn(long count) {
    uint64_t total = 0;
    for (long n = 0; n < count; n++) {
        pid_t child = -1;
        if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, nothing, nothing + 3) == 0)
            total += ended(child);
    }
    return total;
}

static uint64_t run_nothing(long count) { _exit(7); }

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"getppid", run_getppid}, {"pipe", run_pipe}, {"ping-pong", ping_pong}, {"signals", signals}, {"mmap", run_mmap},
        {"fork", run_fork}, {"vfork", run_vfork}, {"fork-exec", run_fork_exec}, {"spawn", run_spawn},
        {"nothing", run_nothing}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
