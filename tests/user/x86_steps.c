// Exceptions that EFLAGS, x87 and segment registers raise: single steps, alignment checks, stack faults, waiting exceptions of
// x87, selectors; with exact registers in the handler.
// arch: x86_64
#include "guest.h"
#include <ucontext.h>

static volatile int count, last_signal, last_code;
static volatile long last_address, last_trap, last_error, last_rax, offsets[64];
static volatile long first_rip;
static volatile unsigned short status_word, control_word;

/* Notes what it sees. A step goes on; anything else goes on at r15. */
static void handler(int number, siginfo_t *info, void *context) {
    /* Handlers begin with AC as it was. */
    asm volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp" ::: "cc", "memory");
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    last_signal = number, last_code = info->si_code;
    last_trap = r[REG_TRAPNO], last_error = r[REG_ERR], last_rax = r[REG_RAX];
    last_address = (long)info->si_addr - r[REG_R14];
    if (info->si_addr == NULL)
        last_address = -1;
    status_word = uc->uc_mcontext.fpregs->swd, control_word = uc->uc_mcontext.fpregs->cwd;
    if (count < 64)
        offsets[count] = r[REG_RIP] - r[REG_R14];
    count++;
    if (number != SIGTRAP) {
        r[REG_EFL] &= ~(1l << 18);
        r[REG_RIP] = r[REG_R15];
        uc->uc_mcontext.fpregs->cwd = 0x37f, uc->uc_mcontext.fpregs->swd = 0;
    }
}

static void report(const char *name) {
    printf("%s: %d", name, count);
    if (count > 0)
        printf(" signal %d code %d at %ld trap %ld error %#lx rax %ld", last_signal, last_code, last_address, last_trap,
               last_error, last_rax);
    printf(" rip");
    for (int i = 0; i < count && i < 64; i++)
        printf(" %ld", offsets[i]);
    if (last_trap == 16)
        printf(" x87 %x %x", control_word, status_word);
    printf("\n");
}

/* `insns` with r14 at label 1 before them and r15 at label 2 behind; EFLAGS as it was afterwards. */
#define RUN(name, insns, b, c)                                                                                         \
    do {                                                                                                               \
        count = 0, last_trap = 0;                                                                                      \
        asm volatile("lea 1f(%%rip), %%r14\n\tlea 2f(%%rip), %%r15\n\tmov %%rsp, %%r13\n\tpushfq\n\tpop %%r12\n\t"     \
                     "mov $41, %%eax\n\t"                                                                              \
                     "1:\t" insns "\n2:\tmov %%r13, %%rsp\n\tpush %%r12\n\tpopfq"                                      \
                     :                                                                                                 \
                     : "b"(b), "c"(c)                                                                                  \
                     : "rax", "rdx", "rsi", "rdi", "r8", "r11", "r12", "r13", "r14", "r15", "memory", "cc");            \
        report(name);                                                                                                  \
    } while (0)

#define SET(bit) "pushfq\n\torl $" #bit ", (%%rsp)\n\tpopfq\n\t"
#define CLEAR(bit) "pushfq\n\tandl $~" #bit ", (%%rsp)\n\tpopfq\n\t"

static char data[256] __attribute__((aligned(64)));

static void steps(void) {
    RUN("a step each", SET(0x100) "nop\n\tinc %%eax\n\t" CLEAR(0x100) "nop", 0, 0);
    RUN("branches", SET(0x100) "jmp 3f\n\tnop\n3:\tcmp %%eax, %%eax\n\tje 4f\n\tnop\n4:\tnop\n\t" CLEAR(0x100), 0, 0);
    RUN("calls", SET(0x100) "call 3f\n\tjmp 4f\n3:\tret\n4:\tnop\n\t" CLEAR(0x100), 0, 0);
    RUN("a repeated instruction", "lea 64(%%rbx), %%rdi\n\tmov %%rbx, %%rsi\n\t" SET(0x100) "rep movsb\n\t" CLEAR(0x100),
        data, 3);
    RUN("a repeated comparison", "lea 64(%%rbx), %%rdi\n\tmov %%rbx, %%rsi\n\t" SET(0x100) "repe cmpsb\n\t" CLEAR(0x100),
        data, 4);
    RUN("a system call", SET(0x100) "mov $39, %%eax\n\tmov %%rcx, %%r8\n\tsyscall\n\tmov %%r8, %%rcx\n\tmov $7, %%eax\n\t" CLEAR(
            0x100), 0, 0);
    RUN("a fault", SET(0x100) "nop\n\tmov (%%rcx), %%eax\n\tnop", 0, 8);
    RUN("vectors", SET(0x100) "pxor %%xmm1, %%xmm1\n\tpaddd %%xmm1, %%xmm1\n\tmovdqu %%xmm1, (%%rbx)\n\t" CLEAR(0x100), data, 0);
    long sum = 0;
    for (int i = 0; i < 2000; i++) {
        count = 0;
        asm volatile("lea 1f(%%rip), %%r14\n\t" SET(0x100) "1:\tadd %1, %0\n\t" CLEAR(0x100)
                     : "+r"(sum)
                     : "r"((long)i)
                     : "r14", "memory", "cc");
        sum += count;
    }
    printf("steps in a loop: %ld\n", sum);
}

