// Handlers, masks, flags, nesting, alternate stack, suspension and restart.
// variants: static dynamic
#include "guest.h"
#include <setjmp.h>
#include <sys/time.h>

static volatile int count, depth, deepest, last_code, last_pid, last_value;
static volatile int on_alternate;
static char alternate[64 * 1024];
static sigjmp_buf back;

static void counting(int number, siginfo_t *info, void *context) {
    count++;
    last_code = info->si_code;
    last_pid = info->si_pid;
    last_value = info->si_value.sival_int;
    char here;
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
}

static void nesting(int number, siginfo_t *info, void *context) {
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (count++ < 4)
        raise(number);
    depth--;
}

static void resetting(int number) { count++; }

static void raising(void) {
    on_signal(SIGUSR1, counting, 0);
    raise(SIGUSR1);
    printf("raise: count %d code %d\n", count, last_code);
    check("si_pid", last_pid == getpid());
    kill(getpid(), SIGUSR1);
    printf("kill: count %d code %d\n", count, last_code);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77});
    printf("sigqueue: count %d code %d value %d\n", count, last_code, last_value);
    check("kill 0 probes", kill(getpid(), 0) == 0);
    CHECK_ERRNO("kill of signal 65", kill(getpid(), 65), EINVAL);
    CHECK_ERRNO("sigaction of SIGKILL", sigaction(SIGKILL, &(struct sigaction){.sa_handler = resetting}, NULL), EINVAL);
    struct sigaction old;
    sigaction(SIGUSR1, NULL, &old);
    check("old action", old.sa_sigaction == counting && (old.sa_flags & SA_SIGINFO));
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2);
    printf("ignored: count %d\n", count);
}

static void masks(void) {
    sigset_t set, old, pending;
    count = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigpending(&pending);
    printf("blocked: count %d pending %d\n", count, sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("unblocked: count %d\n", count);
    CHECK_ERRNO("sigprocmask of a bad operation", sigprocmask(99, &set, NULL), EINVAL);
    /* sigsuspend takes the pending signal and restores the mask. */
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    sigset_t none;
    sigemptyset(&none);
    CHECK_ERRNO("sigsuspend", sigsuspend(&none), EINTR);
    sigprocmask(SIG_BLOCK, NULL, &old);
    printf("after sigsuspend: count %d blocked %d\n", count, sigismember(&old, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    /* sa_mask holds another signal off while a handler runs. */
    on_signal(SIGUSR1, nesting, SA_NODEFER);
    count = deepest = 0;
    raise(SIGUSR1);
    printf("SA_NODEFER: count %d deepest %d\n", count, deepest);
    on_signal(SIGUSR1, nesting, 0);
    count = deepest = 0;
    raise(SIGUSR1);
    printf("deferred: count %d deepest %d\n", count, deepest);
}

static void once_only(void) {
    struct sigaction action = {.sa_handler = resetting, .sa_flags = SA_RESETHAND}, now;
    count = 0;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &now);
    printf("SA_RESETHAND: count %d default %d\n", count, now.sa_handler == SIG_DFL);
}

static void alternate_stack(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    check("sigaltstack", sigaltstack(&stack, &old) == 0 && old.ss_flags == SS_DISABLE);
    on_signal(SIGUSR1, counting, SA_ONSTACK);
    raise(SIGUSR1);
    printf("SA_ONSTACK: on it %d\n", on_alternate);
    on_signal(SIGUSR1, counting, 0);
    raise(SIGUSR1);
    printf("without: on it %d\n", on_alternate);
    sigaltstack(NULL, &old);
    check("sigaltstack reads back", old.ss_sp == alternate && old.ss_size == sizeof alternate && old.ss_flags == 0);
    stack.ss_size = 100;
    CHECK_ERRNO("sigaltstack too small", sigaltstack(&stack, NULL), ENOMEM);
    stack.ss_flags = SS_DISABLE;
    check("SS_DISABLE", sigaltstack(&stack, NULL) == 0);
}

static void jumping(int number, siginfo_t *info, void *context) { siglongjmp(back, number); }

static void leaving_by_jump(void) {
    on_signal(SIGUSR1, jumping, 0);
    on_signal(SIGSEGV, jumping, 0);
    volatile int jumps = 0;
    for (volatile int i = 0; i < 50; i++) {
        int number = sigsetjmp(back, 1);
        if (number == 0) {
            if (i & 1)
                raise(SIGUSR1);
            else
                *(volatile int *)8 = 1;
        } else {
            jumps += number == ((i & 1) ? SIGUSR1 : SIGSEGV);
        }
    }
    printf("jumps out of handlers: %d\n", jumps);
}

static void interrupted_read(int flags, const char *what) {
    int ends[2];
    pipe(ends);
    on_signal(SIGALRM, counting, flags);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(300);
        write(ends[1], "x", 1);
        _exit(0);
    }
    count = 0;
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 100000}}, NULL);
    char byte = 0;
    errno = 0;
    ssize_t n = read(ends[0], &byte, 1);
    printf("%s: result %zd errno %d count %d code %d\n", what, n, n < 0 ? errno : 0, count, last_code);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

static void sleeping(void) {
    on_signal(SIGALRM, counting, SA_RESTART);
    // Again and again: on a busy machine the first one may come before the call begins.
    setitimer(ITIMER_REAL, &(struct itimerval){.it_interval = {0, 50000}, .it_value = {0, 50000}}, NULL);
    struct timespec left, ask = {2, 0};
    errno = 0;
    int result = nanosleep(&ask, &left);
    check("nanosleep is not restarted", result == -1 && errno == EINTR && left.tv_sec == 1);
    CHECK_ERRNO("pause", pause(), EINTR);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

int main(void) {
    raising();
    masks();
    once_only();
    alternate_stack();
    leaving_by_jump();
    interrupted_read(0, "read without SA_RESTART");
    interrupted_read(SA_RESTART, "read with SA_RESTART");
    sleeping();
    return 0;
}
