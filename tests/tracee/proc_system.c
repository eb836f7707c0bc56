/* system(): the shell's status, its output, and the signal dispositions afterwards. */
#include "tests/tracee/proc.h"

int main(void)
{
    CHECK(system(NULL) != 0);
    int status = system("echo from the shell; exit 3");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    status = system("no-such-command-here 2>/dev/null");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    status = system("kill -TERM $$");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK(setenv("TRACEE_WORD", "inherited", 1) == 0);
    CHECK(system("test \"$TRACEE_WORD\" = inherited") == 0);
    struct sigaction sa;
    CHECK(sigaction(SIGINT, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
    return passed();
}
