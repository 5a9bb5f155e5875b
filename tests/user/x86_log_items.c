// arch: x86_64
// options: -d unimp -D log
// peer: its log has another form
// Instructions that the processor does not have are named in the log, however long they are.
#include "guest.h"
#include <ucontext.h>

static int skipped;

static void skip(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += skipped;
}

int main(void) {
    on_signal(SIGILL, skip, 0);
    skipped = 2;
    __asm__ volatile(".byte 0x0f, 0x35");
    check("two bytes", logged("(SYSEXIT) at 0x"));
    skipped = 6;
    __asm__ volatile(".byte 0x62, 0xf1, 0xed, 0x48, 0x58, 0xd9");
    check("six bytes", logged("(VADDPD) at 0x"));
    skipped = 5;
    __asm__ volatile(".byte 0x8f, 0xe9, 0x70, 0x90, 0xda");
    check("five bytes", logged("(VPROTB) at 0x"));
    return 0;
}
