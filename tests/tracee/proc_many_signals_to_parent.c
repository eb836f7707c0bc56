/* Ten children each send ten queued signals at once: a hundred arrive. */
#include "tests/tracee/proc.h"

static volatile int n, sum;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    CHECK(si->si_code == SI_QUEUE);
    n++;
    sum += si->si_value.sival_int;
}

int main(void)
{
    sigset_t block, old;
    sigemptyset(&block), sigaddset(&block, SIGRTMIN);
    CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
    catch_signal(SIGRTMIN, handler, SA_RESTART);
    pid_t parent = getpid(), pids[10];
    for (int i = 0; i < 10; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            for (int k = 0; k < 10; k++)
                CHECK(sigqueue(parent, SIGRTMIN, (union sigval){.sival_int = i * 10 + k}) == 0);
            _exit(0);
        }
    }
    while (n < 100)
        sigsuspend(&old);
    for (int i = 0; i < 10; i++)
        expect_exit(pids[i], 0);
    CHECK(sum == 4950);
    return passed();
}
