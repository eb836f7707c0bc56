/* Real, effective and saved ids, groups, and what a child that gave up root may no longer do. */
#include <grp.h>

#include "tests/tracee/proc.h"

int main(void)
{
    if (geteuid() != 0)
        skip("needs root");
    struct gate g = gate_make();
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        uid_t r, e, s;
        gid_t list[4] = {0};
        CHECK(setgroups(2, (gid_t[]){50, 60}) == 0 && getgroups(4, list) == 2 && list[0] == 50 &&
              list[1] == 60);
        CHECK(setresgid(1001, 1002, 1003) == 0 && getgid() == 1001 && getegid() == 1002);
        CHECK(setresuid(1001, 1002, 0) == 0 && getresuid(&r, &e, &s) == 0 && r == 1001 && e == 1002 &&
              s == 0);
        CHECK(seteuid(0) == 0 && setuid(1001) == 0 && geteuid() == 1001);
        CHECK(setuid(0) == -1 && errno == EPERM && kill(parent, SIGUSR1) == -1 && errno == EPERM);
        CHECK(open("/etc/shadow", O_RDONLY) == -1 && errno == EACCES);
        gate_wait(g);
        _exit(0);
    }
    gate_open(g);
    expect_exit(pid, 0);
    CHECK(geteuid() == 0);
    return passed();
}
