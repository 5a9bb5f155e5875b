// SIGSEGV, SIGBUS and SIGTRAP: si_code, si_addr and pc of every way to raise them.
// variants: static dynamic
// arch: aarch64
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int got_signal, got_code;
static volatile uintptr_t got_address, got_pc;

static void handler(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    got_signal = number;
    got_code = info->si_code;
    got_address = (uintptr_t)info->si_addr;
    got_pc = uc->uc_mcontext.pc;
    siglongjmp(back, 1);
}

static void report(const char *what, uintptr_t base, uintptr_t pc) {
    printf("%s: signal %d code %d address base%+ld pc%+ld\n", what, got_signal, got_code,
           (long)(got_address - base), (long)(got_pc - pc));
}

/* One faulting instruction with a known address. */
extern char load_here[], store_here[], break_here[];
__asm__(".text\n.global load_here, store_here, break_here\n"
        ".global do_load\ndo_load:\nload_here: ldr x0, [x0]\n ret\n"
        ".global do_store\ndo_store:\nstore_here: str xzr, [x0]\n ret\n"
        ".global do_break\ndo_break:\nbreak_here: brk #7\n ret\n");
void do_load(uintptr_t), do_store(uintptr_t), do_break(void);

#define TRY(expression) \
    do { \
        got_signal = got_code = 0; \
        got_address = got_pc = 0; \
        if (!sigsetjmp(back, 1)) { \
            expression; \
            printf("no fault: "); \
        } \
    } while (0)

int main(void) {
    int numbers[] = {SIGSEGV, SIGBUS, SIGTRAP};
    for (int i = 0; i < 3; i++)
        on_signal(numbers[i], handler, 0);
    char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t base = (uintptr_t)page;
    munmap(page + 8192, 4096);
    mprotect(page + 4096, 4096, PROT_READ);

    TRY(do_load(0));
    report("load from NULL", 0, (uintptr_t)load_here);
    TRY(do_load(0x18));
    report("load from 0x18", 0, (uintptr_t)load_here);
    TRY(do_store(base + 4096 + 24));
    report("store to a read-only page", base, (uintptr_t)store_here);
    TRY(do_load(base + 8192 + 40));
    report("load from an unmapped page", base, (uintptr_t)load_here);
    TRY(do_store(base + 8192));
    report("store to an unmapped page", base, (uintptr_t)store_here);
    TRY(do_load(base + 8192 - 4));
    report("load across into an unmapped page", base, (uintptr_t)load_here);
    mprotect(page, 4096, PROT_NONE);
    TRY(do_load(base + 8));
    report("load from PROT_NONE", base, (uintptr_t)load_here);
    TRY(((void (*)(void))(page + 4096))());
    report("jump to a page without execute", base, base + 4096);
    TRY(((void (*)(void))(page + 8192))());
    report("jump to an unmapped page", base, base + 8192);
    TRY(((void (*)(void))(0))());
    report("jump to NULL", 0, 0);
    TRY(do_break());
    report("brk", (uintptr_t)break_here, (uintptr_t)break_here);

    int fd = open("short.dat", O_RDWR | O_CREAT, 0600);
    ftruncate(fd, 100);
    char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    TRY(do_load((uintptr_t)file + 4096 + 8));
    report("load past the end of a file", (uintptr_t)file, (uintptr_t)load_here);
    TRY(do_store((uintptr_t)file + 4096 + 16));
    report("store past the end of a file", (uintptr_t)file, (uintptr_t)store_here);
    return 0;
}
