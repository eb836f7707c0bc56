/* setpgid from both sides, joining a group, EACCES after exec, ESRCH and EPERM. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        CHECK(write(100, "g", 1) == 1);
        char c;
        CHECK(read(101, &c, 1) == 1);
        return 0;
    }
    struct gate up = gate_make(), down = gate_make();
    pid_t a = start();
    if (a == 0) {
        CHECK(dup2(up.fd[1], 100) == 100 && dup2(down.fd[0], 101) == 101);
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    pid_t b = start();
    if (b == 0) {
        CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
        gate_wait(down);
        _exit(0);
    }
    while (getpgid(b) != b)
        sched_yield();
    gate_wait(up);
    CHECK(setpgid(a, a) == -1 && errno == EACCES);
    CHECK(setpgid(b, getpgrp()) == 0 && getpgid(b) == getpgrp());
    CHECK(setpgid(b, 0x3ffffff) == -1 && errno == EPERM);
    CHECK(setpgid(1, 0) == -1 && errno == ESRCH && setpgid(0, -1) == -1 && errno == EINVAL);
    gate_open(down), gate_open(down);
    expect_exit(a, 0);
    expect_exit(b, 0);
    return passed();
}
