/* Signals with values from child to parent and back: who sent them, and in which order they come. */
#include "tests/tracee/proc.h"

int main(void)
{
    sigset_t set;
    siginfo_t si;
    sigemptyset(&set), sigaddset(&set, SIGRTMIN), sigaddset(&set, SIGRTMIN + 1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        for (int i = 0; i < 5; i++)
            CHECK(sigqueue(parent, SIGRTMIN + 1 - i % 2, (union sigval){.sival_int = i}) == 0);
        CHECK(sigwaitinfo(&set, &si) == SIGRTMIN && si.si_value.sival_int == 99 && si.si_pid == parent);
        _exit(0);
    }
    struct timespec long_enough = {50, 0};
    for (int i = 0, got; i < 5; i++) {
        while ((got = sigtimedwait(&set, &si, &long_enough)) < 0)
            CHECK(errno == EINTR);
        CHECK(si.si_code == SI_QUEUE && si.si_pid == pid && si.si_uid == getuid());
        CHECK(got == SIGRTMIN + 1 - si.si_value.sival_int % 2);
    }
    CHECK(sigqueue(pid, SIGRTMIN, (union sigval){.sival_int = 99}) == 0);
    expect_exit(pid, 0);
    return passed();
}
