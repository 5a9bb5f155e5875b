// Layouts and flags that differ between architectures, and /proc views.
#include "sys.h"
struct stat {
    u64 dev, ino; u32 mode, nlink, uid, gid; u64 rdev, pad; i64 size; int blksize, pad2; i64 blocks;
    u64 times[6]; u32 unused[2];
};
static int starts(const char *a, const char *b) {
    while (*b) if (*a++ != *b++) return 0;
    return 1;
}
static char buf[65536];
static i64 slurp(const char *path) {
    i64 fd = sys(SYS_openat, -100, (i64)path, 0), n = 0, r;
    check(fd >= 0);
    while ((r = sys(SYS_read, fd, (i64)buf + n, sizeof buf - 1 - n)) > 0) n += r;
    buf[n] = 0;
    sys(SYS_close, fd);
    return n;
}
int main(int argc, char **argv, char **envp) {
    (void)argc; (void)envp;
    struct stat s, x;
    check(sizeof s == 128);
    check(sys(SYS_newfstatat, -100, (i64) "/", (i64)&s, 0) == 0 && (s.mode & 0170000) == 040000);
    check(sys(SYS_fstat, 0, 0) == -EFAULT);
    // O_DIRECTORY and O_NOFOLLOW have arm64's bits.
    i64 fd = sys(SYS_openat, -100, (i64) "/", 040000);
    check(fd >= 0 && (sys(SYS_fcntl, fd, 3) & 0377000) == 040000);
    check(sys(SYS_openat, -100, (i64) "/proc/self/exe", 040000) == -20);
    check(sys(SYS_openat, -100, (i64) "/proc/self/cwd", 0100000) == -40);
    // The program is the guest's.
    i64 n = sys(SYS_readlinkat, -100, (i64) "/proc/self/exe", (i64)buf, 4096);
    check(n > 0);
    buf[n] = 0;
    check(sys(SYS_newfstatat, -100, (i64)buf, (i64)&s, 0) == 0);
    check(sys(SYS_newfstatat, -100, (i64) "/proc/self/exe", (i64)&x, 0) == 0 && x.ino == s.ino && x.size == s.size);
    check(slurp("/proc/self/cmdline") > 0 && starts(buf, argv[0]));
    check(slurp("/proc/self/maps") > 0 && starts(buf, "00400000-"));
    // epoll_event is padded: data must survive.
    struct { u32 events, pad; u64 data; } ev = {4, 0, 0x1122334455667788}, got[3];
    int p[2];
    check(sys(SYS_pipe2, (i64)p, 0) == 0);
    i64 ep = sys(SYS_epoll_create1, 0);
    check(ep >= 0 && sys(SYS_epoll_ctl, ep, 1, p[1], (i64)&ev) == 0);
    check(sys(SYS_epoll_pwait, ep, (i64)got, 3, 0, 0, 8) == 1 && got[0].data == ev.data && got[0].events == 4);
    check(sys(SYS_epoll_pwait, ep, (i64)got, 0, 0, 0, 8) == -EINVAL);
    // Heap and maps.
    i64 heap = sys(SYS_brk, 0);
    check(sys(SYS_brk, heap + 100000) == heap + 100000);
    *(volatile int *)(heap + 99000) = 7;
    check(sys(SYS_brk, heap) == heap);
    check(sys(SYS_mmap, 1l << 45, 4096, 3, 0x32, -1, 0) == -ENOMEM);
    check(sys(SYS_munmap, 1, 4096) == -EINVAL);
    struct { char f[6][65]; } u;
    check(sys(SYS_uname, (i64)&u) == 0 && starts(u.f[4], "aarch64") && starts(u.f[0], "Linux"));
    check(sys(293) == -ENOSYS && sys(5000) == -ENOSYS);
    // A filter that makes getppid fail with 99.
    struct { unsigned short code; u8 jt, jf; u32 k; } f[] = {
        {0x20, 0, 0, 4}, {0x15, 0, 3, 0xc00000b7}, {0x20, 0, 0, 0}, {0x15, 0, 1, SYS_getppid}, {6, 0, 0, 0x50063}, {6, 0, 0, 0x7fff0000}};
    struct { unsigned short len; void *p; } prog = {6, f};
    check(sys(SYS_prctl, 38, 1, 0, 0, 0) == 0);
    check(sys(SYS_seccomp, 1, 0, (i64)&prog) == 0 && sys(SYS_getppid) == -99 && sys(SYS_getpid) > 0);
    check(sys(SYS_prctl, 21) == 2);
    put("files: ok\n");
    return 0;
}
