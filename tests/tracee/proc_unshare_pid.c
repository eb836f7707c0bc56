/* A pid namespace: the first child is process 1, its orphans come to it, its end kills them all. */
#include "tests/tracee/proc.h"

static int init(void)
{
    struct gate g = gate_make();
    CHECK(getpid() == 1 && getppid() == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(getpid() == 2 && getppid() == 1);
        if (start() == 0) {
            while (getppid() != 1)
                sched_yield();
            CHECK(getpid() == 3);
            gate_open(g);
            for (;;)
                pause();
        }
        _exit(4);
    }
    expect_exit(pid, 4);
    gate_wait(g);
    return 12;
}

int main(void)
{
    pid_t pid = start();
    if (pid == 0) {
        if (unshare(CLONE_NEWPID) < 0)
            _exit(77);
        pid_t first = start();
        if (first == 0)
            _exit(init());
        CHECK(first != 1);
        expect_exit(first, 12);
        CHECK(fork() == -1 && errno == ENOMEM);
        _exit(0);
    }
    int status = ended(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip("pid namespaces are not allowed here");
    CHECK(status == 0);
    return passed();
}