static void alignment(void) {
    RUN("not aligned", "mov 1(%%rbx), %%eax", data, 0);
    RUN("checked load", SET(0x40000) "mov 1(%%rbx), %%eax", data, 0);
    RUN("checked store", SET(0x40000) "mov %%rax, 4(%%rbx)", data, 0);
    RUN("aligned", SET(0x40000) "mov %%rax, 8(%%rbx)\n\tmov %%al, 3(%%rbx)\n\tmov %%ax, 6(%%rbx)", data, 0);
    RUN("checked vector", SET(0x40000) "movups 8(%%rbx), %%xmm0", data, 0);
    RUN("strict vector", SET(0x40000) "movaps 8(%%rbx), %%xmm0", data, 0);
    RUN("checked push", SET(0x40000) "lea -3(%%rsp), %%rsp\n\tpush %%rax", data, 0);
    RUN("checked atomic", SET(0x40000) "lock addl $1, 2(%%rbx)", data, 0);
    RUN("checked string", SET(0x40000) "lea 1(%%rbx), %%rdi\n\trep stosl", data, 2);
}

static void stack(void) {
    RUN("stack: push", "mov %%rbx, %%rsp\n\tpush %%rax", 1l << 60, 0);
    RUN("stack: frame", "push %%rbp\n\tmov %%rbx, %%rbp\n\tmov (%%rbp), %%eax\n\tpop %%rbp", 1l << 60, 0);
    RUN("stack: by index", "mov (%%rcx,%%rbx), %%eax", 1l << 60, 0);
    RUN("stack: return", "mov %%rbx, %%rsp\n\tret", 1l << 60, 0);
    RUN("stack: pop to memory", "pop (%%rbx)", 1l << 60, 0);
}

/* The control word in data, then insns. */
#define X87(name, control, insns)                                                                                      \
    do {                                                                                                               \
        *(unsigned short *)(data + 128) = (control);                                                                   \
        *(double *)(data + 136) = 1e300, *(double *)(data + 144) = 0;                                                  \
        RUN(name, "fninit\n\tfldcw 128(%%rbx)\n\t" insns "\n\tfninit", data, 0);                                       \
    } while (0)

static void x87(void) {
    X87("masked division", 0x37f, "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfwait");
    X87("division by zero waits", 0x37b, "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tnop\n\tfwait");
    X87("until the next instruction", 0x37b, "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfnstsw %%ax\n\tnop\n\tfld1");
    X87("MMX waits too", 0x37b, "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tpaddb %%mm0, %%mm0");
    X87("invalid", 0x37e, "fldz\n\tfldz\n\tfdivp %%st, %%st(1)\n\tfwait");
    X87("stack underflow", 0x37e, "fstp %%st(0)\n\tfwait");
    X87("overflow of a store", 0x377, "fldl 136(%%rbx)\n\tfstps 152(%%rbx)\n\tfwait");
    X87("overflow of a product", 0x377, "fldl 136(%%rbx)\n\tfmul %%st, %%st\n\tfmul %%st, %%st\n\tfmul %%st, %%st\n\tfmul %%st, "
                                        "%%st\n\tfmul %%st, %%st\n\tfwait");
    X87("inexact", 0x35f, "fld1\n\tfldpi\n\tfdivrp %%st, %%st(1)\n\tfwait");
    X87("cleared", 0x37b, "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfnclex\n\tfwait");
    X87("a flag that stands is unmasked", 0x37f, "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tmovw $0x37b, 128(%%rbx)\n\tfldcw "
                                                 "128(%%rbx)\n\tnop\n\tfwait");
}

