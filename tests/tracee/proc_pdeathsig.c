/* PR_SET_PDEATHSIG: the end of the parent is a signal to the child; cleared by fork. */
#include <sys/prctl.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int status, signo = -1;
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    struct gate ready = gate_make();
    pid_t *grandchild = shared_pages(4096), pid = start();
    if (pid == 0) {
        pid_t inner = start();
        if (inner == 0) {
            CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && prctl(PR_GET_PDEATHSIG, &signo) == 0 &&
                  signo == SIGTERM);
            pid_t next = start();
            if (next == 0)
                _exit(prctl(PR_GET_PDEATHSIG, &signo) == 0 && signo == 0 ? 0 : 1);
            expect_exit(next, 0);
            gate_open(ready);
            for (;;)
                pause();
        }
        *grandchild = inner;
        gate_wait(ready);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(waitpid(*grandchild, &status, 0) == *grandchild && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGTERM);
    return passed();
}
