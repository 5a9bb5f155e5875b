// Threads, forks, vfork, exec.
#include "sys.h"
#define THREAD_FLAGS 0x3d0f00
static volatile int shared, thread_tid;
static u32 clear_tid;
static u8 stack1[65536] __attribute__((aligned(16))), stack2[65536] __attribute__((aligned(16)));

// Runs fn(arg) on a new stack in a child made with `flags`; returns the child's number in the parent.
i64 spawn(u64 flags, void *stack, void *ptid, u64 tls, void *ctid, void (*fn)(u64), u64 arg);
asm("spawn: mov x8, #220\nmov x9, x5\nmov x10, x6\nsvc #0\ncbz x0, 1f\nret\n"
    "1: mov x0, x10\nblr x9\nmov x8, #93\nmov x0, #0\nsvc #0");
static void body(u64 arg) {
    u64 tls;
    asm volatile("mrs %0, tpidr_el0" : "=r"(tls));
    check(tls == 0x7700 + arg);
    __atomic_fetch_add(&shared, (int)arg, 5);
    thread_tid = sys(SYS_gettid);
}
static void wait_word(u32 *w) {
    u32 v;
    while ((v = __atomic_load_n(w, 5))) sys(SYS_futex, (i64)w, 0, v, 0);
}
static void threads(void) {
    u32 ptid = 0;
    clear_tid = 1;
    i64 tid = spawn(THREAD_FLAGS, stack1 + sizeof stack1, &ptid, 0x7703, &clear_tid, body, 3);
    check(tid > 0 && ptid == tid);
    wait_word(&clear_tid);
    check(shared == 3 && thread_tid == tid && tid != sys(SYS_getpid));
    for (int i = 0; i < 200; i++) {
        clear_tid = 1;
        check(spawn(THREAD_FLAGS, stack1 + sizeof stack1, &ptid, 0x7701, &clear_tid, body, 1) > 0);
        wait_word(&clear_tid);
    }
    check(shared == 203);
    check(spawn(0x10000, stack1 + sizeof stack1, 0, 0, 0, body, 1) == -EINVAL);
}
static void spin(u64 arg) {
    for (int i = 0; i < 20000; i++) __atomic_fetch_add(&shared, 1, 5);
    (void)arg;
}
static void race(void) {
    static u32 a = 1, b = 1, t;
    shared = 0;
    check(spawn(THREAD_FLAGS, stack1 + sizeof stack1, &t, 0, &a, spin, 0) > 0);
    check(spawn(THREAD_FLAGS, stack2 + sizeof stack2, &t, 0, &b, spin, 0) > 0);
    wait_word(&a);
    wait_word(&b);
    check(shared == 40000);
}
static int status_of(i64 pid) {
    int s = -1;
    check(sys(SYS_wait4, pid, (i64)&s, 0, 0) == pid);
    return s;
}
static void forks(void) {
    static int private;
    u32 tid = 0;
    i64 pid = sys(SYS_clone, 17 | 0x1000000, 0, 0, 0, (i64)&tid);
    if (pid == 0) {
        check(tid == sys(SYS_gettid) && sys(SYS_getpid) == tid);
        private = 5;
        quit(9);
    }
    check(pid > 0 && status_of(pid) == 9 << 8 && private == 0 && tid == 0);
    pid = sys(SYS_clone, 17, 0);
    if (pid == 0) {
        *(volatile int *)8 = 1;
        quit(0);
    }
    check((status_of(pid) & 0x7f) == SIGSEGV);
    pid = sys(SYS_clone, 17, 0);
    if (pid == 0) {
        sys(SYS_kill, sys(SYS_getpid), SIGKILL);
        quit(0);
    }
    check(status_of(pid) == SIGKILL);
    check(sys(SYS_wait4, -1, 0, 0, 0) == -ECHILD);
}
static volatile int exec_error;
static char *const no_args[] = {"nothing", NULL};
static void exec_missing(u64 path) {
    exec_error = sys(SYS_execve, path, (i64)no_args, 0);
    sys(SYS_exit, 127);
}
static void handler(int s) { (void)s; }
static void drop_handler(u64 arg) {
    struct sigaction a = {NULL, 0, NULL, 0};
    sys(SYS_rt_sigaction, SIGUSR1, (i64)&a, 0, 8);
    shared = (int)arg;
    sys(SYS_exit, 4);
}
static void vforks(void) {
    // As posix_spawn does: the child's error is seen in the parent's memory.
    i64 pid = spawn(0x4111, stack1 + sizeof stack1, 0, 0, 0, exec_missing, (u64) "/nonexistent/program");
    check(pid > 0 && exec_error == -ENOENT && status_of(pid) == 127 << 8);
    // Signal actions are the child's own, memory is not.
    on(SIGUSR1, handler, 0, 0);
    pid = spawn(0x4111, stack1 + sizeof stack1, 0, 0, 0, drop_handler, 77);
    check(pid > 0 && shared == 77 && status_of(pid) == 4 << 8);
    struct sigaction now;
    check(sys(SYS_rt_sigaction, SIGUSR1, 0, (i64)&now, 8) == 0 && now.handler == handler);
    // Without CLONE_VFORK both run at once.
    shared = 0;
    pid = spawn(0x111, stack1 + sizeof stack1, 0, 0, 0, drop_handler, 78);
    check(pid > 0 && status_of(pid) == 4 << 8 && shared == 78);
}
// A limit below the open descriptors must not cost the emulator its own.
static void low_limit(void) {
    struct { u64 soft, hard; } old, low;
    check(sys(261, 0, 7, 0, &old) == 0);
    for (int i = 0; i < 40; i++) check(sys(23, 1) > 0);
    low.soft = 20;
    low.hard = old.hard;
    check(sys(261, 0, 7, &low, 0) == 0);
    check(sys(23, 1) == -24);
}
static int exec_self(char **argv, char **envp, char *arg) {
    char *args[] = {"renamed", arg, "", NULL};
    return sys(SYS_execve, (i64) "/proc/self/exe", (i64)args, (i64)envp) + 0 * (i64)argv;
}
static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}
int main(int argc, char **argv, char **envp) {
    if (argc == 2) return 6;
    if (argc > 1) {
        check(argc == 3 && same(argv[0], "renamed") && same(argv[2], "") && same(argv[1], "again"));
        check(mask_now() == BIT(SIGUSR2));
        sys(436, 3, ~0u, 0);
        i64 pid = sys(SYS_clone, 17, 0);
        if (pid == 0) {
            char *args[] = {"renamed", "last", NULL};
            sys(SYS_execve, "/proc/self/exe", args, envp);
            quit(1);
        }
        check(status_of(pid) == 6 << 8);
        struct sigaction a;
        sys(SYS_rt_sigaction, SIGUSR1, 0, (i64)&a, 8);
        check(a.handler == NULL);
        sys(SYS_rt_sigaction, SIGTRAP, 0, (i64)&a, 8);
        check(a.handler == (void *)1);
        put("processes: ok\n");
        return 21;
    }
    threads();
    race();
    forks();
    vforks();
    u64 set = BIT(SIGUSR2);
    sys(SYS_rt_sigprocmask, 2, (i64)&set, 0, 8);
    on(SIGTRAP, (void *)1, 0, 0);
    low_limit();
    exec_self(argv, envp, "again");
    check(!"exec failed");
    return 1;
}
