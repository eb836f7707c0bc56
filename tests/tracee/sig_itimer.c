/* setitimer REAL, VIRTUAL and PROF: each sends its signal while the program computes; getitimer, one shot, stop. */
#include "tests/tracee/tasks.h"

static volatile int counts[65];

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(si->si_code == SI_KERNEL || si->si_code == SI_TIMER);
    counts[signo]++;
}

int main(void)
{
    struct {
        int which, signo;
    } timers[] = {{ITIMER_REAL, SIGALRM}, {ITIMER_VIRTUAL, SIGVTALRM}, {ITIMER_PROF, SIGPROF}};
    for (int i = 0; i < 3; i++) {
        int signo = timers[i].signo;
        struct itimerval now;
        catch_signal(signo, handler, 0);
        every_us(timers[i].which, 2000);
        SPIN_UNTIL(counts[signo] >= 8);
        CHECK(getitimer(timers[i].which, &now) == 0 && now.it_interval.tv_sec == 0 &&
              now.it_interval.tv_usec > 0);
        every_us(timers[i].which, 0);
        CHECK(getitimer(timers[i].which, &now) == 0 && now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0);
        int before = counts[signo];
        struct itimerval once = {{0, 0}, {0, 1000}};
        CHECK(setitimer(timers[i].which, &once, NULL) == 0);
        SPIN_UNTIL(counts[signo] == before + 1);
        CHECK(getitimer(timers[i].which, &now) == 0 && now.it_value.tv_usec == 0);
    }
    struct itimerval bad = {{0, 0}, {0, 1000000}};
    CHECK(setitimer(ITIMER_REAL, &bad, NULL) == -1 && errno == EINVAL);
    CHECK(setitimer(7, &bad, NULL) == -1 && errno == EINVAL);
    return passed();
}
