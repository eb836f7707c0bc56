/* A child sends 400 queued signals while the parent computes: all arrive, in order, the sum is right. */
#include "tests/tracee/tasks.h"

static volatile int next;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    CHECK(si->si_value.sival_int == next);
    next++;
}

static int sends(void)
{
    for (int i = 0; i < 400; i++)
        while (sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = i}) == -1)
            CHECK(errno == EAGAIN);
    return 0;
}

int main(void)
{
    catch_signal(SIGRTMIN, handler, SA_RESTART);
    pid_t pid = spawn(sends);
    uint64_t x = 1, n = 0;
    while (next < 400) {
        x = x * 6364136223846793005 + 1;
        n++;
    }
    CHECK(reap(pid) == 0);
    uint64_t y = 1;
    for (uint64_t i = 0; i < n; i++)
        y = y * 6364136223846793005 + 1;
    CHECK(x == y);
    printf("%d\n", next);
    return passed();
}
