/* A vfork child's handlers and mask are its own; a signal that kills it lets the parent go on. */
#include "tests/tracee/proc.h"

static void handler(int signo, siginfo_t *si, void *context) { (void)signo, (void)si, (void)context; }

int main(void)
{
    struct sigaction sa;
    sigset_t set;
    catch_signal(SIGUSR1, handler, 0);
    pid_t pid = vfork();
    if (pid == 0) {
        signal(SIGUSR1, SIG_DFL);
        sigemptyset(&set), sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        kill(getpid(), SIGUSR1);
        _exit(1);
    }
    CHECK(pid > 0);
    expect_signal(pid, SIGUSR1);
    CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_sigaction == handler);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGHUP));
    return passed();
}
