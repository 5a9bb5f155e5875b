/* A function with many hundred accesses, run often, then made to fault at every one of them: the program counter is that of the
   access, and the registers are those before it. */
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

#define ACCESSES 700
#define ROUNDS 30000
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static long *places[ACCESSES];
static long cells[ACCESSES];
static sigjmp_buf out;
static volatile uint64_t fault_pc, fault_address, fault_count, fault_sum;

/* Sums what the places lead to; every few accesses a branch that is never taken ends a block. Each step has `STEP` bytes and
   its access is at `AT`. */
long sum_all(long **places, long limit);
extern const char first_step[];
#ifdef __aarch64__
#define STEP 20
#define AT 4
__asm__(".text\n.globl sum_all\n.type sum_all, %function\nsum_all:\n"
        "mov x3, x0\nmov x0, #0\nmov x4, #0\n"
        ".globl first_step\nfirst_step:\n"
        ".rept " TEXT(ACCESSES) "\n"
        "ldr x5, [x3], #8\nldr x6, [x5]\nadd x0, x0, x6\nadd x4, x4, #1\ncbz x1, 9f\n"
        ".endr\n9: ret\n");
#define PC(uc) (uc)->uc_mcontext.pc
#define COUNT(uc) (uc)->uc_mcontext.regs[4]
#define SUM(uc) (uc)->uc_mcontext.regs[0]
#else
#define STEP 23
#define AT 7
__asm__(".text\n.globl sum_all\n.type sum_all, @function\nsum_all:\n"
        "xor %eax, %eax\nxor %ecx, %ecx\n"
        ".globl first_step\nfirst_step:\n"
        ".rept " TEXT(ACCESSES) "\n"
        "mov (%rdi), %rdx\nadd $8, %rdi\nadd (%rdx), %rax\nadd $1, %rcx\ntest %rsi, %rsi\n"
        ".byte 0x0f, 0x84\n.long 9f - . - 4\n"
        ".endr\n9: ret\n");
#define PC(uc) (uc)->uc_mcontext.gregs[REG_RIP]
#define COUNT(uc) (uc)->uc_mcontext.gregs[REG_RCX]
#define SUM(uc) (uc)->uc_mcontext.gregs[REG_RAX]
#endif

static void handler(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    fault_pc = PC(uc), fault_address = (uint64_t)info->si_addr, fault_count = COUNT(uc), fault_sum = SUM(uc);
    siglongjmp(out, number);
}

static int faults_right(long k, long *hole) {
    long *old = places[k];
    places[k] = hole;
    int caught = sigsetjmp(out, 1);
    if (caught == 0)
        sum_all(places, 1);
    places[k] = old;
    return caught == SIGSEGV && fault_pc == (uint64_t)first_step + STEP * k + AT && fault_address == (uint64_t)hole
        && fault_count == (uint64_t)k && fault_sum == (uint64_t)(k * (k - 1) / 2);
}

int main(void) {
    for (long k = 0; k < ACCESSES; k++) {
        cells[k] = k;
        places[k] = &cells[k];
    }
    long *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), sum = 0;
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    /* Once before anything is known of handlers, once with one in place. */
    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < ROUNDS; n++)
            sum += sum_all(places, 1);
        sigaction(SIGSEGV, &action, NULL);
        int right = 0;
        for (long k = 0; k < ACCESSES; k++)
            right += faults_right(k, hole);
        printf("faults with the right state: %d of %d\n", right, ACCESSES);
    }
    check("sum", sum == 2L * ROUNDS * ACCESSES * (ACCESSES - 1) / 2);
}
