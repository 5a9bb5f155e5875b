// System calls of arm64 and a few helpers.
#include "base.h"

enum {
    SYS_getcwd = 17, SYS_epoll_create1 = 20, SYS_epoll_ctl = 21, SYS_epoll_pwait = 22, SYS_fcntl = 25, SYS_ioctl = 29,
    SYS_faccessat = 48, SYS_openat = 56, SYS_close = 57, SYS_pipe2 = 59, SYS_read = 63, SYS_write = 64, SYS_ppoll = 73,
    SYS_readlinkat = 78, SYS_newfstatat = 79, SYS_fstat = 80, SYS_exit = 93, SYS_exit_group = 94, SYS_waitid = 95,
    SYS_set_tid_address = 96, SYS_futex = 98, SYS_set_robust_list = 99, SYS_nanosleep = 101, SYS_setitimer = 103,
    SYS_kill = 129, SYS_tgkill = 131, SYS_sigaltstack = 132, SYS_rt_sigsuspend = 133, SYS_rt_sigaction = 134,
    SYS_rt_sigprocmask = 135, SYS_rt_sigpending = 136, SYS_rt_sigtimedwait = 137, SYS_uname = 160, SYS_prctl = 167,
    SYS_getpid = 172, SYS_getppid = 173, SYS_gettid = 178, SYS_brk = 214, SYS_munmap = 215, SYS_mremap = 216,
    SYS_clone = 220, SYS_execve = 221, SYS_mmap = 222, SYS_mprotect = 226, SYS_wait4 = 260, SYS_seccomp = 277,
    SYS_clone3 = 435,
};
enum { EINTR = 4, ECHILD = 10, ENOMEM = 12, EFAULT = 14, EINVAL = 22, ENOSYS = 38, ENOENT = 2, EACCES = 13, EAGAIN = 11 };

struct sigaction { void *handler; u64 flags; void *restorer; u64 mask; };
enum { SIGINT = 2, SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13,
       SIGALRM = 14, SIGCHLD = 17, SIGSYS = 31 };
#define SA_SIGINFO 4ul
#define SA_ONSTACK 0x08000000ul
#define SA_RESTART 0x10000000ul
#define SA_NODEFER 0x40000000ul
#define SA_RESETHAND 0x80000000ul
#define BIT(s) (1ul << ((s) - 1))
static void on(int sig, void *handler, u64 flags, u64 mask) {
    struct sigaction a = {handler, flags, NULL, mask};
    check(sys(SYS_rt_sigaction, sig, (i64)&a, 0, 8) == 0);
}
static u64 mask_now(void) {
    u64 m = 0;
    check(sys(SYS_rt_sigprocmask, 0, 0, (i64)&m, 8) == 0);
    return m;
}

int main(int argc, char **argv, char **envp);
asm(".globl _start\n_start: mov x29, #0\nmov x30, #0\nldr x0, [sp]\nadd x1, sp, #8\nadd x2, x1, x0, lsl #3\n"
    "add x2, x2, #8\nand sp, x1, #-16\nbl main\nmov x8, #94\nsvc #0");
void *memset(void *p, int c, u64 n) {
    for (u8 *q = p; n--;) *q++ = c;
    return p;
}
void *memcpy(void *d, const void *s, u64 n) {
    u8 *a = d;
    for (const u8 *b = s; n--;) *a++ = *b++;
    return d;
}
