/* Signals to itself: kill, raise, tgkill, sigqueue; blocked, pending, ignored, default-ignored, sigtimedwait. */
#include <time.h>

#include "tests/tracee/tracee.h"

static volatile int count, last_value, last_code;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    count++;
    last_value = si->si_value.sival_int;
    last_code = si->si_code;
    CHECK(si->si_signo == signo && si->si_pid == getpid() && si->si_uid == getuid());
}

int main(void)
{
    sigset_t all, pending;
    sigfillset(&all);
    int signals[] = {SIGUSR1, SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2};
    for (int i = 0; i < 4; i++)
        catch_signal(signals[i], handler, 0);
    CHECK(raise(SIGUSR1) == 0 && count == 1 && kill(getpid(), SIGUSR1) == 0 && count == 2 &&
          last_code == SI_USER);
    CHECK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0 && count == 3 && last_code == SI_TKILL);
    CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42}) == 0 && last_value == 42 &&
          last_code == SI_QUEUE);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    count = 0;
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        sigqueue(getpid(), SIGRTMIN + 2 - i, (union sigval){.sival_int = i});
    }
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 9});
    CHECK(count == 0 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) &&
          sigismember(&pending, SIGRTMIN));
    siginfo_t si;
    sigset_t one;
    sigemptyset(&one), sigaddset(&one, SIGRTMIN + 2);
    CHECK(sigtimedwait(&one, &si, &(struct timespec){1, 0}) == SIGRTMIN + 2 && si.si_value.sival_int == 0);
    CHECK(sigtimedwait(&one, &si, &(struct timespec){0, 1000}) == -1 && errno == EAGAIN);
    sigset_t drain = all; /* take the others, so that none is delivered */
    while (sigtimedwait(&drain, &si, &(struct timespec){0, 0}) > 0)
        count++;
    printf("%d\n", count);
    CHECK(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0 && sigpending(&pending) == 0 &&
          !sigismember(&pending, SIGUSR1));
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2), raise(SIGCHLD), raise(SIGWINCH), raise(SIGURG);
    CHECK(kill(getpid(), 0) == 0 && kill(getpid(), 200) == -1 && errno == EINVAL);
    return passed();
}
