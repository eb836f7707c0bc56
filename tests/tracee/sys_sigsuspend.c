/* Several pending signals let in at once by sigsuspend and by unblocking: all run, in the kernel's order. */
#include "tests/tracee/tracee.h"

static volatile int n_order;
static char order[64];

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context, (void)si;
    order[n_order++] = (char)('A' + (signo >= SIGRTMIN ? signo - SIGRTMIN : 20));
}

static void queue_all(void)
{
    raise(SIGUSR1), raise(SIGUSR1);
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN + 2 - i, (union sigval){.sival_int = i});
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 9});
    CHECK(n_order == 0);
}

int main(void)
{
    sigset_t all, empty;
    sigfillset(&all);
    sigemptyset(&empty);
    int signals[] = {SIGUSR1, SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2};
    for (int i = 0; i < 4; i++)
        catch_signal(signals[i], handler, 0);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    queue_all();
    CHECK(sigsuspend(&empty) == -1 && errno == EINTR && n_order == 5);
    puts(order);
    memset(order, 0, sizeof(order));
    n_order = 0;
    queue_all();
    CHECK(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0 && n_order == 5);
    puts(order);
    return passed();
}
