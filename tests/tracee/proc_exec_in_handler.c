/* execve inside a signal handler: the signal stays blocked in the new image. */
#include "tests/tracee/proc.h"

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context;
    execl(SELF, "self", "again", NULL);
    _exit(1);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        sigset_t set;
        CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGUSR1) &&
              !sigismember(&set, SIGHUP));
        return passed();
    }
    catch_signal(SIGUSR1, handler, 0);
    raise(SIGUSR1);
    CHECK(!"the handler returned");
}
