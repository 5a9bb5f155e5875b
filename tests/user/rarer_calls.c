// Calls that the peer does not know and programs fall back from: here they reach the kernel, whatever it then says.
// peer: ENOSYS
#include "guest.h"
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/uio.h>

/* The kernel may be built without a call or not let us; then a second, wrong use must give the same. */
static void known(const char *what, long result) {
    if (result < 0 && errno == ENOSYS)
        printf("%s: this kernel or the emulator has none\n", what);
    else
        printf("%s: known\n", what);
}

static int shared;

static int child(void *unused) {
    (void)unused;
    shared = 7;
    return 3;
}

int main(void) {
    static char page[4096] __attribute__((aligned(4096)));
    known("mlock2", syscall(SYS_mlock2, page, 4096, 0));
    int mode = -1;
    known("get_mempolicy", syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0));
    known("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | 1));
    struct iovec range = {page, 4096};
    known("process_madvise", syscall(SYS_process_madvise, -1, &range, 1, MADV_COLD, 0));
    known("kcmp", syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 1));
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK};
    known("perf_event_open", syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
    known("quotactl", syscall(SYS_quotactl, 0, "/", 0, NULL));
    static char stack[65536] __attribute__((aligned(16)));
    int status = 0;
    pid_t pid = clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    say_status("child over the same memory", status);
    printf("its store: %d\n", shared);
    return 0;
}
