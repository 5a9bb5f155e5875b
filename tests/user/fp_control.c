// FPCR and FPSR by name: FZ, DN, rounding, NaN propagation, default NaN, cumulative bits, QC; each thread its own.
// arch: aarch64
// flags: -pthread -march=armv8.2-a+fp16
#include "guest.h"
#include <pthread.h>

#define RMODE(n) ((uint64_t)(n) << 22)
#define FZ (1ull << 24)
#define DN (1ull << 25)
#define FZ16 (1ull << 19)

static uint64_t binary(const char *what, uint64_t (*body)(uint64_t, uint64_t, uint64_t *), uint64_t fpcr, uint64_t a, uint64_t b) {
    uint64_t status = 0;
    __asm__ volatile("msr fpcr, %0\n msr fpsr, xzr" : : "r"(fpcr));
    uint64_t r = body(a, b, &status);
    __asm__ volatile("msr fpcr, xzr" : : );
    printf("%s fpcr %08" PRIx64 ": %016" PRIx64 " %016" PRIx64 " -> %016" PRIx64 " fpsr %08" PRIx64 "\n", what, fpcr, a, b, r, status);
    return r;
}

#define DOUBLE(name, instruction) \
    static uint64_t name(uint64_t a, uint64_t b, uint64_t *status) { \
        uint64_t r; \
        __asm__ volatile("fmov d0, %2\n fmov d1, %3\n " instruction "\n fmov %0, d2\n mrs %1, fpsr" \
                         : "=&r"(r), "=&r"(*status) : "r"(a), "r"(b) : "v0", "v1", "v2", "memory"); \
        return r; \
    }
DOUBLE(add, "fadd d2, d0, d1")
DOUBLE(mul, "fmul d2, d0, d1")
DOUBLE(divide, "fdiv d2, d0, d1")
DOUBLE(maximum, "fmax d2, d0, d1")
DOUBLE(maxnum, "fmaxnm d2, d0, d1")
DOUBLE(fused, "fmov d2, d1\n fmadd d2, d0, d1, d2")
DOUBLE(to_single, "fcvt s2, d0")
DOUBLE(to_int, "fcvtzs x9, d0\n fmov d2, x9")
DOUBLE(round_exact, "frintx d2, d0")
DOUBLE(estimate, "frecpe d2, d0")
DOUBLE(singles, "fadd v2.2s, v0.2s, v1.2s")
DOUBLE(halves, "fadd v2.4h, v0.4h, v1.4h")
DOUBLE(saturating, "sqadd v2.2s, v0.2s, v1.2s")

static void *other_thread(void *argument) {
    uint64_t fpcr, fpsr;
    __asm__ volatile("mrs %0, fpcr\n mrs %1, fpsr" : "=r"(fpcr), "=r"(fpsr));
    printf("new thread: fpcr %08" PRIx64 "\n", fpcr);
    __asm__ volatile("msr fpcr, %0" : : "r"(DN));
    return NULL;
}

int main(void) {
    const uint64_t qnan = 0x7ff8000000001234, snan = 0xfff4000000000005, one = 0x3ff0000000000000, big = 0x7fefffffffffffff,
                   subnormal = 0x000fffffffffffff, smallest = 0x0010000000000000, inf = 0x7ff0000000000000;
    binary("add", add, 0, qnan, one);
    binary("add", add, 0, one, snan);
    binary("add", add, 0, qnan, snan);
    binary("add", add, 0, snan, qnan);
    binary("add", add, 0, qnan, 0xfff8000000000007);
    binary("add", add, DN, qnan, one);
    binary("add", add, DN, snan, one);
    binary("add", add, 0, inf, inf | 1ull << 63);
    binary("max", maximum, 0, qnan, one);
    binary("maxnm", maxnum, 0, qnan, one);
    binary("maxnm", maxnum, 0, snan, one);
    binary("max", maximum, 0, 0, 1ull << 63);
    binary("fused", fused, 0, snan, qnan);
    binary("fused", fused, 0, inf, 0);
    for (int mode = 0; mode < 4; mode++) {
        binary("mul", mul, RMODE(mode), big, 0x4000000000000000);
        binary("mul", mul, RMODE(mode), big | 1ull << 63, 0x4000000000000000);
        binary("div", divide, RMODE(mode), one, 0x4008000000000000);
        binary("mul", mul, RMODE(mode), smallest, 0x3fefffffffffffff);
        binary("cvt", to_single, RMODE(mode), 0x3ff0000010000001, 0);
        binary("cvt", to_single, RMODE(mode), 0x380fffffffffffff, 0);
        binary("rintx", round_exact, RMODE(mode), 0xc004000000000000, 0);
    }
    binary("add", add, FZ, subnormal, 0);
    binary("add", add, FZ, subnormal | 1ull << 63, subnormal);
    binary("mul", mul, FZ, smallest, 0x3fe0000000000000);
    binary("mul", mul, FZ, smallest, 0x3fefffffffffffff);
    binary("mul", mul, 0, smallest, 0x3fe0000000000000);
    binary("div", divide, FZ, one, subnormal);
    binary("cvt", to_single, FZ, 0x3800000000000000, 0);
    binary("toint", to_int, 0, 0x7ff0000000000000, 0);
    binary("toint", to_int, 0, qnan, 0);
    binary("toint", to_int, 0, 0x3fe0000000000000, 0);
    binary("recpe", estimate, 0, 0x3ff8000000000000, 0);
    binary("recpe", estimate, 0, 0, 0);
    binary("recpe", estimate, 0, subnormal >> 3, 0);
    binary("singles", singles, 0, 0x7fc012343f800000, 0x3f80000080000001);
    binary("singles", singles, FZ, 0x0000000100800000, 0x0000000180400000);
    binary("halves", halves, 0, 0x7e0103ff3c007bff, 0x3c0003ff3c007bff);
    binary("halves", halves, FZ16, 0x7e0103ff3c007bff, 0x3c0003ff3c007bff);
    binary("halves", halves, FZ, 0x7e0103ff3c007bff, 0x3c0003ff3c007bff);
    binary("saturating", saturating, 0, 0x7fffffff00000001, 0x0000000100000002);
    binary("saturating", saturating, 0, 0x0000000100000001, 0x0000000100000002);
    uint64_t kept;
    __asm__ volatile("msr fpcr, %1\n mrs %0, fpcr\n msr fpcr, xzr" : "=r"(kept) : "r"(DN | FZ | RMODE(3) | FZ16));
    printf("fpcr keeps %08" PRIx64 "\n", kept);
    __asm__ volatile("msr fpcr, %0" : : "r"(RMODE(1)));
    pthread_t thread;
    pthread_create(&thread, NULL, other_thread, NULL);
    pthread_join(thread, NULL);
    __asm__ volatile("mrs %0, fpcr\n msr fpcr, xzr" : "=r"(kept));
    printf("after the thread: fpcr %08" PRIx64 "\n", kept);
    return 0;
}
