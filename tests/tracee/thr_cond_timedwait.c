/* Timed waits on both clocks end with ETIMEDOUT, not before their time; a signal in time ends them with 0. */
#include "tests/tracee/tasks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static bool ready;

static struct timespec in_us(clockid_t clock, long us)
{
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    t.tv_nsec += us * 1000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void *signaller(void *arg)
{
    pthread_mutex_lock(&mutex);
    ready = true;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
    return arg;
}

int main(void)
{
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    for (int i = 0; i < 2; i++) {
        pthread_condattr_t attr;
        CHECK(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, clocks[i]) == 0);
        CHECK(pthread_cond_init(&cond, &attr) == 0);
        struct timespec when = in_us(clocks[i], 3000), now;
        pthread_mutex_lock(&mutex);
        int got;
        while ((got = pthread_cond_timedwait(&cond, &mutex, &when)) == 0) {}
        CHECK(got == ETIMEDOUT && clock_gettime(clocks[i], &now) == 0);
        CHECK(now.tv_sec > when.tv_sec || (now.tv_sec == when.tv_sec && now.tv_nsec >= when.tv_nsec));
        ready = false;
        pthread_t thread = start(signaller, NULL);
        when = in_us(clocks[i], 0);
        when.tv_sec += 100;
        while (!ready)
            CHECK(pthread_cond_timedwait(&cond, &mutex, &when) == 0);
        pthread_mutex_unlock(&mutex);
        join(thread);
        CHECK(pthread_cond_destroy(&cond) == 0);
    }
    return passed();
}
