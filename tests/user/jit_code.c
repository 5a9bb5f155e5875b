// Code made at run time: rewriting in place, W^X through two maps of a memfd, mprotect cycles, munmap and reuse, another thread.
// arch: aarch64
// flags: -pthread
#include "guest.h"
#include <pthread.h>

typedef long (*function)(long);

static void sync_code(void *start, size_t bytes) { __builtin___clear_cache((char *)start, (char *)start + bytes); }

/* movz x1, #value; add x0, x0, x1; ret */
static void write_adder(uint32_t *code, unsigned value) {
    code[0] = 0xd2800001u | (value & 0xffff) << 5;
    code[1] = 0x8b010000u;
    code[2] = 0xd65f03c0u;
}

static void in_place(void) {
    uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long sum = 0;
    for (int i = 0; i < 3000; i++) {
        write_adder(code, i);
        sync_code(code, 12);
        sum += ((function)code)(1000000);
    }
    printf("rewritten in place: %ld\n", sum);
    /* One instruction changes inside code that has run often. */
    write_adder(code, 1);
    sync_code(code, 12);
    long x = 0;
    for (int i = 0; i < 20000; i++)
        x = ((function)code)(x);
    code[1] = 0xcb010000u; /* sub x0, x0, x1 */
    sync_code(code + 1, 4);
    for (int i = 0; i < 5000; i++)
        x = ((function)code)(x);
    printf("hot code changed: %ld\n", x);
    munmap(code, 4096);
    uint32_t *again = mmap(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    write_adder(again, 77);
    sync_code(again, 12);
    printf("same address mapped anew: %ld\n", ((function)again)(1));
    munmap(again, 4096);
}

static void two_maps(void) {
    int fd = memfd_create("code", 0);
    ftruncate(fd, 8192);
    uint32_t *writable = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *executable = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    long sum = 0;
    for (int i = 0; i < 2000; i++) {
        uint32_t *at = writable + i % 100 * 4;
        write_adder(at, i);
        sync_code(executable + (at - writable), 12);
        sum += ((function)(executable + (at - writable)))(1);
    }
    printf("two maps of a memfd: %ld\n", sum);
    /* Maintenance by the address that was written: the caches are physically tagged. */
    sum = 0;
    for (int i = 0; i < 2000; i++) {
        write_adder(writable + 1020, i);
        sync_code(writable + 1020, 12);
        sum += ((function)(executable + 1020))(1);
    }
    printf("synchronised by the writable map: %ld\n", sum);
    for (int i = 0; i < 1000; i++) {
        uint32_t words[3];
        write_adder(words, i * 3);
        pwrite(fd, words, 12, 4096);
        sync_code(executable + 1024, 12);
        sum += ((function)(executable + 1024))(2);
    }
    printf("written through the file: %ld\n", sum);
}

static void protect_cycles(void) {
    uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long sum = 0;
    for (int i = 0; i < 500; i++) {
        mprotect(code, 4096, PROT_READ | PROT_WRITE);
        write_adder(code + i % 300 * 3, i);
        mprotect(code, 4096, PROT_READ | PROT_EXEC);
        sync_code(code + i % 300 * 3, 12);
        sum += ((function)(code + i % 300 * 3))(5);
    }
    printf("mprotect cycles: %ld\n", sum);
}

/* Code that crosses a page; the second page changes by a new map over it. */
static void across_pages(void) {
    char *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t *code = (uint32_t *)(area + 4096 - 4);
    write_adder(code, 9);
    sync_code(code, 12);
    long sum = 0;
    for (int i = 0; i < 100; i++)
        sum = ((function)code)(sum);
    mmap(area + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    code[1] = 0xcb010000u;
    code[2] = 0xd65f03c0u;
    sync_code(code + 1, 8);
    for (int i = 0; i < 10; i++)
        sum = ((function)code)(sum);
    printf("across pages: %ld\n", sum);
}

/* A patched branch: one aligned word is replaced while another thread runs it (allowed for B and NOP). */
static uint32_t *shared_code;
static volatile int stop;
static long seen[3];

static void *runner(void *argument) {
    while (!stop) {
        long r = ((function)shared_code)(0);
        seen[r == 1 ? 0 : r == 2 ? 1 : 2]++;
    }
    return NULL;
}

static void patched_by_another_thread(void) {
    shared_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared_code[0] = 0xd503201f;             /* nop, or b +3 */
    shared_code[1] = 0xd2800020;             /* mov x0, #1 */
    shared_code[2] = 0xd65f03c0;
    shared_code[3] = 0xd2800040;             /* mov x0, #2 */
    shared_code[4] = 0xd65f03c0;
    sync_code(shared_code, 20);
    pthread_t thread;
    pthread_create(&thread, NULL, runner, NULL);
    for (int i = 0; i < 200; i++) {
        __atomic_store_n(&shared_code[0], i & 1 ? 0xd503201f : 0x14000003, __ATOMIC_RELEASE);
        sync_code(shared_code, 4);
        sleep_ms(1);
    }
    stop = 1;
    pthread_join(thread, NULL);
    if (!check("both versions ran, nothing else", seen[0] > 0 && seen[1] > 0 && seen[2] == 0))
        printf("first %ld second %ld other %ld\n", seen[0], seen[1], seen[2]);
}

int main(void) {
    in_place();
    two_maps();
    protect_cycles();
    across_pages();
    patched_by_another_thread();
    return 0;
}
