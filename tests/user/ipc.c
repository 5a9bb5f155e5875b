// System V and POSIX interprocess communication: shared memory, semaphores, messages, queues; layouts differ between architectures.
// variants: static dynamic
// flags: -pthread -lrt
#include "guest.h"
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static void shared_memory(void) {
    int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0640);
    check("shmget", id >= 0);
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
    check("shmat twice", a != (void *)-1 && b != (void *)-1 && a != b);
    strcpy(a + 5000, "seen through both");
    printf("%s\n", b + 5000);
    struct shmid_ds info;
    check("IPC_STAT", shmctl(id, IPC_STAT, &info) == 0);
    printf("size %zu attached %lu mode %o mine %d\n", info.shm_segsz, (unsigned long)info.shm_nattch, info.shm_perm.mode & 0777,
           info.shm_cpid == getpid());
    pid_t child = fork();
    if (child == 0) {
        strcpy(a, "from the child");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("%s\n", b);
    check("shmdt", shmdt(a) == 0 && shmdt(b) == 0);
    CHECK_ERRNO("shmdt again", shmdt(a), EINVAL);
    check("IPC_RMID", shmctl(id, IPC_RMID, NULL) == 0);
    void *place = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    CHECK_ERRNO("shmat over a map", (long)shmat(id, place, 0), EINVAL);
    check("SHM_REMAP", shmat(id, place, SHM_REMAP) == place);
    shmctl(id, IPC_RMID, NULL);
}

static void semaphores(void) {
    int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    unsigned short values[3] = {1, 2, 3}, back[3] = {0};
    check("SETALL", semctl(id, 0, SETALL, (union semun){.array = values}) == 0);
    struct sembuf operations[2] = {{0, -1, 0}, {2, 4, 0}};
    check("semop", semop(id, operations, 2) == 0);
    semctl(id, 0, GETALL, (union semun){.array = back});
    printf("values %d %d %d\n", back[0], back[1], back[2]);
    CHECK_ERRNO("would block", semop(id, &(struct sembuf){0, -1, IPC_NOWAIT}, 1), EAGAIN);
    CHECK_ERRNO("semtimedop", semtimedop(id, &(struct sembuf){0, -1, 0}, 1, &(struct timespec){0, 20000000}), EAGAIN);
    struct semid_ds info;
    check("IPC_STAT", semctl(id, 0, IPC_STAT, (union semun){.buf = &info}) == 0 && info.sem_nsems == 3);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(30);
        semop(id, &(struct sembuf){0, 1, 0}, 1);
        _exit(0);
    }
    check("waits for the child", semop(id, &(struct sembuf){0, -1, 0}, 1) == 0 && semctl(id, 0, GETPID) == getpid());
    waitpid(child, NULL, 0);
    semctl(id, 0, IPC_RMID);
}

static void messages(void) {
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    struct {
        long type;
        char text[32];
    } message;
    for (int i = 1; i <= 3; i++) {
        message.type = i;
        snprintf(message.text, sizeof message.text, "message %d", i);
        check("msgsnd", msgsnd(id, &message, strlen(message.text) + 1, 0) == 0);
    }
    ssize_t n = msgrcv(id, &message, sizeof message.text, 2, 0);
    printf("by type: %zd %ld %s\n", n, message.type, message.text);
    n = msgrcv(id, &message, sizeof message.text, -3, 0);
    printf("lowest: %zd %ld %s\n", n, message.type, message.text);
    CHECK_ERRNO("none of type 7", msgrcv(id, &message, 32, 7, IPC_NOWAIT), ENOMSG);
    struct msqid_ds info;
    check("IPC_STAT", msgctl(id, IPC_STAT, &info) == 0 && info.msg_qnum == 1);
    msgctl(id, IPC_RMID, NULL);
}

static void posix(void) {
    char name[64];
    snprintf(name, sizeof name, "/guest-%d", getpid());
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
    mqd_t queue = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attributes);
    if (check("mq_open", queue != (mqd_t)-1)) {
        mq_send(queue, "low", 4, 1);
        mq_send(queue, "high", 5, 9);
        char text[64];
        unsigned priority;
        ssize_t n = mq_receive(queue, text, sizeof text, &priority);
        printf("mq_receive %zd %s %u\n", n, text, priority);
        mq_getattr(queue, &attributes);
        printf("mq_getattr %ld %ld %ld nonblock %d\n", attributes.mq_maxmsg, attributes.mq_msgsize, attributes.mq_curmsgs,
               (attributes.mq_flags & O_NONBLOCK) != 0);
        mq_receive(queue, text, sizeof text, NULL);
        CHECK_ERRNO("empty queue", mq_receive(queue, text, sizeof text, NULL), EAGAIN);
        mq_close(queue);
        mq_unlink(name);
    }
    int fd = shm_open(name, O_CREAT | O_RDWR, 0600);
    check("shm_open", fd >= 0 && ftruncate(fd, 4096) == 0);
    sem_t *semaphore = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(semaphore, 1, 0);
    pid_t child = fork();
    if (child == 0) {
        sem_post(semaphore);
        _exit(0);
    }
    check("shared sem_wait", sem_wait(semaphore) == 0);
    waitpid(child, NULL, 0);
    shm_unlink(name);
}

int main(void) {
    shared_memory();
    semaphores();
    messages();
    posix();
    return 0;
}
