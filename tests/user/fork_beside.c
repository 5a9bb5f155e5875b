// Children of forks go on, whatever the other threads were doing at that moment: here calls and small mappings without end.
// flags: -pthread
// timeout: 90
#include "guest.h"
#include <pthread.h>
#include <sys/resource.h>

static volatile int stop;

static void *caller(void *argument) {
    struct rlimit limit;
    while (!stop) {
        getppid();
        getrlimit(RLIMIT_CORE, &limit);
    }
    return NULL;
}

static void *mapper(void *argument) {
    while (!stop) {
        void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *(volatile char *)p = 1;
        munmap(p, 8192);
    }
    return NULL;
}

int main(void) {
    void *(*bodies[])(void *) = {caller, caller, mapper};
    pthread_t thread[3];
    int good = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, bodies[i], NULL);
    for (int i = 0; i < 400; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit;
            getrlimit(RLIMIT_CORE, &limit);
            _exit(getppid() != 1 ? 7 : 8);
        }
        int status;
        waitpid(child, &status, 0);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 7;
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    printf("children: %d\n", good);
    return 0;
}
