/* Eight threads: each gets its argument, its result comes back, the stack of each is its own. */
#include "tests/tracee/tasks.h"

static void *body(void *arg)
{
    long n = (long)arg, sum = 0;
    volatile long numbers[100];
    for (int i = 0; i < 100; i++)
        numbers[i] = n * i;
    sched_yield();
    for (int i = 0; i < 100; i++)
        sum += numbers[i];
    return (void *)sum;
}

int main(void)
{
    pthread_t threads[8];
    for (long i = 0; i < 8; i++)
        threads[i] = start(body, (void *)i);
    for (long i = 0; i < 8; i++) {
        CHECK(!pthread_equal(threads[i], pthread_self()));
        printf("%ld\n", (long)join(threads[i]));
    }
    return passed();
}
