/* A child whose end is told by SIGUSR1, and one that tells nothing: __WALL and __WCLONE. */
#include "tests/tracee/proc.h"

static volatile int n_usr1, n_chld;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(si->si_code == CLD_EXITED);
    *(signo == SIGUSR1 ? &n_usr1 : &n_chld) += 1;
}

int main(void)
{
    int status;
    catch_signal(SIGUSR1, handler, SA_RESTART);
    catch_signal(SIGCHLD, handler, SA_RESTART);
    for (int i = 0; i < 3; i++) {
        int signo = i == 0 ? SIGUSR1 : i == 1 ? SIGCHLD : 0;
        long pid = syscall(SYS_clone, signo, NULL, NULL, NULL, NULL);
        if (pid == 0)
            _exit(i + 1);
        CHECK(pid > 0 && waitpid((pid_t)pid, &status, __WALL) == pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i + 1);
    }
    CHECK(n_usr1 == 1 && n_chld == 1);
    return passed();
}
