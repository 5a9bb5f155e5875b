// A collector's write barrier: protected pages fault, the handler opens them, and the interrupted instruction runs again exactly once.
// flags: -O2
#include "guest.h"

enum { PAGES = 64, WORDS = PAGES * 512 };
static uint64_t *heap;
static volatile long faults;

static void open_page(int number, siginfo_t *info, void *context) {
    uintptr_t page = (uintptr_t)info->si_addr & -4096ul;
    if (page < (uintptr_t)heap || page >= (uintptr_t)(heap + WORDS))
        _exit(9);
    faults++;
    mprotect((void *)page, 4096, PROT_READ | PROT_WRITE);
}

static void protect_all(int protection) { mprotect(heap, PAGES * 4096, protection); }

static uint64_t hash_of(void) {
    uint64_t h = 0;
    for (int i = 0; i < WORDS; i++)
        h = h * 31 + heap[i];
    return h;
}

static void mutate(uint32_t seed) {
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1664525 + 1013904223;
        uint64_t *p = heap + seed % (WORDS - 1024);
        switch (seed >> 28) {
        case 0: *p += seed; break;
        case 1: p[0] = p[1] * 3; break;
        case 2: ((uint8_t *)p)[seed >> 8 & 7]++; break;
        case 3: memmove(p, p + 3, 200); break;
        case 4: memset(p, seed, 300); break;
        case 5: __atomic_fetch_add(p, seed, __ATOMIC_SEQ_CST); break;
        case 6: __atomic_exchange_n((uint32_t *)p, seed, __ATOMIC_ACQ_REL); break;
        case 7: {
            uint64_t seen = *p;
            __atomic_compare_exchange_n(p, &seen, seed, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
            break;
        }
        case 8: p[5]++, p[6]--, p[7] ^= seed; break;
        case 9: *(double *)p = (double)seed / 3; break;
        case 10: p[0] = p[1], p[1] = seed; break;
        case 11: *(uint16_t *)((char *)p + 4095) += 3; break;
        case 12: *(uint64_t *)((char *)p + 3) = seed * 0x9e3779b97f4a7c15; break;
        default: __atomic_store_n(p, seed, __ATOMIC_RELEASE);
        }
    }
}

#ifdef __aarch64__
/* Write-back, pair and vector stores: the base register must not move when the store faults first. */
static void forms(void) {
    for (int round = 0; round < 20; round++) {
        protect_all(round & 1 ? PROT_NONE : PROT_READ);
        uint64_t *p = heap + 512 - 1 + round, *q = p, *r = heap + 5 * 512 - 2, *s = heap + 9 * 512 - 3;
        __asm__ volatile("str %3, [%0], #8\n str %3, [%0, #8]!\n stp %3, %4, [%0], #16\n stp %3, %4, [%0, #-16]!\n"
                         "dup v0.2d, %3\n mov v1.16b, v0.16b\n str q0, [%1], #16\n stp q0, q1, [%1, #32]!\n st1 {v0.16b, v1.16b}, [%1], #32\n"
                         "ld1 {v2.4s}, [%1]\n st2 {v0.4s, v1.4s}, [%1]\n st1 {v0.b}[3], [%2], #1\n ldr x9, [%2], #7\n ldp x9, x10, [%2, #8]!\n"
                         "ldr q3, [%2, #16]!\n st4 {v0.16b-v3.16b}, [%2], #64\n"
                         : "+r"(q), "+r"(r), "+r"(s) : "r"(0x0123456789abcdefull + round), "r"(0xfedcba9876543210ull)
                         : "v0", "v1", "v2", "v3", "x9", "x10", "memory");
        if (q - p != 2 || r - (heap + 5 * 512 - 2) != 10 || (char *)s - (char *)(heap + 9 * 512 - 3) != 8 + 8 + 16 + 64)
            printf("round %d: bases moved by %ld %ld %ld\n", round, (long)(q - p), (long)(r - (heap + 5 * 512 - 2)),
                   (long)((char *)s - (char *)(heap + 9 * 512 - 3)));
    }
}
#else
static void forms(void) {}
#endif

int main(void) {
    heap = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 30; round++)
        mutate(round);
    uint64_t plain = hash_of();
    memset(heap, 0, PAGES * 4096);
    on_signal(SIGSEGV, open_page, 0);
    for (int round = 0; round < 30; round++) {
        protect_all(round & 1 ? PROT_NONE : PROT_READ);
        mutate(round);
    }
    protect_all(PROT_READ | PROT_WRITE);
    check("same contents with and without faults", hash_of() == plain);
    check("faults were taken", faults > 30 * PAGES / 2);
    forms();
    protect_all(PROT_READ | PROT_WRITE);
    printf("forms done\n");
    return 0;
}
