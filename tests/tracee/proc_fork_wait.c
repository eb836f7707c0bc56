/* fork and wait: two returns, two pids, one parent; memory is private from then on. */
#include "tests/tracee/proc.h"

int main(void)
{
    static int value = 1;
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        CHECK(getppid() == parent && getpid() != parent && value == 1);
        value = 2;
        say("child\n");
        _exit(7);
    }
    int status = 0;
    CHECK(pid != parent && wait(&status) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(value == 1);
    CHECK(wait(&status) == -1 && errno == ECHILD);
    return passed();
}
