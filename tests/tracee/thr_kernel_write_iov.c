/* The kernel writes a buffer for readv while another thread spins on it without any call. */
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "tests/tracee/tasks.h"

static int timer;
static volatile uint64_t expired[8];

static void *reader(void *arg)
{
    volatile uint64_t *to = arg;
    struct iovec parts[3] = {{(void *)(uintptr_t)to, 4}, {NULL, 0}, {(char *)(uintptr_t)to + 4, 4}};
    CHECK(readv(timer, parts, 3) == 8);
    return NULL;
}

int main(void)
{
    struct itimerspec soon = {.it_value = {.tv_nsec = 25000000}};
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK(timer >= 0);
    for (int i = 0; i < 4; i++) {
        CHECK(timerfd_settime(timer, 0, &soon, NULL) == 0);
        pthread_t t = start(reader, (void *)(uintptr_t)&expired[i]);
        SPIN_UNTIL(expired[i]);
        CHECK(expired[i] == 1 && !join(t));
    }
    return passed();
}
