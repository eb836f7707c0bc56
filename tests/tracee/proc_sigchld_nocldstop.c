/* SIGCHLD for stop and continue, and SA_NOCLDSTOP, which leaves only the one for the end. */
#include "tests/tracee/proc.h"

static volatile int n[8];
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    CHECK(si->si_code >= CLD_EXITED && si->si_code <= CLD_CONTINUED);
    n[si->si_code]++;
}

static void run(int flags)
{
    int status;
    struct gate awake = gate_make(), end = gate_make();
    for (int i = 0; i < 8; i++)
        n[i] = 0;
    catch_signal(SIGCHLD, handler, SA_RESTART | flags);
    pid_t pid = start();
    if (pid == 0) {
        raise(SIGSTOP);
        gate_open(awake);
        gate_wait(end);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK(kill(pid, SIGCONT) == 0);
    gate_wait(awake);
    gate_open(end); /* the signals of its going on and of its end must not meet */
    expect_exit(pid, 0);
    printf("stopped %d killed %d exited %d\n", n[CLD_STOPPED], n[CLD_KILLED], n[CLD_EXITED]);
}

int main(void)
{
    run(0);
    run(SA_NOCLDSTOP);
    return passed();
}
