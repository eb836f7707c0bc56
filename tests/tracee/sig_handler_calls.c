/* A handler under a 1 ms timer makes calls of its own in the middle of the program's: files, memory, another signal. */
#include "tests/tracee/tasks.h"

static volatile int count, nested;
static int fd;

static void other(int signo)
{
    (void)signo;
    nested++;
}

static void handler(int signo)
{
    (void)signo;
    int saved = errno;
    CHECK(write(fd, "h", 1) == 1);
    void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    memset(p, count, 8192);
    CHECK(munmap(p, 8192) == 0);
    if (count % 4 == 0)
        CHECK(kill(getpid(), SIGUSR1) == 0);
    count++;
    errno = saved;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    fd = memfd_create("log", 0);
    CHECK(fd >= 0 && sigaction(SIGALRM, &sa, NULL) == 0);
    signal(SIGUSR1, other);
    every_us(ITIMER_REAL, 1000);
    long calls = 0;
    while (count < rounds(30)) {
        CHECK(access("/nonexistent", R_OK) == -1 && errno == ENOENT);
        CHECK(getppid() > 0);
        calls++;
    }
    every_us(ITIMER_REAL, 0);
    CHECK(lseek(fd, 0, SEEK_END) == count && nested == (count + 3) / 4);
    return passed();
}
