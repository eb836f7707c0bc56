/* fork inside a signal handler: both return from it, each on its own frame. */
#include "tests/tracee/proc.h"

static volatile pid_t forked;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)si, (void)context;
    CHECK(signo == SIGUSR1);
    forked = start();
}

int main(void)
{
    catch_signal(SIGUSR1, handler, 0);
    volatile int local = 5;
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        if (forked == 0) {
            sigset_t set;
            CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGUSR1) && local == 5 + i);
            _exit(20 + i);
        }
        expect_exit(forked, 20 + i);
        local++;
    }
    return passed();
}
