/* Detached threads, by attribute and by pthread_detach; pthread_join refuses them while they live. */
#include <semaphore.h>

#include "tests/tracee/tasks.h"

static sem_t may_go, gone;
static atomic_int ran;

static void *body(void *arg)
{
    if (arg)
        CHECK(pthread_detach(pthread_self()) == 0);
    CHECK(sem_wait(&may_go) == 0);
    ran++;
    CHECK(sem_post(&gone) == 0);
    return NULL;
}

int main(void)
{
    CHECK(sem_init(&may_go, 0, 0) == 0 && sem_init(&gone, 0, 0) == 0);
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attr, body, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == EINVAL);
        start(body, &attr);
    }
    for (int i = 0; i < 20; i++)
        CHECK(sem_post(&may_go) == 0);
    for (int i = 0; i < 20; i++)
        CHECK(sem_wait(&gone) == 0);
    CHECK(ran == 20);
    return passed();
}
