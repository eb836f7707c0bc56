/* A thread spins on a flag that another sets after a sleep, ten times. */
#include "tests/tracee/tasks.h"

static atomic_int flag;

static void *sleeper(void *arg)
{
    for (int i = 1; i <= rounds(10); i++) {
        sleep_us(2000);
        flag = i;
    }
    return arg;
}

int main(void)
{
    pthread_t thread = start(sleeper, NULL);
    unsigned long turns = 0;
    int end = rounds(10);
    for (int last = 0; last < end;) {
        int now = flag;
        CHECK(now >= last);
        last = now;
        turns++;
    }
    join(thread);
    CHECK(turns > 0);
    return passed();
}
