// Exclusives and LSE atomics: single-thread results, contention, 128-bit swaps, ordering of a lock built on each.
// arch: aarch64
// flags: -pthread -march=armv8.1-a
#include "guest.h"
#include <pthread.h>

enum { THREADS = 4, STEPS = 20000 };
static uint64_t exclusive_counter, lse_counter, cas_counter, byte_word;
static uint64_t pair[2] __attribute__((aligned(16)));
static uint32_t lock_word;
static uint64_t locked_counter;

static void exclusive_add(uint64_t *p) {
    uint64_t x;
    uint32_t failed;
    __asm__ volatile("1: ldaxr %0, [%2]\n add %0, %0, #1\n stlxr %w1, %0, [%2]\n cbnz %w1, 1b"
                     : "=&r"(x), "=&r"(failed) : "r"(p) : "memory");
}

static void lse_add(uint64_t *p) {
    uint64_t old;
    __asm__ volatile("ldaddal %1, %0, [%2]" : "=r"(old) : "r"(1ull), "r"(p) : "memory");
}

static void cas_add(uint64_t *p) {
    for (;;) {
        uint64_t old = *(volatile uint64_t *)p, seen = old;
        __asm__ volatile("casal %0, %1, [%2]" : "+r"(seen) : "r"(old + 1), "r"(p) : "memory");
        if (seen == old)
            return;
    }
}

static void pair_add(uint64_t *p) {
    for (;;) {
        register uint64_t a __asm__("x0") = ((volatile uint64_t *)p)[0];
        register uint64_t b __asm__("x1") = ((volatile uint64_t *)p)[1];
        register uint64_t c __asm__("x2") = a + 1;
        register uint64_t d __asm__("x3") = b + 2;
        uint64_t was_a = a, was_b = b;
        __asm__ volatile("caspal x0, x1, x2, x3, [%4]" : "+r"(a), "+r"(b) : "r"(c), "r"(d), "r"(p) : "memory");
        if (a == was_a && b == was_b)
            return;
    }
}

static void locked_add(void) {
    uint32_t old, one = 1;
    do
        __asm__ volatile("swpa %w1, %w0, [%2]" : "=&r"(old) : "r"(one), "r"(&lock_word) : "memory");
    while (old);
    locked_counter++;
    __asm__ volatile("stlr wzr, [%0]" : : "r"(&lock_word) : "memory");
}

static void byte_add(int index) {
    uint8_t *p = (uint8_t *)&byte_word + index;
    uint32_t x, failed;
    __asm__ volatile("1: ldxrb %w0, [%2]\n add %w0, %w0, #1\n stxrb %w1, %w0, [%2]\n cbnz %w1, 1b"
                     : "=&r"(x), "=&r"(failed) : "r"(p) : "memory");
}

static void *work(void *argument) {
    for (int i = 0; i < STEPS; i++) {
        exclusive_add(&exclusive_counter);
        lse_add(&lse_counter);
        cas_add(&cas_counter);
        pair_add(pair);
        locked_add();
        byte_add((int)(long)argument);
    }
    return NULL;
}

#define OPERATION(name) \
    do { \
        uint64_t memory = 0xf0f0f0f0f0f0f0f0, old; \
        __asm__ volatile(name " %1, %0, [%2]" : "=&r"(old) : "r"(0x8ff0123456789abcull), "r"(&memory) : "memory"); \
        printf("%-8s %016" PRIx64 " old %016" PRIx64 "\n", name, memory, old); \
    } while (0)

static void results(void) {
    OPERATION("ldadd");
    OPERATION("ldclr");
    OPERATION("ldeor");
    OPERATION("ldset");
    OPERATION("ldsmax");
    OPERATION("ldsmin");
    OPERATION("ldumax");
    OPERATION("ldumin");
    OPERATION("swp");
    uint64_t memory = 0xffffffffffffffff, old = 0;
    __asm__ volatile("ldaddb %w1, %w0, [%2]" : "=&r"(old) : "r"(0x1ff), "r"(&memory) : "memory");
    printf("ldaddb %016" PRIx64 " old %016" PRIx64 "\n", memory, old);
    uint32_t failed;
    __asm__ volatile("ldxr x9, [%1]\n clrex\n stxr %w0, xzr, [%1]" : "=&r"(failed) : "r"(&memory) : "x9", "memory");
    printf("store exclusive after clrex fails: %u memory %016" PRIx64 "\n", failed, memory);
    __asm__ volatile("stxr %w0, xzr, [%1]" : "=&r"(failed) : "r"(&memory) : "memory");
    printf("store exclusive alone fails: %u\n", failed);
    uint64_t wide[2] __attribute__((aligned(16))) = {1, 2}, low, high;
    __asm__ volatile("1: ldxp %0, %1, [%3]\n stxp %w2, %1, %0, [%3]\n cbnz %w2, 1b"
                     : "=&r"(low), "=&r"(high), "=&r"(failed) : "r"(wide) : "memory");
    printf("pair swapped: %" PRIu64 " %" PRIu64 "\n", wide[0], wide[1]);
}

int main(void) {
    results();
    pthread_t thread[THREADS];
    for (long i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("exclusive %" PRIu64 " lse %" PRIu64 " cas %" PRIu64 " pair %" PRIu64 " %" PRIu64 " locked %" PRIu64 " bytes %08" PRIx64 "\n",
           exclusive_counter, lse_counter, cas_counter, pair[0], pair[1], locked_counter, byte_word & 0xffffffff);
    return 0;
}
