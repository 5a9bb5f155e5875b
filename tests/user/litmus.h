/* What memory-order litmus tests share: cells, and threads that run a test over them in step. */
#ifndef LITMUS_H
#define LITMUS_H
#include "guest.h"
#include <pthread.h>

/* Each test runs its threads in step over an array of cells, so that many trials share one start. */
enum { CELLS = 4000, ROUNDS = 12, SPACING = 16 };
static uint64_t x[CELLS * SPACING], y[CELLS * SPACING];
static uint64_t seen[4][CELLS];
static int arrived, generation;

static void meet(int threads) {
    int mine = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        arrived = 0;
        __atomic_store_n(&generation, mine + 1, __ATOMIC_RELEASE);
    } else {
        int spins = 0;
        while (__atomic_load_n(&generation, __ATOMIC_ACQUIRE) == mine)
            if (++spins > 200)
                sched_yield();
    }
}

typedef void (*step)(int cell, int thread);

static step current;
static int threads_of_test;

static void *body(void *argument) {
    int me = (int)(long)argument;
    for (int round = 0; round < ROUNDS; round++) {
        meet(threads_of_test);
        for (int i = 0; i < CELLS; i++)
            current(i, me);
        meet(threads_of_test);
        meet(threads_of_test);
    }
    return NULL;
}

static void run(const char *name, step test, int threads, int (*forbidden)(int)) {
    current = test;
    threads_of_test = threads + 1;
    pthread_t thread[4];
    for (long i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, body, (void *)i);
    long bad = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        meet(threads_of_test);
        meet(threads_of_test);
        for (int i = 0; i < CELLS; i++)
            bad += forbidden(i);
        meet(threads_of_test);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("%s: forbidden outcomes %ld\n", name, bad);
}

#endif
