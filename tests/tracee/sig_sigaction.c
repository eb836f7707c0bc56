/* sigaction: old actions come back whole, errors, signal() and its flags, actions shared by threads. */
#include "tests/tracee/tasks.h"

static void one(int signo) { (void)signo; }
static void two(int signo, siginfo_t *si, void *context) { (void)signo, (void)si, (void)context; }

static void *changes(void *arg)
{
    CHECK(signal(SIGUSR2, SIG_IGN) == one);
    return arg;
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = two, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER}, old;
    sigaddset(&sa.sa_mask, SIGHUP);
    sigaddset(&sa.sa_mask, SIGKILL); /* silently not */
    CHECK(sigaction(SIGUSR1, &sa, &old) == 0 && old.sa_handler == SIG_DFL && old.sa_flags == 0);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_sigaction == two);
    CHECK((old.sa_flags & ~0x04000000) == (SA_SIGINFO | SA_ONSTACK | SA_NODEFER));
    CHECK(sigismember(&old.sa_mask, SIGHUP) == 1 && sigismember(&old.sa_mask, SIGKILL) == 0 &&
          sigismember(&old.sa_mask, SIGINT) == 0);
    CHECK(signal(SIGUSR1, one) == (void (*)(int))(uintptr_t)two);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && (old.sa_flags & SA_RESTART) &&
          sigismember(&old.sa_mask, SIGHUP) == 0);
    CHECK(sigaction(SIGKILL, &sa, NULL) == -1 && errno == EINVAL);
    CHECK(sigaction(SIGSTOP, NULL, &old) == 0 || errno == EINVAL);
    CHECK(syscall(SYS_rt_sigaction, 65, NULL, &old, 8) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 4) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_rt_sigaction, SIGUSR1, 8L, NULL, 8) == -1 && errno == EFAULT);
    CHECK(signal(SIGUSR2, one) == SIG_DFL);
    join(start(changes, NULL));
    CHECK(signal(SIGUSR2, SIG_DFL) == SIG_IGN);
    return passed();
}
