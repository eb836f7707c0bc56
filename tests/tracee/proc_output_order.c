/* Parent and child write to one standard output in turns: the order of the lines is the order of the writes. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate up = gate_make(), down = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        for (int i = 0; i < 10; i++) {
            gate_wait(down);
            say("child %d\n", i);
            gate_open(up);
        }
        _exit(0);
    }
    for (int i = 0; i < 10; i++) {
        say("parent %d\n", i);
        gate_open(down);
        gate_wait(up);
    }
    expect_exit(pid, 0);
    return passed();
}
