// Threads that each write code of their own into one page and run it: each sees what it wrote, and no write fails.
// arch: x86_64
// flags: -pthread
// timeout: 60
#include "guest.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 1500 };
typedef long (*function)(long);

static unsigned char *writable, *executable;
static long wrong[THREADS];

/* lea rax, [rdi + value]; ret */
static void write_adder(unsigned char *code, int value) {
    memcpy(code, (unsigned char[]){0x48, 0x8d, 0x87, value, value >> 8, value >> 16, value >> 24, 0xc3}, 8);
}

/* Every third round through the kernel. */
static void write_by_kernel(int pipes[2], unsigned char *code, int value) {
    unsigned char bytes[8];
    write_adder(bytes, value);
    write(pipes[1], bytes, 8);
    if (read(pipes[0], code, 8) != 8)
        printf("read: errno %d\n", errno);
}

static void *writer(void *arg) {
    long n = (long)arg, at = n * 64;
    int pipes[2];
    pipe(pipes);
    for (int i = 0; i < ROUNDS; i++) {
        int value = i * THREADS + n;
        if (i % 3)
            write_adder(writable + at, value);
        else
            write_by_kernel(pipes, writable + at, value);
        for (int k = 0; k < 4; k++)
            wrong[n] += ((function)(executable + at))(5) != value + 5;
    }
    close(pipes[0]);
    close(pipes[1]);
    return NULL;
}

static void race(const char *what) {
    pthread_t threads[THREADS];
    memset(wrong, 0, sizeof wrong);
    for (long n = 0; n < THREADS; n++)
        pthread_create(&threads[n], NULL, writer, (void *)n);
    long all = 0;
    for (long n = 0; n < THREADS; n++) {
        pthread_join(threads[n], NULL);
        all += wrong[n];
    }
    printf("%s: %ld wrong\n", what, all);
}

int main(void) {
    int fd = memfd_create("code", 0);
    ftruncate(fd, 4096);
    writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    executable = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    race("two views");
    writable = executable = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    race("one page");
    return 0;
}
