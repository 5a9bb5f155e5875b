// Which blocking calls a handled signal ends with EINTR and which SA_RESTART resumes (signal(7)).
// variants: static dynamic
// flags: -pthread
#include "guest.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int count;
static int ends[2], pair[2], ep;
static sem_t semaphore;

static void handler(int number, siginfo_t *info, void *context) { count++; }

static long do_read(void) { char c; return read(ends[0], &c, 1); }
static long do_recv(void) { char c; return recv(pair[0], &c, 1, 0); }
static long do_poll(void) { return poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 5000); }
static long do_select(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    return select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){5, 0});
}
static long do_epoll(void) { struct epoll_event e; return epoll_wait(ep, &e, 1, 5000); }
static long do_nanosleep(void) { return nanosleep(&(struct timespec){5, 0}, NULL); }
static long do_clock_nanosleep(void) {
    int e = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){5, 0}, NULL);
    errno = e;
    return e ? -1 : 0;
}
static long do_sem(void) { return sem_wait(&semaphore); }
static long do_sigtimedwait(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &(struct timespec){5, 0});
}
static long do_pause(void) { return pause(); }

/* Returns when the process has slept for 40 ms: it is in its call, however slow the machine. */
static void wait_until_asleep(pid_t process) {
    char path[32], text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    for (int calm = 0; calm < 10;) {
        sleep_ms(4);
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = 0;
        const char *state = strrchr(text, ')');
        calm = state && state[2] == 'S' ? calm + 1 : 0;
    }
}

/* A child interrupts the call, and frees it 210 ms later in case it goes on. */
static void probe(const char *name, long (*call)(void), int flags) {
    on_signal(SIGUSR1, handler, flags);
    count = 0;
    pid_t child = fork();
    if (child == 0) {
        wait_until_asleep(getppid());
        kill(getppid(), SIGUSR1);
        sleep_ms(210);
        write(ends[1], "x", 1);
        send(pair[1], "x", 1, 0);
        _exit(0);
    }
    errno = 0;
    long result = call();
    int number = errno;
    printf("%-16s %-9s result %s errno %d handled %d\n", name, flags & SA_RESTART ? "restart" : "plain",
           result < 0 ? "-1" : "good", result < 0 ? number : 0, count);
    while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
        ;
    char drain[64];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (read(ends[0], drain, 64) > 0)
        ;
    fcntl(ends[0], F_SETFL, 0);
    while (recv(pair[0], drain, 64, MSG_DONTWAIT) > 0)
        ;
}

int main(void) {
    pipe(ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    ep = epoll_create1(0);
    epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &(struct epoll_event){.events = EPOLLIN});
    sem_init(&semaphore, 0, 0);
    struct {
        const char *name;
        long (*call)(void);
        int both;
    } calls[] = {
        {"read", do_read, 1}, {"recv", do_recv, 1}, {"poll", do_poll, 1}, {"select", do_select, 1}, {"epoll_wait", do_epoll, 1},
        {"nanosleep", do_nanosleep, 1}, {"clock_nanosleep", do_clock_nanosleep, 1}, {"sigtimedwait", do_sigtimedwait, 1},
        {"pause", do_pause, 1}, {"sem_wait", do_sem, 0},
    };
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        probe(calls[i].name, calls[i].call, 0);
        if (calls[i].both)
            probe(calls[i].name, calls[i].call, SA_RESTART);
    }
    return 0;
}
