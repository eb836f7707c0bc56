/* pthread_once from six threads at once: one of them initialises, all others wait for it. */
#include "tests/tracee/tasks.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static atomic_int initialised;
static int value;

static void initialise(void)
{
    sleep_us(1000);
    value = 42;
    initialised++;
}

static void *body(void *arg)
{
    pthread_barrier_wait(&barrier);
    CHECK(pthread_once(&once, initialise) == 0);
    CHECK(value == 42 && initialised == 1);
    return arg;
}

int main(void)
{
    CHECK(pthread_barrier_init(&barrier, NULL, 6) == 0);
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        threads[i] = start(body, NULL);
    for (int i = 0; i < 6; i++)
        join(threads[i]);
    return passed();
}
