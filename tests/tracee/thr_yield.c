/* sched_yield as the only way to wait: three threads strictly in turn. */
#include "tests/tracee/tasks.h"

static _Atomic int turn;
static char trail[64];

static void *body(void *arg)
{
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < 10; i++) {
        YIELD_UNTIL(turn % 3 == me);
        trail[turn] = (char)('a' + me);
        turn++;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    for (intptr_t i = 0; i < 3; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    puts(trail);
    return passed();
}
