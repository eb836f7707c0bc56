/* One epoll descriptor used by parent and child: level and edge, what one adds the other gets. */
#include <sys/epoll.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int ep = epoll_create1(0), p[2], q[2];
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 1}, got[4];
    CHECK(ep >= 0 && pipe(p) == 0 && pipe(q) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0);
    CHECK(epoll_wait(ep, got, 4, 0) == 0);
    pid_t pid = start();
    if (pid == 0) {
        e = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u32 = 2};
        CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &e) == 0 && write(q[1], "x", 1) == 1 &&
              write(p[1], "x", 1) == 1);
        _exit(0);
    }
    expect_exit(pid, 0);
    int n = epoll_wait(ep, got, 4, -1);
    CHECK(n == 2 && got[0].data.u32 + got[1].data.u32 == 3);
    n = epoll_wait(ep, got, 4, 0);
    CHECK(n == 1 && got[0].data.u32 == 1);
    pid = start();
    if (pid == 0) {
        CHECK(epoll_wait(ep, got, 4, -1) >= 1);
        char c;
        CHECK(read(p[0], &c, 1) == 1 && epoll_ctl(ep, EPOLL_CTL_DEL, q[0], NULL) == 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(epoll_wait(ep, got, 4, 0) == 0 && epoll_ctl(ep, EPOLL_CTL_DEL, q[0], NULL) == -1 &&
          errno == ENOENT);
    return passed();
}
