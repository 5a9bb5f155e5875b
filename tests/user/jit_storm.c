// Code rewritten by one thread while others run what is published: each caller sees a whole version that is at least as new as promised.
// arch: aarch64
// flags: -pthread
// timeout: 60
#include "guest.h"
#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <pthread.h>

enum { SLOTS = 8, SLOT_WORDS = 16, GENERATIONS = 3000, CALLERS = 3 };
typedef uint64_t (*function)(void);
static uint32_t *writable, *executable;
static _Atomic uint64_t published; /* generation << 8 | slot */
static volatile int stop;
static _Atomic uint64_t in_use[SLOTS];
static long wrong, calls;

/* Returns its generation, computed over several instructions so that a mixture of two versions shows. */
static void emit(uint32_t *code, uint32_t generation) {
    uint32_t low = generation & 0xffff, high = generation >> 16;
    uint32_t words[] = {
        0xd2800000u | low << 5,          /* mov x0, #low */
        0xf2a00000u | high << 5,         /* movk x0, #high, lsl #16 */
        0xd2800001u | low << 5,          /* mov x1, #low */
        0xf2a00001u | high << 5,         /* movk x1, #high, lsl #16 */
        0xca010002u,                     /* eor x2, x0, x1 */
        0x8b028000u,                     /* add x0, x0, x2, lsl #32 */
        0xd65f03c0u,                     /* ret */
    };
    memcpy(code, words, sizeof words);
}

static void *caller(void *argument) {
    while (!stop) {
        uint64_t p = atomic_load(&published);
        unsigned slot = p & 0xff;
        atomic_fetch_add(&in_use[slot], 1);
        if (atomic_load(&published) == p) {
            __asm__ volatile("isb" : : : "memory");
            uint64_t got = ((function)(executable + slot * SLOT_WORDS))();
            if (got != p >> 8)
                __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
            __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
        }
        atomic_fetch_sub(&in_use[slot], 1);
    }
    return NULL;
}

int main(void) {
    int fd = memfd_create("code", 0);
    ftruncate(fd, 4096);
    writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    executable = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    emit(writable, 1);
    __builtin___clear_cache((char *)executable, (char *)executable + 4096);
    atomic_store(&published, 1 << 8);
    pthread_t thread[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        pthread_create(&thread[i], NULL, caller, NULL);
    for (uint32_t generation = 2; generation < GENERATIONS; generation++) {
        unsigned slot = generation % SLOTS;
        while (atomic_load(&in_use[slot]))
            sched_yield();
        uint32_t *code = executable + slot * SLOT_WORDS;
        emit(writable + slot * SLOT_WORDS, generation * 977);
        __builtin___clear_cache((char *)code, (char *)(code + SLOT_WORDS));
        atomic_store(&published, (uint64_t)(generation * 977) << 8 | slot);
        if (generation % 16 == 0)
            sched_yield();
    }
    stop = 1;
    for (int i = 0; i < CALLERS; i++)
        pthread_join(thread[i], NULL);
    printf("wrong results %ld\n", wrong);
    check("calls were made", calls > 100);
    return 0;
}
