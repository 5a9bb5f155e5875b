// Descriptors that are not files: epoll, eventfd, timerfd, signalfd, inotify, memfd, pidfd, poll, select, splice.
// variants: static dynamic
#include "guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void epolls(void) {
    int ep = epoll_create1(EPOLL_CLOEXEC), ends[2];
    pipe(ends);
    /* data fills all eight bytes: the layout of epoll_event differs between architectures. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x1122334455667788};
    check("add", epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event) == 0);
    event.events = EPOLLOUT | EPOLLONESHOT;
    event.data.u64 = 0x99aabbccddeeff00;
    check("add the other end", epoll_ctl(ep, EPOLL_CTL_ADD, ends[1], &event) == 0);
    CHECK_ERRNO("add twice", epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
    write(ends[1], "ab", 2);
    struct epoll_event got[8];
    int n = epoll_wait(ep, got, 8, 100);
    printf("ready %d\n", n);
    for (int i = 0; i < n; i++)
        printf("  events %#x data %#" PRIx64 "\n", got[i].events, got[i].data.u64);
    printf("edge-triggered and one-shot: %d\n", epoll_wait(ep, got, 8, 10));
    event.events = EPOLLIN;
    event.data.u64 = 5;
    epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], &event);
    n = epoll_pwait(ep, got, 8, 10, &(sigset_t){0});
    printf("modified: %d data %" PRIu64 "\n", n, got[0].data.u64);
    check("delete", epoll_ctl(ep, EPOLL_CTL_DEL, ends[0], NULL) == 0);
    CHECK_ERRNO("delete twice", epoll_ctl(ep, EPOLL_CTL_DEL, ends[0], NULL), ENOENT);
    CHECK_ERRNO("a plain file", epoll_ctl(ep, EPOLL_CTL_ADD, open(".", O_RDONLY | O_DIRECTORY), &event), EPERM);
    struct pollfd fds[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 0}};
    n = poll(fds, 3, 100);
    printf("poll %d: %#x %#x %#x\n", n, fds[0].revents, fds[1].revents, fds[2].revents);
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(ends[0], &readable);
    struct timeval wait = {0, 100000};
    n = select(ends[0] + 1, &readable, NULL, NULL, &wait);
    printf("select %d %d\n", n, FD_ISSET(ends[0], &readable) != 0);
    close(ends[1]);
    read(ends[0], got, 2);
    poll(fds, 1, 100);
    printf("after close: %#x\n", fds[0].revents);
}

static void counters(void) {
    int fd = eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE);
    uint64_t value = 4;
    write(fd, &value, 8);
    int taken = 0;
    while (read(fd, &value, 8) == 8)
        taken += value;
    printf("eventfd semaphore gave %d errno %d\n", taken, errno);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    timerfd_settime(timer, 0, &(struct itimerspec){{0, 5000000}, {0, 5000000}}, NULL);
    sleep_ms(30);
    read(timer, &value, 8);
    check("timerfd expirations", value >= 4 && value < 1000);
    struct itimerspec left;
    timerfd_gettime(timer, &left);
    check("timerfd interval", left.it_interval.tv_nsec == 5000000);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, 0);
    kill(getpid(), SIGUSR1);
    struct signalfd_siginfo info;
    read(signals, &info, sizeof info);
    printf("signalfd %u from itself %d\n", info.ssi_signo, (int)info.ssi_pid == getpid());
}

static void watching(void) {
    mkdir("watched", 0700);
    int fd = inotify_init1(IN_NONBLOCK);
    int watch = inotify_add_watch(fd, "watched", IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_CLOSE_WRITE);
    close(open("watched/file", O_CREAT | O_WRONLY, 0600));
    rename("watched/file", "watched/other");
    unlink("watched/other");
    char buffer[2048] __attribute__((aligned(8)));
    ssize_t n = read(fd, buffer, sizeof buffer);
    for (char *p = buffer; p < buffer + n;) {
        struct inotify_event *event = (void *)p;
        printf("inotify %#x %s watch %d\n", event->mask, event->name, event->wd == watch);
        p += sizeof *event + event->len;
    }
}

static void memories(void) {
    int fd = memfd_create("named", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ftruncate(fd, 8192);
    check("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    CHECK_ERRNO("sealed against shrinking", ftruncate(fd, 100), EPERM);
    printf("seals %#x\n", fcntl(fd, F_GET_SEALS));
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, target, sizeof target - 1);
    printf("link %s\n", target);
    write(fd, "0123456789", 10);
    off_t at = 2;
    int ends[2];
    pipe(ends);
    ssize_t sent = sendfile(ends[1], fd, &at, 4);
    char text[16] = "";
    read(ends[0], text, sizeof text);
    printf("sendfile %zd %s offset %ld\n", sent, text, (long)at);
    loff_t in = 5;
    printf("splice %zd\n", splice(fd, &in, ends[1], NULL, 3, 0));
    int more[2];
    pipe(more);
    printf("tee %zd\n", tee(ends[0], more[1], 10, 0));
    memset(text, 0, sizeof text);
    read(more[0], text, sizeof text);
    printf("tee gave %s\n", text);
    printf("copy_file_range %zd\n", copy_file_range(fd, &(loff_t){0}, fd, &(loff_t){4096}, 10, 0));
}

static void processes(void) {
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(30);
        _exit(5);
    }
    int fd = syscall(SYS_pidfd_open, child, 0);
    check("pidfd_open", fd >= 0);
    struct pollfd p = {fd, POLLIN, 0};
    printf("pidfd ready %d\n", poll(&p, 1, 5000));
    siginfo_t info = {0};
    waitid(P_PIDFD, fd, &info, WEXITED);
    printf("waitid by pidfd: %d\n", info.si_status);
    CHECK_ERRNO("signal to a gone process", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
}

/* An emulator's own descriptors are not the program's. */
static void foreign(void) {
    int found = 0;
    struct stat st;
    for (int fd = 900; fd < 6000; fd++)
        found += fstat(fd, &st) == 0 || fcntl(fd, F_GETFD) != -1 || lseek(fd, 0, SEEK_CUR) != -1;
    printf("descriptors that nobody opened: %d\n", found);
}

int main(void) {
    foreign();
    epolls();
    counters();
    watching();
    memories();
    processes();
    return 0;
}
