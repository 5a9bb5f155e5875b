/* What every guest program of this folder shares: line-buffered output and one-line checks. */
#ifndef GUEST_H
#define GUEST_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Lines leave at once, so a fork never carries half a buffer and a crash loses nothing. */
__attribute__((constructor)) static void line_buffered_output(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Prints `what: ok`, or `what: WRONG` with the errno of the moment. */
__attribute__((unused)) static int check(const char *what, int good) {
    int saved = errno;
    if (good)
        printf("%s: ok\n", what);
    else
        printf("%s: WRONG (errno %d)\n", what, saved);
    errno = saved;
    return good;
}

/* Whether the emulator has logged a line with `wanted` so far (`// options: -D log`). */
__attribute__((unused)) static int logged(const char *wanted) {
    char line[512];
    FILE *f = fopen("log", "r");
    int found = 0;
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, wanted) != NULL;
    if (f)
        fclose(f);
    return found;
}

/* A call that must fail with one errno. */
#define CHECK_ERRNO(what, call, wanted) \
    do { \
        errno = 0; \
        long result_ = (long)(call); \
        int got_ = errno; \
        if (result_ == -1 && got_ == (wanted)) \
            printf("%s: ok\n", what); \
        else \
            printf("%s: WRONG (result %ld errno %d)\n", what, result_, got_); \
    } while (0)

/* How a child ended, from its wait status. */
__attribute__((unused)) static void say_status(const char *what, int status) {
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped %d\n", what, WSTOPSIG(status));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", what);
    else
        printf("%s: status %#x\n", what, status);
}

/* Installs a three-argument handler. */
__attribute__((unused)) static void on_signal(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {0};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL))
        perror("sigaction");
}

__attribute__((unused)) static void sleep_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

__attribute__((unused)) static int64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
#endif
