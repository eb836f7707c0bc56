/* A vfork child that waits for its sibling: the parent stays behind, others run. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate to_child = gate_make(), to_sibling = gate_make();
    static volatile int value;
    pid_t sibling = start();
    if (sibling == 0) {
        gate_wait(to_sibling);
        gate_open(to_child);
        _exit(0);
    }
    pid_t pid = vfork();
    if (pid == 0) {
        char c;
        if (write(to_sibling.fd[1], "g", 1) != 1 || read(to_child.fd[0], &c, 1) != 1)
            _exit(1);
        value = 5;
        _exit(5);
    }
    CHECK(pid > 0 && value == 5);
    expect_exit(pid, 5);
    expect_exit(sibling, 0);
    return passed();
}
