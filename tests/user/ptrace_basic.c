// ptrace between guests: traceme, stops, registers, memory, single steps, continue.
// arch: aarch64
// peer: ptrace is missing
#include "guest.h"
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

static volatile long cell = 5;

int main(void) {
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        __asm__ volatile("mov x19, #1\n mov x19, #2\n mov x19, #3" : : : "x19");
        _exit((int)cell);
    }
    int status;
    waitpid(child, &status, 0);
    say_status("stopped", status);
    errno = 0;
    long word = ptrace(PTRACE_PEEKDATA, child, &cell, 0);
    printf("peek %ld\n", word);
    check("poke", ptrace(PTRACE_POKEDATA, child, &cell, 41L) == 0);
    struct user_regs_struct registers;
    struct iovec io = {&registers, sizeof registers};
    check("registers", ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &io) == 0 && io.iov_len == sizeof registers);
    check("pc is aligned", registers.pc % 4 == 0 && registers.pc != 0);
    unsigned long before = registers.pc;
    int steps = 0;
    for (; steps < 10; steps++) {
        ptrace(PTRACE_SINGLESTEP, child, 0, 0);
        waitpid(child, &status, 0);
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
            break;
    }
    printf("single steps %d\n", steps);
    ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &io);
    check("pc moved", registers.pc != before);
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    say_status("ended", status);
    return 0;
}
