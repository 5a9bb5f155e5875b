// Timers that signal: setitimer, alarm, timer_create with value, thread id and overrun.
// variants: static dynamic
#include "guest.h"
#include <sys/time.h>

static volatile int ticks, code, value;

static void tick(int number, siginfo_t *info, void *context) {
    ticks++;
    code = info->si_code;
    value = info->si_value.sival_int;
}

static void wait_ticks(int wanted) {
    int64_t end = monotonic_ns() + 10000000000;
    while (ticks < wanted && monotonic_ns() < end)
        sleep_ms(1);
}

int main(void) {
    on_signal(SIGALRM, tick, SA_RESTART);
    on_signal(SIGVTALRM, tick, SA_RESTART);
    on_signal(SIGRTMIN + 3, tick, SA_RESTART);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 5000}, {0, 5000}}, NULL);
    wait_ticks(5);
    struct itimerval left;
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, &left);
    check("interval timer ticks", ticks >= 5 && left.it_interval.tv_usec == 5000);
    printf("code %d\n", code);

    ticks = 0;
    setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
    int64_t end = monotonic_ns() + 10000000000;
    while (!ticks && monotonic_ns() < end)
        ;
    check("virtual timer ticks in a busy loop", ticks == 1);

    ticks = 0;
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value = {.sival_int = 321}};
    check("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 10000000}}, NULL);
    wait_ticks(1);
    printf("timer: ticks %d code %d value %d\n", ticks, code, value);
    struct itimerspec spec;
    timer_settime(timer, 0, &(struct itimerspec){{100, 0}, {100, 0}}, NULL);
    timer_gettime(timer, &spec);
    check("timer_gettime", spec.it_interval.tv_sec == 100 && spec.it_value.tv_sec >= 99);
    check("timer_getoverrun", timer_getoverrun(timer) == 0);
    check("timer_delete", timer_delete(timer) == 0);
    CHECK_ERRNO("timer_delete twice", syscall(SYS_timer_delete, 12345), EINVAL);

    ticks = 0;
    check("alarm", alarm(100) == 0 && alarm(0) >= 99);
    return 0;
}
