// fork, exec, wait, pipes, process groups, stop and continue, orphans.
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

static void exec_family(char *self) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"renamed", "--child", "a b", "", NULL};
        char *environment[] = {"ONLY=this", NULL};
        execve(self, arguments, environment);
        _exit(127);
    }
    waitpid(child, &status, 0);
    say_status("execve of itself", status);
    child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "via-proc", "--child", NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    say_status("execl of /proc/self/exe", status);
    CHECK_ERRNO("missing program", execl("/does/not/exist", "x", NULL), ENOENT);
    CHECK_ERRNO("a folder", execl("/tmp", "x", NULL), EACCES);
    int fd = open("text", O_CREAT | O_WRONLY, 0700);
    write(fd, "neither ELF nor script\n", 23);
    close(fd);
    CHECK_ERRNO("no format", execl("./text", "x", NULL), ENOEXEC);
    chmod("text", 0600);
    CHECK_ERRNO("no permission", execl("./text", "x", NULL), EACCES);
    fd = open("script", O_CREAT | O_WRONLY, 0700);
    char line[5000];
    int n = snprintf(line, sizeof line, "#!%s --script\n", self);
    write(fd, line, n);
    close(fd);
    child = fork();
    if (child == 0) {
        execl("./script", "script", "more", NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    say_status("script with an interpreter", status);
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

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--child") == 0) {
        for (int i = 0; i < argc; i++)
            printf("child argv[%d]=<%s>\n", i, argv[i]);
        printf("child ONLY=%s HOME=%s\n", getenv("ONLY") ? getenv("ONLY") : "-", getenv("HOME") ? "set" : "-");
        return 11;
    }
    if (argc > 1 && strcmp(argv[1], "--script") == 0) {
        for (int i = 1; i < argc; i++)
            printf("script argv[%d]=<%s>\n", i, argv[i]);
        return 12;
    }
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    statuses();
    exec_family(self);
    pipes();
    groups();
    child_signal();
    return 0;
}
