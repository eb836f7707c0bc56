/* Pending signals and timers are not inherited by fork; the mask and the handlers are. */
#include "tests/tracee/proc.h"

static volatile int n;
static void handler(int signo, siginfo_t *si, void *context) { (void)signo, (void)si, (void)context, n++; }

int main(void)
{
    sigset_t block, old, pending;
    struct itimerval far = {.it_value.tv_sec = 1000}, left;
    sigemptyset(&block), sigaddset(&block, SIGUSR1);
    catch_signal(SIGUSR1, handler, 0);
    CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0 && raise(SIGUSR1) == 0 &&
          setitimer(ITIMER_REAL, &far, NULL) == 0);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
        CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0);
        CHECK(sigprocmask(SIG_SETMASK, &old, &pending) == 0 && sigismember(&pending, SIGUSR1) && n == 0);
        CHECK(raise(SIGUSR1) == 0 && n == 1);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(n == 0 && sigprocmask(SIG_SETMASK, &old, NULL) == 0 && n == 1);
    return passed();
}
