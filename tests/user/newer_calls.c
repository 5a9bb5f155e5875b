// System calls that current libraries ask for and the peer does not have.
// peer: ENOSYS
// flags: -pthread
#include "guest.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static int shared;

int main(void) {
    int ep = epoll_create1(0), ends[2];
    pipe(ends);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0}, got;
    epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event);
    struct timespec brief = {0, 10000000};
    printf("epoll_pwait2 empty %ld\n", syscall(SYS_epoll_pwait2, ep, &got, 1, &brief, NULL, 8));
    write(ends[1], "x", 1);
    long n = syscall(SYS_epoll_pwait2, ep, &got, 1, &brief, NULL, 8);
    printf("epoll_pwait2 %ld data %#" PRIx64 "\n", n, got.data.u64);

    char source[] = "read across", target[16] = "";
    struct iovec local = {target, 11}, remote = {source, 11};
    n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    printf("process_vm_readv %ld %s\n", n, target);
    memcpy(target, "wrote", 5);
    local.iov_len = remote.iov_len = 5;
    n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    printf("process_vm_writev %ld %s\n", n, source);

    struct clone_args args = {.exit_signal = SIGCHLD};
    pid_t child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0)
        _exit(21);
    int status;
    waitpid(child, &status, 0);
    say_status("clone3", status);
    CHECK_ERRNO("clone3 of a bad size", syscall(SYS_clone3, &args, 8), EINVAL);

    static char stack[65536] __attribute__((aligned(16)));
    int shares_memory(void *argument) {
        shared = 99;
        return 3;
    }
    child = clone(shares_memory, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    waitpid(child, &status, 0);
    printf("clone with CLONE_VM: shared %d ", shared);
    say_status("child", status);

    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check("mlock2", mlock2(page, 4096, MLOCK_ONFAULT) == 0);
    uint32_t word = 1;
    struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } waiter = {0, (uint64_t)(uintptr_t)&word, 2 | FUTEX_PRIVATE_FLAG, 0};
    CHECK_ERRNO("futex_waitv of another value", syscall(SYS_futex_waitv, &waiter, 1, 0, NULL, 0), EAGAIN);
    check("close_range", (dup2(0, 50), syscall(SYS_close_range, 50, 60, 0) == 0 && fcntl(50, F_GETFD) == -1));
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY | O_DIRECTORY, 0, 0};
    int fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
    check("openat2", fd >= 0);
    check("faccessat2", syscall(SYS_faccessat2, AT_FDCWD, ".", R_OK, AT_EACCESS) == 0);
    check("pidfd_getfd", (fd = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, getpid(), 0), ends[0], 0)) >= 0);
    return 0;
}
