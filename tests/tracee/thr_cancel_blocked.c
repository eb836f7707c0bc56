/* Cancellation of threads blocked in read, nanosleep, a condition, a semaphore. */
#include <semaphore.h>

#include "tests/tracee/tasks.h"

static int fds[2];
static sem_t sem;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static atomic_int near;

static void unlock(void *arg) { pthread_mutex_unlock(arg); }

static void *body(void *arg)
{
    char c;
    near++;
    switch ((intptr_t)arg) {
    case 0: CHECK(read(fds[0], &c, 1) == 12345); break;
    case 1:
        for (;;)
            nanosleep(&(struct timespec){1000, 0}, NULL);
    case 2:
        pthread_mutex_lock(&mutex);
        pthread_cleanup_push(unlock, &mutex);
        for (;;)
            pthread_cond_wait(&cond, &mutex);
        pthread_cleanup_pop(0);
        break;
    default:
        for (;;)
            sem_wait(&sem);
    }
    return NULL;
}

int main(void)
{
    CHECK(pipe(fds) == 0 && sem_init(&sem, 0, 0) == 0);
    pthread_t threads[4];
    for (int round = 0; round < 3; round++) {
        near = 0;
        for (intptr_t i = 0; i < 4; i++)
            threads[i] = start(body, (void *)i);
        YIELD_UNTIL(near == 4);
        if (round == 1)
            sleep_us(1000); /* some blocked by now, in the other rounds perhaps not yet */
        for (int i = 0; i < 4; i++)
            CHECK(pthread_cancel(threads[i]) == 0);
        for (int i = 0; i < 4; i++)
            CHECK(join(threads[i]) == PTHREAD_CANCELED);
        CHECK(pthread_mutex_trylock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    }
    return passed();
}
