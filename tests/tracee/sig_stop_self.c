/* A child stops itself by raise(SIGSTOP) and by the default action of SIGTSTP; SIGCONT runs its handler. */
#include "tests/tracee/tasks.h"

static volatile int continued;

static void on_cont(int signo) { continued += signo == SIGCONT; }

static int stops(void)
{
    signal(SIGCONT, on_cont);
    CHECK(raise(SIGSTOP) == 0 && continued == 1);
    CHECK(kill(getpid(), SIGTSTP) == 0);
    YIELD_UNTIL(continued == 2);
    CHECK(raise(SIGTTIN) == 0 && continued == 3);
    return 12;
}

int main(void)
{
    int expected[] = {SIGSTOP, SIGTSTP, SIGTTIN}, status;
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        setpgid(0, 0); /* not orphaned: its parent is in another group of the session */
        _exit(stops());
    }
    for (int i = 0; i < 3; i++) {
        CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        CHECK(WSTOPSIG(status) == expected[i]);
        CHECK(kill(pid, SIGCONT) == 0);
    }
    status = reap(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 12);
    return passed();
}
