// getcontext, makecontext, swapcontext and setjmp, with callee-saved registers and FP state kept.
// variants: static dynamic
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

static ucontext_t main_context, worker[3];
static char stacks[3][65536] __attribute__((aligned(16)));
static int trace[64], traced;
static jmp_buf jump;

static void body(int a, int b) {
    double kept = a * 1.5;
    for (int i = 0; i < 4; i++) {
        trace[traced++] = a * 10 + i;
        swapcontext(&worker[a], a == 2 ? &main_context : &worker[a + 1]);
        kept += b;
    }
    if (kept != a * 1.5 + 4 * b)
        trace[traced++] = -1;
}

static int depth;
__attribute__((noinline)) static void deep(int n) {
    volatile char pad[64];
    pad[0] = n;
    if (n == 0)
        longjmp(jump, 42);
    deep(n - 1);
    depth += pad[0];
}

int main(void) {
    for (int i = 0; i < 3; i++) {
        getcontext(&worker[i]);
        worker[i].uc_stack.ss_sp = stacks[i];
        worker[i].uc_stack.ss_size = sizeof stacks[i];
        worker[i].uc_link = &main_context;
        makecontext(&worker[i], (void (*)(void))body, 2, i, i + 7);
    }
    for (int round = 0; round < 4; round++)
        swapcontext(&main_context, &worker[0]);
    printf("order:");
    for (int i = 0; i < traced; i++)
        printf(" %d", trace[i]);
    printf("\n");
    volatile int count = 0;
    double value = 2.25;
    int got = setjmp(jump);
    if (got == 0 || count < 100) {
        count++;
        deep(count);
    }
    printf("longjmp %d times with %d, value %g, unwound %d\n", count, got, value, depth);
    return 0;
}
