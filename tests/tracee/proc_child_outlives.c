/* The first process ends before its child: the run goes on until the pipe of the last one is closed. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate g = gate_make();
    pid_t parent = getpid();
    if (start() == 0) {
        gate_wait(g);
        while (getppid() == parent)
            sched_yield();
        for (volatile int i = 0; i < 100000; i++)
            ;
        _exit(0);
    }
    gate_open(g);
    return passed();
}
