/* The owner of a robust mutex dies: EOWNERDEAD for the next one, consistent again, or not recoverable for ever. */
#include "tests/tracee/tasks.h"

static pthread_mutex_t mutexes[2];

static void *dies(void *arg)
{
    CHECK(pthread_mutex_lock(&mutexes[0]) == 0 && pthread_mutex_lock(&mutexes[1]) == 0);
    return arg;
}

static void *waits(void *arg)
{
    int got = pthread_mutex_lock(&mutexes[0]); /* perhaps the owner is alive still: it never unlocks */
    CHECK(got == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&mutexes[0]) == 0 && pthread_mutex_unlock(&mutexes[0]) == 0);
    return arg;
}

int main(void)
{
    pthread_mutexattr_t attr;
    CHECK(pthread_mutexattr_init(&attr) == 0);
    CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_mutex_init(&mutexes[i], &attr) == 0);
    join(start(dies, NULL));
    pthread_t waiter = start(waits, NULL);
    join(waiter);
    CHECK(pthread_mutex_lock(&mutexes[0]) == 0 && pthread_mutex_unlock(&mutexes[0]) == 0);
    CHECK(pthread_mutex_lock(&mutexes[1]) == EOWNERDEAD && pthread_mutex_unlock(&mutexes[1]) == 0);
    CHECK(pthread_mutex_lock(&mutexes[1]) == ENOTRECOVERABLE);
    return passed();
}
