// mmap, munmap, mremap, msync, mincore and madvise: results, errors and contents.
// variants: static dynamic
#include "guest.h"

#define PAGE 4096UL

static char *map(void *where, size_t length, int protection, int flags) {
    return mmap(where, length, protection, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void placement(void) {
    char *area = map(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, 0);
    check("anonymous map", area != MAP_FAILED && (uintptr_t)area % PAGE == 0);
    area[5 * PAGE] = 1;
    check("hint over a live map is moved", map(area, PAGE, PROT_READ, 0) != area);
    check("MAP_FIXED replaces", map(area + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED) == area + 5 * PAGE);
    check("replaced page is zero", area[5 * PAGE] == 0);
    CHECK_ERRNO("MAP_FIXED_NOREPLACE over a map", map(area + PAGE, PAGE, PROT_READ, MAP_FIXED_NOREPLACE), EEXIST);
    munmap(area + 8 * PAGE, 2 * PAGE);
    check("MAP_FIXED_NOREPLACE in a hole",
          map(area + 8 * PAGE, PAGE, PROT_READ, MAP_FIXED_NOREPLACE) == area + 8 * PAGE);
    check("free hint is honoured", map(area + 9 * PAGE, PAGE, PROT_READ, 0) == area + 9 * PAGE);
    CHECK_ERRNO("MAP_FIXED unaligned", map(area + 1, PAGE, PROT_READ, MAP_FIXED), EINVAL);
    CHECK_ERRNO("length 0", map(NULL, 0, PROT_READ, 0), EINVAL);
    CHECK_ERRNO("neither shared nor private", mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO("bad descriptor", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
    CHECK_ERRNO("beyond the address space", map(NULL, 1UL << 62, PROT_READ, 0), ENOMEM);
    CHECK_ERRNO("munmap unaligned", munmap(area + 1, PAGE), EINVAL);
    check("munmap of a hole", munmap(area + 8 * PAGE, 2 * PAGE) == 0 && munmap(area + 8 * PAGE, 2 * PAGE) == 0);
    CHECK_ERRNO("mprotect of a hole", mprotect(area + 7 * PAGE, 3 * PAGE, PROT_READ), ENOMEM);
    check("MAP_NORESERVE of 4 GiB", (area = map(NULL, 1UL << 32, PROT_NONE, MAP_NORESERVE)) != MAP_FAILED);
    check("and a window in it", mprotect(area + (1UL << 31), PAGE, PROT_READ | PROT_WRITE) == 0);
    area[1UL << 31] = 7;
    check("window holds data", area[1UL << 31] == 7 && munmap(area, 1UL << 32) == 0);
}

static void remapping(void) {
    char *area = map(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, 0);
    for (int i = 0; i < 8; i++)
        area[i * PAGE] = 'a' + i;
    check("mremap shrinks in place", mremap(area, 8 * PAGE, 4 * PAGE, 0) == area);
    char *grown = mremap(area, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    check("mremap grows", grown != MAP_FAILED && grown[0] == 'a' && grown[3 * PAGE] == 'd' && grown[63 * PAGE] == 0);
    char *target = map(NULL, 8 * PAGE, PROT_NONE, 0);
    char *moved = mremap(grown, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    check("mremap to a fixed place", moved == target && moved[2 * PAGE] == 'c');
    char *blocked = map(NULL, 3 * PAGE, PROT_READ, 0);
    CHECK_ERRNO("mremap cannot grow over a neighbour", mremap(blocked, PAGE, 2 * PAGE, 0), ENOMEM);
    CHECK_ERRNO("mremap unaligned", mremap(blocked + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO("MREMAP_FIXED without MAYMOVE", mremap(blocked, PAGE, PAGE, MREMAP_FIXED, target), EINVAL);
    munmap(blocked, 3 * PAGE);
    CHECK_ERRNO("mremap of a hole", mremap(blocked, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

static void files(void) {
    int fd = open("map.dat", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(fd, 3 * PAGE);
    char *shared = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    char *private = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(shared + PAGE, "through the map");
    char text[32] = "";
    pread(fd, text, sizeof text - 1, PAGE);
    printf("file: %s\n", text);
    printf("second map: %s\n", second);
    strcpy(private, "private only");
    pread(fd, text, 16, 0);
    check("private write stays private", text[0] == 0 && strcmp(private, "private only") == 0);
    pwrite(fd, "written", 8, 2 * PAGE);
    printf("map: %s\n", shared + 2 * PAGE);
    check("msync", msync(shared, 3 * PAGE, MS_SYNC) == 0);
    CHECK_ERRNO("msync of contradicting flags", msync(shared, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERRNO("offset unaligned", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
    int reader = open("map.dat", O_RDONLY);
    CHECK_ERRNO("writable shared map of a read-only file",
                mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, reader, 0), EACCES);
    check("private writable map of it", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0) != MAP_FAILED);
    unsigned char resident[3];
    check("mincore", mincore(shared, 3 * PAGE, resident) == 0 && (resident[0] & 1));
    close(fd);
    shared[0] = 'x';
    check("map outlives the descriptor", pread(reader, text, 1, 0) == 1 && text[0] == 'x');
}

static void advice(void) {
    char *area = map(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, 0);
    memset(area, 1, 4 * PAGE);
    check("MADV_DONTNEED", madvise(area + PAGE, PAGE, MADV_DONTNEED) == 0);
    printf("contents after: %d %d %d\n", area[0], area[PAGE], area[2 * PAGE]);
    check("MADV_WILLNEED", madvise(area, 4 * PAGE, MADV_WILLNEED) == 0);
    CHECK_ERRNO("madvise unaligned", madvise(area + 1, PAGE, MADV_DONTNEED), EINVAL);
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        shared[0] = 55;
        area[0] = 99;
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("after fork: shared %d private %d\n", shared[0], area[0]);
    check("MAP_POPULATE", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED);
    check("mlock, munlock", mlock(area, PAGE) == 0 && munlock(area, PAGE) == 0);
}

int main(void) {
    placement();
    remapping();
    files();
    advice();
    return 0;
}
