/* eventfd between threads: as a counter, as a semaphore, non-blocking, overflow blocks. */
#include <sys/eventfd.h>

#include "tests/tracee/tasks.h"

static int counter, semaphore;

static void *adds(void *arg)
{
    for (uint64_t i = 1; i <= 200; i++)
        CHECK(write(counter, &i, 8) == 8);
    return arg;
}

static void *takes(void *arg)
{
    uintptr_t n = 0;
    for (int i = 0; i < 50; i++) {
        uint64_t one;
        CHECK(read(semaphore, &one, 8) == 8 && one == 1);
        n += one;
    }
    return (void *)n;
}

int main(void)
{
    counter = eventfd(0, 0), semaphore = eventfd(10, EFD_SEMAPHORE);
    CHECK(counter >= 0 && semaphore >= 0);
    pthread_t adders[] = {start(adds, NULL), start(adds, NULL)},
              takers[] = {start(takes, NULL), start(takes, NULL)};
    uint64_t sum = 0, value;
    while (sum < 2 * 20100) {
        CHECK(read(counter, &value, 8) == 8 && value > 0);
        sum += value;
    }
    for (int i = 0; i < 90; i += 10)
        CHECK(write(semaphore, &(uint64_t){10}, 8) == 8);
    for (int i = 0; i < 2; i++) {
        join(adders[i]);
        CHECK(join(takers[i]) == (void *)50);
    }
    printf("%lu\n", sum);
    int fd = eventfd(0, EFD_NONBLOCK);
    CHECK(read(fd, &value, 8) == -1 && errno == EAGAIN);
    CHECK(write(fd, &(uint64_t){UINT64_MAX - 1}, 8) == 8 && write(fd, &(uint64_t){1}, 8) == -1 &&
          errno == EAGAIN);
    CHECK(write(fd, &(uint64_t){UINT64_MAX}, 8) == -1 && errno == EINVAL);
    return passed();
}
