/* Priority-inheriting mutexes: contended counting, trylock, owner death of a robust one. */
#include "tests/tracee/tasks.h"

static pthread_mutex_t mutex, robust;
static long count;

static void *body(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        CHECK(pthread_mutex_lock(&mutex) == 0);
        count++;
        if (i % 50 == 0)
            sched_yield();
        CHECK(pthread_mutex_unlock(&mutex) == 0);
    }
    return arg;
}

static void *dies(void *arg)
{
    CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
    CHECK(pthread_mutex_lock(&robust) == 0);
    return arg;
}

int main(void)
{
    pthread_mutexattr_t attr;
    CHECK(pthread_mutexattr_init(&attr) == 0);
    CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
    CHECK(pthread_mutex_init(&mutex, &attr) == 0);
    CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
    CHECK(pthread_mutex_init(&robust, &attr) == 0);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start(body, NULL);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    join(start(dies, NULL));
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
    CHECK(pthread_mutex_unlock(&robust) == 0);
    printf("%ld\n", count);
    return passed();
}
