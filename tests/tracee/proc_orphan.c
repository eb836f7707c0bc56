/* An orphan: its parent ends first, getppid changes, and it still runs to its end. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate report = gate_make(), dead = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        pid_t middle = getpid();
        if (start() == 0) {
            CHECK(close(report.fd[0]) == 0);
            gate_wait(dead);
            CHECK(getppid() != middle);
            gate_open(report);
            _exit(0);
        }
        _exit(3);
    }
    expect_exit(pid, 3);
    gate_open(dead);
    gate_wait(report);
    CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    char c;
    close(report.fd[1]);
    CHECK(read(report.fd[0], &c, 1) == 0);
    return passed();
}
