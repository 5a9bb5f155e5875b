// MAP_GROWSDOWN areas and the main stack grow on a touch below them; MAP_STACK and guard gaps stay closed.
#include "guest.h"
#include <setjmp.h>
#include <sys/resource.h>

static sigjmp_buf back;
static char alternate[32768];
static void handler(int number, siginfo_t *info, void *context) { siglongjmp(back, 1); }

static int touches(volatile char *p) {
    if (sigsetjmp(back, 1))
        return 0;
    *p = 1;
    return *p;
}

int main(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    on_signal(SIGSEGV, handler, SA_ONSTACK);
    /* Room below the area, free of other maps. */
    char *room = mmap(NULL, 16 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    munmap(room, 16 << 20);
    char *area = mmap(room + (12 << 20), 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
    check("MAP_GROWSDOWN", area == room + (12 << 20));
    printf("inside %d one page below %d\n", touches(area), touches(area - 100));
    int grown = 1;
    for (int i = 1; i < 64; i++)
        grown &= touches(area - i * 4096);
    printf("page by page %d\n", grown);
    char *plain = mmap(room + (2 << 20), 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_FIXED_NOREPLACE, -1, 0);
    printf("below a plain map %d\n", touches(plain - 100));
    volatile char *here = __builtin_frame_address(0);
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    int main_grows = 1;
    for (long down = 4096; down < (limit.rlim_cur < 6 << 20 ? (long)limit.rlim_cur / 2 : 3 << 20); down += 4096)
        main_grows &= touches(here - down);
    printf("main stack grows %d\n", main_grows);
    return 0;
}
