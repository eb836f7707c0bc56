/* epoll, poll, ppoll, select, pselect, eventfd, timerfd, signalfd: ready, not ready, timeouts. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    int p[2], ev = eventfd(3, EFD_NONBLOCK);
    uint64_t v;
    CHECK(pipe(p) == 0 && ev >= 0);
    struct pollfd f[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 7}};
    CHECK(poll(f, 3, 0) == 1 && f[0].revents == 0 && f[1].revents == POLLOUT && f[2].revents == 0);
    CHECK(poll(f, 1, 10) == 0 && write(p[1], "x", 1) == 1 &&
          ppoll(f, 1, &(struct timespec){1, 0}, NULL) == 1 && f[0].revents == POLLIN);
    fd_set rd, wr;
    FD_ZERO(&rd);
    FD_ZERO(&wr);
    FD_SET(p[0], &rd);
    FD_SET(ev, &rd);
    FD_SET(p[1], &wr);
    struct timeval tv = {0, 1000};
    CHECK(select(64, &rd, &wr, NULL, &tv) == 3 && FD_ISSET(p[0], &rd) && FD_ISSET(p[1], &wr));
    char c;
    CHECK(read(p[0], &c, 1) == 1 && read(ev, &v, 8) == 8 && v == 3 && read(ev, &v, 8) == -1 &&
          errno == EAGAIN);
    FD_ZERO(&rd);
    FD_SET(p[0], &rd);
    tv = (struct timeval){0, 2000};
    CHECK(select(p[0] + 1, &rd, NULL, NULL, &tv) == 0 && !FD_ISSET(p[0], &rd) && tv.tv_usec == 0);
    CHECK(pselect(p[0] + 1, NULL, NULL, NULL, &(struct timespec){0, 1000}, NULL) == 0);
    int ep = epoll_create1(EPOLL_CLOEXEC), tfd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, got[8];
    CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0 && epoll_wait(ep, got, 8, 0) == 0);
    CHECK(write(p[1], "y", 1) == 1 && epoll_wait(ep, got, 8, -1) == 1 &&
          got[0].data.u64 == 0x1122334455667788);
    CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0 && epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == -1 &&
          errno == ENOENT);
    e.data.u64 = 9;
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &e) == 0);
    CHECK(timerfd_settime(tfd, 0, &(struct itimerspec){.it_value = {0, 3000000}}, NULL) == 0);
    CHECK(epoll_pwait(ep, got, 8, 1000, NULL) == 1 && got[0].data.u64 == 9 && read(tfd, &v, 8) == 8 &&
          v == 1);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int sfd = signalfd(-1, &set, SFD_CLOEXEC);
    struct signalfd_siginfo si;
    CHECK(sfd >= 0 && raise(SIGUSR1) == 0 && read(sfd, &si, sizeof(si)) == sizeof(si) &&
          si.ssi_signo == SIGUSR1);
    return passed();
}
