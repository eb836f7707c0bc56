/* Thread-local variables: initialised, zero, big, and their addresses differ between threads that live together. */
#include "tests/tracee/tasks.h"

static _Thread_local int initialised = 77;
static _Thread_local long zero;
static _Thread_local char big[5000];
static pthread_barrier_t barrier;
static int *addresses[4];

static void *body(void *arg)
{
    long me = (long)arg;
    CHECK(initialised == 77 && zero == 0 && big[4999] == 0);
    addresses[me] = &initialised;
    initialised += (int)me;
    for (int i = 0; i < 1000; i++) {
        zero += me;
        big[i * 5] = (char)me;
        if (i % 100 == 0)
            pthread_barrier_wait(&barrier);
    }
    CHECK(initialised == 77 + me && zero == 1000 * me && big[4995] == (char)me);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 4; i++)
        CHECK(i == me || addresses[i] != &initialised);
    return NULL;
}

int main(void)
{
    CHECK(pthread_barrier_init(&barrier, NULL, 4) == 0);
    initialised = 1;
    pthread_t threads[4];
    for (long i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    CHECK(initialised == 1 && zero == 0);
    return passed();
}
