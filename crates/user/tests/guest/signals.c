// Delivery, masks, frames, restarts.
#include "sys.h"
struct info { int signo, err, code, pad; u64 addr; u8 rest[104]; };
struct context {
    u64 flags, link, ss_sp, ss_flags, ss_size, mask; u8 unused[128];
    u64 fault_address, regs[31], sp, pc, pstate; u8 reserved[4096] __attribute__((aligned(16)));
};
static volatile int count, code, order[8], ordered;
static volatile u64 addr, seen_mask, frame_mask;
static u8 altstack[16384] __attribute__((aligned(16)));

static void simple(int s) { count++; (void)s; }
static void note(int s, struct info *i, struct context *c) {
    count++; code = i->code; addr = i->addr; seen_mask = mask_now(); frame_mask = c->mask; (void)s;
}
static void ordering(int s) { order[ordered++] = s; }
static void skip(int s, struct info *i, struct context *c) {
    count++; code = i->code; addr = i->addr;
    check(c->fault_address == i->addr || s != SIGSEGV);
    c->pc += 4; c->regs[7] = 0x1234;
}
static volatile int on_alt;
static void alt(int s, struct info *i, struct context *c) {
    u8 here; on_alt = &here >= altstack && &here < altstack + sizeof altstack; (void)s; (void)i;
    check(c->ss_sp == (u64)altstack);
}
static int send(int s) { return sys(SYS_tgkill, sys(SYS_getpid), sys(SYS_gettid), s); }

