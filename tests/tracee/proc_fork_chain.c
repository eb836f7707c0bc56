/* A chain of twenty generations: each child forks the next and passes its exit status up. */
#include "tests/tracee/proc.h"

int main(void)
{
    pid_t first = getpid();
    int generation = 0;
    while (generation < 20) {
        pid_t parent = getpid(), pid = start();
        if (pid) {
            int status = ended(pid);
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 20 - generation - 1);
            if (getpid() == first)
                break;
            _exit(20 - generation);
        }
        CHECK(getppid() == parent);
        generation++;
    }
    if (generation == 20)
        _exit(0);
    return passed();
}
