// uname, ids, limits, usage, priority, scheduling, prctl, random, sysinfo, sysconf.
// variants: static dynamic
#include "guest.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

int main(void) {
    struct utsname name;
    uname(&name);
#ifdef __aarch64__
    check("machine", strcmp(name.machine, "aarch64") == 0);
#else
    check("machine", strcmp(name.machine, "x86_64") == 0);
#endif
    check("system", strcmp(name.sysname, "Linux") == 0 && name.release[0] >= '3');
    uid_t r, e, s;
    check("getresuid", getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid());
    gid_t groups[256];
    check("getgroups", getgroups(256, groups) >= 0);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    check("setrlimit", setrlimit(RLIMIT_NOFILE, &limit) == 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("RLIMIT_NOFILE %lu\n", (unsigned long)limit.rlim_cur);
    int fd, last = -1;
    while ((fd = dup(0)) >= 0)
        last = fd;
    printf("descriptors end at %d errno %d\n", last, errno);
    for (int i = 3; i <= last; i++)
        close(i);
    getrlimit(RLIMIT_STACK, &limit);
    printf("RLIMIT_STACK at least 1 MiB: %d\n", limit.rlim_cur >= 1 << 20);
    struct rusage usage;
    volatile long spin = 0;
    for (long i = 0; i < 3000000; i++)
        spin += i;
    getrusage(RUSAGE_SELF, &usage);
    check("getrusage", usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000
          + usage.ru_stime.tv_usec > 0 && usage.ru_maxrss > 0);
    struct tms t;
    check("times", times(&t) != (clock_t)-1);
    check("getpriority", (errno = 0, getpriority(PRIO_PROCESS, 0) >= -20 && errno == 0));
    cpu_set_t cpus;
    check("sched_getaffinity", sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) >= 1);
    check("sched_getscheduler", sched_getscheduler(0) == SCHED_OTHER);
    unsigned cpu, node;
    check("getcpu", getcpu(&cpu, &node) == 0 && cpu < 4096);
    check("sched_yield", sched_yield() == 0);
    prctl(PR_SET_NAME, "renamed-thread");
    char thread_name[16];
    prctl(PR_GET_NAME, thread_name);
    printf("PR_GET_NAME %s\n", thread_name);
    printf("PR_GET_DUMPABLE %d\n", prctl(PR_GET_DUMPABLE));
    check("PR_SET_PDEATHSIG", prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
    int death = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    printf("PR_GET_PDEATHSIG %d\n", death);
    prctl(PR_SET_PDEATHSIG, 0);
    check("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK_ERRNO("unknown prctl", prctl(12345), EINVAL);
    unsigned char random[64] = {0};
    int distinct = 0;
    check("getrandom", getrandom(random, 64, 0) == 64);
    for (int i = 1; i < 64; i++)
        distinct += random[i] != random[0];
    check("random differs", distinct > 30);
    CHECK_ERRNO("getrandom flags", getrandom(random, 1, 0xff), EINVAL);
    struct sysinfo info;
    check("sysinfo", sysinfo(&info) == 0 && info.totalram > 0 && info.procs > 0 && info.mem_unit > 0);
    check("sysconf", sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_CLK_TCK) == 100);
    char host[256];
    check("gethostname", gethostname(host, sizeof host) == 0);
    CHECK_ERRNO("no such system call", syscall(5000), ENOSYS);
    check("getpid and gettid", getpid() == gettid() && getpid() == syscall(SYS_getpid));
    check("getsid", getsid(0) > 0);
    check("personality", syscall(SYS_personality, 0xffffffff) >= 0);
    check("membarrier", syscall(SYS_membarrier, 0, 0, 0) >= 0);
    return 0;
}
