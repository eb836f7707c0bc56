/* PR_SET_DUMPABLE 0 and no_new_privs: the program still forks and execs. */
#include <sys/prctl.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE) == 1 ? 16 : 1;
    CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(prctl(PR_GET_DUMPABLE) == 0);
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    expect_exit(pid, 16);
    return passed();
}
