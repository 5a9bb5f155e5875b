// arch: x86_64
// flags: -mavx2 -pthread
// YMM registers where the kernel keeps them: signal frames that show and change them, fork, threads, system calls.
#include "guest.h"
#include <immintrin.h>
#include <pthread.h>
#include <ucontext.h>

typedef struct { uint64_t word[4]; } Ymm;

/* Where struct _xstate has what: XSTATE_BV in the header, the high halves behind it. */
enum { MAGIC = 464, SIZE = 480, HEADER = 512, HIGH = 576, WHOLE = 832 };

static Ymm seen;
static volatile int frames;

static void handler(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    ucontext_t *u = context;
    char *area = (char *)u->uc_mcontext.fpregs;
    uint32_t magic, size, behind;
    uint64_t present;
    memcpy(&magic, area + MAGIC, 4);
    memcpy(&size, area + SIZE, 4);
    memcpy(&behind, area + WHOLE, 4);
    memcpy(&present, area + HEADER, 8);
    frames = magic == 0x46505853 && size >= WHOLE && (present & 7) == 7 && (size > WHOLE || behind == 0x46505845);
    memcpy(seen.word, area + 160 + 16 * 7, 16);
    memcpy(seen.word + 2, area + HIGH + 16 * 7, 16);
    /* What is changed here is what the program goes on with. */
    area[HIGH + 16 * 7] ^= 0xff;
    __asm__ volatile("vpcmpeqd %%ymm7, %%ymm7, %%ymm7" ::: "xmm7");
}

/* Loads ymm7, makes a system call, and gives what is there afterwards. */
static Ymm around(Ymm before, long number, long a, long b) {
    Ymm after;
    long result;
    __asm__ volatile("vmovdqu %[before], %%ymm7\n\tsyscall\n\tvmovdqu %%ymm7, %[after]"
                     : [after] "=m"(after), "=a"(result)
                     : [before] "m"(before), "a"(number), "D"(a), "S"(b)
                     : "rcx", "r11", "memory", "xmm7");
    return after;
}

static const Ymm pattern = {{0x1111222233334444, 0x5555666677778888, 0x9999aaaabbbbcccc, 0xddddeeeeffff0000}};

static int same(Ymm a, Ymm b) { return !memcmp(&a, &b, sizeof a); }

static void *thread(void *turns) {
    uintptr_t good = 1;
    for (long k = 0; k < (long)turns; k++) {
        Ymm own = pattern;
        own.word[2] += k;
        good &= same(around(own, SYS_sched_yield, 0, 0), own);
    }
    return (void *)good;
}

static void signals(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    Ymm after = around(pattern, SYS_kill, getpid(), SIGUSR1);
    check("frame has an area for AVX", frames);
    check("frame shows ymm7", same(seen, pattern));
    Ymm changed = pattern;
    changed.word[2] ^= 0xff;
    check("change in the frame comes back", same(after, changed));
}

static void processes(void) {
    Ymm after = pattern;
    int status;
    long child;
    __asm__ volatile("vmovdqu %[before], %%ymm7\n\tsyscall\n\tvmovdqu %%ymm7, %[after]"
                     : [after] "=m"(after), "=a"(child)
                     : [before] "m"(pattern), "a"((long)SYS_fork)
                     : "rcx", "r11", "memory", "xmm7");
    if (child == 0)
        _exit(same(after, pattern) ? 0 : 1);
    waitpid(child, &status, 0);
    say_status("child after fork", status);
    check("parent after fork", same(after, pattern));
}

int main(void) {
    if (!__builtin_cpu_supports("avx2")) {
        puts("no AVX2 here");
        return 77;
    }
    check("system call keeps ymm7", same(around(pattern, SYS_getpid, 0, 0), pattern));
    signals();
    processes();
    pthread_t threads[4];
    uintptr_t good = 1;
    for (int k = 0; k < 4; k++)
        pthread_create(&threads[k], NULL, thread, (void *)2000);
    for (int k = 0; k < 4; k++) {
        void *result;
        pthread_join(threads[k], &result);
        good &= (uintptr_t)result;
    }
    check("threads keep their own", good);
    return 0;
}
