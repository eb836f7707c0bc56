/* A program that uses ptrace on its child: it works or is refused, but the child runs to its end. */
#include <sys/ptrace.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int status;
    struct gate g = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        gate_wait(g);
        _exit(18);
    }
    long r = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
    CHECK(r == 0 || errno == EPERM || errno == ENOSYS);
    if (r == 0) {
        CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0);
        CHECK(waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status));
        CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
    }
    gate_open(g);
    expect_exit(pid, 18);
    return passed();
}
