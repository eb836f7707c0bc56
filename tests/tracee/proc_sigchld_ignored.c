/* SIGCHLD ignored, or SA_NOCLDWAIT: children vanish by themselves, and wait waits for the last one. */
#include "tests/tracee/proc.h"

static volatile int n_signals;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, n_signals++;
}

int main(void)
{
    for (int way = 0; way < 2; way++) {
        if (way == 0)
            CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
        else
            catch_signal(SIGCHLD, handler, SA_NOCLDWAIT | SA_RESTART);
        pid_t pids[3];
        for (int i = 0; i < 3; i++) {
            pids[i] = start();
            if (pids[i] == 0)
                _exit(i);
        }
        CHECK(wait(NULL) == -1 && errno == ECHILD);
        for (int i = 0; i < 3; i++) { /* it is no child any more a moment before its number is free */
            for (int tries = 0; tries < 10000 && kill(pids[i], 0) == 0; tries++)
                usleep(1000);
            CHECK(kill(pids[i], 0) == -1 && errno == ESRCH);
        }
    }
    CHECK(n_signals >= 1 && n_signals <= 3);
    return passed();
}
