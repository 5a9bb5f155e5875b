// A robust mutex whose owner died gives EOWNERDEAD, in a thread and across processes.
// flags: -pthread
// peer: robust futex lists are missing
// base: the kernel releases the locks of a killed process and cannot follow guest addresses
#include "guest.h"
#include <pthread.h>

static void *dies_holding(void *mutex) {
    pthread_mutex_lock(mutex);
    return NULL;
}

int main(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(mutex, &attributes);
    pthread_t thread;
    pthread_create(&thread, NULL, dies_holding, mutex);
    pthread_join(thread, NULL);
    printf("after a thread: %s\n", pthread_mutex_lock(mutex) == EOWNERDEAD ? "EOWNERDEAD" : "other");
    check("made consistent", pthread_mutex_consistent(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(mutex);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    printf("after a killed process: %s\n", pthread_mutex_lock(mutex) == EOWNERDEAD ? "EOWNERDEAD" : "other");
    pthread_mutex_unlock(mutex);
    printf("not made consistent: %s\n", pthread_mutex_lock(mutex) == ENOTRECOVERABLE ? "ENOTRECOVERABLE" : "other");
    return 0;
}
