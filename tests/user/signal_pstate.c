// arch: aarch64
// The frame holds PSTATE's DIT, SSBS and flags; a handler's change of them is taken back by sigreturn.
#include "guest.h"
#include <ucontext.h>

#define DIT_BIT (1ul << 24)
#define SSBS_BIT (1ul << 12)
#define READ(name, v) __asm__ volatile("mrs %0, " name : "=r"(v))
#define WRITE(name, v) __asm__ volatile("msr " name ", %0" ::"r"(v))
#define DIT "s3_3_c4_c2_5"
#define SSBS "s3_3_c4_c2_6"

static volatile uint64_t seen, change;

static void handler(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ucontext_t *uc = context;
    seen = uc->uc_mcontext.pstate;
    uc->uc_mcontext.pstate ^= change;
}

static void round_trip(const char *what, uint64_t dit, uint64_t ssbs, uint64_t flip) {
    uint64_t d, s;
    change = flip;
    WRITE(DIT, dit);
    WRITE(SSBS, ssbs);
    raise(SIGUSR1);
    READ(DIT, d);
    READ(SSBS, s);
    printf("%s: frame dit %d ssbs %d, after dit %d ssbs %d\n", what, !!(seen & DIT_BIT), !!(seen & SSBS_BIT), !!d, !!s);
}

int main(void) {
    on_signal(SIGUSR1, handler, 0);
    round_trip("clear", 0, 0, 0);
    round_trip("dit", DIT_BIT, 0, 0);
    round_trip("ssbs", 0, SSBS_BIT, 0);
    round_trip("both, dit flipped", DIT_BIT, SSBS_BIT, DIT_BIT);
    round_trip("none, both flipped", 0, 0, DIT_BIT | SSBS_BIT);
    return 0;
}
