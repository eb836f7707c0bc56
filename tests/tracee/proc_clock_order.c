/* The clocks of parent and child are one: what the child reads lies between the parent's readings. */
#include <time.h>

#include "tests/tracee/proc.h"

static int64_t now(clockid_t clock)
{
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(void)
{
    int64_t *theirs = shared_pages(4096);
    clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW};
    for (int i = 0; i < 4; i++) {
        int64_t before = now(clocks[i]);
        pid_t pid = start();
        if (pid == 0) {
            *theirs = now(clocks[i]);
            _exit(0);
        }
        expect_exit(pid, 0);
        CHECK(before <= *theirs && *theirs <= now(clocks[i]));
    }
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) > 0);
    return passed();
}
