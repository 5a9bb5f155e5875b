// Clocks and sleeping: every clock, resolution, absolute sleep, conversions, the virtual counter.
// variants: static dynamic
#include "guest.h"
#include <sys/time.h>

int main(void) {
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                          CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct timespec a, b, resolution;
        int good = clock_gettime(clocks[i], &a) == 0;
        for (volatile int k = 0; k < 100000; k++)
            ;
        good &= clock_gettime(clocks[i], &b) == 0 && clock_getres(clocks[i], &resolution) == 0;
        good &= (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= 0;
        printf("clock %d: %s\n", clocks[i], good ? "ok" : "WRONG");
    }
    CHECK_ERRNO("no such clock", syscall(SYS_clock_gettime, 99, &(struct timespec){0}), EINVAL);
    CHECK_ERRNO("clock_gettime to nowhere", syscall(SYS_clock_gettime, CLOCK_REALTIME, 8), EFAULT);
    struct timeval now;
    gettimeofday(&now, NULL);
    check("gettimeofday and time", labs(now.tv_sec - time(NULL)) <= 1);
    int64_t before = monotonic_ns();
    struct timespec until = {(before + 30000000) / 1000000000, (before + 30000000) % 1000000000};
    check("absolute sleep", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
    int64_t slept = monotonic_ns() - before;
    check("slept long enough", slept >= 30000000 && slept < 2000000000);
    CHECK_ERRNO("bad nanoseconds", nanosleep(&(struct timespec){0, 1000000000}, NULL), EINVAL);
    before = monotonic_ns();
    usleep(20000);
    check("usleep", monotonic_ns() - before >= 20000000);
    int64_t last = 0;
    int backwards = 0;
    for (int i = 0; i < 100000; i++) {
        int64_t t = monotonic_ns();
        backwards += t < last;
        last = t;
    }
    printf("monotonic went back %d times\n", backwards);
    struct tm parts;
    time_t stamp = 1234567890;
    gmtime_r(&stamp, &parts);
    char text[64];
    strftime(text, sizeof text, "%a %Y-%m-%d %H:%M:%S", &parts);
    printf("%s %ld\n", text, (long)timegm(&parts));
    struct timespec process, thread;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &thread);
    check("CPU time passes", process.tv_sec * 1000000000L + process.tv_nsec > 0 && thread.tv_sec * 1000000000L + thread.tv_nsec > 0);
#ifdef __aarch64__
    uint64_t a, b;
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(a));
    sleep_ms(20);
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(b));
    check("virtual counter advances", b > a);
#else
    check("virtual counter advances", 1);
#endif
    return 0;
}
