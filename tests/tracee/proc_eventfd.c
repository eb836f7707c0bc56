/* An eventfd over fork: additions from three children, semaphore mode, and a blocked read. */
#include <sys/eventfd.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int fd = eventfd(0, 0), sem = eventfd(0, EFD_SEMAPHORE);
    uint64_t n, total = 0;
    CHECK(fd >= 0 && sem >= 0);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            n = 1 + (uint64_t)i * 10;
            CHECK(write(fd, &n, 8) == 8 && read(sem, &n, 8) == 8 && n == 1);
            _exit(0);
        }
    }
    while (total < 33) {
        CHECK(read(fd, &n, 8) == 8);
        total += n;
    }
    CHECK(total == 33);
    n = 3;
    CHECK(write(sem, &n, 8) == 8);
    for (int i = 0; i < 3; i++)
        expect_exit(pids[i], 0);
    return passed();
}
