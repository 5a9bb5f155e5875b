// execve: arguments, environment, scripts, errors, from a thread, of a program named by a descriptor.
// variants: static dynamic
// flags: -pthread
// peer: leaves guest programs to the kernel, which needs binfmt_misc
#include "guest.h"
#include <pthread.h>

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

static void *exec_in_thread(void *argument) {
    execl(argument, "exec_family", "--thread", NULL);
    _exit(98);
}

static void *spin(void *argument) {
    for (;;)
        __asm__ volatile("");
    return NULL;
}

static void from_a_thread(char *self) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
        pthread_create(&thread, NULL, exec_in_thread, self);
        pthread_join(thread, NULL);
    }
    int status;
    waitpid(child, &status, 0);
    say_status("exec in a thread", status);
}

/* What execve keeps (pid, descriptors, ignored signals, mask, folder) and what it resets (handlers, close-on-exec). */
static void what_stays(char *self) {
    pid_t child = fork();
    if (child == 0) {
        char number[2][16];
        int kept = dup(1), gone = fcntl(1, F_DUPFD_CLOEXEC, 50);
        snprintf(number[0], 16, "%d", kept);
        snprintf(number[1], 16, "%d", gone);
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, (void (*)(int))what_stays);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_SETMASK, &set, NULL);
        fexecve(open(self, O_RDONLY | O_CLOEXEC), (char *[]){"exec_family", "--state", number[0], number[1], NULL}, (char *[]){NULL});
        _exit(97);
    }
    int status;
    waitpid(child, &status, 0);
    say_status("fexecve", status);
}

static int report_state(char **argv) {
    struct sigaction a;
    sigset_t set;
    printf("kept descriptor %d, closed one %d\n", fcntl(atoi(argv[2]), F_GETFD) >= 0, fcntl(atoi(argv[3]), F_GETFD) >= 0);
    sigaction(SIGUSR1, NULL, &a);
    printf("ignored stays %d", a.sa_handler == SIG_IGN);
    sigaction(SIGUSR2, NULL, &a);
    printf(" handler reset %d", a.sa_handler == SIG_DFL);
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf(" mask stays %d %d\n", sigismember(&set, SIGHUP), sigismember(&set, SIGINT));
    return 6;
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
    if (argc > 1 && strcmp(argv[1], "--thread") == 0)
        return 23;
    if (argc > 1 && strcmp(argv[1], "--state") == 0)
        return report_state(argv);
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    exec_family(self);
    from_a_thread(self);
    what_stays(self);
    return 0;
}
