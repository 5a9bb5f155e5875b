/* Two threads over one mutex, one atomic counter, and threads that only begin and end. */
#include "kernel.h"
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t counter;
static long steps;

static void *locked(void *argument) {
    for (long n = 0; n < steps; n++) {
        pthread_mutex_lock(&lock);
        counter += n & 7;
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

static void *counted(void *argument) {
    for (long n = 0; n < steps; n++)
        __atomic_fetch_add(&counter, n & 3, __ATOMIC_SEQ_CST);
    return argument;
}

static void *compute(void *argument) {
    uint64_t x = (uintptr_t)argument + 1;
    for (long n = 0; n < steps; n++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    __atomic_fetch_add(&counter, x, __ATOMIC_RELAXED);
    return argument;
}

static uint64_t two(void *(*body)(void *), long count) {
    pthread_t thread[2];
    steps = count;
    for (long i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, body, (void *)i);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    return counter;
}

static uint64_t mutex(long count) { return two(locked, count); }
static uint64_t atomic(long count) { return two(counted, count); }
static uint64_t parallel(long count) { return two(compute, count); }

static void *nothing(void *argument) { return argument; }
static uint64_t create_join(long count) {
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, NULL, nothing, (void *)n);
        pthread_join(thread, &result);
        sum += (uintptr_t)result;
    }
    return sum;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"mutex", mutex}, {"atomic", atomic}, {"parallel", parallel}, {"create-join", create_join}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
