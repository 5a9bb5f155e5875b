// Threads that come and go, map and unmap, fork, take signals and compute, all at once.
// flags: -pthread
// timeout: 90
#include "guest.h"
#include <pthread.h>

static volatile int stop;
static volatile long signals_taken;
static long forks_good, maps_good, created;
static __thread uint64_t own;

static void note(int number, siginfo_t *info, void *context) { __atomic_fetch_add(&signals_taken, 1, __ATOMIC_RELAXED); }

static uint64_t compute(uint64_t x, int n) {
    for (int i = 0; i < n; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

static void *brief(void *argument) {
    own = compute((uintptr_t)argument, 1000);
    char *p = malloc(5000);
    memset(p, 1, 5000);
    free(p);
    return (void *)own;
}

static void *creator(void *argument) {
    for (int i = 0; i < 150; i++) {
        pthread_t t[3];
        void *r;
        int good = 1;
        for (long k = 0; k < 3; k++)
            pthread_create(&t[k], NULL, brief, (void *)(k + i));
        for (long k = 0; k < 3; k++) {
            pthread_join(t[k], &r);
            good &= (uint64_t)r == compute(k + i, 1000);
        }
        __atomic_fetch_add(&created, good, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *forker(void *argument) {
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        if (child == 0) {
            char *p = malloc(10000);
            memset(p, i, 10000);
            _exit(compute(i, 500) == compute(i, 500) ? 7 : 8);
        }
        int status;
        while (waitpid(child, &status, 0) == -1 && errno == EINTR)
            ;
        __atomic_fetch_add(&forks_good, WIFEXITED(status) && WEXITSTATUS(status) == 7, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *mapper(void *argument) {
    for (int i = 0; i < 500; i++) {
        size_t size = (1 + i % 50) * 4096;
        unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int good = p != MAP_FAILED;
        for (size_t k = 0; good && k < size; k += 4096)
            p[k] = i;
        mprotect(p, size, PROT_READ);
        for (size_t k = 0; good && k < size; k += 4096)
            good = p[k] == (unsigned char)i;
        p = mremap(p, size, size + 8192, MREMAP_MAYMOVE);
        good = good && p[0] == (unsigned char)i;
        munmap(p, size + 8192);
        __atomic_fetch_add(&maps_good, good, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *signaller(void *argument) {
    while (!stop) {
        kill(getpid(), SIGUSR1);
        sleep_ms(1);
    }
    return NULL;
}

int main(void) {
    on_signal(SIGUSR1, note, SA_RESTART);
    void *(*bodies[])(void *) = {creator, creator, forker, mapper, mapper};
    pthread_t thread[5], sender;
    pthread_create(&sender, NULL, signaller, NULL);
    for (int i = 0; i < 5; i++)
        pthread_create(&thread[i], NULL, bodies[i], NULL);
    for (int i = 0; i < 5; i++)
        pthread_join(thread[i], NULL);
    stop = 1;
    pthread_join(sender, NULL);
    printf("created %ld forks %ld maps %ld\n", created, forks_good, maps_good);
    check("signals taken", signals_taken > 10);
    return 0;
}
