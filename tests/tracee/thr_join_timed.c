/* pthread_tryjoin_np and pthread_timedjoin_np on a thread that is still there, and afterwards. */
#include "tests/tracee/tasks.h"

static atomic_bool may_end;

static void *body(void *arg)
{
    YIELD_UNTIL(may_end);
    return arg;
}

int main(void)
{
    pthread_t thread = start(body, (void *)77);
    struct timespec when;
    void *result = NULL;
    CHECK(pthread_tryjoin_np(thread, &result) == EBUSY);
    CHECK(clock_gettime(CLOCK_REALTIME, &when) == 0);
    CHECK(pthread_timedjoin_np(thread, &result, &when) == ETIMEDOUT);
    CHECK(pthread_join(pthread_self(), NULL) == EDEADLK);
    may_end = true;
    when.tv_sec += 100;
    CHECK(pthread_timedjoin_np(thread, &result, &when) == 0 && result == (void *)77);
    thread = start(body, (void *)78);
    int got;
    YIELD_UNTIL((got = pthread_tryjoin_np(thread, &result)) != EBUSY);
    CHECK(got == 0 && result == (void *)78);
    return passed();
}
