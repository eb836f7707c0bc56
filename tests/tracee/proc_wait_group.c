/* waitpid(0) and waitpid(-pgid) wait for one process group only. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate other = gate_make();
    int status;
    pid_t same = start();
    if (same == 0)
        _exit(1);
    pid_t leader = start();
    if (leader == 0) {
        gate_wait(other);
        _exit(2);
    }
    pid_t member = start();
    if (member == 0) {
        gate_wait(other);
        _exit(2);
    }
    CHECK(setpgid(leader, leader) == 0 && setpgid(member, leader) == 0);
    CHECK(waitpid(0, &status, 0) == same && WEXITSTATUS(status) == 1);
    CHECK(waitpid(0, &status, 0) == -1 && errno == ECHILD);
    CHECK(waitpid(-leader, &status, WNOHANG) == 0);
    gate_open(other), gate_open(other);
    CHECK(waitpid(-leader, &status, 0) > 0 && WEXITSTATUS(status) == 2);
    CHECK(waitpid(-leader, &status, 0) > 0 && WEXITSTATUS(status) == 2);
    CHECK(waitpid(-leader, &status, 0) == -1 && errno == ECHILD);
    return passed();
}
