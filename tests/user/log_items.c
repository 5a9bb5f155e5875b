// arch: aarch64
// options: -d page,int,mmu,guest_errors,invalid_mem,unimp -D log
// peer: its log has another form
// What -d logs of the program, read back by the program itself.
#include "guest.h"
#include <ucontext.h>

static void skip(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ((ucontext_t *)context)->uc_mcontext.pc += 4;
}

int main(void) {
    char text[100];
    extern char _start[];
    snprintf(text, sizeof text, "entry       0x%016lx", (long)_start);
    check("page: the entry", logged(text));
    void *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    snprintf(text, sizeof text, "map %p-%p r--", p, (char *)p + 8192);
    check("mmu: a mapping", logged(text));
    on_signal(SIGSEGV, skip, 0);
    __asm__ volatile("str wzr, [%0]" ::"r"(p));
    check("int: the signal", logged("Taking signal 11 [SIGSEGV] code 2 at 0x"));
    snprintf(text, sizeof text, "Invalid access to %p at 0x", p);
    check("invalid_mem: the address", logged(text));
    on_signal(SIGILL, skip, 0);
    __asm__ volatile(".inst 0x04a00000"); // of SVE, which the processor does not have
    check("unimp: the instruction", logged("undefined instruction 0x04a00000 (SVE) at 0x"));
    syscall(4000);
    check("guest_errors: the call", logged("no such system call: 4000 at 0x"));
    return 0;
}
