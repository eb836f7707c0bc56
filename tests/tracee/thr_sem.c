/* Unnamed semaphores: two threads strictly in turn; trywait, timedwait, getvalue. */
#include <semaphore.h>

#include "tests/tracee/tasks.h"

static sem_t ping, pong;
static int turns[2];

static void *other(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        CHECK(sem_wait(&ping) == 0);
        CHECK(turns[0] == turns[1] + 1);
        turns[1]++;
        CHECK(sem_post(&pong) == 0);
    }
    return arg;
}

int main(void)
{
    CHECK(sem_init(&ping, 0, 0) == 0 && sem_init(&pong, 0, 0) == 0);
    pthread_t thread = start(other, NULL);
    for (int i = 0; i < 1000; i++) {
        turns[0]++;
        CHECK(sem_post(&ping) == 0 && sem_wait(&pong) == 0);
        CHECK(turns[0] == turns[1]);
    }
    join(thread);
    int value;
    CHECK(sem_trywait(&ping) == -1 && errno == EAGAIN);
    struct timespec past = {1, 0};
    CHECK(sem_timedwait(&ping, &past) == -1 && errno == ETIMEDOUT);
    CHECK(sem_post(&ping) == 0 && sem_post(&ping) == 0 && sem_getvalue(&ping, &value) == 0 && value == 2);
    CHECK(sem_timedwait(&ping, &past) == 0 && sem_trywait(&ping) == 0);
    return passed();
}
