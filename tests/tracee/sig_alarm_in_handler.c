/* Timer signals that come while their handler runs: one is pending for the return, never two inside each other. */
#include "tests/tracee/tasks.h"

static volatile int count, inside;

static void handler(int signo)
{
    (void)signo;
    CHECK(inside == 0);
    inside = 1;
    sigset_t pending;
    do /* until the next one has come */
        CHECK(sigpending(&pending) == 0);
    while (!sigismember(&pending, SIGALRM) && count < 9);
    inside = 0;
    if (++count == 10)
        every_us(ITIMER_REAL, 0);
}

int main(void)
{
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 500);
    SPIN_UNTIL(count >= 10);
    CHECK(inside == 0);
    return passed();
}
