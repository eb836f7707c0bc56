/* A ticket lock that spins with pause and no call: three threads, first come first served. */
#include "tests/tracee/tasks.h"

static atomic_uint next, serving;
static long count, inside;

static void *body(void *arg)
{
    for (int i = 0; i < 12; i++) {
        unsigned mine = next++;
        SPIN_UNTIL(serving == mine);
        CHECK(inside++ == 0);
        for (volatile int k = 0; k < 2000; k++) {}
        count++;
        inside--;
        serving = mine + 1;
    }
    return arg;
}

int main(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start(body, NULL);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    printf("%ld %u\n", count, serving);
    return passed();
}
