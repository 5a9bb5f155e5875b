// /proc/self as the guest must see it: exe, cmdline, maps, stat, task, fd, environ, auxv.
// variants: static dynamic
// flags: -pthread
// args: first second
// env: MARK=here
// peer: status, task and stat of exe show the emulator
#include "guest.h"
#include <elf.h>
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sys/auxv.h>

static char text[1 << 20];

static ssize_t slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    ssize_t n, at = 0;
    while ((n = read(fd, text + at, sizeof text - 1 - at)) > 0)
        at += n;
    text[at] = 0;
    close(fd);
    return at;
}

static int entries(const char *path) {
    DIR *d = opendir(path);
    int n = 0;
    struct dirent *e;
    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* The permissions of the map that holds an address, or NULL. */
static const char *permissions_of(const void *address) {
    static char permissions[8];
    slurp("/proc/self/maps");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx %7s", &from, &to, permissions) == 3 && (unsigned long)address >= from && (unsigned long)address < to)
            return permissions;
    }
    return NULL;
}

static void *wait_thread(void *argument) {
    read(*(int *)argument, text, 1);
    return NULL;
}

int main(int argc, char **argv) {
    char path[PATH_MAX] = "", real[PATH_MAX] = "";
    readlink("/proc/self/exe", path, sizeof path - 1);
    realpath(argv[0], real);
    check("exe is this program", strcmp(path, real) == 0);
    struct stat a, b;
    stat("/proc/self/exe", &a);
    stat(real, &b);
    check("stat of exe is this program", a.st_ino == b.st_ino && a.st_size == b.st_size);
    int fd = open("/proc/self/exe", O_RDONLY);
    Elf64_Ehdr header;
    read(fd, &header, sizeof header);
#ifdef __aarch64__
    check("machine of exe", header.e_machine == EM_AARCH64);
#else
    check("machine of exe", header.e_machine == EM_X86_64);
#endif
    ssize_t n = slurp("/proc/self/cmdline");
    check("cmdline", n > 0 && strcmp(text, argv[0]) == 0 && strcmp(text + strlen(text) + 1, "first") == 0 && text[n - 2] == 'd');
    slurp("/proc/self/comm");
    check("comm", strncmp(text, "proc_self", 9) == 0);
    n = slurp("/proc/self/environ");
    check("environ", memmem(text, n, "MARK=here", 9) != NULL);
    n = slurp("/proc/self/auxv");
    int found = 0;
    for (Elf64_auxv_t *v = (void *)text; (char *)v < text + n && v->a_type; v++)
        found |= v->a_type == AT_ENTRY && v->a_un.a_val == getauxval(AT_ENTRY);
    check("auxv", found);

    char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(map + 4096, 4096, PROT_READ);
    const char *p = permissions_of(map);
    printf("writable map %s", p ? p : "none");
    p = permissions_of(map + 4096);
    printf(" read-only %s", p ? p : "none");
    p = permissions_of((void *)main);
    printf(" code %s", p ? p : "none");
    char local;
    p = permissions_of(&local);
    printf(" stack %s\n", p ? p : "none");
    slurp("/proc/self/maps");
    check("maps name the program", strstr(text, real) != NULL);
    check("maps name the stack", strstr(text, "[stack]") != NULL);
    check("maps name the heap", (sbrk(4096), slurp("/proc/self/maps"), strstr(text, "[heap]") != NULL));
    munmap(map, 3 * 4096);
    check("unmapped is gone", permissions_of(map) == NULL);
    slurp("/proc/self/smaps");
    check("smaps has sizes", strstr(text, "Rss:") && strstr(text, "Private_Dirty:"));
    int fds[2];
    pipe(fds);
    pthread_t thread;
    pthread_create(&thread, NULL, wait_thread, &fds[0]);
    sleep_ms(50);
    printf("tasks %d\n", entries("/proc/self/task"));
    slurp("/proc/self/status");
    char *threads = strstr(text, "\nThreads:");
    printf("status threads %d\n", threads ? atoi(threads + 9) : -1);
    write(fds[1], "x", 1);
    pthread_join(thread, NULL);
    int before = entries("/proc/self/fd");
    int extra = dup(0);
    check("fd lists this program's descriptors", entries("/proc/self/fd") == before + 1 && before <= 10);
    close(extra);
    slurp("/proc/self/stat");
    int pid, parent;
    char state, name[64];
    sscanf(text, "%d %63s %c %d", &pid, name, &state, &parent);
    check("stat", pid == getpid() && parent == getppid() && state == 'R');
    unsigned long field[64] = {0};
    char *at = strrchr(text, ')') + 2;
    for (int i = 3; i < 53 && at; i++) {
        field[i] = i == 3 ? 0 : strtoul(at, NULL, 10);
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    check("stat start of stack", field[28] > (unsigned long)&local - (1 << 20) && field[28] < (unsigned long)&local + (1 << 22));
    snprintf(path, sizeof path, "/proc/%d/cmdline", getpid());
    check("own pid's view", slurp(path) > 0 && strcmp(text, argv[0]) == 0);
    fd = open("/proc/self/mem", O_RDWR);
    static char cell[] = "before";
    check("mem reads", pread(fd, text, 6, (off_t)(uintptr_t)cell) == 6 && memcmp(text, "before", 6) == 0);
    check("mem writes", pwrite(fd, "after!", 6, (off_t)(uintptr_t)cell) == 6 && strcmp(cell, "after!") == 0);
    slurp("/proc/cpuinfo");
#ifdef __aarch64__
    check("cpuinfo of the guest", strstr(text, "CPU implementer") && strstr(text, "asimd"));
#else
    check("cpuinfo of the guest", strstr(text, "vendor_id") != NULL);
#endif
    return 0;
}
