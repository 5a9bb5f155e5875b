// The futex system call itself: wait, wake, requeue, bitset, timeouts, errors, private and shared between processes.
// flags: -pthread
#include "guest.h"
#include <linux/futex.h>
#include <pthread.h>

static uint32_t word, second;
static int woken;

static long futex(uint32_t *at, int op, uint32_t value, const struct timespec *time, uint32_t *other, uint32_t extra) {
    return syscall(SYS_futex, at, op, value, time, other, extra);
}

static void *waiter(void *argument) {
    while (futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EINTR)
        ;
    __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *bit_waiter(void *argument) {
    futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (uint32_t)(long)argument);
    __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void wait_for(int count) {
    for (int i = 0; i < 5000 && __atomic_load_n(&woken, __ATOMIC_SEQ_CST) < count; i++)
        sleep_ms(1);
}

int main(void) {
    struct timespec brief = {0, 20000000};
    CHECK_ERRNO("value differs", futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    int64_t before = monotonic_ns();
    CHECK_ERRNO("times out", futex(&word, FUTEX_WAIT, 0, &brief, NULL, 0), ETIMEDOUT);
    check("after the time", monotonic_ns() - before >= 19000000);
    CHECK_ERRNO("unaligned", futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 0, &brief, NULL, 0), EINVAL);
    CHECK_ERRNO("unmapped", futex((uint32_t *)64, FUTEX_WAIT, 0, &brief, NULL, 0), EFAULT);
    CHECK_ERRNO("no such operation", futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO("bad timeout", futex(&word, FUTEX_WAIT, 0, &(struct timespec){0, 2000000000}, NULL, 0), EINVAL);
    printf("wake of nobody %ld\n", futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, waiter, NULL);
    sleep_ms(100);
    printf("wake one %ld\n", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    wait_for(1);
    printf("requeue %ld\n", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10L, &second, 0));
    wait_for(2);
    printf("woken %d\n", woken);
    printf("wake the requeued %ld\n", futex(&second, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    woken = 0;
    for (long i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, bit_waiter, (void *)(1 + i));
    sleep_ms(100);
    printf("wake bit 2: %ld\n", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2));
    printf("wake bit 1: %ld\n", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 1));
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        while (__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 0)
            futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(8);
    }
    sleep_ms(30);
    __atomic_store_n(shared, 1, __ATOMIC_SEQ_CST);
    futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0);
    int status;
    waitpid(child, &status, 0);
    say_status("between processes", status);
    uint32_t a = 5, b = 10;
    long result = futex(&a, FUTEX_WAKE_OP, 1, (void *)1L, &b, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 10));
    printf("wake op %ld, value %u\n", result, b);
    /* A priority-inheriting lock, uncontended. */
    uint32_t lock = 0;
    result = futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    printf("lock pi %ld owner %d\n", result, lock == (uint32_t)syscall(SYS_gettid));
    result = futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    printf("unlock pi %ld value %u\n", result, lock);
    return 0;
}
