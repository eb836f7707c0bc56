/* Process names: inherited by fork, set by exec, changed by prctl, seen in /proc. */
#include <sys/prctl.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    char name[17] = "";
    (void)argv;
    CHECK(prctl(PR_GET_NAME, name) == 0);
    if (argc > 1)
        return !strcmp(name, "other") ? 2 : 0;
    CHECK(prctl(PR_SET_NAME, "other") == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "other"));
        CHECK(prctl(PR_SET_NAME, "a name that is too long") == 0 && prctl(PR_GET_NAME, name) == 0);
        CHECK(!strcmp(name, "a name that is "));
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    expect_exit(pid, 0);
    CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "other"));
    return passed();
}
