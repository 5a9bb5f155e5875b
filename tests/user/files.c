// Files: open flags (their numbers differ between architectures), stat layouts, statx, folders, locks, links, times, vectors.
// variants: static dynamic
#include "guest.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static void open_flags(void) {
    mkdir("folder", 0750);
    int fd = open("file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    check("O_CREAT", fd >= 0);
    CHECK_ERRNO("O_EXCL", open("file", O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO("O_DIRECTORY on a file", open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    check("O_DIRECTORY on a folder", open("folder", O_RDONLY | O_DIRECTORY) >= 0);
    symlink("file", "link");
    CHECK_ERRNO("O_NOFOLLOW on a link", open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    check("O_PATH | O_NOFOLLOW on a link", open("link", O_PATH | O_NOFOLLOW) >= 0);
    CHECK_ERRNO("write to a folder", open("folder", O_WRONLY), EISDIR);
    CHECK_ERRNO("missing", open("missing", O_RDONLY), ENOENT);
    CHECK_ERRNO("through a file", open("file/x", O_RDONLY), ENOTDIR);
    int temporary = open(".", O_TMPFILE | O_RDWR, 0600);
    check("O_TMPFILE", temporary >= 0);
    int append = open("file", O_WRONLY | O_APPEND | O_NONBLOCK | O_SYNC);
    int flags = fcntl(append, F_GETFL);
    printf("F_GETFL access %d append %d nonblock %d sync %d directory %d\n", flags & O_ACCMODE, !!(flags & O_APPEND),
           !!(flags & O_NONBLOCK), (flags & O_SYNC) == O_SYNC, !!(flags & O_DIRECTORY));
    fcntl(append, F_SETFL, 0);
    printf("F_SETFL keeps %d\n", !!(fcntl(append, F_GETFL) & O_APPEND));
    printf("FD_CLOEXEC %d %d\n", fcntl(fd, F_GETFD), fcntl(append, F_GETFD));
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    printf("F_DUPFD_CLOEXEC %d %d\n", copy, fcntl(copy, F_GETFD));
    CHECK_ERRNO("dup3 onto itself", dup3(fd, fd, 0), EINVAL);
    int folder = open("folder", O_PATH | O_DIRECTORY);
    check("openat", openat(folder, "inner", O_CREAT | O_WRONLY, 0600) >= 0 && access("folder/inner", F_OK) == 0);
    check("faccessat", faccessat(folder, "inner", R_OK, 0) == 0);
    close(fd);
    CHECK_ERRNO("closed", read(fd, &fd, 1), EBADF);
}

static void metadata(void) {
    int fd = open("meta", O_RDWR | O_CREAT, 0640);
    write(fd, "0123456789", 10);
    link("meta", "hard");
    struct stat s;
    fstat(fd, &s);
    printf("size %ld mode %o links %ld regular %d blksize %ld\n", (long)s.st_size, s.st_mode & 07777, (long)s.st_nlink,
           S_ISREG(s.st_mode), (long)s.st_blksize);
    check("owner", s.st_uid == geteuid() && s.st_gid == getegid());
    struct stat again;
    fstatat(AT_FDCWD, "hard", &again, 0);
    check("same inode", s.st_ino == again.st_ino && s.st_dev == again.st_dev);
    struct timespec times[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
    check("futimens", futimens(fd, times) == 0);
    fstat(fd, &s);
    printf("times %ld.%09ld %ld.%09ld\n", (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    struct statx x;
    check("statx", statx(AT_FDCWD, "meta", 0, STATX_BASIC_STATS, &x) == 0);
    printf("statx size %llu mtime %lld.%u links %u\n", x.stx_size, x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec, x.stx_nlink);
    fchmod(fd, 04711);
    fstat(fd, &s);
    printf("mode %o\n", s.st_mode & 07777);
    stat("/dev/null", &s);
    printf("/dev/null character %d rdev %#lx\n", S_ISCHR(s.st_mode), (unsigned long)s.st_rdev);
    lstat("link", &s);
    printf("link %d size %ld\n", S_ISLNK(s.st_mode), (long)s.st_size);
    umask(027);
    close(open("masked", O_CREAT | O_WRONLY, 0666));
    stat("masked", &s);
    printf("umask %o previous %o\n", s.st_mode & 0777, umask(022));
    struct statfs fs;
    check("statfs", statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_blocks > 0 && fs.f_namelen == 255);
    struct statvfs vfs;
    check("statvfs", statvfs(".", &vfs) == 0 && vfs.f_namemax == 255);
    check("truncate", truncate("meta", 4) == 0 && stat("meta", &s) == 0 && s.st_size == 4);
    check("fallocate", fallocate(fd, 0, 0, 10000) == 0 && fstat(fd, &s) == 0 && s.st_size == 10000);
    check("punch a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 || errno == EOPNOTSUPP);
    errno = 0;
    check("extended attribute", setxattr("meta", "user.key", "value", 5, 0) == 0 || errno == EOPNOTSUPP || errno == EPERM);
}

static void contents(void) {
    int fd = open("data", O_RDWR | O_CREAT, 0600);
    struct iovec out[3] = {{"abc", 3}, {"defgh", 5}, {"", 0}};
    ssize_t written = writev(fd, out, 3);
    printf("writev %zd pwrite %zd\n", written, pwrite(fd, "XY", 2, 5));
    char a[4] = "", b[8] = "";
    struct iovec in[2] = {{a, 3}, {b, 7}};
    ssize_t got = preadv(fd, in, 2, 0);
    printf("preadv %zd <%s> <%s>\n", got, a, b);
    long from_end = lseek(fd, -2, SEEK_END), onward = lseek(fd, 3, SEEK_CUR), far = lseek(fd, 1L << 40, SEEK_SET);
    printf("lseek %ld %ld %ld\n", from_end, onward, far);
    write(fd, "!", 1);
    struct stat s;
    fstat(fd, &s);
    printf("sparse size %ld few blocks %d\n", (long)s.st_size, s.st_blocks < 100);
    CHECK_ERRNO("negative seek", lseek(fd, -1, SEEK_SET), EINVAL);
    int hole = lseek(fd, 0, SEEK_HOLE);
    check("SEEK_HOLE", hole >= 8);
    int left = 0;
    lseek(fd, 1L << 40, SEEK_SET);
    ioctl(fd, FIONREAD, &left);
    printf("FIONREAD %d\n", left);
    CHECK_ERRNO("not a terminal", ioctl(fd, TIOCGWINSZ, &s), ENOTTY);
    CHECK_ERRNO("read into nowhere", pread(fd, (void *)8, 1, 0), EFAULT);
    CHECK_ERRNO("write from nowhere", pwrite(fd, (void *)8, 1, 0), EFAULT);
}

static void folders(void) {
    mkdir("many", 0700);
    char name[64];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "many/a-file-with-a-long-name-%03d", i);
        close(open(name, O_CREAT | O_WRONLY, 0600));
    }
    mkdir("many/sub", 0700);
    DIR *d = opendir("many");
    struct dirent *entry;
    int files = 0, sub = 0, dots = 0, sum = 0;
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            dots++;
        else if (entry->d_type == DT_DIR)
            sub++;
        else if (entry->d_type == DT_REG)
            files++, sum += atoi(entry->d_name + strlen(entry->d_name) - 3);
    }
    printf("files %d folders %d dots %d sum %d\n", files, sub, dots, sum);
    rewinddir(d);
    check("rewinddir", readdir(d) != NULL);
    closedir(d);
    CHECK_ERRNO("rmdir of a full folder", rmdir("many"), ENOTEMPTY);
    CHECK_ERRNO("unlink of a folder", unlink("many"), EISDIR);
    check("renameat2", renameat2(AT_FDCWD, "many/sub", AT_FDCWD, "moved", 0) == 0);
    CHECK_ERRNO("RENAME_NOREPLACE", renameat2(AT_FDCWD, "moved", AT_FDCWD, "folder", RENAME_NOREPLACE), EEXIST);
    char cwd[4096], link_text[64] = "";
    chdir("moved");
    getcwd(cwd, sizeof cwd);
    printf("cwd ends %s\n", strrchr(cwd, '/'));
    chdir("..");
    readlink("link", link_text, sizeof link_text - 1);
    printf("readlink %s\n", link_text);
    check("mkfifo", mkfifo("fifo", 0600) == 0);
}

static void locks(void) {
    int fd = open("locked", O_RDWR | O_CREAT, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
    check("F_SETLK", fcntl(fd, F_SETLK, &lock) == 0);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        struct flock probe = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1};
        fcntl(fd, F_GETLK, &probe);
        printf("held by the parent: type %d start %ld length %ld %d\n", probe.l_type == F_WRLCK, (long)probe.l_start,
               (long)probe.l_len, probe.l_pid == parent);
        probe = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1};
        CHECK_ERRNO("conflicting lock", fcntl(fd, F_SETLK, &probe), EAGAIN);
        int other = open("locked", O_RDWR);
        probe = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1};
        CHECK_ERRNO("conflicting open-file lock", fcntl(other, F_OFD_SETLK, &probe), EAGAIN);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    int second = open("locked", O_RDWR);
    check("flock", flock(fd, LOCK_EX) == 0);
    CHECK_ERRNO("flock of another description", flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
}

int main(void) {
    open_flags();
    metadata();
    contents();
    folders();
    locks();
    return 0;
}
