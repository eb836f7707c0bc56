/* Signals across exec: ignored stay ignored, caught go back to default, mask and pending ones are kept. */
#include "tests/tracee/proc.h"

static void handler(int signo, siginfo_t *si, void *context) { (void)signo, (void)si, (void)context; }

int main(int argc, char **argv)
{
    (void)argv;
    struct sigaction sa;
    sigset_t set;
    stack_t ss;
    if (argc > 1) {
        CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
        CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
        CHECK(sigaction(SIGCHLD, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
        CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGHUP) &&
              sigismember(&set, SIGRTMIN));
        CHECK(!sigismember(&set, SIGTERM) && sigpending(&set) == 0 && sigismember(&set, SIGHUP));
        CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE);
        catch_signal(SIGHUP, handler, 0);
        siginfo_t si;
        sigemptyset(&set), sigaddset(&set, SIGRTMIN);
        CHECK(sigsuspend(&set) == -1 && errno == EINTR);
        CHECK(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_value.sival_int == 77);
        return passed();
    }
    static char stack[16384];
    ss = (stack_t){.ss_sp = stack, .ss_size = sizeof(stack)};
    CHECK(sigaltstack(&ss, NULL) == 0 && signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    catch_signal(SIGUSR2, handler, SA_ONSTACK);
    catch_signal(SIGCHLD, handler, 0);
    sigemptyset(&set), sigaddset(&set, SIGHUP), sigaddset(&set, SIGRTMIN);
    CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0 && raise(SIGHUP) == 0);
    CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77}) == 0);
    execl(SELF, "self", "again", NULL);
    CHECK(!"execve returned");
}
