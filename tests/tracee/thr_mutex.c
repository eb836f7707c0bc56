/* Four threads count under one mutex; trylock sometimes fails and never lies. */
#include "tests/tracee/tasks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long count, inside;

static void *body(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        if (i % 3 == 0) {
            int got;
            while ((got = pthread_mutex_trylock(&mutex)) == EBUSY)
                sched_yield();
            CHECK(got == 0);
        } else {
            CHECK(pthread_mutex_lock(&mutex) == 0);
        }
        CHECK(inside++ == 0);
        count++;
        inside--;
        CHECK(pthread_mutex_unlock(&mutex) == 0);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(body, NULL);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("%ld\n", count);
    return passed();
}
