/* steps N PROGRAM ARGUMENT...: the addresses that a program executes from its Nth fork to the next one, in itself and
 * in that child, one a line, as they come. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* The signal that a stop would hand on; those of the tracer's own making are none. */
static int handed_on(int status) {
    int number = WSTOPSIG(status);
    return status >> 16 || number == SIGTRAP || number == SIGSTOP ? 0 : number;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    long left = atol(argv[1]);
    pid_t program = fork(), stopped;
    if (program == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    waitpid(program, &status, 0);
    ptrace(PTRACE_SETOPTIONS, program, 0, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL);
    ptrace(PTRACE_CONT, program, 0, 0);
    while (left >= 0 && (stopped = waitpid(-1, &status, __WALL)) > 0) {
        if (!WIFSTOPPED(status)) {
            if (stopped == program)
                return 1;
            continue;
        }
        struct user_regs_struct registers;
        if (status >> 16 == PTRACE_EVENT_FORK)
            left--;
        else if (left == 0 && ptrace(PTRACE_GETREGS, stopped, 0, &registers) == 0)
            printf("%llx\n", registers.rip);
        int how = left == 0 ? PTRACE_SINGLESTEP : stopped == program ? PTRACE_CONT : PTRACE_DETACH;
        ptrace(how, stopped, 0, handed_on(status));
    }
    return left >= 0;
}
