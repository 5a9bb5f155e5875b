// Signals at a high rate leave no trace in integer, FP, SIMD, flag and atomic computations.
// flags: -pthread -O2
// timeout: 60
#include "guest.h"
#include <math.h>
#include <pthread.h>
#include <sys/time.h>

static volatile long handled;
static volatile int stop;
static double handler_sum;

static void disturb(int number, siginfo_t *info, void *context) {
    /* Uses everything an interrupted computation may hold. */
    volatile double x = handled + 1;
    volatile float f = 3;
    char text[64];
    memset(text, number, sizeof text);
    handler_sum += sqrt(x) / f + text[5];
    handled++;
    errno = 0;
}

static uint64_t integers(int n) {
    uint64_t a = 1, b = 2, c = 3, d = 5;
    for (int i = 0; i < n; i++) {
        a = a * 6364136223846793005u + b;
        b ^= a >> 17 | a << 47;
        c += a > b ? c >> 3 : d;
        d = (d << 5) - d + (unsigned __int128)c * a % 1000003;
    }
    return a ^ b ^ c ^ d;
}

static uint64_t floats(int n) {
    double a = 1, b = 0.5, s = 0;
    float f = 1.25f;
    for (int i = 0; i < n; i++) {
        a = a * 0.999 + b;
        b = sqrt(a * 1.5) / (b + 1.0);
        f = f * 1.0001f - (float)b * 0.001f;
        s += a - b + f;
    }
    uint64_t bits;
    memcpy(&bits, &s, 8);
    return bits;
}

__attribute__((optimize("O3"))) static uint64_t vectors(int n) {
    static int32_t x[1024], y[1024];
    for (int i = 0; i < 1024; i++)
        x[i] = i * 77, y[i] = i ^ 0x5a;
    for (int k = 0; k < n / 1024; k++)
        for (int i = 0; i < 1024; i++)
            x[i] = x[i] * 3 + (y[i] > x[i] ? y[i] : x[i] >> 3);
    uint64_t h = 0;
    for (int i = 0; i < 1024; i++)
        h = h * 31 + (uint32_t)x[i];
    return h;
}

static uint64_t atomics(int n) {
    uint64_t word = 0;
    for (int i = 0; i < n; i++) {
        __atomic_fetch_add(&word, i, __ATOMIC_SEQ_CST);
        uint64_t seen = __atomic_load_n(&word, __ATOMIC_ACQUIRE);
        while (!__atomic_compare_exchange_n(&word, &seen, seen * 3 + 1, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            ;
    }
    return word;
}

static char *strings(int n) {
    static char text[256];
    text[0] = 0;
    for (int i = 0; i < n / 1000; i++)
        snprintf(text, sizeof text, "%d %s %.6f", i, i & 1 ? "odd" : "even", i / 7.0);
    return text;
}

static void *sender(void *target) {
    /* The next signal waits for the last, so that a slow machine still computes between them. */
    for (long last = -1; !stop;) {
        if (handled != last) {
            last = handled;
            pthread_kill(*(pthread_t *)target, SIGUSR1);
        }
        struct timespec t = {0, 30000};
        nanosleep(&t, NULL);
    }
    return NULL;
}

int main(void) {
    enum { N = 300000 };
    uint64_t want[4] = {integers(N), floats(N), vectors(N), atomics(N)};
    char text[256];
    strcpy(text, strings(N));
    on_signal(SIGUSR1, disturb, SA_RESTART);
    on_signal(SIGALRM, disturb, SA_RESTART);
    pthread_t self = pthread_self(), thread;
    pthread_create(&thread, NULL, sender, &self);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 3000}, {0, 3000}}, NULL);
    int wrong[5] = {0};
    int64_t end = monotonic_ns() + 2000000000;
    int rounds = 0;
    while (rounds < 3 || (monotonic_ns() < end && rounds < 100)) {
        wrong[0] += integers(N) != want[0];
        wrong[1] += floats(N) != want[1];
        wrong[2] += vectors(N) != want[2];
        wrong[3] += atomics(N) != want[3];
        wrong[4] += strcmp(strings(N), text) != 0;
        rounds++;
    }
    stop = 1;
    pthread_join(thread, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    printf("wrong: integers %d floats %d vectors %d atomics %d strings %d\n", wrong[0], wrong[1], wrong[2], wrong[3], wrong[4]);
    check("many signals handled", handled > 200);
    return 0;
}
