// Undefined and privileged instructions raise SIGILL with ILL_ILLOPC at the instruction.
// arch: aarch64
// peer: gives ILL_ILLOPN
#include "guest.h"
#include <ucontext.h>

static int number_seen, code_seen, exact;

static void handler(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    number_seen = number;
    code_seen = info->si_code;
    exact = (uintptr_t)info->si_addr == uc->uc_mcontext.pc;
    uc->uc_mcontext.pc += 4;
}

#define TRY(what, word) \
    do { \
        number_seen = code_seen = exact = 0; \
        __asm__ volatile(".inst " word : : : "memory", "x0"); \
        printf("%s: signal %d code %d exact %d\n", what, number_seen, code_seen, exact); \
    } while (0)

int main(void) {
    on_signal(SIGILL, handler, 0);
    TRY("udf #0", "0x00000000");
    TRY("udf #1", "0x00000001");
    TRY("all ones", "0xffffffff");
    TRY("hvc #0", "0xd4000002");
    TRY("smc #0", "0xd4000003");
    TRY("eret", "0xd69f03e0");
    TRY("mrs x0, ttbr0_el1", "0xd5382000");
    TRY("msr daifset, #2", "0xd50342df");
    TRY("hlt #1", "0xd4400020");
    TRY("casp with rt2 of 0", "0x08200000");
    return 0;
}
