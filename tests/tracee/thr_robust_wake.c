/* A robust mutex whose owner dies while three others are blocked on it: the kernel wakes them one by one. */
#include "tests/tracee/tasks.h"

static pthread_mutex_t mutex;
static pthread_barrier_t locked;
static atomic_int waiting, owner_dead;

static void *owner(void *arg)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    pthread_barrier_wait(&locked);
    YIELD_UNTIL(waiting == 3);
    sleep_us(1000); /* most likely they block by now; right in any case */
    return arg;
}

static void *waiter(void *arg)
{
    pthread_barrier_wait(&locked);
    waiting++;
    int got = pthread_mutex_lock(&mutex);
    if (got == EOWNERDEAD) {
        owner_dead++;
        CHECK(pthread_mutex_consistent(&mutex) == 0);
    } else {
        CHECK(got == 0);
    }
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    return arg;
}

int main(void)
{
    pthread_mutexattr_t attr;
    CHECK(pthread_mutexattr_init(&attr) == 0);
    CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
    CHECK(pthread_mutex_init(&mutex, &attr) == 0 && pthread_barrier_init(&locked, NULL, 4) == 0);
    pthread_t threads[] = {start(owner, NULL), start(waiter, NULL), start(waiter, NULL), start(waiter, NULL)};
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("%d\n", owner_dead);
    return passed();
}
