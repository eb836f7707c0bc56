/* Time through the vDSO and through system calls: monotonic, consistent, many calls; sleeping. */
#include <sys/time.h>
#include <sys/times.h>
#include <sched.h>
#include <time.h>

#include "tests/tracee/tracee.h"

static int64_t ns(struct timespec t) { return t.tv_sec * 1000000000ll + t.tv_nsec; }

int main(void)
{
    struct timespec a, b, raw;
    struct timeval tv;
    int64_t last = 0;
    for (int i = 0; i < 20000; i++) {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0);
        CHECK(ns(a) >= last);
        last = ns(a);
    }
    CHECK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b) == 0 && ns(b) >= last);
    CHECK(gettimeofday(&tv, NULL) == 0 && clock_gettime(CLOCK_REALTIME, &a) == 0);
    int64_t diff = ns(a) - (tv.tv_sec * 1000000000ll + tv.tv_usec * 1000ll);
    CHECK(diff >= -1000000 && diff < 5000000000ll);
    CHECK(time(NULL) - tv.tv_sec <= 5 && time(NULL) - tv.tv_sec >= -1);
    CHECK(clock_getres(CLOCK_MONOTONIC, &raw) == 0 && raw.tv_sec == 0 && raw.tv_nsec >= 1);
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0 &&
          clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC_RAW, &raw) == 0 && clock_gettime(CLOCK_REALTIME_COARSE, &raw) == 0);
    CHECK(clock_gettime(1234, &raw) == -1 && errno == EINVAL);
    unsigned cpu = 99999, node = 99999;
    CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu < 1024 && sched_getcpu() >= 0);
    clock_gettime(CLOCK_MONOTONIC, &a);
    CHECK(nanosleep(&(struct timespec){0, 5000000}, NULL) == 0);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 5000000}, NULL) == 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    CHECK(ns(b) - ns(a) >= 10000000);
    struct tms tms;
    CHECK(times(&tms) != -1 && clock() >= 0);
    return passed();
}
