/* SIGIO of a pipe written by a child while the parent computes. */
#include "tests/tracee/tasks.h"

static int fds[2];
static volatile int got;

static void handler(int signo)
{
    (void)signo;
    char buf[16];
    ssize_t n;
    int saved = errno;
    while ((n = read(fds[0], buf, sizeof(buf))) > 0)
        got += (int)n;
    errno = saved;
}

static int writes(void)
{
    for (int i = 0; i < 50; i++) {
        CHECK(write(fds[1], "xyz", 3) == 3);
        for (volatile int k = 0; k < 5000; k++) {}
    }
    return 0;
}

int main(void)
{
    signal(SIGIO, handler);
    CHECK(pipe(fds) == 0 && fcntl(fds[0], F_SETOWN, getpid()) == 0);
    CHECK(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
    pid_t pid = spawn(writes);
    SPIN_UNTIL(got == 150);
    CHECK(reap(pid) == 0);
    printf("%d\n", got);
    return passed();
}
