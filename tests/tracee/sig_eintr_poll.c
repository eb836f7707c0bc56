/* poll, ppoll, select, pselect, epoll_wait end with EINTR, with SA_RESTART too. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static void interrupted(long got) { CHECK(got == -1 && errno == EINTR); }

int main(void)
{
    int fds[2], ep = epoll_create1(0);
    CHECK(pipe(fds) == 0 && ep >= 0);
    struct epoll_event ev = {.events = EPOLLIN};
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev) == 0);
    for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
        struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
        CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
        every_us(ITIMER_REAL, 2000);
        struct pollfd p = {.fd = fds[0], .events = POLLIN};
        interrupted(poll(&p, 1, -1));
        interrupted(poll(NULL, 0, 100000));
        interrupted(ppoll(&p, 1, NULL, NULL));
        interrupted(ppoll(&p, 1, &(struct timespec){100, 0}, NULL));
        fd_set set;
        FD_ZERO(&set);
        FD_SET(fds[0], &set);
        interrupted(select(fds[0] + 1, &set, NULL, NULL, NULL));
        CHECK(FD_ISSET(fds[0], &set)); /* untouched */
        interrupted(select(0, NULL, NULL, NULL, &(struct timeval){100, 0}));
        interrupted(pselect(fds[0] + 1, &set, NULL, NULL, NULL, NULL));
        interrupted(epoll_wait(ep, &ev, 1, -1));
        interrupted(epoll_wait(ep, &ev, 1, 100000));
        every_us(ITIMER_REAL, 0);
    }
    CHECK(count >= 18);
    return passed();
}
