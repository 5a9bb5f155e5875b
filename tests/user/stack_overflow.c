// Stacks: deep recursion, growth of the main stack, an overflow taken on the alternate stack, thread guard pages.
// flags: -pthread -O1
#include "guest.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/resource.h>

static sigjmp_buf back;
static volatile uintptr_t fault_at;
static volatile int on_alternate;
static char alternate[65536];

static void handler(int number, siginfo_t *info, void *context) {
    char here;
    fault_at = (uintptr_t)info->si_addr;
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
    siglongjmp(back, 1);
}

__attribute__((noinline)) static long recurse(long n) {
    volatile char pad[200];
    pad[n % 200] = n;
    return n == 0 ? 0 : recurse(n - 1) + pad[n % 200] - (char)n + 1;
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
__attribute__((noinline)) static long endless(long n) {
    volatile char pad[500];
    pad[n % 500] = n;
    return endless(n + 1) + pad[0];
}

static void *in_thread(void *argument) {
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&stack, NULL);
    if (!sigsetjmp(back, 1))
        endless(0);
    else
        printf("thread overflow caught\n");
    return NULL;
}

int main(void) {
    printf("recursion %ld\n", recurse(20000));
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    check("stack limit", limit.rlim_cur >= 1 << 20);
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    on_signal(SIGSEGV, handler, SA_ONSTACK);
    for (int i = 0; i < 3; i++)
        if (!sigsetjmp(back, 1))
            endless(0);
        else
            printf("overflow %d: on the alternate stack %d, below this frame %d\n", i, on_alternate,
                   fault_at < (uintptr_t)__builtin_frame_address(0));
    printf("recursion again %ld\n", recurse(10000));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    pthread_t thread;
    pthread_create(&thread, &attributes, in_thread, NULL);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        endless(0);
    }
    int status;
    waitpid(child, &status, 0);
    say_status("uncaught overflow", status);
    return 0;
}
