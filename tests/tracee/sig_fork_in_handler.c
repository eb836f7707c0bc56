/* fork inside a handler that interrupted a loop: parent and child both return from it and finish the loop. */
#include "tests/tracee/tasks.h"

static volatile pid_t pid = -1;
static volatile int count;

static void handler(int signo)
{
    (void)signo;
    if (count++ == 0) {
        pid = fork();
        CHECK(pid >= 0);
    }
}

int main(void)
{
    signal(SIGALRM, handler);
    fflush(stdout);
    struct itimerval once = {{0, 0}, {0, 2000}};
    CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
    uint64_t sum = 0, n = 0;
    while (count == 0) {
        sum += n;
        n++;
    }
    for (uint64_t end = n + 100000; n < end; n++)
        sum += n;
    CHECK(sum == n * (n - 1) / 2);
    if (pid == 0)
        _exit(17);
    CHECK(WEXITSTATUS(reap(pid)) == 17);
    return passed();
}
