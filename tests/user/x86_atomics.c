// Locked instructions of every kind and width under contention, aligned and not, and plain stores beside each other.
// arch: x86_64
// flags: -pthread
// timeout: 60
#include "guest.h"
#include <pthread.h>

enum { THREADS = 4, STEPS = 10000 };
#define MEMORY(p, type) (*(volatile type *)(p))

/* Two pages; the counters that straddle lie across a cache line and across both pages. */
static unsigned char pages[2 * 4096] __attribute__((aligned(4096)));
static uint64_t added, carried, exchanged, compared, bits, inverted = 5, negated = 5, words[THREADS];
static uint64_t pair[2] __attribute__((aligned(16))), half_pair __attribute__((aligned(8)));
static uint64_t spin, guarded, bit_lock[32], bit_guarded;
static uint64_t tickets[THREADS];

#define LOCKED_ADD(suffix, reg, type, p) \
    __asm__ volatile("lock add" suffix " %" reg "1, %0" : "+m"(MEMORY(p, type)) : "r"((type)1) : "memory", "cc")

static void add_all_widths(void) {
    LOCKED_ADD("b", "b", uint8_t, pages + 1);
    LOCKED_ADD("w", "w", uint16_t, pages + 63);
    LOCKED_ADD("l", "k", uint32_t, pages + 126);
    LOCKED_ADD("q", "q", uint64_t, pages + 4092);
    __asm__ volatile("lock incq %0" : "+m"(added) : : "memory", "cc");
    __asm__ volatile("lock subq $-3, %0; lock decq %0" : "+m"(added) : : "memory", "cc");
    __asm__ volatile("stc; lock adcq $0, %0; clc; lock sbbq $-1, %0" : "+m"(carried) : : "memory", "cc");
    __asm__ volatile("lock notq %0; lock notq %0; lock negq %1; lock negq %1" : "+m"(inverted), "+m"(negated) : : "memory", "cc");
}

static void exchange_and_compare(int n) {
    uint64_t old = 1;
    __asm__ volatile("lock xaddq %0, %1" : "+r"(old), "+m"(exchanged) : : "memory", "cc");
    tickets[n] += old;
    uint64_t seen = MEMORY(&compared, uint64_t), next;
    do
        next = seen + 1;
    while (({ char won; __asm__ volatile("lock cmpxchgq %3, %1; sete %2" : "+a"(seen), "+m"(compared), "=q"(won) : "r"(next) : "memory", "cc"); !won; }));
}

static void exchange_pairs(void) {
    for (;;) {
        uint64_t low = MEMORY(&pair[0], uint64_t), high = MEMORY(&pair[1], uint64_t);
        char won;
        __asm__ volatile("lock cmpxchg16b %0; sete %1"
                         : "+m"(pair), "=q"(won), "+a"(low), "+d"(high) : "b"(low + 1), "c"(~(low + 1)) : "memory", "cc");
        if (won)
            break;
    }
    for (;;) {
        uint64_t seen = MEMORY(&half_pair, uint64_t);
        uint32_t low = seen, high = seen >> 32;
        char won;
        __asm__ volatile("lock cmpxchg8b %0; sete %1"
                         : "+m"(half_pair), "=q"(won), "+a"(low), "+d"(high) : "b"(low + 1), "c"(~(low + 1)) : "memory", "cc");
        if (won)
            break;
    }
}

/* Locks of an exchange, and of a bit far from the operand. */
static void take_locks(void) {
    uint64_t one;
    do {
        one = 1;
        __asm__ volatile("pause; xchgq %0, %1" : "+r"(one), "+m"(spin) : : "memory");
    } while (one);
    guarded++;
    MEMORY(&spin, uint64_t) = 0;
    char taken;
    do
        __asm__ volatile("pause; lock btsq %2, %0; setc %1" : "+m"(bit_lock), "=q"(taken) : "r"(1500ul) : "memory", "cc");
    while (taken);
    bit_guarded++;
    __asm__ volatile("lock btrq %1, %0" : "+m"(bit_lock) : "r"(1500ul) : "memory", "cc");
}

static void *work(void *argument) {
    long n = (long)argument;
    for (int i = 0; i < STEPS; i++) {
        add_all_widths();
        exchange_and_compare(n);
        exchange_pairs();
        take_locks();
        __asm__ volatile("lock btcq %1, %0" : "+m"(bits) : "r"(n) : "memory", "cc");
        __asm__ volatile("lock orq %1, %0; lock andq %2, %0; lock xorq %1, %0" : "+m"(bits) : "r"(1ul << (8 + n)), "r"(~(1ul << (16 + n))) : "memory", "cc");
        /* Bytes beside each other, each of one thread. */
        MEMORY(pages + 200 + n, uint8_t) = i;
        words[n] += MEMORY(pages + 200 + n, uint8_t) == (uint8_t)i;
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    pair[1] = ~0ul;
    half_pair = 0xffffffff00000000;
    for (long n = 0; n < THREADS; n++)
        pthread_create(&threads[n], NULL, work, (void *)n);
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    printf("widths: %u %u %u %lu\n", pages[1], MEMORY(pages + 63, uint16_t), MEMORY(pages + 126, uint32_t), MEMORY(pages + 4092, uint64_t));
    printf("inc, sub, dec: %lu, adc, sbb: %lu, not, neg: %lu %lu\n", added, carried, inverted, negated);
    printf("xadd: %lu, results %lu, cmpxchg: %lu\n", exchanged, tickets[0] + tickets[1] + tickets[2] + tickets[3], compared);
    printf("pairs: %lu %d, %lu %d\n", pair[0], pair[1] == ~pair[0], half_pair & 0xffffffff, (uint32_t)~half_pair == half_pair >> 32);
    printf("locks: %lu %lu\n", guarded, bit_guarded);
    printf("bits: %#lx, bytes: %lu\n", bits, words[0] + words[1] + words[2] + words[3]);
    return 0;
}
