/* /proc/self/task shows each thread once, and a thread that ended no more. */
#include <dirent.h>

#include "tests/tracee/tasks.h"

static pthread_barrier_t alive, may_end;

static void *body(void *arg)
{
    pthread_barrier_wait(&alive);
    pthread_barrier_wait(&may_end);
    return arg;
}

static int count(void)
{
    DIR *dir = opendir("/proc/self/task");
    CHECK(dir);
    int n = 0;
    bool self = false;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.')
            n++, self |= atoi(e->d_name) == gettid();
    closedir(dir);
    CHECK(self);
    return n;
}

int main(void)
{
    CHECK(pthread_barrier_init(&alive, NULL, 6) == 0 && pthread_barrier_init(&may_end, NULL, 6) == 0);
    printf("%d\n", count());
    pthread_t threads[5];
    for (int i = 0; i < 5; i++)
        threads[i] = start(body, NULL);
    pthread_barrier_wait(&alive);
    printf("%d\n", count());
    pthread_barrier_wait(&may_end);
    for (int i = 0; i < 5; i++)
        join(threads[i]);
    YIELD_UNTIL(count() == 1); /* joined means: nearly gone */
    return passed();
}
