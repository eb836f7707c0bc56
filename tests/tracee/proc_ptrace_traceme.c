/* PTRACE_TRACEME and an exec, as strace and gdb do: it works, or is refused and the child runs unobserved. */
#include <sys/ptrace.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 19;
    int status, traced = 0;
    pid_t pid = start();
    if (pid == 0) {
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        traced++;
        CHECK(traced < 10 && ptrace(PTRACE_CONT, pid, NULL, NULL) == 0);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 19);
    return passed();
}
