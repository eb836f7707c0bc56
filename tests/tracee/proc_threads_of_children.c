/* Three processes with three threads each add to one shared counter. */
#include <pthread.h>

#include "tests/tracee/proc.h"

static atomic_int *count;

static void *adds(void *arg)
{
    for (int i = 0; i < 300; i++) {
        atomic_fetch_add(count, 1);
        if (i % 50 == 0)
            sched_yield();
    }
    return arg;
}

int main(void)
{
    pid_t pids[3];
    count = shared_pages(4096);
    for (int p = 0; p < 3; p++) {
        pids[p] = start();
        if (pids[p] == 0) {
            pthread_t threads[3];
            for (int i = 0; i < 3; i++)
                CHECK(pthread_create(&threads[i], NULL, adds, NULL) == 0);
            for (int i = 0; i < 3; i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
            _exit(0);
        }
    }
    for (int p = 0; p < 3; p++)
        expect_exit(pids[p], 0);
    CHECK(*count == 2700);
    return passed();
}
