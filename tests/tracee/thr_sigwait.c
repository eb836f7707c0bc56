/* The usual signal thread: all threads block the signals, one takes them with sigwait, in number order. */
#include "tests/tracee/tasks.h"

static sigset_t set;
static char trail[64];
static atomic_int taken;

static void *signal_thread(void *arg)
{
    for (;;) {
        int signo;
        CHECK(sigwait(&set, &signo) == 0);
        if (signo == SIGTERM)
            return arg;
        trail[taken] = (char)(signo == SIGUSR1 ? '1' : signo == SIGUSR2 ? '2' : 'r');
        taken++;
    }
}

static void *sends(void *arg)
{
    for (int i = 0; i < 5; i++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
        YIELD_UNTIL(taken == 3 * i + 1);
        CHECK(kill(getpid(), SIGUSR2) == 0);
        YIELD_UNTIL(taken == 3 * i + 2);
        CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}) == 0);
        YIELD_UNTIL(taken == 3 * i + 3);
    }
    return arg;
}

int main(void)
{
    sigemptyset(&set);
    int signals[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN};
    for (int i = 0; i < 4; i++)
        sigaddset(&set, signals[i]);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    pthread_t taker = start(signal_thread, NULL);
    join(start(sends, NULL));
    CHECK(kill(getpid(), SIGTERM) == 0);
    join(taker);
    puts(trail);
    return passed();
}
