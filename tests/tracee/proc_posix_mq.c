/* POSIX message queues between processes: priorities, full and empty, attributes. */
#include <mqueue.h>

#include "tests/tracee/proc.h"

int main(void)
{
    char name[64], text[32] = "";
    unsigned priority;
    snprintf(name, sizeof(name), "/tracee-mq-%d", (int)getpid());
    struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 32};
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a);
    if (q < 0)
        skip("no POSIX message queues here");
    CHECK(mq_unlink(name) == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(mq_receive(q, text, sizeof(text), &priority) == 4 && priority == 9 && !strcmp(text, "end"));
        CHECK(mq_send(q, "answer", 7, 1) == 0);
        _exit(0);
    }
    CHECK(mq_send(q, "end", 4, 9) == 0);
    expect_exit(pid, 0);
    CHECK(mq_receive(q, text, sizeof(text), &priority) == 7 && priority == 1 && !strcmp(text, "answer"));
    for (unsigned i = 0; i < 3; i++)
        CHECK(mq_send(q, "x", 1, i) == 0);
    struct timespec past = {1, 0};
    CHECK(mq_timedsend(q, "y", 1, 0, &past) == -1 && errno == ETIMEDOUT);
    CHECK(mq_getattr(q, &a) == 0 && a.mq_curmsgs == 3 && a.mq_maxmsg == 3);
    CHECK(mq_receive(q, text, sizeof(text), &priority) == 1 && priority == 2 && mq_close(q) == 0);
    return passed();
}
