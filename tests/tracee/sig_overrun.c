/* Timer overruns: expirations while the signal is blocked are counted, not queued. */
#include "tests/tracee/tasks.h"

static volatile int count, overrun = -1;
static timer_t timer;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    if (overrun < 0) {
        overrun = si->si_overrun;
        CHECK(timer_getoverrun(timer) >= 0);
    }
    count++;
}

int main(void)
{
    catch_signal(SIGRTMIN, handler, 0);
    mask_signal(SIG_BLOCK, SIGRTMIN);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
    struct itimerspec every = {{0, 500000}, {0, 500000}}, off = {0};
    CHECK(timer_settime(timer, 0, &every, NULL) == 0);
    sleep_us(20000);
    CHECK(count == 0);
    mask_signal(SIG_UNBLOCK, SIGRTMIN);
    CHECK(timer_settime(timer, 0, &off, NULL) == 0 && timer_delete(timer) == 0);
    CHECK(count >= 1 && overrun >= 10);
    return passed();
}
