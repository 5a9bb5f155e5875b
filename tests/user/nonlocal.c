// Jumps out of functions: setjmp and longjmp with their registers and masks, out of signal handlers, and in code that is hot.
// variants: static static-pie dynamic
#include "guest.h"
#include <setjmp.h>

static jmp_buf place;
static sigjmp_buf marked;

static __attribute__((noinline)) void leave(int depth, int value) {
    volatile char room[64];
    room[depth % 64] = (char)value;
    if (depth == 0)
        longjmp(place, value);
    leave(depth - 1, value + room[0] * 0);
    printf("never here\n");
}

static void handler(int number) { siglongjmp(marked, number); }

static int blocked(int number) {
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, number);
}

int main(void) {
    volatile int count = 0;
    int value = setjmp(place);
    printf("setjmp gives %d\n", value);
    if (count++ < 3)
        leave(5, count == 3 ? 0 : count * 10);
    signal(SIGUSR1, handler);
    signal(SIGSEGV, handler);
    signal(SIGFPE, handler);
    value = sigsetjmp(marked, 1);
    if (value == 0)
        raise(SIGUSR1);
    printf("out of SIGUSR1: %d, blocked %d\n", value == SIGUSR1, blocked(SIGUSR1));
    value = sigsetjmp(marked, 0);
    if (value == 0)
        raise(SIGUSR1);
    printf("without the mask: %d, blocked %d\n", value == SIGUSR1, blocked(SIGUSR1));
    value = sigsetjmp(marked, 1);
    if (value == 0)
        *(volatile int *)16 = 1;
    printf("out of a fault: %d\n", value == SIGSEGV);
    volatile double kept = 1.5;
    volatile long sum = 0, faults = 0;
    for (volatile int i = 0; i < 20000; i++) {
        if (setjmp(place) == 0)
            leave(i % 7, i | 1);
        sum += i;
        if (i % 100 == 0 && sigsetjmp(marked, 1) == 0)
            *(volatile int *)(16l + i) = 1;
        else if (i % 100 == 0)
            faults++;
        kept = kept * 1.0001;
    }
    printf("sum %ld faults %ld kept %.6f\n", sum, faults, kept);
    return 0;
}
