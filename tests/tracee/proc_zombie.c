/* A zombie: state Z, still there for kill(0) and its group, its /proc entry without memory; gone after wait. */
#include "tests/tracee/proc.h"

int main(void)
{
    char path[64], link[64];
    pid_t pid = start();
    if (pid == 0)
        _exit(0);
    await_state(pid, 'Z');
    CHECK(kill(pid, 0) == 0 && kill(pid, SIGKILL) == 0 && getpgid(pid) == getpgrp());
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    CHECK(readlink(path, link, sizeof(link)) == -1 && errno == ENOENT);
    expect_exit(pid, 0);
    CHECK(kill(pid, 0) == -1 && errno == ESRCH && state_of(pid) == 0);
    return passed();
}
