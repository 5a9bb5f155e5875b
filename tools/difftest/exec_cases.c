/* Runs random instruction sequences and writes the state each one leaves.
 *
 * Input (standard input) and output (standard output) are described in cases.py. The program has no C
 * library, so an emulator needs little to run it: mmap, read, write, signals and exit. It is linked at
 * a fixed address and keeps its data area at DATA, so that addresses compare between emulators. */
#include <stddef.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint64_t u64;

#define DATA 0x1000000000ul
#define DATA_SIZE 4096
#define SLOT_WORDS 32
#define FIRST_WORD 9 /* words 0..7 of a slot are pads, word 8 loads the last registers */
#define MAX_WORDS 14
#define SLOTS 4096
#define RESULT_BYTES (103 * 8)
#define STUB_WORDS 5

enum { CASE_CHECKS_MEMORY = 1, CASE_DUMPS_MEMORY = 2 };
enum { SYS_read = 63, SYS_write = 64, SYS_setitimer = 103, SYS_sigaltstack = 132, SYS_rt_sigaction = 134, SYS_mmap = 222,
       SYS_mprotect = 226 };

struct context {
    u64 x[31], sp, exit, nzcv, fpcr, fpsr, signal, fault, hash, v[64];
    u64 harness[25];
    u64 slot;
} context;
_Static_assert(offsetof(struct context, v) == 312 && offsetof(struct context, slot) == 1024, "enter.S knows these");

struct file_head {
    u32 magic, version, cases, pool_words;
    u32 passes; /* every group runs this often; the last pass is written out */
    u32 tick;   /* microseconds between timer signals */
    u64 data_seed;
};
struct case_head {
    u32 words, overrides, flags, nzcv;
    u32 fpcr, fpsr;
    u64 seed;
};
struct override {
    u64 index, low, high;
};

extern u32 exit_stubs[];
void enter_case(struct context *);
void resume_harness(struct context *);
void signal_return(void);
long system_call(long number, ...);

static u32 code[SLOTS * SLOT_WORDS] __attribute__((aligned(65536)));
static u64 template[DATA_SIZE / 8];
static u64 pool[4096];
static u32 pool_mask;
static unsigned char input[16 << 20] __attribute__((aligned(16)));
static unsigned char output[1 << 20] __attribute__((aligned(16)));
static size_t input_at, input_end, output_end;
static unsigned char handler_stack[65536] __attribute__((aligned(16)));
static u64 running;       /* number of the case that runs, from 1; 0 outside cases */
static u64 running_at_tick, ticks_of_case, most_ticks;

void *memset(void *to, int byte, size_t n) {
    for (unsigned char *p = to; n--;)
        *p++ = byte;
    return to;
}
void *memcpy(void *to, const void *from, size_t n) {
    unsigned char *p = to;
    const unsigned char *q = from;
    for (; n >= 8; n -= 8, p += 8, q += 8)
        *(u64 *)p = *(const u64 *)q;
    while (n--)
        *p++ = *q++;
    return to;
}

static void fail(const char *text) {
    size_t n = 0;
    while (text[n])
        n++;
    system_call(SYS_write, 2, text, n);
    for (;;)
        system_call(94, 3);
}

static void flush(void) {
    for (size_t at = 0; at < output_end;) {
        long n = system_call(SYS_write, 1, output + at, output_end - at);
        if (n <= 0)
            fail("exec_cases: cannot write\n");
        at += n;
    }
    output_end = 0;
}

static void put(const void *from, size_t n) {
    if (output_end + n > sizeof output)
        flush();
    memcpy(output + output_end, from, n);
    output_end += n;
}

/* The next n bytes of the input, all at once in memory until the next call. */
static void *take(size_t n) {
    if (input_end - input_at < n) {
        memcpy(input, input + input_at, input_end - input_at);
        input_end -= input_at;
        input_at = 0;
        if (n > sizeof input)
            fail("exec_cases: a group is too large\n");
        while (input_end < n) {
            long got = system_call(SYS_read, 0, input + input_end, sizeof input - input_end);
            if (got <= 0)
                fail("exec_cases: short input\n");
            input_end += got;
        }
    }
    void *at = input + input_at;
    input_at += n;
    return at;
}