static void selectors(void) {
    unsigned short cs, ss, ds, es, fs, gs;
    asm volatile("mov %%cs, %0\n\tmov %%ss, %1\n\tmov %%ds, %2\n\tmov %%es, %3\n\tmov %%fs, %4\n\tmov %%gs, %5"
                 : "=r"(cs), "=r"(ss), "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    printf("selectors: %x %x %x %x %x %x\n", cs, ss, ds, es, fs, gs);
    asm volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%gs" : : "r"(0x2b));
    asm volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%gs, %2" : "=r"(ds), "=r"(es), "=r"(gs));
    printf("loaded: %x %x %x\n", ds, es, gs);
    asm volatile("mov %0, %%ds\n\tmov %0, %%es\n\tpush $0\n\tpop %%gs" : : "r"(0));
    RUN("kernel's", "mov $0x10, %%edx\n\tmov %%edx, %%ds", 0, 0);
    RUN("unused", "mov $0x63, %%edx\n\tmov %%edx, %%es", 0, 0);
    RUN("local", "mov $0x2f, %%edx\n\tmov %%edx, %%gs", 0, 0);
    RUN("no stack", "mov $0, %%edx\n\tmov %%edx, %%ss", 0, 0);
    RUN("far return", "lea 3f(%%rip), %%rdx\n\tpush $0x33\n\tpush %%rdx\n\tlretq\n\tud2\n3:\tnop", 0, 0);
    RUN("far return elsewhere", "lea 3f(%%rip), %%rdx\n\tpush $0x1b\n\tpush %%rdx\n\tlretq\n\tud2\n3:\tnop", 0, 0);
    RUN("interrupt return",
        "mov %%rsp, %%r8\n\tlea 3f(%%rip), %%rdx\n\tpush $0x2b\n\tpush %%r8\n\tpushfq\n\tpush $0x33\n\tpush %%rdx\n\t"
        "iretq\n\tud2\n3:\tnop", 0, 0);
    struct {
        unsigned offset;
        unsigned short selector;
    } __attribute__((packed)) far = {0x1234, 0x2b};
    unsigned offset = 0;
    asm volatile("lgs %1, %0\n\tmov %%gs, %2" : "=r"(offset), "=m"(far), "=r"(gs) : "m"(far));
    printf("far pointer: %x %x\n", offset, gs);
}

/* A handler that sets TF in the frame it returns to. */
static volatile int traced;
static void set_trace(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    r[REG_EFL] |= 0x100, r[REG_R14] = r[REG_RIP];
    traced++;
}

/* A handler that leaves an x87 exception waiting, without the summary that says so. */
static void set_waiting(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ucontext_t *uc = context;
    uc->uc_mcontext.fpregs->cwd = 0x37b, uc->uc_mcontext.fpregs->swd = 4;
}

int main(void) {
    static char other[65536];
    stack_t altstack = {.ss_sp = other, .ss_size = sizeof other};
    sigaltstack(&altstack, NULL);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    steps();
    alignment();
    stack();
    x87();
    selectors();
    action.sa_sigaction = set_trace;
    sigaction(SIGUSR1, &action, NULL);
    count = 0;
    asm volatile("mov %0, %%edi\n\tmov $62, %%eax\n\tmov $10, %%esi\n\tsyscall\n\tnop\n\tnop\n\tinc %%edx\n\t" CLEAR(0x100)
                 :
                 : "r"(getpid())
                 : "rax", "rcx", "rdx", "rsi", "rdi", "r11", "r14", "memory", "cc");
    report("set by a frame");
    action.sa_sigaction = set_waiting;
    sigaction(SIGUSR1, &action, NULL);
    RUN("waiting by a frame", "mov %%ecx, %%edi\n\tmov $62, %%eax\n\tmov $10, %%esi\n\tsyscall\n\tmov $41, %%eax\n\tnop\n\tfwait\n\tnop", data, getpid());
    return 0;
}
