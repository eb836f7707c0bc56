/* waitpid with WNOHANG: nothing yet, then the status, then ECHILD. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate g = gate_make();
    int status = 77;
    pid_t pid = start();
    if (pid == 0) {
        gate_wait(g);
        _exit(2);
    }
    CHECK(waitpid(pid, &status, WNOHANG) == 0 && status == 77);
    CHECK(waitpid(-1, &status, WNOHANG) == 0);
    gate_open(g);
    pid_t got;
    while ((got = waitpid(pid, &status, WNOHANG)) == 0)
        sched_yield();
    CHECK(got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 2);
    CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
    return passed();
}
