// Memory-order litmus tests: outcomes that x86 forbids must never be seen. SDM vol. 3, "Memory Ordering".
// arch: x86_64
// flags: -pthread
// timeout: 60
#include "guest.h"
#include <pthread.h>

/* Each test runs its threads in step over an array of cells, so that many trials share one start. */
enum { CELLS = 4000, ROUNDS = 12, SPACING = 16 };
static uint64_t x[CELLS * SPACING], y[CELLS * SPACING];
static uint64_t seen[4][CELLS];
static int arrived, generation;

static void meet(int threads) {
    int mine = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        arrived = 0;
        __atomic_store_n(&generation, mine + 1, __ATOMIC_RELEASE);
    } else {
        int spins = 0;
        while (__atomic_load_n(&generation, __ATOMIC_ACQUIRE) == mine)
            if (++spins > 200)
                sched_yield();
    }
}

#define PUT(p, v) __asm__ volatile("movq %1, %0" : "=m"(*(p)) : "r"((uint64_t)(v)) : "memory")
#define GET(p) ({ uint64_t v_; __asm__ volatile("movq %1, %0" : "=r"(v_) : "m"(*(p)) : "memory"); v_; })

typedef void (*step)(int cell, int thread);

static void store_buffer(int i, int t, int how) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    uint64_t one = 1;
    switch (how) {
    case 0:
        PUT(mine, 1);
        __asm__ volatile("mfence" ::: "memory");
        break;
    case 1:
        __asm__ volatile("xchgq %0, %1" : "+r"(one), "+m"(*mine) : : "memory");
        break;
    default:
        PUT(mine, 1);
        __asm__ volatile("lock orl $0, -128(%%rsp)" ::: "memory", "cc");
    }
    seen[t][i] = GET(other);
}
static void sb_mfence(int i, int t) { store_buffer(i, t, 0); }
static void sb_xchg(int i, int t) { store_buffer(i, t, 1); }
static void sb_lock(int i, int t) { store_buffer(i, t, 2); }
static int sb_bad(int i) { return seen[0][i] == 0 && seen[1][i] == 0; }

static void mp(int i, int t) {
    if (t == 0) {
        PUT(x + i * SPACING, 1);
        PUT(y + i * SPACING, 1);
    } else {
        seen[0][i] = GET(y + i * SPACING);
        seen[1][i] = GET(x + i * SPACING);
    }
}
/* The same by string stores of one element each, and vector moves. */
static void mp_wide(int i, int t) {
    typedef uint64_t pair __attribute__((vector_size(16)));
    pair *a = (pair *)(x + i * SPACING), *b = (pair *)(y + i * SPACING), v = {1, 1};
    if (t == 0) {
        __asm__ volatile("movdqu %2, %0; movdqu %2, %1" : "=m"(*a), "=m"(*b) : "x"(v) : "memory");
    } else {
        pair first, second;
        __asm__ volatile("movdqu %2, %0; movdqu %3, %1" : "=&x"(first), "=x"(second) : "m"(*b), "m"(*a) : "memory");
        seen[0][i] = first[0];
        seen[1][i] = second[0];
    }
}
static int mp_bad(int i) { return seen[0][i] == 1 && seen[1][i] == 0; }

static void lb(int i, int t) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    seen[t][i] = GET(mine);
    PUT(other, 1);
}
static int lb_bad(int i) { return seen[0][i] == 1 && seen[1][i] == 1; }

static void corr(int i, int t) {
    if (t == 0) {
        PUT(x + i * SPACING, 1);
    } else {
        seen[0][i] = GET(x + i * SPACING);
        seen[1][i] = GET(x + i * SPACING);
    }
}

static void iriw(int i, int t) {
    if (t < 2) {
        PUT((t ? y : x) + i * SPACING, 1);
    } else {
        seen[2 * (t - 2)][i] = GET((t == 2 ? x : y) + i * SPACING);
        seen[2 * (t - 2) + 1][i] = GET((t == 2 ? y : x) + i * SPACING);
    }
}
static int iriw_bad(int i) { return seen[0][i] == 1 && seen[1][i] == 0 && seen[2][i] == 1 && seen[3][i] == 0; }

/* A processor sees its own store before others may, in order all the same. */
static void forwarded(int i, int t) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    PUT(mine, 1);
    seen[2 * t][i] = GET(mine);
    seen[2 * t + 1][i] = GET(other);
}
static int forwarded_bad(int i) { return seen[0][i] != 1 || seen[2][i] != 1; }

struct job { step body; int thread, threads; };

static void *run(void *argument) {
    struct job *job = argument;
    for (int i = 0; i < CELLS; i++) {
        if (i % 64 == 0)
            meet(job->threads);
        job->body(i, job->thread);
    }
    meet(job->threads);
    return NULL;
}

static void test(const char *name, step body, int (*bad)(int), int threads) {
    int all = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        pthread_t ids[4];
        struct job jobs[4];
        for (int t = 0; t < threads; t++) {
            jobs[t] = (struct job){body, t, threads};
            pthread_create(&ids[t], NULL, run, &jobs[t]);
        }
        for (int t = 0; t < threads; t++)
            pthread_join(ids[t], NULL);
        for (int i = 0; i < CELLS; i++)
            all += bad(i);
    }
    printf("%s: forbidden outcomes %d\n", name, all);
}

int main(void) {
    test("SB mfence", sb_mfence, sb_bad, 2);
    test("SB xchg", sb_xchg, sb_bad, 2);
    test("SB lock or", sb_lock, sb_bad, 2);
    test("MP", mp, mp_bad, 2);
    test("MP, 16 bytes", mp_wide, mp_bad, 2);
    test("LB", lb, lb_bad, 2);
    test("CoRR", corr, mp_bad, 2);
    test("IRIW", iriw, iriw_bad, 4);
    test("own stores", forwarded, forwarded_bad, 2);
    return 0;
}
