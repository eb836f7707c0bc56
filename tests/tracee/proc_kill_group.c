/* kill(-group) and killpg reach every member, and nobody else; kill(0) from within. */
#include "tests/tracee/proc.h"

static volatile sig_atomic_t got;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, got = 1;
}

int main(void)
{
    enum { N = 4 };
    struct gate ready = gate_make();
    pid_t pids[N];
    catch_signal(SIGUSR1, handler, 0);
    for (int i = 0; i < N; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            sigset_t block, old;
            sigemptyset(&block), sigaddset(&block, SIGUSR1);
            CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
            gate_open(ready);
            while (!got)
                sigsuspend(&old);
            for (;;)
                pause();
        }
        CHECK(setpgid(pids[i], pids[0]) == 0);
    }
    for (int i = 0; i < N; i++)
        gate_wait(ready);
    CHECK(kill(-pids[0], SIGUSR1) == 0 && !got);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(setpgid(0, pids[0]) == 0 && signal(SIGTERM, SIG_IGN) != SIG_ERR);
        CHECK(kill(0, SIGTERM) == 0);
        _exit(8);
    }
    expect_exit(pid, 8);
    for (int i = 0; i < N; i++)
        expect_signal(pids[i], SIGTERM);
    CHECK(killpg(pids[0], SIGTERM) == -1 && errno == ESRCH);
    return passed();
}
