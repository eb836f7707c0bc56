/* O_NONBLOCK set by the child holds for the parent too: one open file. */
#include <poll.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int p[2];
    char c;
    CHECK(pipe(p) == 0);
    pid_t pid = start();
    if (pid == 0)
        _exit(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : 1);
    expect_exit(pid, 0);
    CHECK(read(p[0], &c, 1) == -1 && errno == EAGAIN);
    pid = start();
    if (pid == 0)
        _exit(write(p[1], "z", 1) == 1 ? 0 : 1);
    struct pollfd in = {p[0], POLLIN, 0};
    CHECK(poll(&in, 1, -1) == 1 && read(p[0], &c, 1) == 1 && c == 'z');
    expect_exit(pid, 0);
    return passed();
}
