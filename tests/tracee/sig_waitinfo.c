/* sigwaitinfo and sigtimedwait for signals of a child: info, timeouts, EINTR by another signal. */
#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static int sends(void)
{
    for (int i = 0; i < 20; i++)
        CHECK(sigqueue(getppid(), SIGRTMIN + 2, (union sigval){.sival_int = i}) == 0);
    return 0;
}

int main(void)
{
    sigset_t set = set_of(SIGRTMIN + 2);
    siginfo_t si;
    mask_signal(SIG_BLOCK, SIGRTMIN + 2);
    pid_t pid = spawn(sends);
    for (int i = 0; i < 20; i++) {
        int got = i & 1 ? sigwaitinfo(&set, &si) : sigtimedwait(&set, &si, &(struct timespec){100, 0});
        CHECK(got == SIGRTMIN + 2 && si.si_code == SI_QUEUE && si.si_value.sival_int == i &&
              si.si_pid == pid);
    }
    CHECK(reap(pid) == 0);
    CHECK(sigtimedwait(&set, &si, &(struct timespec){0, 2000000}) == -1 && errno == EAGAIN);
    CHECK(sigtimedwait(&set, NULL, &(struct timespec){0, 0}) == -1 && errno == EAGAIN);
    CHECK(sigtimedwait(&set, NULL, &(struct timespec){0, -1}) == -1 && errno == EINVAL);
    signal(SIGALRM, handler);
    every_us(ITIMER_REAL, 2000);
    CHECK(sigwaitinfo(&set, &si) == -1 && errno == EINTR && count > 0);
    every_us(ITIMER_REAL, 0);
    return passed();
}
