/* SIGTSTP as a shell's children handle it: a handler that tidies up, stops for real, and carries on after SIGCONT. */
#include "tests/tracee/tasks.h"

static volatile int tidied, resumed;

static void on_tstp(int signo)
{
    tidied++;
    signal(SIGTSTP, SIG_DFL);
    raise(signo); /* blocked inside its handler */
    mask_signal(SIG_UNBLOCK, SIGTSTP);
    /* stopped here until SIGCONT */
    signal(SIGTSTP, on_tstp);
    resumed++;
}

static int body(void)
{
    setpgid(0, 0);
    signal(SIGTSTP, on_tstp);
    for (int i = 1; i <= 2; i++) {
        raise(SIGTSTP);
        CHECK(tidied == i && resumed == i);
    }
    signal(SIGTSTP, SIG_IGN);
    raise(SIGTSTP);
    return 4;
}

int main(void)
{
    pid_t pid = spawn(body);
    int status;
    for (int i = 0; i < 2; i++) {
        CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
        CHECK(kill(pid, SIGCONT) == 0);
    }
    CHECK(WEXITSTATUS(reap(pid)) == 4);
    return passed();
}
