// arch: x86_64
// options: -cpu Nehalem,+aes,-popcnt
// native: the host is another processor
// The model of -cpu shows in CPUID and /proc/cpuinfo; instructions that it does not have are undefined.
#include "guest.h"
#include <cpuid.h>
#include <setjmp.h>

static sigjmp_buf back;

static void undefined(int signal) { siglongjmp(back, signal); }

#define TRY(what, instruction) \
    do { \
        int raised_ = sigsetjmp(back, 1); \
        if (!raised_) \
            __asm__ volatile(instruction ::: "rax", "rcx", "rdx", "xmm1", "xmm2"); \
        printf("%s: %s\n", what, raised_ == SIGILL ? "undefined" : raised_ ? "another signal" : "there"); \
    } while (0)

int main(void) {
    unsigned a, b, c, d;
    __cpuid(1, a, b, c, d);
    printf("signature %#x, sse4.2 %u, popcnt %u, aes %u, xsave %u, osxsave %u, avx %u\n", a, c >> 20 & 1, c >> 23 & 1,
           c >> 25 & 1, c >> 26 & 1, c >> 27 & 1, c >> 28 & 1);
    __cpuid_count(7, 0, a, b, c, d);
    printf("leaf 7: %#x %#x %#x\n", b, c, d);
    signal(SIGILL, undefined);
    TRY("pcmpgtq", "pcmpgtq %%xmm1, %%xmm2");
    TRY("aesenc", "aesenc %%xmm1, %%xmm2");
    TRY("popcnt", "popcnt %%rax, %%rax");
    TRY("vaddps", "vaddps %%xmm1, %%xmm2, %%xmm2");
    TRY("andn", "andn %%rax, %%rax, %%rax");
    TRY("xgetbv", "xor %%ecx, %%ecx; xgetbv");
    char line[4096];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (fgets(line, sizeof line, f) && line[0] != '\n')
        if (!strncmp(line, "model name", 10))
            fputs(line, stdout);
        else if (!strncmp(line, "flags", 5))
            printf("aes %d avx %d popcnt %d\n", !!strstr(line, " aes"), !!strstr(line, " avx"), !!strstr(line, " popcnt"));
    fclose(f);
    return 0;
}
