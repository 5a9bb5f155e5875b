// Memory-order litmus tests: outcomes that the Arm memory model forbids must never be seen.
// arch: aarch64
// flags: -pthread
// timeout: 60
#include "litmus.h"

#define STR(p, v) __asm__ volatile("str %1, [%0]" : : "r"(p), "r"((uint64_t)(v)) : "memory")
#define STLR(p, v) __asm__ volatile("stlr %1, [%0]" : : "r"(p), "r"((uint64_t)(v)) : "memory")
#define LDR(p) ({ uint64_t v_; __asm__ volatile("ldr %0, [%1]" : "=r"(v_) : "r"(p) : "memory"); v_; })
#define LDAR(p) ({ uint64_t v_; __asm__ volatile("ldar %0, [%1]" : "=r"(v_) : "r"(p) : "memory"); v_; })
#define DMB() __asm__ volatile("dmb ish" : : : "memory")
#define DMB_LD() __asm__ volatile("dmb ishld" : : : "memory")
#define DMB_ST() __asm__ volatile("dmb ishst" : : : "memory")

static void sb_dmb(int i, int t) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    STR(mine, 1);
    DMB();
    seen[t][i] = LDR(other);
}
static void sb_stlr(int i, int t) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    STLR(mine, 1);
    seen[t][i] = LDAR(other);
}
static void sb_swap(int i, int t) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    __atomic_exchange_n(mine, 1, __ATOMIC_SEQ_CST);
    seen[t][i] = LDAR(other);
}
static void mp_stlr(int i, int t) {
    if (t == 0) {
        STR(x + i * SPACING, 1);
        STLR(y + i * SPACING, 1);
    } else {
        seen[0][i] = LDAR(y + i * SPACING);
        seen[1][i] = LDR(x + i * SPACING);
    }
}
static void mp_dmb(int i, int t) {
    if (t == 0) {
        STR(x + i * SPACING, 1);
        DMB_ST();
        STR(y + i * SPACING, 1);
    } else {
        seen[0][i] = LDR(y + i * SPACING);
        DMB_LD();
        seen[1][i] = LDR(x + i * SPACING);
    }
}
static void lb_dmb(int i, int t) {
    uint64_t *mine = (t ? y : x) + i * SPACING, *other = (t ? x : y) + i * SPACING;
    seen[t][i] = LDR(other);
    DMB();
    STR(mine, 1);
}
static void coherence(int i, int t) {
    if (t == 0) {
        STR(x + i * SPACING, 1);
        STR(x + i * SPACING, 2);
    } else {
        seen[0][i] = LDR(x + i * SPACING);
        seen[1][i] = LDR(x + i * SPACING);
    }
}
static void iriw(int i, int t) {
    switch (t) {
    case 0: STLR(x + i * SPACING, 1); break;
    case 1: STLR(y + i * SPACING, 1); break;
    case 2: seen[0][i] = LDAR(x + i * SPACING); seen[1][i] = LDAR(y + i * SPACING); break;
    case 3: seen[2][i] = LDAR(y + i * SPACING); seen[3][i] = LDAR(x + i * SPACING); break;
    }
}

static int both_zero(int i) { return seen[0][i] == 0 && seen[1][i] == 0; }
static int flag_without_data(int i) { return seen[0][i] == 1 && seen[1][i] == 0; }
static int both_one(int i) { return seen[0][i] == 1 && seen[1][i] == 1; }
static int backwards(int i) { return seen[0][i] > seen[1][i]; }
static int disagree(int i) { return seen[0][i] == 1 && seen[1][i] == 0 && seen[2][i] == 1 && seen[3][i] == 0; }

int main(void) {
    run("SB dmb", sb_dmb, 2, both_zero);
    run("SB stlr/ldar", sb_stlr, 2, both_zero);
    run("SB swap", sb_swap, 2, both_zero);
    run("MP stlr/ldar", mp_stlr, 2, flag_without_data);
    run("MP dmb", mp_dmb, 2, flag_without_data);
    run("LB dmb", lb_dmb, 2, both_one);
    run("CoRR", coherence, 2, backwards);
    run("IRIW stlr/ldar", iriw, 4, disagree);
    return 0;
}
