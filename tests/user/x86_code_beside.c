// Code and data that are written beside code that runs, in the same page: what did not change goes on as it was, what changed
// is never run as it was before.
// arch: x86_64
// flags: -pthread
#include "guest.h"
#include <pthread.h>
#include <stdatomic.h>

typedef long (*function)(long);
enum { FUNCTIONS = 60, SIZE = 64, COUNTER = FUNCTIONS * SIZE };

static unsigned char *page;

/* lea rax, [rdi + value]; ret */
static void write_adder(int index, int value) {
    memcpy(page + index * SIZE, (unsigned char[]){0x48, 0x8d, 0x87, value, value >> 8, value >> 16, value >> 24, 0xc3}, 8);
}

/* Adds `value` in each of `rounds` rounds of a loop, so that the loop itself is worth compiling. */
static void write_loop(int index, int value, int rounds) {
    unsigned char code[] = {
        0x48, 0x89, 0xf8,                                           /* mov rax, rdi */
        0xb9, rounds, rounds >> 8, rounds >> 16, rounds >> 24,      /* mov ecx, rounds */
        0x48, 0x05, value, value >> 8, value >> 16, value >> 24,    /* add rax, value */
        0xff, 0xc9, 0x75, 0xf6,                                     /* dec ecx; jnz -10 */
        0xc3,
    };
    memcpy(page + index * SIZE, code, sizeof code);
}

static long call(int index, long x) {
    return ((function)(page + index * SIZE))(x);
}

static long call_all(void) {
    long sum = 0;
    for (int i = 0; i < FUNCTIONS; i++)
        sum += call(i, i);
    return sum;
}

static void one_of_many(void) {
    long sum = 0;
    for (int round = 0; round < 2000; round++) {
        write_adder(round % FUNCTIONS, round);
        sum += call_all();
    }
    printf("one of many: %ld\n", sum);
}

/* The value that a loop adds is another, then the same again. */
static void to_and_fro(void) {
    long x = 0;
    for (int round = 0; round < 400; round++) {
        write_loop(1, round & 1 ? 3 : 1, 1000);
        x = call(1, call(2, x));
        x = call(1, x);
    }
    printf("to and fro: %ld\n", x);
    write_adder(1, 0);
}

static void data_beside(void) {
    atomic_long *counter = (atomic_long *)(page + COUNTER);
    long sum = 0;
    for (int round = 0; round < 3000; round++) {
        ++*counter;
        sum += call(round % FUNCTIONS, *counter);
    }
    printf("data beside: %ld %ld\n", sum, (long)*counter);
}

/* A function that begins on one page and ends on the next one, each of which changes. */
static void over_the_border(void) {
    unsigned char *start = page + 4096 - 5;
    long sum = 0;
    for (int round = 0; round < 600; round++) {
        int value = round / 3;
        unsigned char code[] = {0x48, 0x8d, 0x87, value, value >> 8, 0, 0, 0xc3};
        if (round % 3 == 0)
            memcpy(start, code, sizeof code);
        else
            page[round % 3 == 1 ? COUNTER : 4096 + 64] = round;
        for (int i = 0; i < 20; i++)
            sum += ((function)start)(i);
    }
    printf("over the border: %ld\n", sum);
}

/* One thread patches and tells; others must run what was there when they were told, or something later. */
static atomic_int told, stale, done;

static void *caller(void *unused) {
    (void)unused;
    while (!done) {
        int least = told;
        /* Serialises, as code that another processor changed wants it. */
        __asm__ volatile("cpuid" : : "a"(0), "c"(0) : "rbx", "rdx", "memory");
        for (int i = 0; i < 50; i++)
            stale += call(0, 0) < least || call(7, 1) != 8;
    }
    return NULL;
}

static void by_a_thread(void) {
    write_adder(0, 0);
    write_adder(7, 7);
    pthread_t callers[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&callers[i], NULL, caller, NULL);
    for (int round = 1; round < 3000; round++) {
        /* Aligned and within a line: no processor sees half of it. */
        atomic_store((atomic_uchar *)(page + 3), round & 127);
        stale += call(0, 0) != (round & 127);
    }
    /* From now on it only grows. */
    for (int round = 1; round < 100; round++) {
        atomic_store((atomic_uchar *)(page + 3), round);
        told = round;
        for (int i = 0; i < 20; i++)
            stale += call(0, 0) != round;
    }
    done = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(callers[i], NULL);
    printf("stale: %d\n", stale);
}

int main(void) {
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < FUNCTIONS; i++)
        write_adder(i, i);
    one_of_many();
    to_and_fro();
    data_beside();
    over_the_border();
    by_a_thread();
    return 0;
}
