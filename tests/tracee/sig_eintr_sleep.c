/* nanosleep and clock_nanosleep end with EINTR, and the time left is told (it includes the timer slack, so that it may
 * be a little more than all). */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART}; /* makes no difference to sleeps */
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    every_us(ITIMER_REAL, 2000);
    struct timespec left = {0, 0};
    CHECK(nanosleep(&(struct timespec){100, 0}, &left) == -1 && errno == EINTR);
    CHECK(left.tv_sec >= 90 && left.tv_sec <= 100);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){50, 0}, &left) == EINTR);
    CHECK(left.tv_sec >= 40 && left.tv_sec <= 50);
    struct timespec when, same = {7, 7};
    CHECK(clock_gettime(CLOCK_MONOTONIC, &when) == 0);
    when.tv_sec += 100;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, &same) == EINTR);
    CHECK(same.tv_sec == 7 && same.tv_nsec == 7);
    CHECK(usleep(900000) == -1 && errno == EINTR);
    CHECK(sleep(60) >= 59);
    every_us(ITIMER_REAL, 0);
    CHECK(count >= 5);
    /* A whole sleep in spite of signals: what is left is slept again. */
    every_us(ITIMER_REAL, 1000);
    struct timespec before, after;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    sleep_us(8000);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    every_us(ITIMER_REAL, 0);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 8000000);
    return passed();
}
