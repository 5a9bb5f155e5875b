// seccomp: strict mode, filters with errno, trap, kill and log, inheritance, the guest's architecture and numbers.
// peer: seccomp is missing
#include "guest.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#ifdef __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif

static int install(uint32_t number, uint32_t action) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void trapped(int number, siginfo_t *info, void *context) {
    printf("SIGSYS code %d number right %d arch right %d\n", info->si_code, info->si_syscall == SYS_getppid, info->si_arch == ARCH);
}

static int child_status(int kind) {
    pid_t child = fork();
    if (child == 0) {
        if (kind == 0) {
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
            write(1, "strict writes\n", 14);
            syscall(SYS_getpid);
            syscall(SYS_exit, 1);
        }
        install(SYS_getppid, kind == 1 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EACCES);
        long r = syscall(SYS_getppid);
        if (kind == 2) {
            printf("errno action: %ld %d\n", r, errno);
            pid_t grandchild = fork();
            if (grandchild == 0)
                _exit(syscall(SYS_getppid) == -1 ? 4 : 5);
            int status;
            waitpid(grandchild, &status, 0);
            say_status("inherited", status);
            printf("mode %d\n", prctl(PR_GET_SECCOMP));
        }
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

int main(void) {
    printf("mode %d\n", prctl(PR_GET_SECCOMP));
    say_status("strict", child_status(0));
    say_status("kill", child_status(1));
    say_status("errno", child_status(2));
    on_signal(SIGSYS, trapped, 0);
    check("trap filter", install(SYS_getppid, SECCOMP_RET_TRAP) == 0);
    syscall(SYS_getppid);
    check("second filter", install(SYS_getpgid, SECCOMP_RET_ERRNO | 77) == 0);
    CHECK_ERRNO("both hold", syscall(SYS_getpgid, 0), 77);
    return 0;
}
