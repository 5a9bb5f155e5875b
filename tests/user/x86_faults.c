// What each exception of x86 is to a handler: signal, code, address, registers before the instruction; going on behind it.
// arch: x86_64
#include "guest.h"
#include <fenv.h>
#include <ucontext.h>
#include <xmmintrin.h>

static volatile int signal_seen, code_seen, trap_seen, cr2_same;
static volatile void *address_seen;
static volatile long rip_offset, rax_seen, xmm0_seen, mxcsr_seen;
extern char at[], behind[];

/* Goes on at the address in r15, with exceptions of SSE masked. */
static void handler(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    signal_seen = number, code_seen = info->si_code, address_seen = info->si_addr;
    trap_seen = r[REG_TRAPNO], rip_offset = r[REG_RIP] - r[REG_R14], rax_seen = r[REG_RAX];
    xmm0_seen = *(long *)uc->uc_mcontext.fpregs->_xmm;
    mxcsr_seen = uc->uc_mcontext.fpregs->mxcsr;
    uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
    r[REG_RIP] = r[REG_R15];
}

/* Runs one instruction with rax = 41, rbx = `b`, xmm0 and xmm1 as given. */
#define RUN(name, insn, b, x, y, mxcsr)                                                                                \
    do {                                                                                                               \
        signal_seen = 0;                                                                                               \
        _mm_setcsr(mxcsr);                                                                                             \
        double first = (x), second = (y);                                                                              \
        asm volatile("movsd %1, %%xmm0\n\tmovsd %2, %%xmm1\n\tlea 1f(%%rip), %%r14\n\tlea 2f(%%rip), %%r15\n\t"        \
                     "mov %0, %%rbx\n\tmov $41, %%rax\n\txor %%edx, %%edx\n\txor %%ecx, %%ecx\n1:\t" insn "\n2:"          \
                     :                                                                                                 \
                     : "r"((long)(b)), "m"(first), "m"(second)                                                         \
                     : "rax", "rbx", "rcx", "rdx", "r14", "r15", "xmm0", "xmm1", "memory", "cc");                      \
        _mm_setcsr(0x1f80);                                                                                            \
        report(name);                                                                                                  \
    } while (0)

static char *data;

static void report(const char *name) {
    printf("%s: ", name);
    if (signal_seen == 0) {
        printf("nothing\n");
        return;
    }
    long address = (char *)address_seen - data;
    char where[40];
    snprintf(where, sizeof where, "%s", address_seen == 0 ? "0" : "elsewhere");
    if (address >= 0 && address < 8192)
        snprintf(where, sizeof where, "data+%ld", address);
    if (signal_seen == SIGFPE || signal_seen == SIGILL)
        snprintf(where, sizeof where, "the instruction");
    printf("signal %d code %d at %s trap %d rip +%ld rax %ld", signal_seen, code_seen, where, trap_seen, rip_offset, rax_seen);
    if (signal_seen == SIGFPE && trap_seen == 19)
        printf(" mxcsr %#lx xmm0 %s", mxcsr_seen, xmm0_seen == 0x3ff8000000000000 ? "kept" : "other");
    printf("\n");
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    for (int i = 1; i < 32; i++)
        if (i != SIGKILL && i != SIGSTOP)
            sigaction(i, &action, NULL);
    data = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(data + 4096, 4096, PROT_READ);
    for (int round = 0; round < 2; round++) {
        RUN("division by zero", "div %%rcx", 0, 1.5, 0, 0x1f80);
        RUN("quotient too large", "mov $1, %%edx; mov $1, %%ecx; lea 1f(%%rip), %%r14; nop; 1: div %%rcx", 0, 1.5, 0, 0x1f80);
        RUN("undefined", "ud2", 0, 1.5, 0, 0x1f80);
        RUN("breakpoint", "int3", 0, 1.5, 0, 0x1f80);
        RUN("nothing mapped", "mov (%%rbx), %%eax", 16, 1.5, 0, 0x1f80);
        RUN("read only", "mov %%eax, (%%rbx)", data + 4100, 1.5, 0, 0x1f80);
        RUN("no address", "mov (%%rbx), %%eax", 1l << 60, 1.5, 0, 0x1f80);
        RUN("privileged", "hlt", 0, 1.5, 0, 0x1f80);
        RUN("load not aligned", "movaps (%%rbx), %%xmm0", data + 8, 1.5, 0, 0x1f80);
        RUN("store not aligned", "movaps %%xmm0, (%%rbx)", data + 1, 1.5, 0, 0x1f80);
        RUN("operand not aligned", "addps (%%rbx), %%xmm0", data + 4, 1.5, 0, 0x1f80);
        RUN("any address", "movups (%%rbx), %%xmm1", data + 1, 1.5, 0, 0x1f80);
        RUN("masked", "divsd %%xmm1, %%xmm0", 0, 1.5, 0, 0x1f80);
        RUN("unmasked division", "divsd %%xmm1, %%xmm0", 0, 1.5, 0, 0x1d80);
        RUN("unmasked invalid", "ucomisd %%xmm1, %%xmm0; nop", 0, 1.5, __builtin_nans(""), 0x1f00);
        RUN("unmasked overflow", "mulsd %%xmm1, %%xmm0", 0, 1.5, 1.7e308, 0x1b80);
        RUN("unmasked inexact", "divsd %%xmm1, %%xmm0", 0, 1.5, 7, 0x0f80);
        RUN("exact", "mulsd %%xmm1, %%xmm0", 0, 1.5, 4, 0x0000);
        RUN("conversion", "cvttsd2si %%xmm1, %%eax", 0, 1.5, 1e300, 0x1f00);
    }
    /* The same in code that is hot. */
    long aligned = 0;
    for (int i = 0; i < 300000; i++) {
        __m128 v = _mm_load_ps((float *)(data + i % 64 * 16));
        aligned += _mm_movemask_ps(v) == 0;
        asm volatile("pcmpeqd %%xmm1, %%xmm1\n\tmovaps %%xmm1, (%0)" : : "r"(data + i % 64 * 16) : "xmm1", "memory");
    }
    printf("aligned: %ld\n", aligned);
    int faults = 0;
    for (int i = 0; i < 200000; i++) {
        signal_seen = 0;
        asm volatile("lea 1f(%%rip), %%r14\n\tlea 2f(%%rip), %%r15\n\tmov %1, %%eax\n1:\tmovaps (%0), %%xmm0\n2:"
                     :
                     : "r"(data + (i % 1000 == 999 ? 8 : 16)), "r"(i)
                     : "rax", "r14", "r15", "xmm0");
        faults += signal_seen == SIGSEGV && rax_seen == i && rip_offset == 0 && code_seen == SI_KERNEL;
    }
    printf("faults in hot code: %d\n", faults);
    return 0;
}
