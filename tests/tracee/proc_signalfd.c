/* signalfd: SIGCHLD and a queued signal from children, as records with pid, status and value. */
#include <sys/signalfd.h>

#include "tests/tracee/proc.h"

int main(void)
{
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGCHLD), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN + 3);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC), seen = 0;
    CHECK(fd >= 0);
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        CHECK(sigqueue(parent, SIGRTMIN + 3, (union sigval){.sival_int = 4711}) == 0);
        CHECK(kill(parent, SIGUSR1) == 0);
        _exit(66);
    }
    while (seen != 7) {
        struct signalfd_siginfo s;
        CHECK(read(fd, &s, sizeof(s)) == sizeof(s) && s.ssi_pid == (uint32_t)pid);
        if (s.ssi_signo == SIGCHLD) {
            CHECK(s.ssi_status == 66 && s.ssi_code == CLD_EXITED);
            seen |= 1;
        } else if (s.ssi_signo == SIGUSR1) {
            CHECK(s.ssi_code == SI_USER);
            seen |= 2;
        } else {
            CHECK(s.ssi_signo == (uint32_t)SIGRTMIN + 3 && s.ssi_int == 4711 && s.ssi_code == SI_QUEUE);
            seen |= 4;
        }
    }
    expect_exit(pid, 66);
    return passed();
}
