// Repeated string instructions in which signals and faults come: registers between two elements, and they go on.
// arch: x86_64
#include "guest.h"
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

enum { SIZE = 1 << 20, PAGE = 4096 };
static unsigned char *from, *to;
static volatile long ticks, inside, wrong, faults;
static unsigned char *closed;
/* Which register has the address that faults. */
static int faulting;
/* Of the instruction that runs: bytes an element, elements, 1 or -1, and where it began. */
static long width, count, way, start_from, start_to;
static void *place;

/* Whether source and destination have gone as far as the count says. */
static int consistent(const greg_t *r, int source, int destination) {
    long done = (count - r[REG_RCX]) * width * way;
    return (!source || r[REG_RSI] == start_from + done) && (!destination || r[REG_RDI] == start_to + done);
}

static int uses_source, uses_destination;

static void look(void *context) {
    const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if ((void *)r[REG_RIP] != place)
        return;
    inside++;
    wrong += !consistent(r, uses_source, uses_destination);
}

static void on_tick(int signal, siginfo_t *info, void *context) {
    ticks++;
    look(context);
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    faults++;
    unsigned char *at = info->si_addr;
    wrong += at < closed || at >= closed + PAGE;
    look(context);
    long reached = ((ucontext_t *)context)->uc_mcontext.gregs[faulting];
    wrong += reached != (long)(way > 0 ? closed : closed + PAGE - width);
    mprotect(closed, PAGE, PROT_READ | PROT_WRITE);
}

#define RUN(what, w, n, dir, s, d)                                                                               \
    do {                                                                                                               \
        long rcx_ = count = (n), rsi_ = start_from = (long)(s), rdi_ = start_to = (long)(d), rax_ = 0x5a5a5a5a5a5a5a5a; \
        width = w, way = dir;                                                                                          \
        __asm__ volatile("lea 1f(%%rip), %%r8; mov %%r8, %4\n\t" what                                                  \
                         : "+c"(rcx_), "+S"(rsi_), "+D"(rdi_), "+a"(rax_), "=m"(place) : : "r8", "memory", "cc");      \
        left = rcx_, went_from = (rsi_ - start_from) * dir, went_to = (rdi_ - start_to) * dir;                         \
    } while (0)

static long left, went_from, went_to;

static void all(const char *when) {
    long bytes = 0, total = 0;
    for (int round = 0; round < 30; round++) {
        uses_source = uses_destination = 1;
        RUN("1: rep movsb", 1, SIZE, 1, from, to);
        bytes += went_from, total += left;
        wrong += memcmp(from, to, SIZE) != 0;
        RUN("std; 1: rep movsq; cld", 8, SIZE / 8, -1, from + SIZE - 8, to + SIZE - 8);
        bytes += went_to, total += left;
        RUN("1: repe cmpsb", 1, SIZE, 1, from, to);
        bytes += went_from, total += left;
        /* An overlap of one element repeats it. */
        RUN("1: rep movsb", 1, 1000, 1, to, to + 1);
        bytes += to[1000] == to[0];
        uses_source = 0;
        RUN("1: rep stosl", 4, SIZE / 4, 1, from, to);
        bytes += went_to, total += left + to[SIZE - 1];
        RUN("1: repe scasb", 1, SIZE, 1, from, to);
        bytes += went_to, total += left;
        uses_source = 1, uses_destination = 0;
        RUN("1: rep lodsw", 2, SIZE / 2, 1, from, to);
        bytes += went_from, total += left;
    }
    printf("%s: went %ld, rest %ld, wrong %ld\n", when, bytes, total, wrong);
}

/* Moves of all sizes within three pages, onto each other and not, as a loop of elements does them. */
static void near(void) {
    static unsigned char pages[3 * PAGE], expected[3 * PAGE];
    unsigned seed = 1;
    long different = 0;
    for (int round = 0; round < 4000; round++) {
        unsigned next[3];
        for (int i = 0; i < 3; i++)
            next[i] = (seed = seed * 1664525 + 1013904223) >> 8;
        long w = 1 << next[0] % 4, most = round % 2 ? 300 : 5000;
        long n = next[1] % most / w, at = next[2] % (3 * PAGE - most);
        long delta = round % 4 < 2 ? next[0] / 4 % 160 - 80 : next[0] / 4 % PAGE;
        long onto = at + delta < 0 || at + delta + most > 3 * PAGE ? at : at + delta;
        for (int i = 0; i < 3 * PAGE; i++)
            pages[i] = expected[i] = i * 11 + round + (i >> 8);
        for (long i = 0; i < n; i++)
            memcpy(expected + onto + i * w, memcpy((char[8]){0}, expected + at + i * w, w), w);
        uses_source = uses_destination = 1;
        switch (w) {
        case 1: RUN("1: rep movsb", 1, n, 1, pages + at, pages + onto); break;
        case 2: RUN("1: rep movsw", 2, n, 1, pages + at, pages + onto); break;
        case 4: RUN("1: rep movsl", 4, n, 1, pages + at, pages + onto); break;
        default: RUN("1: rep movsq", 8, n, 1, pages + at, pages + onto);
        }
        different += left != 0 || went_from != n * w || went_to != n * w || memcmp(pages, expected, 3 * PAGE) != 0;
    }
    printf("near: %ld different\n", different);
}

int main(void) {
    near();
    from = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    to = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < SIZE; i++)
        from[i] = i * 7 + (i >> 8);
    all("quiet");
    on_signal(SIGALRM, on_tick, SA_RESTART);
    struct itimerval often = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &often, NULL);
    all("ticks");
    often = (struct itimerval){0};
    setitimer(ITIMER_REAL, &often, NULL);
    printf("there were ticks: %d\n", ticks > 0);
    on_signal(SIGSEGV, on_fault, 0);
    long sum = 0;
    for (int page = 0; page < SIZE / PAGE; page += 17) {
        for (int which = 0; which < 2; which++) {
            closed = (which ? to : from) + page * PAGE;
            mprotect(closed, PAGE, PROT_NONE);
            uses_source = uses_destination = 1;
            faulting = which ? REG_RDI : REG_RSI;
            if (page % 3 == 0)
                RUN("1: rep movsb", 1, SIZE, 1, from, to);
            else if (page % 3 == 1)
                RUN("1: rep movsw", 2, SIZE / 2, 1, from, to);
            else
                RUN("std; 1: rep movsb; cld", 1, SIZE, -1, from + SIZE - 1, to + SIZE - 1);
            sum += went_to + left;
            wrong += memcmp(from, to, SIZE) != 0;
        }
    }
    printf("faults: %ld, went %ld, wrong %ld\n", faults, sum, wrong);
    return 0;
}
