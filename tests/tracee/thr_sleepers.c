/* Ten threads asleep at once for different times, relative and absolute: nobody wakes before its time. */
#include "tests/tracee/tasks.h"

static uint64_t now_ns(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *body(void *arg)
{
    uint64_t ns = 200000 * (uint64_t)(uintptr_t)arg, before = now_ns();
    if ((uintptr_t)arg & 1) {
        struct timespec t = {0, (long)ns};
        CHECK(nanosleep(&t, NULL) == 0);
    } else {
        struct timespec t = {(time_t)((before + ns) / 1000000000), (long)((before + ns) % 1000000000)};
        CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
    }
    CHECK(now_ns() >= before + ns);
    return NULL;
}

int main(void)
{
    uint64_t before = now_ns();
    pthread_t threads[10];
    for (uintptr_t i = 0; i < 10; i++)
        threads[i] = start(body, (void *)(i + 1));
    for (int i = 0; i < 10; i++)
        join(threads[i]);
    CHECK(now_ns() - before >= 2000000);
    CHECK(nanosleep(&(struct timespec){0, 1000000000}, NULL) == -1 && errno == EINVAL);
    return passed();
}
