// Memory-order litmus tests: outcomes that x86 forbids must never be seen. SDM vol. 3, "Memory Ordering".
// arch: x86_64
// flags: -pthread
// timeout: 60
#include "litmus.h"

#define PUT(p, v) __asm__ volatile("movq %1, %0" : "=m"(*(p)) : "r"((uint64_t)(v)) : "memory")
#define GET(p) ({ uint64_t v_; __asm__ volatile("movq %1, %0" : "=r"(v_) : "m"(*(p)) : "memory"); v_; })

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

int main(void) {
    run("SB mfence", sb_mfence, 2, sb_bad);
    run("SB xchg", sb_xchg, 2, sb_bad);
    run("SB lock or", sb_lock, 2, sb_bad);
    run("MP", mp, 2, mp_bad);
    run("MP, 16 bytes", mp_wide, 2, mp_bad);
    run("LB", lb, 2, lb_bad);
    run("CoRR", corr, 2, mp_bad);
    run("IRIW", iriw, 4, iriw_bad);
    run("own stores", forwarded, 2, forwarded_bad);
    return 0;
}
