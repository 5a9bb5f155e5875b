// The shared object that the kernel maps: found by its symbols' names and version, and telling the same time as system calls.
// variants: static dynamic
// arch: x86_64
#include "guest.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static ElfW(Addr) base;
static const ElfW(Sym) * symbols;
static const char *strings;
static const ElfW(Half) * versions;
static const ElfW(Word) * hashes;
static const ElfW(Verdef) * definitions;

static void read_object(void) {
    const ElfW(Ehdr) *header = (void *)getauxval(AT_SYSINFO_EHDR);
    check("AT_SYSINFO_EHDR", header != NULL && memcmp(header, ELFMAG, 4) == 0);
    check("a shared object for this machine", header->e_type == ET_DYN && header->e_machine == EM_X86_64);
    const ElfW(Phdr) *segments = (void *)((char *)header + header->e_phoff);
    const ElfW(Dyn) *dynamic = NULL;
    for (int i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD)
            base = (ElfW(Addr))header + segments[i].p_offset - segments[i].p_vaddr;
        if (segments[i].p_type == PT_DYNAMIC)
            dynamic = (void *)((char *)header + segments[i].p_offset);
    }
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        void *at = (void *)(base + dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = at; break;
        case DT_STRTAB: strings = at; break;
        case DT_VERSYM: versions = at; break;
        case DT_VERDEF: definitions = at; break;
        case DT_HASH: hashes = at; break;
        }
    }
    check("its tables", symbols && strings && versions && definitions);
}

static void *find(const char *name) {
    /* Without a table of its own the number of symbols is where the versions end. */
    unsigned count = hashes ? hashes[1] : 16;
    for (unsigned i = 1; i < count; i++) {
        if (strcmp(strings + symbols[i].st_name, name) != 0 || symbols[i].st_shndx == SHN_UNDEF)
            continue;
        const ElfW(Verdef) *d = definitions;
        while ((d->vd_ndx & 0x7fff) != (versions[i] & 0x7fff) && d->vd_next)
            d = (void *)((char *)d + d->vd_next);
        const ElfW(Verdaux) *aux = (void *)((char *)d + d->vd_aux);
        return strcmp(strings + aux->vda_name, "LINUX_2.6") == 0 ? (void *)(base + symbols[i].st_value) : NULL;
    }
    return NULL;
}

static long nanoseconds(const struct timespec *t) { return t->tv_sec * 1000000000l + t->tv_nsec; }

int main(void) {
    read_object();
    int (*gettime)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
    int (*getres)(clockid_t, struct timespec *) = find("__vdso_clock_getres");
    int (*timeofday)(struct timeval *, void *) = find("__vdso_gettimeofday");
    time_t (*seconds)(time_t *) = find("__vdso_time");
    int (*cpu)(unsigned *, unsigned *, void *) = find("__vdso_getcpu");
    check("its functions", gettime && getres && timeofday && seconds && cpu && find("clock_gettime") == (void *)gettime);
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                                CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct timespec before, now, after, fine, told;
        int in_order = 1;
        for (int n = 0; n < 2000; n++) {
            syscall(SYS_clock_gettime, clocks[i], &before);
            in_order &= gettime(clocks[i], &now) == 0;
            syscall(SYS_clock_gettime, clocks[i], &after);
            in_order &= nanoseconds(&before) <= nanoseconds(&now) && nanoseconds(&now) <= nanoseconds(&after);
            in_order &= now.tv_nsec >= 0 && now.tv_nsec < 1000000000;
        }
        getres(clocks[i], &fine);
        syscall(SYS_clock_getres, clocks[i], &told);
        printf("clock %d: %s, resolution %s\n", clocks[i], in_order ? "between two calls" : "wrong",
               nanoseconds(&fine) == nanoseconds(&told) ? "as told" : "other");
    }
    struct timespec t;
    printf("no such clock: %d\n", gettime(1000, &t));
    struct timeval v;
    struct timespec before, after;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &before);
    int result = timeofday(&v, NULL);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &after);
    long micro = v.tv_sec * 1000000l + v.tv_usec;
    check("gettimeofday", result == 0 && nanoseconds(&before) / 1000 <= micro && micro <= nanoseconds(&after) / 1000);
    struct timezone zone = {99, 99};
    check("gettimeofday with a zone", timeofday(&v, &zone) == 0 && zone.tz_dsttime != 99 && timeofday(NULL, NULL) == 0);
    time_t stored = 0, now = seconds(&stored);
    check("time", now == stored && now - seconds(NULL) <= 0 && now >= before.tv_sec - 1 && now <= after.tv_sec + 1);
    unsigned number = 1000, node = 1000;
    check("getcpu", cpu(&number, &node, NULL) == 0 && number < 1000 && node < 1000);
    /* The C library's own. */
    struct timespec own;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &before);
    clock_gettime(CLOCK_MONOTONIC, &own);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after);
    check("the C library's", nanoseconds(&before) <= nanoseconds(&own) && nanoseconds(&own) <= nanoseconds(&after));
    return 0;
}
