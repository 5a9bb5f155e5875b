// Threads: create, join, detach, thread-local storage, mutexes, condition variables, barriers, cancellation.
// variants: static dynamic
// flags: -pthread
#include "guest.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;
static __thread long own = 100;
static __thread char own_zero[300];
static long atomic_counter;

static void *adder(void *argument) {
    long n = (long)argument;
    for (long i = 0; i < n; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        __atomic_fetch_add(&atomic_counter, 3, __ATOMIC_RELAXED);
        own++;
    }
    for (unsigned i = 0; i < sizeof own_zero; i++)
        if (own_zero[i])
            return (void *)-1;
    return (void *)own;
}

static void counting(void) {
    pthread_t thread[8];
    for (long i = 0; i < 8; i++)
        pthread_create(&thread[i], NULL, adder, (void *)(5000 + i));
    long sum = 0;
    for (int i = 0; i < 8; i++) {
        void *result;
        pthread_join(thread[i], &result);
        sum += (long)result;
    }
    printf("counter %ld atomic %ld thread-local sum %ld own %ld\n", counter, atomic_counter, sum, own);
}

static int turn;
static void *player(void *argument) {
    int me = (int)(long)argument;
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        while (turn % 2 != me)
            pthread_cond_wait(&changed, &lock);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void ping_pong(void) {
    pthread_t other;
    pthread_create(&other, NULL, player, (void *)1);
    player((void *)0);
    pthread_join(other, NULL);
    printf("turns %d\n", turn);
    struct timespec past;
    clock_gettime(CLOCK_REALTIME, &past);
    past.tv_nsec += 20000000;
    if (past.tv_nsec >= 1000000000)
        past.tv_sec++, past.tv_nsec -= 1000000000;
    pthread_mutex_lock(&lock);
    check("timed wait times out", pthread_cond_timedwait(&changed, &lock, &past) == ETIMEDOUT);
    pthread_mutex_unlock(&lock);
}

static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int phase[4], serial, shared_value, mismatches;

static void *phased(void *argument) {
    long me = (long)argument;
    for (int round = 1; round <= 50; round++) {
        phase[me] = round;
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED);
        for (int i = 0; i < 4; i++)
            if (phase[i] != round)
                __atomic_fetch_add(&mismatches, 1, __ATOMIC_RELAXED);
        pthread_barrier_wait(&barrier);
        if (me == 0) {
            pthread_rwlock_wrlock(&rwlock);
            shared_value += 2;
            pthread_rwlock_unlock(&rwlock);
        } else {
            pthread_rwlock_rdlock(&rwlock);
            if (shared_value & 1)
                __atomic_fetch_add(&mismatches, 1, __ATOMIC_RELAXED);
            pthread_rwlock_unlock(&rwlock);
        }
    }
    return NULL;
}

static void barriers(void) {
    pthread_barrier_init(&barrier, NULL, 4);
    pthread_t thread[4];
    for (long i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, phased, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    printf("barrier: serial %d mismatches %d value %d\n", serial, mismatches, shared_value);
}

static int cleaned;
static void clean(void *argument) { cleaned++; }
static sem_t started;

static void *sleeper(void *argument) {
    pthread_cleanup_push(clean, NULL);
    sem_post(&started);
    sleep(100);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *spinner(void *argument) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(clean, NULL);
    sem_post(&started);
    for (;;)
        __asm__ volatile("");
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancellation(void) {
    sem_init(&started, 0, 0);
    void *(*bodies[])(void *) = {sleeper, spinner};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, bodies[i], NULL);
        sem_wait(&started);
        pthread_cancel(thread);
        void *result;
        pthread_join(thread, &result);
        check(i ? "asynchronous cancel" : "cancel in sleep", result == PTHREAD_CANCELED && cleaned == i + 1);
    }
}

static pthread_t main_thread;
static volatile int handled_by_target;
static volatile int let_go;
static void note_thread(int number, siginfo_t *info, void *context) {
    handled_by_target = !pthread_equal(pthread_self(), main_thread);
}

static void *signal_target(void *argument) {
    sem_post(&started);
    while (!let_go)
        sleep_ms(1);
    return NULL;
}

static void directed_signal(void) {
    main_thread = pthread_self();
    on_signal(SIGUSR1, note_thread, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, signal_target, NULL);
    sem_wait(&started);
    pthread_kill(thread, SIGUSR1);
    for (int i = 0; i < 5000 && !handled_by_target; i++)
        sleep_ms(1);
    check("pthread_kill reaches the thread", handled_by_target);
    let_go = 1;
    pthread_join(thread, NULL);
}

static void *quick(void *argument) {
    __atomic_fetch_add((int *)argument, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void many(void) {
    int done = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    for (int i = 0; i < 300; i++) {
        pthread_t thread;
        while (pthread_create(&thread, &attributes, quick, &done))
            sleep_ms(1);
    }
    for (int i = 0; i < 10000 && __atomic_load_n(&done, __ATOMIC_ACQUIRE) < 300; i++)
        sleep_ms(1);
    printf("detached threads done %d\n", done);
}

int main(void) {
    counting();
    ping_pong();
    barriers();
    cancellation();
    directed_signal();
    many();
    return 0;
}
