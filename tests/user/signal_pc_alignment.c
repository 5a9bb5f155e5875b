// A branch to an address that is not a multiple of four raises SIGBUS, BUS_ADRALN.
// arch: aarch64
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int number_seen, code_seen;
static volatile uintptr_t address_seen, pc_seen;

static void handler(int number, siginfo_t *info, void *context) {
    number_seen = number;
    code_seen = info->si_code;
    address_seen = (uintptr_t)info->si_addr;
    pc_seen = ((ucontext_t *)context)->uc_mcontext.pc;
    siglongjmp(back, 1);
}

int main(void) {
    on_signal(SIGBUS, handler, 0);
    on_signal(SIGSEGV, handler, 0);
    on_signal(SIGILL, handler, 0);
    uintptr_t target = (uintptr_t)main + 2;
    if (!sigsetjmp(back, 1))
        __asm__ volatile("br %0" : : "r"(target));
    printf("signal %d code %d address %+ld pc %+ld\n", number_seen, code_seen, (long)(address_seen - target),
           (long)(pc_seen - target));
    return 0;
}
