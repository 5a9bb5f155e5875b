// io_uring: rings, and the entries whose flags, events and structures arm64 defines in its own way.
// peer: io_uring is missing
#include "guest.h"
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sys/epoll.h>

static int ring;
static unsigned *sq_head, *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *entries;
static struct io_uring_cqe *results;

static void set_up(void) {
    struct io_uring_params p = {0};
    ring = syscall(SYS_io_uring_setup, 8, &p);
    if (ring < 0) {
        printf("this kernel has no io_uring: %s\n", strerror(errno));
        exit(77);
    }
    size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    size_t size = sq_size > cq_size ? sq_size : cq_size;
    char *both = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    entries = mmap(NULL, p.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                   IORING_OFF_SQES);
    check("mapped", both != MAP_FAILED && entries != MAP_FAILED);
    sq_head = (unsigned *)(both + p.sq_off.head), sq_tail = (unsigned *)(both + p.sq_off.tail);
    sq_mask = (unsigned *)(both + p.sq_off.ring_mask), sq_array = (unsigned *)(both + p.sq_off.array);
    cq_head = (unsigned *)(both + p.cq_off.head), cq_tail = (unsigned *)(both + p.cq_off.tail);
    cq_mask = (unsigned *)(both + p.cq_off.ring_mask), results = (void *)(both + p.cq_off.cqes);
}

/* A fresh entry, queued. */
static struct io_uring_sqe *entry(int opcode, int fd, const void *address, unsigned length) {
    unsigned tail = *sq_tail, slot = tail & *sq_mask;
    struct io_uring_sqe *e = &entries[slot];
    memset(e, 0, sizeof *e);
    e->opcode = opcode, e->fd = fd, e->addr = (uintptr_t)address, e->len = length;
    e->user_data = tail + 1000;
    sq_array[slot] = slot;
    __atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
    return e;
}

/* Submits one entry and waits for its result. */
static int result(void) {
    unsigned expected = *sq_tail - 1 + 1000;
    long n = syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8);
    unsigned head = *cq_head;
    if (n != 1 || head == __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE))
        return -9999;
    struct io_uring_cqe *c = &results[head & *cq_mask];
    int r = c->user_data == expected ? c->res : -9998;
    __atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
    return r;
}

static int open_with(const char *path, int flags) {
    struct io_uring_sqe *e = entry(IORING_OP_OPENAT, AT_FDCWD, path, 0600);
    e->open_flags = flags;
    int r = result();
    check("the entry is as it was", e->open_flags == (unsigned)flags && e->addr == (uintptr_t)path);
    return r;
}

static int open2_with(const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    struct io_uring_sqe *e = entry(IORING_OP_OPENAT2, AT_FDCWD, path, sizeof how);
    e->off = (uintptr_t)&how;
    return result();
}

static void opens(void) {
    int fd = open_with("file", O_RDWR | O_CREAT | O_CLOEXEC);
    check("openat", fd >= 0);
    check("close-on-exec", fcntl(fd, F_GETFD) == FD_CLOEXEC);
    symlink("file", "link");
    printf("openat O_DIRECTORY of a file: %d\n", open_with("file", O_RDONLY | O_DIRECTORY));
    printf("openat O_NOFOLLOW of a link: %d\n", open_with("link", O_RDONLY | O_NOFOLLOW));
    printf("openat2 O_DIRECTORY of a file: %d\n", open2_with("file", O_RDONLY | O_DIRECTORY, 0));
    printf("openat2 O_NOFOLLOW of a link: %d\n", open2_with("link", O_RDONLY | O_NOFOLLOW, 0));
    int folder = open2_with(".", O_RDONLY | O_DIRECTORY, 0);
    check("openat2 of a folder", folder >= 0);
    entry(IORING_OP_CLOSE, folder, NULL, 0);
    printf("close: %d\n", result());
    entry(IORING_OP_WRITE, fd, "by a ring", 9);
    printf("write: %d\n", result());
    char text[10] = "";
    struct iovec in = {text, 9};
    entry(IORING_OP_READV, fd, &in, 1);
    printf("readv: %d %s\n", result(), text);
    struct statx s;
    struct io_uring_sqe *e = entry(IORING_OP_STATX, AT_FDCWD, "link", STATX_SIZE);
    e->off = (uintptr_t)&s;
    int r = result();
    printf("statx: %d size %d\n", r, (int)s.stx_size);
}

static void events(void) {
    int set = epoll_create1(0), pipes[2];
    pipe(pipes);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788};
    struct io_uring_sqe *e = entry(IORING_OP_EPOLL_CTL, set, &event, EPOLL_CTL_ADD);
    e->off = pipes[0];
    printf("epoll_ctl: %d\n", result());
    write(pipes[1], "x", 1);
    struct epoll_event got = {0};
    int n = epoll_wait(set, &got, 1, 1000);
    printf("epoll_wait: %d data %#" PRIx64 "\n", n, (uint64_t)got.data.u64);
    e = entry(IORING_OP_EPOLL_CTL, set, NULL, EPOLL_CTL_DEL);
    e->off = pipes[0];
    printf("epoll_ctl delete: %d\n", result());
    struct __kernel_timespec soon = {0, 10000000};
    entry(IORING_OP_TIMEOUT, -1, &soon, 1);
    printf("timeout: %d\n", result());
}

/* Two entries in one call, the first of them one that is changed on the way. */
static void two_at_once(void) {
    struct io_uring_sqe *e = entry(IORING_OP_OPENAT, AT_FDCWD, ".", 0);
    e->open_flags = O_RDONLY | O_DIRECTORY;
    entry(IORING_OP_NOP, -1, NULL, 0);
    long n = syscall(SYS_io_uring_enter, ring, 2, 2, IORING_ENTER_GETEVENTS, NULL, 8);
    printf("two at once: %ld, results %d, left %d\n", n, (int)(*cq_tail - *cq_head), (int)(*sq_tail - *sq_head));
    *cq_head = *cq_tail;
}

static void refusals(void) {
    /* As a kernel whose polling thread is for the privileged; natively the test may be privileged. */
#ifdef __aarch64__
    struct io_uring_params p = {.flags = IORING_SETUP_SQPOLL};
    CHECK_ERRNO("SQPOLL", syscall(SYS_io_uring_setup, 8, &p), EPERM);
#else
    check("SQPOLL", 1);
#endif
    CHECK_ERRNO("enter on a file", syscall(SYS_io_uring_enter, 0, 1, 0, 0, NULL, 8), EOPNOTSUPP);
    entry(250, -1, NULL, 0);
    printf("unknown operation: %d\n", result());
    struct { struct io_uring_probe head; struct io_uring_probe_op ops[64]; } probe;
    memset(&probe, 0, sizeof probe);
    check("probe", syscall(SYS_io_uring_register, ring, IORING_REGISTER_PROBE, &probe, 64) == 0);
    check("openat is there", probe.head.ops[IORING_OP_OPENAT].flags & IO_URING_OP_SUPPORTED);
}

int main(void) {
    char *folder = getenv("TMPDIR");
    if (folder)
        chdir(folder);
    set_up();
    opens();
    events();
    two_at_once();
    refusals();
    munmap(entries, 8 * sizeof *entries);
    close(ring);
    return 0;
}
