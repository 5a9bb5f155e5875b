// arch: x86_64
// flags: -mavx2 -mxsave -mxsaveopt -mxsavec
// XGETBV, CPUID's leaf 0xd, and what XSAVE, XSAVEOPT, XSAVEC and XRSTOR do with YMM registers, headers and their faults.
#include "guest.h"
#include <cpuid.h>
#include <immintrin.h>
#include <setjmp.h>

static char area[4096] __attribute__((aligned(64)));
static const uint64_t pattern[4] = {1, 2, 3, 4};
static sigjmp_buf back;

static void fault(int signal) { siglongjmp(back, signal); }

static uint64_t word(int at) {
    uint64_t v;
    memcpy(&v, area + at, 8);
    return v;
}

static void put(int at, uint64_t v) { memcpy(area + at, &v, 8); }

static void load(const uint64_t *from) { __asm__ volatile("vmovdqu (%0), %%ymm3" ::"r"(from) : "xmm3"); }

static void save(uint64_t *to) { __asm__ volatile("vmovdqu %%ymm3, (%0)" ::"r"(to) : "memory"); }

#define XSAVE(insn, mask) __asm__ volatile(insn " (%0)" ::"r"(area), "a"(mask), "d"(0) : "memory")
/* Whatever it restores is not the compiler's. */
#define XRSTOR(mask, at) __asm__ volatile("xrstor64 (%0)" ::"r"(at), "a"(mask), "d"(0) : "memory", "xmm3")

static void sizes(void) {
    uint32_t low, high, a, b, c, d;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    check("XCR0 has x87, SSE and AVX", (low & 7) == 7);
    __cpuid_count(0xd, 0, a, b, c, d);
    check("leaf 0xd has the same components", a == low && d == high);
    check("area is large enough", b >= 832 && c >= b);
    __cpuid_count(0xd, 2, a, b, c, d);
    check("AVX is 256 bytes at 576", a == 256 && b == 576 && c == 0);
    __cpuid(1, a, b, c, d);
    check("OSXSAVE", c >> 27 & 1);
}

static void forms(void) {
    uint64_t got[4];
    load(pattern);
    memset(area, 0xee, sizeof area);
    put(512, 0), put(520, 0), put(528, 0);
    XSAVE("xsave64", 4);
    check("xsave writes the high half alone", word(576 + 48) == 3 && word(160 + 48) == 0xeeeeeeeeeeeeeeee);
    check("and says so", word(512) == 4 && word(24) != 0xeeeeeeeeeeeeeeee && word(520) == 0);
    load(pattern);
    XSAVE("xsaveopt64", 6);
    check("xsaveopt adds to it", word(160 + 48) == 1 && word(512) == 6);
    memset(area, 0, 576);
    load(pattern);
    XSAVE("xsavec64", 6);
    check("xsavec tells its form", word(520) == (1ull << 63 | 6) && (word(512) & ~6ull) == 0 && word(160 + 48) == 1);
    load((const uint64_t[4]){0});
    XRSTOR(6, area);
    save(got);
    check("xrstor of the compacted form", !memcmp(got, pattern, 32));
    put(520, 0), put(512, 2);
    load(pattern);
    XRSTOR(4, area);
    save(got);
    check("what the header leaves out is reset", got[0] == 1 && got[1] == 2 && got[2] == 0 && got[3] == 0);
}

/* Runs XRSTOR with a changed header; gives the signal. */
static int broken(int at, uint64_t value, char *from) {
    memset(area, 0, sizeof area);
    put(24, 0x1f80);
    put(512, 2);
    put(at, value);
    int raised = sigsetjmp(back, 1);
    if (!raised)
        XRSTOR(6, from);
    return raised;
}

int main(void) {
    if (!__builtin_cpu_supports("avx2")) {
        puts("no AVX2 here");
        return 77;
    }
    sizes();
    forms();
    signal(SIGSEGV, fault);
    check("a good header", broken(512, 6, area) == 0);
    check("an unknown component", broken(512, 1ull << 40, area) == SIGSEGV);
    check("an unknown form", broken(520, 1, area) == SIGSEGV);
    check("a reserved word", broken(528, 1, area) == SIGSEGV);
    check("reserved bits of MXCSR", broken(24, 0x10000000, area) == SIGSEGV);
    check("an address that is no multiple of 64", broken(512, 2, area + 8) == SIGSEGV);
    return 0;
}
