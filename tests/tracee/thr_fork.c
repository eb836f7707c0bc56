/* fork from a thread while others run and hold locks: the child has one thread; atfork handlers run. */
#include "tests/tracee/tasks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;
static int atfork_parent, atfork_child;
static long count;

static void prepare(void) { pthread_mutex_lock(&mutex); }

static void parent(void)
{
    atfork_parent++;
    pthread_mutex_unlock(&mutex);
}

static void child(void)
{
    atfork_child++;
    pthread_mutex_unlock(&mutex);
}

static void *works(void *arg)
{
    while (!stop) {
        pthread_mutex_lock(&mutex);
        count++;
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}

static int in_child(void)
{
    CHECK(gettid() == getpid() && atfork_child == 1);
    pthread_mutex_lock(&mutex); /* free, by the handlers */
    long before = count;
    pthread_mutex_unlock(&mutex);
    for (volatile int i = 0; i < 10000; i++) {}
    CHECK(count == before);
    free(malloc(100000));
    return 5;
}

static void *forks(void *arg)
{
    for (int i = 0; i < rounds(5); i++)
        CHECK(WEXITSTATUS(reap(spawn(in_child))) == 5);
    return arg;
}

int main(void)
{
    CHECK(pthread_atfork(prepare, parent, child) == 0);
    pthread_t workers[] = {start(works, NULL), start(works, NULL)};
    join(start(forks, NULL));
    stop = true;
    join(workers[0]), join(workers[1]);
    printf("%d %d\n", atfork_parent, atfork_child);
    return passed();
}
