/* Masked signals stay pending, of the thread and of the process; a standard one once; ignoring drops them. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static int sends(void)
{
    return kill(getppid(), SIGUSR1) | kill(getppid(), SIGUSR1) | kill(getppid(), SIGUSR2);
}

static void *other_sees(void *arg)
{
    sigset_t pending;
    CHECK(sigpending(&pending) == 0);
    CHECK(sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGRTMIN)); /* shared, private */
    return arg;
}

int main(void)
{
    sigset_t pending;
    signal(SIGUSR1, handler), signal(SIGUSR2, handler), signal(SIGRTMIN, handler);
    int signals[] = {SIGUSR1, SIGUSR2, SIGRTMIN};
    for (int i = 0; i < 3; i++)
        mask_signal(SIG_BLOCK, signals[i]);
    CHECK(sigpending(&pending) == 0 && sigisemptyset(&pending));
    CHECK(reap(spawn(sends)) == 0 && raise(SIGRTMIN) == 0 && raise(SIGRTMIN) == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGUSR2) &&
          sigismember(&pending, SIGRTMIN) && !sigismember(&pending, SIGALRM) && count == 0);
    join(start(other_sees, NULL));
    signal(SIGUSR2, SIG_IGN); /* what was pending is gone */
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR2));
    signal(SIGUSR2, handler);
    mask_signal(SIG_UNBLOCK, SIGUSR2);
    CHECK(count == 0);
    mask_signal(SIG_UNBLOCK, SIGUSR1);
    CHECK(count == 1);
    mask_signal(SIG_UNBLOCK, SIGRTMIN);
    CHECK(count == 3 && sigpending(&pending) == 0 && sigisemptyset(&pending));
    return passed();
}