static u64 crash(u64 *p) {
    register u64 x7 asm("x7") = 5;
    register u64 *x6 asm("x6") = p;
    asm volatile("ldr xzr, [x6]" : "+r"(x7) : "r"(x6) : "memory");
    return x7;
}
static void faults(void) {
    on(SIGSEGV, skip, SA_SIGINFO, 0);
    count = 0;
    check(crash((u64 *)0x10) == 0x1234);
    check(count == 1 && code == 1 && addr == 0x10);
    u64 *p = (u64 *)sys(SYS_mmap, 0, 8192, 1, 0x22, -1, 0);
    check((i64)p > 0);
    register u64 *x6 asm("x6") = p;
    asm volatile("str xzr, [x6]" ::"r"(x6) : "x7", "memory");
    check(count == 2 && code == 2 && addr == (u64)p);
    check(sys(SYS_mprotect, p, 4096, 0) == 0);
    check(crash(p) == 0x1234 && code == 2 && count == 3);
    on(SIGILL, skip, SA_SIGINFO, 0);
    asm volatile("udf #7" ::: "x7");
    check(count == 4 && code == 1);
    on(SIGTRAP, skip, SA_SIGINFO, 0);
    asm volatile("brk #1" ::: "x7");
    check(count == 5 && code == 1);
}
// A jump to memory that is not executable faults there, with the return address intact.
static void escape(int s, struct info *i, struct context *c) {
    count++; code = i->code; addr = i->addr; c->pc = c->regs[30]; (void)s;
}
static void fetches(void) {
    on(SIGSEGV, escape, SA_SIGINFO, 0);
    u32 *p = (u32 *)sys(SYS_mmap, 0, 4096, 3, 0x22, -1, 0);
    *p = 0xd65f03c0; // ret
    count = 0;
    ((void (*)(void))p)();
    check(count == 1 && code == 2 && addr == (u64)p);
    check(sys(SYS_mprotect, p, 4096, 5) == 0);
    ((void (*)(void))p)();
    check(count == 1);
    check(sys(SYS_mprotect, p, 4096, 1) == 0);
    ((void (*)(void))p)();
    check(count == 2);
    ((void (*)(void))0x30)();
    check(count == 3 && code == 1 && addr == 0x30);
}
static void masks(void) {
    on(SIGUSR1, note, SA_SIGINFO, BIT(SIGUSR2));
    u64 before = mask_now();
    count = 0;
    check(send(SIGUSR1) == 0 && count == 1 && code == -6);
    check(seen_mask == (before | BIT(SIGUSR1) | BIT(SIGUSR2)) && frame_mask == before);
    check(mask_now() == before);
    on(SIGUSR1, note, SA_SIGINFO | SA_NODEFER, 0);
    check(send(SIGUSR1) == 0 && seen_mask == before);
    // Blocked, pending, then delivered by unblocking.
    u64 set = BIT(SIGUSR1), pending = 0;
    check(sys(SYS_rt_sigprocmask, 0, (i64)&set, 0, 8) == 0);
    count = 0;
    check(send(SIGUSR1) == 0 && count == 0);
    check(sys(SYS_rt_sigpending, (i64)&pending, 8) == 0 && pending == BIT(SIGUSR1));
    check(sys(SYS_rt_sigprocmask, 1, (i64)&set, 0, 8) == 0 && count == 1);
    on(SIGUSR1, simple, SA_RESETHAND, 0);
    struct sigaction old;
    check(send(SIGUSR1) == 0 && count == 2);
    check(sys(SYS_rt_sigaction, SIGUSR1, 0, (i64)&old, 8) == 0 && old.handler == NULL);
    // Two at once, real-time ones queued in order.
    for (int s = 40; s < 43; s++) on(s, ordering, 0, ~0ul);
    set = BIT(40) | BIT(41) | BIT(42);
    sys(SYS_rt_sigprocmask, 0, (i64)&set, 0, 8);
    send(42), send(40), send(41), send(40);
    sys(SYS_rt_sigprocmask, 1, (i64)&set, 0, 8);
    check(ordered == 4 && order[0] == 40 && order[1] == 40 && order[2] == 41 && order[3] == 42);
    check(sys(SYS_rt_sigaction, SIGKILL, (i64)&old, 0, 8) == -EINVAL);
    check(sys(SYS_rt_sigaction, 65, 0, (i64)&old, 8) == -EINVAL);
}
static void stacks(void) {
    struct { void *sp; u64 flags, size; } ss = {altstack, 0, sizeof altstack}, old;
    check(sys(SYS_sigaltstack, (i64)&ss, (i64)&old) == 0 && old.flags == 2);
    on(SIGUSR1, alt, SA_SIGINFO | SA_ONSTACK, 0);
    check(send(SIGUSR1) == 0 && on_alt);
    on(SIGUSR1, simple, 0, 0);
    ss.size = 100;
    check(sys(SYS_sigaltstack, (i64)&ss, 0) == -ENOMEM);
    ss.flags = 2;
    check(sys(SYS_sigaltstack, (i64)&ss, 0) == 0);
}
static void restarts(void) {
    int fd[2];
    char c = 0;
    check(sys(SYS_pipe2, (i64)fd, 0) == 0);
    struct { u64 is, iu, vs, vu; } soon = {0, 0, 0, 30000};
    on(SIGALRM, simple, 0, 0);
    count = 0;
    sys(SYS_setitimer, 0, (i64)&soon, 0);
    check(sys(SYS_read, fd[0], (i64)&c, 1) == -EINTR && count == 1);
    // With SA_RESTART the read goes on until the child writes.
    on(SIGALRM, simple, SA_RESTART, 0);
    i64 child = sys(SYS_clone, 17, 0);
    if (child == 0) {
        struct { i64 s, n; } t = {0, 150000000};
        sys(SYS_nanosleep, (i64)&t, 0);
        sys(SYS_write, fd[1], (i64)"x", 1);
        quit(0);
    }
    sys(SYS_setitimer, 0, (i64)&soon, 0);
    check(sys(SYS_read, fd[0], (i64)&c, 1) == 1 && c == 'x' && count == 2);
    int status = -1;
    check(sys(SYS_wait4, child, (i64)&status, 0, 0) == child && status == 0);
    // nanosleep is never restarted and tells what is left.
    struct { i64 s, n; } t = {5, 0}, left = {0, 0};
    sys(SYS_setitimer, 0, (i64)&soon, 0);
    check(sys(SYS_nanosleep, (i64)&t, (i64)&left) == -EINTR && left.s == 4);
    // sigsuspend under its own mask; the old one is back afterwards.
    u64 set = BIT(SIGALRM), none = 0;
    sys(SYS_rt_sigprocmask, 0, (i64)&set, 0, 8);
    sys(SYS_setitimer, 0, (i64)&soon, 0);
    count = 0;
    check(sys(SYS_rt_sigsuspend, (i64)&none, 8) == -EINTR && count == 1 && mask_now() & BIT(SIGALRM));
    sys(SYS_setitimer, 0, (i64)&soon, 0);
    struct { i64 s, n; } wait = {2, 0};
    struct info info;
    check(sys(SYS_rt_sigtimedwait, (i64)&set, (i64)&info, (i64)&wait, 8) == SIGALRM && count == 1);
    sys(SYS_rt_sigprocmask, 1, (i64)&set, 0, 8);
}
static volatile u64 spins;
static volatile int stop;
static void halt(int s) { stop = 1; (void)s; }
static void busy(void) {
    struct { u64 is, iu, vs, vu; } soon = {0, 0, 0, 20000};
    on(SIGALRM, halt, 0, 0);
    sys(SYS_setitimer, 0, (i64)&soon, 0);
    while (!stop) spins++;
}
int main(int argc, char **argv, char **envp) {
    (void)argv; (void)envp; (void)argc;
    faults();
    fetches();
    masks();
    stacks();
    restarts();
    busy();
    put("signals: ok\n");
    return 0;
}
