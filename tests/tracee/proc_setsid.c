/* setsid: a new session and group without a terminal; a group leader may not. */
#include "tests/tracee/proc.h"

int main(void)
{
    pid_t session = getsid(0), pid = start();
    if (pid == 0) {
        CHECK(getsid(0) == session && setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
        CHECK(setsid() == -1 && errno == EPERM && setpgid(0, 0) == -1 && errno == EPERM);
        CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
        pid_t inner = start();
        if (inner == 0) {
            CHECK(getsid(0) == getppid() && setpgid(0, 0) == 0 && setsid() == -1 && errno == EPERM);
            _exit(0);
        }
        expect_exit(inner, 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(getsid(0) == session);
    return passed();
}
