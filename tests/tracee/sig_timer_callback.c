/* SIGEV_THREAD: libc runs the callback in a thread of its own for each expiry. */
#include "tests/tracee/tasks.h"

static atomic_int calls, wrong;
static pid_t main_tid;

static void callback(union sigval value)
{
    if (value.sival_int != 99 || gettid() == main_tid)
        wrong++;
    calls++;
}

int main(void)
{
    main_tid = gettid();
    timer_t timer;
    struct sigevent ev = {
        .sigev_notify = SIGEV_THREAD, .sigev_notify_function = callback, .sigev_value.sival_int = 99};
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    CHECK(timer_settime(timer, 0, &every, NULL) == 0);
    YIELD_UNTIL(calls >= 5);
    CHECK(timer_delete(timer) == 0 && wrong == 0);
    return passed();
}
