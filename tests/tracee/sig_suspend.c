/* sigsuspend: a child's signal gets in only there, the mask is back afterwards, a hundred times to and fro. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static int answers(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 0; i < 100; i++) {
        CHECK(kill(getppid(), SIGUSR1) == 0);
        while (count == i)
            CHECK(sigsuspend(&none) == -1 && errno == EINTR);
    }
    return 0;
}

int main(void)
{
    sigset_t none, now;
    sigemptyset(&none);
    signal(SIGUSR1, handler);
    mask_signal(SIG_BLOCK, SIGUSR1);
    pid_t pid = spawn(answers);
    for (int i = 0; i < 100; i++) {
        while (count == i)
            CHECK(sigsuspend(&none) == -1 && errno == EINTR);
        CHECK(count == i + 1);
        CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) &&
              !sigismember(&now, SIGUSR2));
        CHECK(kill(pid, SIGUSR1) == 0);
    }
    CHECK(reap(pid) == 0);
    printf("%d\n", count);
    return passed();
}
