/* POSIX timers: value and code of their signals, several at once, gettime, one shot, delete, SIGEV_NONE. */
#include "tests/tracee/tasks.h"

static volatile int counts[4];

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    CHECK(si->si_code == SI_TIMER && si->si_value.sival_int >= 0 && si->si_value.sival_int < 4);
    CHECK(si->si_overrun >= 0);
    counts[si->si_value.sival_int]++;
}

int main(void)
{
    timer_t timers[4];
    catch_signal(SIGRTMIN, handler, 0);
    catch_signal(SIGRTMIN + 1, handler, 0);
    clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    for (int i = 0; i < 4; i++) {
        struct sigevent ev = {
            .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + i % 2, .sigev_value.sival_int = i};
        CHECK(timer_create(clocks[i], &ev, &timers[i]) == 0);
        struct itimerspec every = {{0, 1500000}, {0, 1500000}}, now;
        CHECK(timer_settime(timers[i], 0, &every, NULL) == 0);
        CHECK(timer_gettime(timers[i], &now) == 0 && now.it_interval.tv_nsec == 1500000);
    }
    SPIN_UNTIL(counts[0] >= 5 && counts[1] >= 5 && counts[2] >= 3 && counts[3] >= 3);
    for (int i = 0; i < 4; i++)
        CHECK(timer_delete(timers[i]) == 0);
    int before = counts[0];
    for (volatile int i = 0; i < 1000000; i++) {}
    CHECK(counts[0] == before);
    CHECK(timer_delete(timers[0]) == -1 && errno == EINVAL);
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    struct itimerspec once = {{0, 0}, {0, 1}}, now;
    CHECK(timer_create(CLOCK_MONOTONIC, &none, &timers[0]) == 0 &&
          timer_settime(timers[0], 0, &once, NULL) == 0);
    YIELD_UNTIL(timer_gettime(timers[0], &now) == 0 && now.it_value.tv_nsec == 0 && now.it_value.tv_sec == 0);
    return passed();
}
