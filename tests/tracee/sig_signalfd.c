/* signalfd: blocked signals of a child read as records, several at once, with values; poll sees them. */
#include <poll.h>
#include <sys/signalfd.h>

#include "tests/tracee/tasks.h"

static int sends(void)
{
    for (int i = 0; i < 10; i++)
        CHECK(sigqueue(getppid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
    CHECK(kill(getppid(), SIGUSR2) == 0);
    return 3;
}

int main(void)
{
    sigset_t set;
    sigemptyset(&set);
    int signals[] = {SIGRTMIN + 1, SIGUSR2, SIGCHLD};
    for (int i = 0; i < 3; i++)
        sigaddset(&set, signals[i]);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(fd >= 0);
    pid_t pid = spawn(sends);
    int next = 0, usr2 = 0, chld = 0;
    while (next < 10 || !usr2 || !chld) {
        struct signalfd_siginfo info[4];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CHECK(poll(&p, 1, -1) == 1);
        ssize_t n = read(fd, info, sizeof(info));
        CHECK(n > 0 && n % (ssize_t)sizeof(info[0]) == 0);
        for (size_t i = 0; i < (size_t)n / sizeof(info[0]); i++) {
            CHECK(info[i].ssi_pid == (uint32_t)pid);
            if (info[i].ssi_signo == SIGUSR2)
                CHECK(usr2++ == 0 && info[i].ssi_code == SI_USER);
            else if (info[i].ssi_signo == SIGCHLD)
                CHECK(chld++ == 0 && info[i].ssi_code == CLD_EXITED && info[i].ssi_status == 3);
            else
                CHECK(info[i].ssi_code == SI_QUEUE && info[i].ssi_int == next++);
        }
    }
    CHECK(WEXITSTATUS(reap(pid)) == 3);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    struct signalfd_siginfo none;
    CHECK(read(fd, &none, sizeof(none)) == -1 && errno == EAGAIN);
    CHECK(read(fd, &none, 10) == -1 && errno == EINVAL);
    return passed();
}
