/* The first thread leaves by pthread_exit; the process goes on and ends with the last thread, with status 0. */
#include "tests/tracee/tasks.h"

static pthread_t first;

static void *body(void *arg)
{
    CHECK(pthread_join(first, NULL) == 0);
    CHECK(getpid() != gettid());
    CHECK(kill(getpid(), 0) == 0);
    passed();
    fflush(stdout);
    return arg;
}

int main(void)
{
    first = pthread_self();
    start(body, NULL);
    pthread_exit(NULL);
}
