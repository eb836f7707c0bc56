/* pselect, ppoll and epoll_pwait let a blocked signal in for the wait alone; without one they see their input. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "tests/tracee/tasks.h"

static volatile int count;
static int fds[2], acks[2], ep;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static int sends(void)
{
    for (int i = 0; i < 3; i++)
        CHECK(kill(getppid(), SIGUSR1) == 0 && read(acks[0], &(char){0}, 1) == 1);
    return 0;
}

static int wait_with(int how, const sigset_t *mask, const struct timespec *timeout)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    struct epoll_event ev;
    return how == 0   ? pselect(fds[0] + 1, &set, NULL, NULL, timeout, mask)
           : how == 1 ? ppoll(&p, 1, timeout, mask)
                      : epoll_pwait(ep, &ev, 1, timeout ? 0 : -1, mask);
}

int main(void)
{
    sigset_t none;
    sigemptyset(&none);
    CHECK(pipe(fds) == 0 && pipe(acks) == 0 && (ep = epoll_create1(0)) >= 0);
    struct epoll_event ev = {.events = EPOLLIN};
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev) == 0);
    signal(SIGUSR1, handler);
    mask_signal(SIG_BLOCK, SIGUSR1);
    pid_t pid = spawn(sends);
    for (int how = 0; how < 3; how++) {
        CHECK(wait_with(how, &none, NULL) == -1 && errno == EINTR && count == how + 1);
        CHECK(wait_with(how, NULL, &(struct timespec){0, 0}) == 0);
        CHECK(write(acks[1], "x", 1) == 1);
    }
    CHECK(reap(pid) == 0);
    for (int how = 0; how < 3; how++) {
        CHECK(write(fds[1], "x", 1) == 1 && wait_with(how, &none, NULL) == 1);
        CHECK(read(fds[0], &(char){0}, 1) == 1);
        CHECK(wait_with(how, &none, &(struct timespec){0, 0}) == 0);
    }
    printf("%d\n", count);
    return passed();
}
