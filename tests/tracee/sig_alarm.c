/* alarm: the rest of it is told, setitimer shortens it, it comes once; pause returns. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo) { count += signo == SIGALRM; }

int main(void)
{
    signal(SIGALRM, handler);
    CHECK(alarm(100) == 0);
    unsigned left = alarm(50);
    CHECK(left >= 90 && left <= 100);
    struct itimerval soon = {{0, 0}, {0, 3000}}, old;
    CHECK(setitimer(ITIMER_REAL, &soon, &old) == 0 && old.it_value.tv_sec >= 40);
    SPIN_UNTIL(count == 1);
    CHECK(alarm(0) == 0);
    CHECK(ualarm(2000, 2000) == 0);
    while (count < 5)
        CHECK(pause() == -1 && errno == EINTR);
    ualarm(0, 0);
    return passed();
}
