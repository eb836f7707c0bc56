/* epoll: one thread waits on twelve pipes that three threads write to; a thread adds one while it waits. */
#include <sys/epoll.h>

#include "tests/tracee/tasks.h"

enum { PIPES = 12, EACH = 40 };

static int pipes[PIPES][2], ep;

static void add(int i)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[i][0], &ev) == 0);
}

static void *writes(void *arg)
{
    int first = (int)(intptr_t)arg;
    for (int n = 0; n < EACH; n++)
        for (int i = first; i < PIPES; i += 3)
            CHECK(write(pipes[i][1], "x", 1) == 1);
    if (first == 2)
        add(PIPES - 1); /* the last pipe was not watched until now */
    return NULL;
}

int main(void)
{
    ep = epoll_create1(EPOLL_CLOEXEC);
    CHECK(ep >= 0);
    for (int i = 0; i < PIPES; i++) {
        CHECK(pipe(pipes[i]) == 0);
        if (i < PIPES - 1)
            add(i);
    }
    pthread_t threads[3];
    for (intptr_t i = 0; i < 3; i++)
        threads[i] = start(writes, (void *)i);
    int got[PIPES] = {0}, total = 0;
    while (total < PIPES * EACH) {
        struct epoll_event events[4];
        int n = epoll_wait(ep, events, 4, -1);
        CHECK(n > 0);
        for (int i = 0; i < n; i++) {
            char buf[7];
            ssize_t r = read(pipes[events[i].data.u32][0], buf, sizeof(buf));
            CHECK(r > 0);
            got[events[i].data.u32] += (int)r;
            total += (int)r;
        }
    }
    for (int i = 0; i < PIPES; i++)
        CHECK(got[i] == EACH);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    struct epoll_event none;
    CHECK(epoll_wait(ep, &none, 1, 0) == 0);
    return passed();
}
