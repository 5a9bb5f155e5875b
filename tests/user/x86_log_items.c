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

static int logged(const char *name) {
    char line[256], wanted[32];
    snprintf(wanted, sizeof wanted, "(%s) at 0x", name);
    FILE *f = fopen("log", "r");
    int found = 0;
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, wanted) != NULL;
    if (f)
        fclose(f);
    return found;
}

int main(void) {
    on_signal(SIGILL, skip, 0);
    skipped = 2;
    __asm__ volatile(".byte 0x0f, 0x35");
    check("two bytes", logged("SYSEXIT"));
    skipped = 6;
    __asm__ volatile(".byte 0x62, 0xf1, 0xed, 0x48, 0x58, 0xd9");
    check("six bytes", logged("VADDPD"));
    skipped = 5;
    __asm__ volatile(".byte 0x8f, 0xe9, 0x70, 0x90, 0xda");
    check("five bytes", logged("VPROTB"));
    return 0;
}
