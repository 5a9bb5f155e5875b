// flags: -pthread
// Calls whose structures hold pointers: vectors, messages, futex lists, asynchronous I/O. A guest base must reach them.
#include "guest.h"
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static void vectors(void) {
    char path[] = "vectors";
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct iovec out[2] = {{"crane", 5}, {" and stork", 10}};
    check("writev", writev(fd, out, 2) == 15);
    check("pwritev", pwritev(fd, out, 2, 20) == 15);
    char a[6] = "", b[11] = "";
    struct iovec in[2] = {{a, 5}, {b, 10}};
    lseek(fd, 0, SEEK_SET);
    check("readv", readv(fd, in, 2) == 15 && !strcmp(a, "crane") && !strcmp(b, " and stork"));
    memset(a, 0, sizeof a);
    check("preadv", preadv(fd, in, 2, 20) == 15 && !strcmp(a, "crane"));
    check("preadv2", preadv2(fd, in, 1, 20, 0) == 5);
    int pipes[2];
    pipe(pipes);
    check("vmsplice", vmsplice(pipes[1], out, 2, 0) == 15);
    struct iovec bad[2] = {{a, 5}, {(void *)8, 5}};
    lseek(fd, 0, SEEK_SET);
    check("readv up to a bad entry", readv(fd, bad, 2) == 5);
    CHECK_ERRNO("vector at a bad address", writev(fd, (struct iovec *)8, 2), EFAULT);
    CHECK_ERRNO("too many entries", writev(fd, out, 1025), EINVAL);
    close(fd);
}

static void messages(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec out[2] = {{"one", 3}, {"two", 3}};
    struct msghdr m = {.msg_iov = out, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pair[0], sizeof(int));
    check("sendmsg", sendmsg(pair[0], &m, 0) == 6);
    char text[4] = "", room[256];
    struct sockaddr_un from;
    struct iovec in[1] = {{text, 3}};
    struct msghdr r = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = in, .msg_iovlen = 1,
                       .msg_control = room, .msg_controllen = sizeof room};
    check("recvmsg", recvmsg(pair[1], &r, 0) == 3 && !strcmp(text, "one"));
    check("recvmsg says what it cut", r.msg_flags == MSG_TRUNC);
    c = CMSG_FIRSTHDR(&r);
    check("a descriptor came", c && c->cmsg_type == SCM_RIGHTS && r.msg_controllen == CMSG_SPACE(sizeof(int)));
    struct mmsghdr list[2] = {{.msg_hdr = {.msg_iov = out, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = out, .msg_iovlen = 2}}};
    check("sendmmsg", sendmmsg(pair[0], list, 2, 0) == 2 && list[0].msg_len == 3 && list[1].msg_len == 6);
    char first[8] = "", second[8] = "";
    struct iovec i1 = {first, 7}, i2 = {second, 7};
    struct mmsghdr got[2] = {{.msg_hdr = {.msg_iov = &i1, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &i2, .msg_iovlen = 1}}};
    check("recvmmsg", recvmmsg(pair[1], got, 2, 0, NULL) == 2 && got[1].msg_len == 6 && !strcmp(second, "onetwo"));
    struct sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, 0xffff}};
    struct sock_fprog program = {1, all};
    check("SO_ATTACH_FILTER", setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
    struct ifreq interfaces[16];
    struct ifconf conf = {.ifc_len = sizeof interfaces, .ifc_req = interfaces};
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    check("SIOCGIFCONF", ioctl(udp, SIOCGIFCONF, &conf) == 0 && conf.ifc_len % sizeof(struct ifreq) == 0);
    check("SIOCGIFCONF keeps its pointer", conf.ifc_req == interfaces);
}

static void memory(void) {
    char from[] = "here", to[5] = "";
    struct iovec local = {to, 5}, remote = {from, 5};
    check("process_vm_readv", process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 5 && !strcmp(to, "here"));
    char other[5] = "then";
    local.iov_base = other;
    check("process_vm_writev", process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 5 && !strcmp(from, "then"));
    void *pages[1] = {(void *)((uintptr_t)from & -4096)};
    int status[1] = {-77};
    long r = syscall(SYS_move_pages, 0, 1, pages, NULL, status, 0);
    check("move_pages tells a node", (r == 0 && status[0] >= 0) || (r < 0 && errno == ENOSYS));
}

static uint32_t word_a, word_b;

static void *sleeper(void *unused) {
    (void)unused;
    syscall(SYS_futex, &word_a, FUTEX_WAIT, 0, NULL, NULL, 0);
    return NULL;
}

static void futexes(void) {
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, sleeper, NULL);
    sleep_ms(100);
    /* Wakes nobody, moves both: the fourth argument is their number, not an address. */
    long moved = 0;
    for (int i = 0; i < 50 && moved < 2; i++, sleep_ms(20))
        moved += syscall(SYS_futex, &word_a, FUTEX_REQUEUE, 0, (void *)2, &word_b, 0);
    check("FUTEX_REQUEUE", moved == 2);
    long woken = 0;
    for (int i = 0; i < 50 && woken < 2; i++, sleep_ms(20))
        woken += syscall(SYS_futex, &word_b, FUTEX_WAKE, 2, NULL, NULL, 0);
    check("woken at the second word", woken == 2);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    struct { uint64_t value, address; uint32_t flags, reserved; } list[2] = {
        {0, (uintptr_t)&word_a, 2, 0}, {5, (uintptr_t)&word_b, 2, 0}};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    errno = 0;
    long r = syscall(449, list, 2, 0, &now, CLOCK_MONOTONIC);
    check("futex_waitv sees a changed word", r == -1 && (errno == EAGAIN || errno == ENOSYS));
}

static void asynchronous(void) {
    int fd = open("asynchronous", O_RDWR | O_CREAT | O_TRUNC, 0600);
    aio_context_t context = 0;
    check("io_setup", syscall(SYS_io_setup, 8, &context) == 0);
    char text[] = "written later";
    struct iovec two[2] = {{text, 7}, {text + 7, 6}};
    struct iocb write = {.aio_data = 1, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd,
                         .aio_buf = (uintptr_t)text, .aio_nbytes = 13};
    struct iocb vector = {.aio_data = 2, .aio_lio_opcode = IOCB_CMD_PWRITEV, .aio_fildes = fd,
                          .aio_buf = (uintptr_t)two, .aio_nbytes = 2, .aio_offset = 20};
    struct iocb *list[2] = {&write, &vector};
    check("io_submit", syscall(SYS_io_submit, context, 2, list) == 2);
    check("blocks are as they were", write.aio_buf == (uintptr_t)text && vector.aio_buf == (uintptr_t)two);
    struct io_event events[2] = {{0}};
    check("io_getevents", syscall(SYS_io_getevents, context, 2, 2, events, NULL) == 2);
    int good = 1;
    for (int i = 0; i < 2; i++)
        good &= events[i].res == 13 && events[i].obj == (uintptr_t)list[events[i].data - 1];
    check("events name their blocks", good);
    char back[14] = "";
    check("what was written", pread(fd, back, 13, 20) == 13 && !strcmp(back, text));
    check("io_destroy", syscall(SYS_io_destroy, context) == 0);
    CHECK_ERRNO("io_destroy again", syscall(SYS_io_destroy, context), EINVAL);
    close(fd);
}

int main(void) {
    char *folder = getenv("TMPDIR");
    if (folder)
        chdir(folder);
    vectors();
    messages();
    memory();
    futexes();
    asynchronous();
    return 0;
}
