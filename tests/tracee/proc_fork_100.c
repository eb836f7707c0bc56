/* A hundred children, one after the other. */
#include "tests/tracee/proc.h"

int main(void)
{
    int sum = 0;
    for (int i = 0; i < 100; i++) {
        pid_t pid = start();
        if (pid == 0)
            _exit(i);
        int status = ended(pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i);
        sum += WEXITSTATUS(status);
    }
    CHECK(sum == 4950);
    return passed();
}
