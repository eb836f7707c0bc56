/* A SIGCHLD handler that reaps: every child is counted, whatever is merged on the way. */
#include "tests/tracee/proc.h"

static volatile int n_reaped, sum;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(signo == SIGCHLD && si->si_code == CLD_EXITED);
    int saved = errno, status;
    while (waitpid(-1, &status, WNOHANG) > 0) {
        n_reaped++;
        sum += WEXITSTATUS(status);
    }
    errno = saved;
}

int main(void)
{
    sigset_t block, old;
    sigemptyset(&block), sigaddset(&block, SIGCHLD);
    catch_signal(SIGCHLD, handler, SA_RESTART);
    CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
    for (int i = 1; i <= 10; i++) {
        if (start() == 0)
            _exit(i);
    }
    while (n_reaped < 10)
        CHECK(sigsuspend(&old) == -1 && errno == EINTR);
    CHECK(sum == 55 && waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    return passed();
}
