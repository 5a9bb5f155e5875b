// Queued real-time signals: order, values, the two top numbers, sigwaitinfo, sigtimedwait, signalfd.
// peer: keeps some of the top real-time signal numbers for itself
#include "guest.h"
#include <sys/signalfd.h>

static int order[16], values[16], taken;

static void note(int number, siginfo_t *info, void *context) {
    order[taken] = number;
    values[taken++] = info->si_value.sival_int;
}

static void queue(int number, int value) {
    if (sigqueue(getpid(), number, (union sigval){.sival_int = value}))
        printf("sigqueue of %d fails with %d\n", number, errno);
}

int main(void) {
    printf("SIGRTMIN %d SIGRTMAX %d\n", SIGRTMIN, SIGRTMAX);
    sigset_t all, old;
    sigemptyset(&all);
    for (int number = SIGRTMIN; number <= 64; number++) {
        sigaddset(&all, number);
        on_signal(number, note, 0);
    }
    sigprocmask(SIG_BLOCK, &all, &old);
    queue(64, 1);
    queue(63, 2);
    queue(40, 3);
    queue(40, 4);
    queue(34, 5);
    queue(64, 6);
    struct timespec none = {0, 0};
    siginfo_t info;
    sigset_t forty;
    sigemptyset(&forty);
    sigaddset(&forty, 40);
    int number = sigtimedwait(&forty, &info, &none);
    printf("sigtimedwait: %d value %d code %d\n", number, info.si_value.sival_int, info.si_code);
    number = sigwaitinfo(&all, &info);
    printf("sigwaitinfo: %d value %d\n", number, info.si_value.sival_int);
    int fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    struct signalfd_siginfo record;
    ssize_t n = read(fd, &record, sizeof record);
    printf("signalfd: size %zd number %u value %d\n", n, record.ssi_signo, record.ssi_int);
    sigprocmask(SIG_SETMASK, &old, NULL);
    /* The lowest pending number is delivered first, and its handler frame is built first, so with
       several unblocked at once the highest runs first unless masked: each handler masks nothing here. */
    printf("handlers ran: %d\n", taken);
    int sum = 0;
    for (int i = 0; i < taken; i++)
        sum += values[i];
    printf("values sum: %d\n", sum);
    sigprocmask(SIG_BLOCK, &all, &old);
    errno = 0;
    check("signalfd empty", read(fd, &record, sizeof record) == -1 && errno == EAGAIN);
    CHECK_ERRNO("sigtimedwait times out", sigtimedwait(&all, &info, &(struct timespec){0, 20000000}), EAGAIN);
    taken = 0;
    for (int i = 0; i < 5; i++)
        queue(64, i);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("signal 64 in order:");
    for (int i = 0; i < taken; i++)
        printf(" %d", values[i]);
    printf("\n");
    return 0;
}
