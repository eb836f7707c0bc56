/* pause and sigsuspend are ended only by handlers: ignored and default-ignored signals do not wake them. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static int sends(void)
{
    for (int i = 0; i < 3; i++) {
        CHECK(kill(getppid(), SIGUSR2) == 0);
        CHECK(kill(getppid(), SIGURG) == 0);
        CHECK(kill(getppid(), SIGCONT) == 0);
    }
    return 0;
}

int main(void)
{
    signal(SIGUSR2, SIG_IGN);
    signal(SIGALRM, handler);
    pid_t pid = spawn(sends);
    struct itimerval once = {{0, 0}, {0, 5000}};
    mask_signal(SIG_BLOCK, SIGALRM);
    CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
    sigset_t none;
    sigemptyset(&none);
    CHECK(sigsuspend(&none) == -1 && errno == EINTR && count == 1);
    CHECK(reap(pid) == 0);
    mask_signal(SIG_UNBLOCK, SIGALRM);
    every_us(ITIMER_REAL, 1000); /* repeats: one may come before the pause */
    CHECK(pause() == -1 && errno == EINTR && count >= 2);
    every_us(ITIMER_REAL, 0);
    return passed();
}
