// flags: -pthread
// RLIMIT_AS and RLIMIT_DATA are kept: mmap, mremap, brk and mprotect give ENOMEM; children and programs inherit them.
#include "guest.h"
#include <sys/resource.h>

#define MIB (1ul << 20)

static void set(int resource, rlim_t soft) {
    struct rlimit l;
    getrlimit(resource, &l);
    l.rlim_cur = soft;
    if (setrlimit(resource, &l))
        perror("setrlimit");
}

static void *map(size_t length, int prot, int flags) {
    return mmap(NULL, length, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static void space(void) {
    set(RLIMIT_AS, 256 * MIB);
    CHECK_ERRNO("mmap over the space", (intptr_t)map(512 * MIB, PROT_READ, MAP_PRIVATE), ENOMEM);
    CHECK_ERRNO("nor without access", (intptr_t)map(512 * MIB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
    char *p = map(64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    check("mmap below it", p != MAP_FAILED);
    CHECK_ERRNO("mremap over it", (intptr_t)mremap(p, 64 * MIB, 512 * MIB, MREMAP_MAYMOVE), ENOMEM);
    CHECK_ERRNO("brk over it", (intptr_t)sbrk(512 * MIB), ENOMEM);
    check("brk below it", sbrk(MIB) != (void *)-1);
    char *again = mmap(p, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    check("replacing costs nothing", again == p);
    char *second = map(100 * MIB, PROT_READ, MAP_PRIVATE);
    check("a second one", second != MAP_FAILED);
    CHECK_ERRNO("not a third", (intptr_t)map(100 * MIB, PROT_READ, MAP_PRIVATE), ENOMEM);
    munmap(second, 100 * MIB);
    check("after munmap", (second = map(100 * MIB, PROT_READ, MAP_PRIVATE)) != MAP_FAILED);
    munmap(second, 100 * MIB);
    munmap(p, 64 * MIB);
}

static void data(void) {
    set(RLIMIT_AS, RLIM_INFINITY);
    set(RLIMIT_DATA, 32 * MIB);
    CHECK_ERRNO("private writable memory", (intptr_t)map(64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENOMEM);
    char *p = map(64 * MIB, PROT_READ, MAP_PRIVATE);
    check("read-only memory is no data", p != MAP_FAILED);
    CHECK_ERRNO("until it becomes writable", mprotect(p, 64 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
    check("a part of it may", mprotect(p, 4 * MIB, PROT_READ | PROT_WRITE) == 0);
    check("shared memory is no data", map(64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED) != MAP_FAILED);
    CHECK_ERRNO("brk", (intptr_t)sbrk(64 * MIB), ENOMEM);
}

static void tell(const char *what) {
    struct rlimit d, a;
    getrlimit(RLIMIT_DATA, &d);
    getrlimit(RLIMIT_AS, &a);
    printf("%s: data %ld MiB, space %ld MiB\n", what, (long)(d.rlim_cur / MIB), (long)(a.rlim_cur / MIB));
    char line[256];
    FILE *f = fopen("/proc/self/limits", "r");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long soft;
        if (sscanf(line, "Max data size %lu", &soft) == 1)
            printf("/proc: data %lu MiB\n", soft / MIB);
    }
    if (f)
        fclose(f);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        tell("program");
        CHECK_ERRNO("it holds there", (intptr_t)map(64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENOMEM);
        return 0;
    }
    space();
    data();
    set(RLIMIT_AS, 512 * MIB);
    pid_t child = vfork();
    if (!child) {
        set(RLIMIT_AS, 128 * MIB);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    tell("after a vfork child changed its own");
    child = fork();
    if (!child) {
        tell("child");
        execl("/proc/self/exe", argv[0], "program", NULL);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    say_status("child", status);
    struct rlimit wrong = {2, 1};
    CHECK_ERRNO("soft above hard", setrlimit(RLIMIT_AS, &wrong), EINVAL);
    return 0;
}
