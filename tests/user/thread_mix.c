// flags: -pthread
// Everything threads do, briefly, to be run many times: mutex, condition, atomics, creation and exit, signals to threads.
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS = 4, ROUNDS = 200, ITEMS = 300 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long guarded;
static atomic_long counted, handled;
static int box_full, box;
static _Thread_local long own;

static void *count(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        guarded++;
        pthread_mutex_unlock(&lock);
        atomic_fetch_add(&counted, 1);
        own++;
    }
    return (void *)(own + (long)argument);
}

static void counters(void) {
    pthread_t t[THREADS];
    long sum = 0;
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, count, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(t[i], &result);
        sum += (long)result;
    }
    printf("counters: %ld %ld %ld\n", guarded, counted, sum);
}

static void *take(void *sum) {
    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&lock);
        while (!box_full)
            pthread_cond_wait(&changed, &lock);
        *(long *)sum += box;
        box_full = 0;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void conditions(void) {
    long sum = 0;
    pthread_t t;
    pthread_create(&t, NULL, take, &sum);
    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&lock);
        while (box_full)
            pthread_cond_wait(&changed, &lock);
        box = i, box_full = 1;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    pthread_join(t, NULL);
    printf("condition: %ld\n", sum);
}

static void *end_at_once(void *n) {
    if ((long)n % 2)
        pthread_exit(n);
    return n;
}

static void short_lives(void) {
    long sum = 0;
    for (long i = 0; i < 40; i++) {
        pthread_t t;
        void *result;
        pthread_create(&t, NULL, end_at_once, (void *)i);
        pthread_join(t, &result);
        sum += (long)result;
    }
    printf("short lives: %ld\n", sum);
}

static void handler(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    atomic_fetch_add(&handled, 1);
}

static atomic_int stop;

static void *work_until_told(void *unused) {
    (void)unused;
    volatile long work = 0;
    while (!stop)
        work++;
    return NULL;
}

static void signals(void) {
    pthread_t t[2];
    on_signal(SIGRTMIN, handler, SA_RESTART);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, work_until_told, NULL);
    for (int i = 0; i < 50; i++) /* queued: none is lost */
        pthread_kill(t[i % 2], SIGRTMIN);
    while (handled < 50)
        sched_yield();
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    printf("signals: %ld\n", handled);
}

int main(void) {
    counters();
    conditions();
    short_lives();
    signals();
    return 0;
}
