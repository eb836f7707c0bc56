/* timerfd read by a thread while the main thread works; one shot, interval, gettime, disarm. */
#include <sys/timerfd.h>

#include "tests/tracee/tasks.h"

static atomic_bool done;

static void *reads(void *arg)
{
    int fd = *(int *)arg;
    uint64_t total = 0, n;
    while (total < (uint64_t)rounds(10)) {
        CHECK(read(fd, &n, 8) == 8 && n >= 1);
        total += n;
    }
    done = true;
    return NULL;
}

int main(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    CHECK(fd >= 0);
    struct itimerspec every = {{0, 1000000}, {0, 1000000}}, now, off = {0};
    CHECK(timerfd_settime(fd, 0, &every, NULL) == 0);
    pthread_t thread = start(reads, &fd);
    while (!done)
        for (volatile int i = 0; i < 1000; i++) {}
    join(thread);
    CHECK(timerfd_gettime(fd, &now) == 0 && now.it_interval.tv_nsec == 1000000);
    CHECK(timerfd_settime(fd, 0, &off, &now) == 0 && now.it_interval.tv_nsec == 1000000);
    CHECK(timerfd_gettime(fd, &now) == 0 && now.it_value.tv_nsec == 0 && now.it_value.tv_sec == 0);
    int flags = fcntl(fd, F_GETFL);
    CHECK(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
    uint64_t n;
    struct itimerspec later = {{0, 0}, {1000, 0}};
    CHECK(timerfd_settime(fd, 0, &later, NULL) == 0 && read(fd, &n, 8) == -1 && errno == EAGAIN);
    return passed();
}
