/* Loops that wait for memory: everything they touch is larger than the caches of most machines. */
#include "kernel.h"

enum { WORDS = 1 << 23 }; /* 64 MiB of 8 bytes each */
static uint64_t a[WORDS], b[WORDS];

__attribute__((optimize("O3"))) static uint64_t stream_copy(long count) {
    for (long i = 0; i < WORDS; i++)
        b[i] = i;
    for (long n = 0; n < count; n++) {
        uint64_t *from = n & 1 ? a : b, *to = n & 1 ? b : a;
        for (long i = 0; i < WORDS; i++)
            to[i] = from[i];
        to[n % WORDS] += n;
    }
    return a[1] + b[2] * 3 + a[WORDS - 1];
}

__attribute__((optimize("O3"))) static uint64_t stream_triad(long count) {
    enum { N = WORDS / 2 };
    double *x = (double *)a, *y = (double *)a + N, *z = (double *)b;
    for (long i = 0; i < N; i++)
        x[i] = i % 17, y[i] = i % 5;
    for (long n = 0; n < count; n++) {
        double scale = n & 1 ? 0.5 : 3.0;
        for (long i = 0; i < N; i++)
            z[i] = x[i] + scale * y[i];
        x[n % N] += z[n * 7 % N];
    }
    double sum = 0;
    for (long i = 0; i < N; i += 997)
        sum += z[i];
    return (uint64_t)(sum * 4);
}

/* One cycle through all words: each load gives the address of the next one. */
static uint64_t pointer_chase(long count) {
    for (long i = 0; i < WORDS; i++)
        a[i] = i;
    uint32_t seed = 9;
    for (long i = WORDS - 1; i > 0; i--) {
        long k = ((uint64_t)next_random(&seed) * i) >> 32;
        uint64_t t = a[i];
        a[i] = a[k];
        a[k] = t;
    }
    uint64_t at = 0;
    for (long n = 0; n < count; n++)
        at = a[at];
    return at;
}

static uint64_t histogram(long count) {
    uint64_t x = 88172645463325252u, sum = 0;
    for (long n = 0; n < count; n++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        b[x % WORDS] += x >> 60;
    }
    for (long i = 0; i < WORDS; i += 61)
        sum = sum * 31 + b[i];
    return sum;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"stream-copy", stream_copy}, {"stream-triad", stream_triad}, {"pointer-chase", pointer_chase},
        {"histogram", histogram}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