/* splitmix64 (Steele, Lea, Flood 2014); cases.py has the same. */
static u64 next_random(u64 *state) {
    u64 z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* One 64-bit operand: of eight, three from the pool, one each of pooled 32-bit, 16-bit and 8-bit lanes, two random. */
static u64 operand(u64 *state) {
    u64 r = next_random(state), a = r >> 8, b = r >> 20, c = r >> 32, d = r >> 44;
    switch (r & 7) {
    case 0:
    case 1:
    case 2:
        return pool[a & pool_mask];
    case 3:
        return (u32)pool[a & pool_mask] | pool[b & pool_mask] << 32;
    case 4:
        return (pool[a & pool_mask] & 0xffff) | (pool[b & pool_mask] & 0xffff) << 16 | (pool[c & pool_mask] & 0xffff) << 32
            | pool[d & pool_mask] << 48;
    case 5:
        return 0x0101010101010101u * (pool[a & pool_mask] & 0xff) ^ 0x80ff7f0001u * (b & 0xff);
    default:
        return next_random(state);
    }
}

static void expand(u64 seed) {
    for (int i = 0; i < 31; i++)
        context.x[i] = operand(&seed);
    context.sp = DATA + 2048 + (operand(&seed) & 0x3f0);
    for (int i = 0; i < 64; i++)
        context.v[i] = operand(&seed);
}

static void fill_data(u64 seed) {
    for (size_t i = 0; i < DATA_SIZE / 8; i++)
        template[i] = operand(&seed);
    memcpy((void *)DATA, template, DATA_SIZE);
    memcpy((void *)(DATA - DATA_SIZE), template, DATA_SIZE);
    if (system_call(SYS_mprotect, DATA - DATA_SIZE, DATA_SIZE, 1))
        fail("exec_cases: cannot protect the page below the data\n");
}

static u64 hash_data(void) {
    const u64 *data = (const u64 *)DATA;
    u64 a = 0, b = 1;
    for (size_t i = 0; i < DATA_SIZE / 8; i += 2) {
        a = (a ^ data[i]) * 0x9fb21c651e98df25u;
        b = (b ^ data[i + 1]) * 0xd6e8feb86659fd93u;
        a ^= a >> 29;
        b ^= b >> 31;
    }
    return a ^ b;
}

/* The kernel's layouts on arm64. */
struct siginfo {
    int number, error, code, pad;
    u64 address;
};
struct fpsimd_record {
    u32 magic, size, fpsr, fpcr;
    u64 v[64];
};
struct ucontext {
    u64 flags, link, stack[3], mask[16], padding; /* the machine context is 16-byte aligned */
    u64 fault_address, regs[31], sp, pc, pstate;
    unsigned char reserved[4096] __attribute__((aligned(16)));
};

_Static_assert(offsetof(struct ucontext, fault_address) == 176, "struct ucontext of asm/ucontext.h");

#define EXIT_UNKNOWN 0xffffffffu

/* What a handler may change freely, because its return restores it all. */
static void disturb_registers(void) {
    __asm__ volatile(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
                     " movi v\\n\\().16b, #0x5a\n.endr\n mov x9, #0x9f\n msr fpsr, x9\n msr fpcr, xzr\n msr nzcv, x9"
                     : : : "x9", "cc", "memory");
}

static void handler(int number, struct siginfo *info, struct ucontext *uc) {
    if (number == 14) {
        ticks_of_case = running == running_at_tick ? ticks_of_case + 1 : 0;
        running_at_tick = running;
        disturb_registers();
        if (running == 0 || ticks_of_case < most_ticks)
            return;
    }
    if (running == 0)
        fail("exec_cases: a signal outside a case\n");
    for (int i = 0; i < 31; i++)
        context.x[i] = uc->regs[i];
    context.sp = uc->sp;
    context.exit = number == 14 ? EXIT_UNKNOWN : uc->pc - (context.slot + 4);
    context.nzcv = uc->pstate & 0xf0000000u;
    context.signal = (u64)(u32)info->code << 32 | (u32)number;
    context.fault = number == 14 ? 0 : info->address;
    struct fpsimd_record *record = (void *)uc->reserved;
    while (record->magic && record->magic != 0x46508001)
        record = (void *)((char *)record + record->size);
    context.fpcr = record->fpcr;
    context.fpsr = record->fpsr;
    memcpy(context.v, record->v, sizeof context.v);
    uc->pc = (u64)resume_harness;
    uc->regs[0] = (u64)&context;
    uc->pstate &= ~0xf0000c00ull;
}

static void install_handlers(void) {
    struct {
        void *base;
        int flags;
        u64 size;
    } stack = {handler_stack, 0, sizeof handler_stack};
    system_call(SYS_sigaltstack, &stack, 0);
    struct {
        void (*handler)(int, struct siginfo *, struct ucontext *);
        u64 flags;
        void (*restorer)(void);
        u64 mask;
    } action = {handler, 4 | 0x08000000 | 0x04000000 | 0x10000000, signal_return, 0}; /* SIGINFO, ONSTACK, RESTORER, RESTART */
    static const int numbers[] = {4, 5, 7, 8, 11, 14, 31};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        system_call(SYS_rt_sigaction, numbers[i], &action, 0, 8);
}

static void sync_code(void *from, size_t bytes) {
    u64 ctr;
    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    size_t dline = 4u << (ctr >> 16 & 15), iline = 4u << (ctr & 15);
    u64 start = (u64)from, end = start + bytes;
    for (u64 p = start & -dline; p < end; p += dline)
        __asm__ volatile("dc cvau, %0" : : "r"(p) : "memory");
    __asm__ volatile("dsb ish" : : : "memory");
    for (u64 p = start & -iline; p < end; p += iline)
        __asm__ volatile("ic ivau, %0" : : "r"(p) : "memory");
    __asm__ volatile("dsb ish\n isb" : : : "memory");
}

static u32 branch_to_stub(u32 *at, unsigned number) {
    long distance = (u32 *)&exit_stubs[number * STUB_WORDS] - at;
    return 0x14000000u | (distance & 0x3ffffff);
}

/* Writes one slot; the words stay in place until the buffer is used again from its start. */
static void lay_out(unsigned slot, const u32 *words, unsigned n) {
    u32 *base = code + slot * SLOT_WORDS;
    for (unsigned i = 0; i < SLOT_WORDS; i++)
        base[i] = i >= FIRST_WORD && i < FIRST_WORD + n ? words[i - FIRST_WORD] : branch_to_stub(base + i, i);
    base[FIRST_WORD - 1] = 0xa94efbdd; /* ldp x29, x30, [x30, #232] */
}

/* Runs one case of a group in its slot and writes the result when asked to. Returns the next case. */
static const unsigned char *run_case(const unsigned char *at, u64 number, u32 slot, int last) {
    const struct case_head *c = (const void *)at;
    const struct override *o = (const void *)(c + 1);
    expand(c->seed);
    context.nzcv = c->nzcv;
    context.fpcr = c->fpcr;
    context.fpsr = c->fpsr;
    context.signal = context.fault = context.hash = 0;
    for (u32 k = 0; k < c->overrides; k++, o++) {
        if (o->index < 32) {
            context.x[o->index] = o->low; /* 31 is sp, the word after x30 */
        } else {
            context.v[2 * (o->index - 32)] = o->low;
            context.v[2 * (o->index - 32) + 1] = o->high;
        }
    }
    context.slot = (u64)(code + slot * SLOT_WORDS + FIRST_WORD - 1);
    running = number;
    enter_case(&context);
    running = 0;
    if (c->flags & CASE_CHECKS_MEMORY)
        context.hash = hash_data();
    if (last) {
        put(&context, RESULT_BYTES);
        if (c->flags & CASE_DUMPS_MEMORY)
            put((void *)DATA, DATA_SIZE);
    }
    if (c->flags & CASE_CHECKS_MEMORY)
        memcpy((void *)DATA, template, DATA_SIZE);
    return (const void *)o;
}

int main(void) {
    long at = system_call(SYS_mmap, DATA - DATA_SIZE, 2 * DATA_SIZE, 3, 0x100022, -1, 0);
    if (at != (long)(DATA - DATA_SIZE))
        fail("exec_cases: no memory at the data address\n");
    if (system_call(SYS_mprotect, code, sizeof code, 7))
        fail("exec_cases: no writable and executable memory\n");
    install_handlers();
    struct file_head head = *(struct file_head *)take(sizeof head);
    if (head.magic != 0x54445242 || head.version != 2 || head.pool_words > 4096)
        fail("exec_cases: not a case file\n");
    u64 timer[4] = {head.tick / 1000000, head.tick % 1000000, head.tick / 1000000, head.tick % 1000000};
    system_call(SYS_setitimer, 0, timer, 0);
    most_ticks = 8000000 / head.tick; /* a case that runs for eight seconds is stopped */
    pool_mask = head.pool_words - 1;
    memcpy(pool, take(head.pool_words * 8), 8 * head.pool_words);
    fill_data(head.data_seed);
    for (u32 done = 0; done < head.cases;) {
        /* The words of a group come first, so that one cache maintenance serves them all. */
        u32 group = head.cases - done < SLOTS ? head.cases - done : SLOTS;
        for (u32 i = 0; i < group; i++) {
            u32 *entry = take(4 * (MAX_WORDS + 2));
            lay_out(i, entry + 1, entry[0]);
        }
        sync_code(code, group * SLOT_WORDS * 4);
        u64 bytes = *(u64 *)take(8);
        const unsigned char *cases = take(bytes);
        for (u32 pass = 0; pass < head.passes; pass++) {
            const unsigned char *next = cases;
            for (u32 i = 0; i < group; i++)
                next = run_case(next, (u64)pass * head.cases + done + i + 1, i, pass + 1 == head.passes);
        }
        done += group;
    }
    u64 last = hash_data();
    put(&last, 8);
    flush();
    return 0;
}
