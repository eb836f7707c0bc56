/* Keys with destructors: one call for each value of each thread, again while destructors set new values. */
#include "tests/tracee/tasks.h"

static pthread_key_t keys[3];
static atomic_int destroyed, again;

static void destroy(void *value)
{
    destroyed += (int)(intptr_t)value;
    if (value == (void *)1 && again++ < 4)
        CHECK(pthread_setspecific(keys[2], (void *)100) == 0);
}

static void *body(void *arg)
{
    for (intptr_t i = 0; i < 2; i++)
        CHECK(pthread_getspecific(keys[i]) == NULL && pthread_setspecific(keys[i], (void *)(i + 1)) == 0);
    sched_yield();
    CHECK(pthread_getspecific(keys[0]) == (void *)1 && pthread_getspecific(keys[1]) == (void *)2);
    return arg;
}

int main(void)
{
    for (int i = 0; i < 3; i++)
        CHECK(pthread_key_create(&keys[i], destroy) == 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(body, NULL);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("%d\n", destroyed);
    CHECK(destroyed == 4 * (1 + 2 + 100));
    CHECK(pthread_key_delete(keys[1]) == 0 && pthread_setspecific(keys[1], NULL) == EINVAL);
    return passed();
}
