// The signal that ends a guest ends the emulator in the same way.
// exit: ABRT
#include "guest.h"
#include <sys/resource.h>

int main(void) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int signals[] = {SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGPIPE, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
                     SIGABRT, SIGSYS, SIGRTMIN, SIGRTMAX - 4};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        pid_t child = fork();
        if (child == 0) {
            kill(getpid(), signals[i]);
            _exit(99);
        }
        int status;
        waitpid(child, &status, 0);
        say_status("child", status);
    }
    pid_t child = fork();
    if (child == 0)
        *(volatile int *)16 = 1;
    int status;
    waitpid(child, &status, 0);
    say_status("real fault", status);
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_IGN);
        *(volatile int *)16 = 1;
    }
    waitpid(child, &status, 0);
    say_status("ignored real fault", status);
    child = fork();
    if (child == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        *(volatile int *)16 = 1;
    }
    waitpid(child, &status, 0);
    say_status("blocked real fault", status);
    abort();
}
