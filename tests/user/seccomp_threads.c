// flags: -pthread
// seccomp over threads: SECCOMP_FILTER_FLAG_TSYNC reaches all of them or names one that differs; programs inherit.
// peer: seccomp is missing
#include "guest.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

static long deny(uint32_t number, unsigned flags) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int denied(long number) {
    return syscall(number, -1) == -1 && errno == EXDEV;
}

static pthread_barrier_t step;
static volatile pid_t other;

static void *thread(void *unused) {
    (void)unused;
    other = gettid();
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    check("the other thread is restricted", denied(SYS_getpgid));
    printf("its mode: %d\n", prctl(PR_GET_SECCOMP));
    check("it restricts itself further", deny(SYS_getsid, 0) == 0);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        check("a program inherits", denied(SYS_getpgid));
        printf("program's mode: %d\n", prctl(PR_GET_SECCOMP));
        return 0;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    pthread_t t;
    pthread_barrier_init(&step, NULL, 2);
    pthread_create(&t, NULL, thread, NULL);
    pthread_barrier_wait(&step);
    check("TSYNC", deny(SYS_getpgid, SECCOMP_FILTER_FLAG_TSYNC) == 0);
    check("this thread is restricted", denied(SYS_getpgid));
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    check("TSYNC names a thread with filters of its own", deny(SYS_getppid, SECCOMP_FILTER_FLAG_TSYNC) == other);
    CHECK_ERRNO("or ESRCH", deny(SYS_getppid, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH), ESRCH);
    check("and changes nothing", !denied(SYS_getppid));
    pthread_barrier_wait(&step);
    pthread_join(t, NULL);
    check("TSYNC alone", deny(SYS_getppid, SECCOMP_FILTER_FLAG_TSYNC) == 0 && denied(SYS_getppid));
    CHECK_ERRNO("unknown flag", deny(SYS_getppid, 1 << 20), EINVAL);
    execl("/proc/self/exe", argv[0], "program", NULL);
    return 1;
}
