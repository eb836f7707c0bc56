/* CPU affinity: what was there comes back after a set; a child thread inherits; bad masks are refused. */
#include "tests/tracee/tasks.h"

static cpu_set_t first, one;

static void *inherits(void *arg)
{
    cpu_set_t mine;
    CHECK(sched_getaffinity(0, sizeof(mine), &mine) == 0 && CPU_EQUAL(&mine, &one));
    CHECK(sched_getcpu() >= 0);
    return arg;
}

int main(void)
{
    cpu_set_t now;
    CHECK(sched_getaffinity(0, sizeof(first), &first) == 0 && CPU_COUNT(&first) >= 1);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &first))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof(one), &one) == 0);
    CHECK(sched_getaffinity(gettid(), sizeof(now), &now) == 0 && CPU_EQUAL(&now, &one));
    join(start(inherits, NULL));
    CHECK(sched_setaffinity(0, sizeof(first), &first) == 0);
    CHECK(sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &first));
    CPU_ZERO(&now);
    CHECK(sched_setaffinity(0, sizeof(now), &now) == -1 && errno == EINVAL);
    CHECK(sched_setaffinity(0, sizeof(now), NULL) == -1 && errno == EFAULT);
    CHECK(sched_getaffinity(0, 1, &now) == -1 && errno == EINVAL);
    CHECK(sched_getaffinity(0x3fffffff, sizeof(now), &now) == -1 && errno == ESRCH);
    return passed();
}
