// mq_notify: a signal when a message comes to an empty queue, once; one registration at a time.
// peer: mq_notify is missing
// flags: -lrt -pthread
#include "guest.h"
#include <mqueue.h>

static volatile int value, code, count;

static void on_notify(int number, siginfo_t *info, void *context) {
    value = info->si_value.sival_int;
    code = info->si_code;
    count++;
}

int main(void) {
    char name[64], text[64];
    snprintf(name, sizeof name, "/notify-%d", getpid());
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
    mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    mq_unlink(name);
    on_signal(SIGUSR1, on_notify, 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 33}};
    check("mq_notify", mq_notify(queue, &event) == 0);
    CHECK_ERRNO("registered already", mq_notify(queue, &event), EBUSY);
    mq_send(queue, "first", 6, 1);
    printf("notified %d value %d code %d\n", count, value, code);
    mq_send(queue, "second", 7, 1);
    mq_receive(queue, text, sizeof text, NULL);
    mq_receive(queue, text, sizeof text, NULL);
    mq_send(queue, "third", 6, 1);
    printf("once only: %d\n", count);
    check("registered again and withdrawn", mq_notify(queue, &event) == 0 && mq_notify(queue, NULL) == 0);
    return 0;
}
