// fork, wait, pipes, process groups, stop and continue, orphans.
// variants: static dynamic
#include "guest.h"
#include <sys/resource.h>

static void statuses(void) {
    int status;
    pid_t child = fork();
    if (child == 0)
        exit(7);
    check("waitpid", waitpid(child, &status, 0) == child);
    say_status("exit 7", status);
    CHECK_ERRNO("waitpid again", waitpid(child, &status, 0), ECHILD);
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        sleep_ms(1000); // the parent is to see it continued, not gone
        _exit(3);
    }
    waitpid(child, &status, WUNTRACED);
    say_status("stopped", status);
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    say_status("continued", status);
    siginfo_t info = {0};
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    printf("waitid: signo %d code %d status %d\n", info.si_signo, info.si_code, info.si_status);
    struct rusage usage;
    check("wait4", wait4(child, &status, 0, &usage) == child && usage.ru_maxrss > 0);
    say_status("at last", status);
    CHECK_ERRNO("no children", wait(NULL), ECHILD);
}

static void pipes(void) {
    int first[2], second[2];
    pipe(first);
    pipe2(second, O_CLOEXEC);
    pid_t doubler = fork();
    if (doubler == 0) {
        close(first[1]);
        close(second[0]);
        char byte;
        while (read(first[0], &byte, 1) == 1) {
            write(second[1], &byte, 1);
            write(second[1], &byte, 1);
        }
        _exit(0);
    }
    close(first[0]);
    close(second[1]);
    write(first[1], "pipeline", 8);
    close(first[1]);
    char text[64] = "";
    size_t at = 0;
    ssize_t n;
    while ((n = read(second[0], text + at, sizeof text - at - 1)) > 0)
        at += n;
    printf("through a child: %s\n", text);
    waitpid(doubler, NULL, 0);
    close(second[0]);
    pipe(first);
    close(first[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO("write to a closed pipe", write(first[1], "x", 1), EPIPE);
    close(first[1]);
    pipe2(first, O_NONBLOCK);
    CHECK_ERRNO("empty non-blocking pipe", read(first[0], text, 1), EAGAIN);
    int capacity = fcntl(first[1], F_SETPIPE_SZ, 4096);
    printf("capacity %d\n", capacity);
    size_t total = 0;
    while ((n = write(first[1], text, 64)) > 0)
        total += n;
    printf("fits %zu\n", total);
}

static void groups(void) {
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        _exit(getpgrp() == getpid() ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    say_status("setpgid", status);
    child = fork();
    if (child == 0)
        _exit(setsid() == getpid() && getsid(0) == getpid() ? 0 : 1);
    waitpid(child, &status, 0);
    say_status("setsid", status);
    check("parent", getppid() > 0);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        if (fork() == 0)
            pause();
        sleep_ms(20);
        kill(0, SIGTERM);
        pause();
    }
    waitpid(child, &status, 0);
    say_status("kill of the group", status);
}

static volatile int children_seen;
static void reap(int number, siginfo_t *info, void *context) {
    int status;
    while (waitpid(-1, &status, WNOHANG) > 0)
        children_seen++;
}

static void child_signal(void) {
    on_signal(SIGCHLD, reap, SA_RESTART);
    for (int i = 0; i < 10; i++)
        if (fork() == 0)
            _exit(i);
    for (int i = 0; i < 5000 && children_seen < 10; i++)
        sleep_ms(1);
    printf("SIGCHLD reaped %d\n", children_seen);
    signal(SIGCHLD, SIG_IGN);
    if (fork() == 0)
        _exit(0);
    CHECK_ERRNO("ignored SIGCHLD leaves no zombie", wait(NULL), ECHILD);
}

int main(void) {
    statuses();
    pipes();
    groups();
    child_signal();
    return 0;
}
