/* SA_NODEFER: a handler interrupts itself; without it the signal waits. */
#include "tests/tracee/tasks.h"

static volatile int depth, deepest, count;

static void handler(int signo)
{
    depth++;
    count++;
    if (depth > deepest)
        deepest = depth;
    if (count < 5)
        raise(signo);
    depth--;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    raise(SIGUSR1);
    printf("%d %d\n", count, deepest);
    count = deepest = 0;
    sa.sa_flags = 0;
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    raise(SIGUSR1);
    while (count < 5)
        sched_yield();
    printf("%d %d\n", count, deepest);
    /* NODEFER with the signal in its own mask: the mask wins */
    count = deepest = 0;
    sa.sa_flags = SA_NODEFER;
    sigaddset(&sa.sa_mask, SIGUSR1);
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    raise(SIGUSR1);
    printf("%d %d\n", count, deepest);
    return passed();
}
