/* WUNTRACED and WCONTINUED: a child that stops itself, is continued, stopped from outside, and killed. */
#include "tests/tracee/proc.h"

int main(void)
{
    int status;
    pid_t pid = start();
    if (pid == 0) {
        CHECK(setpgid(0, 0) == 0); /* in an orphaned group SIGTSTP would do nothing */
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0 && state_of(pid) == 'T');
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    CHECK(kill(pid, SIGTSTP) == 0);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    CHECK(kill(pid, SIGKILL) == 0);
    expect_signal(pid, SIGKILL);
    return passed();
}
