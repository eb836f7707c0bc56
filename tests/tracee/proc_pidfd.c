/* pidfd_open, pidfd_send_signal, poll, waitid(P_PIDFD) and pidfd_getfd. */
#include <poll.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct gate g = gate_make();
    siginfo_t si;
    pid_t pid = start();
    if (pid == 0) {
        CHECK(dup2(g.fd[0], 123) == 123);
        gate_open(g);
        for (;;)
            pause();
    }
    gate_wait(g);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 && errno == ENOSYS)
        skip("no pidfd_open here");
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(fd >= 0 && poll(&p, 1, 0) == 0);
    CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0);
    long copy = syscall(SYS_pidfd_getfd, fd, 123, 0);
    CHECK((copy >= 0 && close((int)copy) == 0) || errno == ENOSYS || errno == EPERM);
    CHECK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == 0 && poll(&p, 1, -1) == 1);
    CHECK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED) == 0 && si.si_code == CLD_KILLED &&
          si.si_status == SIGTERM);
    CHECK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == -1 && errno == ESRCH);
    CHECK(syscall(SYS_pidfd_open, pid, 0) == -1 && errno == ESRCH);
    return passed();
}
