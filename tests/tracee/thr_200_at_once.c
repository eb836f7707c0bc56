/* Two hundred threads alive at once, all in one barrier. */
#include "tests/tracee/tasks.h"

enum { N = 200 };

static pthread_barrier_t barrier;
static atomic_int before, after;

static void *body(void *arg)
{
    before++;
    pthread_barrier_wait(&barrier);
    CHECK(before == N);
    after++;
    return arg;
}

int main(void)
{
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 65536) == 0);
    CHECK(pthread_barrier_init(&barrier, NULL, N) == 0);
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        CHECK(pthread_create(&threads[i], &attr, body, NULL) == 0);
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%d %d\n", before, after);
    return passed();
}
