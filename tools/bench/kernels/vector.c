/* Byte strings through the C library, and loops the compiler vectorises. */
#include "kernel.h"

static unsigned char buffer[1 << 16], second[1 << 16];
static void fill(void) {
    uint32_t seed = 5;
    for (unsigned i = 0; i < sizeof buffer; i++)
        buffer[i] = 1 + (next_random(&seed) >> 24) % 250;
    buffer[sizeof buffer - 1] = 0;
}

static uint64_t run_strlen(long count) {
    fill();
    uint64_t sum = 0;
    for (long n = 0; n < count; n++)
        sum += strlen((char *)buffer + (n & 1023)) + strlen((char *)buffer + sizeof buffer - 40);
    return sum;
}

static uint64_t run_memchr(long count) {
    fill();
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        const unsigned char *at = memchr(buffer + (n & 255), 255, 60000);
        sum += at ? at - buffer : n;
        sum += memcmp(buffer, second, 1) > 0;
    }
    return sum;
}

static uint64_t run_memcpy(long count) {
    fill();
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        memcpy(second + (n & 15), buffer + (n & 7), 60000);
        memcpy(second, buffer + (n & 1023), n & 127);
        sum += second[n & 0xffff];
    }
    return sum;
}

__attribute__((optimize("O3"))) static uint64_t bytes_sum(long count) {
    fill();
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        uint32_t s = 0;
        for (unsigned i = 0; i < sizeof buffer; i++)
            s += buffer[i] ^ (unsigned char)n;
        sum = sum * 3 + s;
    }
    return sum;
}

__attribute__((optimize("O3"))) static uint64_t saxpy(long count) {
    enum { N = 8192 };
    static float x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = i % 13, y[i] = i % 7;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < N; i++)
            y[i] = x[i] * 0.5f + y[i] * 0.25f;
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        sum += (int64_t)(y[i] * 1000);
    return sum;
}

__attribute__((optimize("O3"))) static uint64_t int_mix(long count) {
    enum { N = 8192 };
    static int32_t a[N], b[N], c[N];
    for (int i = 0; i < N; i++)
        a[i] = i * 7919, b[i] = i ^ 0x55;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < N; i++) {
            int32_t m = a[i] > b[i] ? a[i] : b[i];
            c[i] += (m * 3 ^ a[i] >> 2) + (b[i] & (int32_t)n);
        }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        sum = sum * 31 + (uint32_t)c[i];
    return sum;
}

#ifndef NO_MAIN
int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"strlen", run_strlen}, {"memchr", run_memchr}, {"memcpy", run_memcpy}, {"bytes-sum", bytes_sum}, {"saxpy", saxpy},
        {"int-mix", int_mix}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
#endif
