/* PR_SET_CHILD_SUBREAPER: orphans of children come to us, and we wait for them. */
#include <sys/prctl.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int on = 0, status;
    pid_t self = getpid(), *orphan = shared_pages(4096);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1);
    struct gate g = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        pid_t inner = start();
        if (inner == 0) {
            gate_wait(g);
            CHECK(getppid() == self);
            _exit(44);
        }
        *orphan = inner;
        _exit(0);
    }
    expect_exit(pid, 0);
    gate_open(g);
    CHECK(wait(&status) == *orphan && WIFEXITED(status) && WEXITSTATUS(status) == 44);
    return passed();
}
