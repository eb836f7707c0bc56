/* CLONE_PIDFD: a descriptor that becomes readable at the child's end. */
#include <poll.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct gate g = gate_make();
    int fd = -1;
    long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, 0);
    if (pid == 0) {
        gate_wait(g);
        _exit(9);
    }
    CHECK(pid > 0 && fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(poll(&p, 1, 0) == 0);
    gate_open(g);
    CHECK(poll(&p, 1, -1) == 1 && (p.revents & POLLIN));
    siginfo_t si;
    CHECK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED) == 0 && si.si_status == 9 && si.si_pid == pid);
    return passed();
}
