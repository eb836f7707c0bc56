/* Real-time signals queued by a child while blocked: lowest number first, each number in the order sent, none lost. */
#include "tests/tracee/tasks.h"

static volatile int order[200], n_order;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    order[n_order++] = (signo - SIGRTMIN) * 1000 + si->si_value.sival_int;
}

static int sends(void)
{
    for (int i = 0; i < 60; i++)
        CHECK(sigqueue(getppid(), SIGRTMIN + (i * 7) % 4, (union sigval){.sival_int = i}) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(kill(getppid(), SIGUSR1) == 0); /* not queued: one of them at most */
    return 0;
}

int main(void)
{
    sigset_t set, none;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    for (int i = 0; i < 4; i++) {
        struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
        sigfillset(&sa.sa_mask);
        CHECK(sigaction(SIGRTMIN + i, &sa, NULL) == 0);
        sigaddset(&set, SIGRTMIN + i);
    }
    catch_signal(SIGUSR1, handler, 0);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(reap(spawn(sends)) == 0 && n_order == 0);
    CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0 && n_order == 61);
    int usr1 = 0, last = -1;
    for (int i = 0; i < n_order; i++) {
        if (order[i] < 0) {
            usr1++;
            continue;
        }
        CHECK(order[i] > last);
        last = order[i];
    }
    printf("%d %d\n", n_order, usr1);
    return passed();
}
