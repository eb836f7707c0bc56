/* CLONE_SIGHAND without CLONE_THREAD: one table of handlers, but a mask for each. */
#include "tests/tracee/proc.h"

static volatile int handled;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, handled++;
}

static int child(void *arg)
{
    (void)arg;
    sigset_t set;
    catch_signal(SIGUSR1, handler, 0);
    sigemptyset(&set), sigaddset(&set, SIGUSR2);
    return sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    struct sigaction sa;
    sigset_t set;
    pid_t pid = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
    CHECK(pid > 0);
    expect_exit(pid, 0);
    CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_sigaction == handler && (sa.sa_flags & SA_SIGINFO));
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGUSR2));
    raise(SIGUSR1);
    CHECK(handled == 1);
    return passed();
}
