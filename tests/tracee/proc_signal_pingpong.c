/* Parent and child send each other SIGUSR1 two hundred times, each waiting in sigsuspend. */
#include "tests/tracee/proc.h"

static volatile sig_atomic_t n;
static void handler(int signo, siginfo_t *si, void *context) { (void)signo, (void)si, (void)context, n++; }

static void await(int count, const sigset_t *old)
{
    while (n < count)
        CHECK(sigsuspend(old) == -1 && errno == EINTR);
}

int main(void)
{
    enum { N = 200 };
    sigset_t block, old;
    sigemptyset(&block), sigaddset(&block, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
    catch_signal(SIGUSR1, handler, 0);
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        for (int i = 1; i <= N; i++) {
            await(i, &old);
            CHECK(kill(parent, SIGUSR1) == 0);
        }
        _exit(0);
    }
    for (int i = 1; i <= N; i++) {
        CHECK(kill(pid, SIGUSR1) == 0);
        await(i, &old);
    }
    expect_exit(pid, 0);
    return passed();
}
