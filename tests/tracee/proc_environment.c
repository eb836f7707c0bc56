/* The environment: inherited over fork, private afterwards, given to exec. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        CHECK(!strcmp(getenv("TRACEE_A"), "child") && !getenv("TRACEE_B") && !getenv("PATH"));
        _exit(4);
    }
    CHECK(!setenv("TRACEE_A", "parent", 1) && !setenv("TRACEE_B", "parent", 1));
    pid_t pid = start();
    if (pid == 0) {
        CHECK(!strcmp(getenv("TRACEE_A"), "parent"));
        CHECK(!unsetenv("TRACEE_B") && clearenv() == 0 && !setenv("TRACEE_A", "child", 1));
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    expect_exit(pid, 4);
    CHECK(!strcmp(getenv("TRACEE_A"), "parent") && !strcmp(getenv("TRACEE_B"), "parent"));
    return passed();
}
