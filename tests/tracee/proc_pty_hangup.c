/* Closing the master hangs up: SIGHUP to the session, EIO or the end for its readers. */
#include <pty.h>

#include "tests/tracee/proc.h"

static volatile sig_atomic_t hung_up;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, hung_up = 1;
}

int main(void)
{
    int fd;
    char c;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    CHECK(pid >= 0);
    if (pid == 0) {
        sigset_t block, old;
        sigemptyset(&block), sigaddset(&block, SIGHUP);
        CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
        catch_signal(SIGHUP, handler, 0);
        CHECK(write(1, "r\n", 2) == 2);
        while (!hung_up)
            sigsuspend(&old);
        _exit(read(0, &c, 1) <= 0 && write(1, "x", 1) == -1 && errno == EIO ? 60 : 1);
    }
    do
        CHECK(read(fd, &c, 1) == 1);
    while (c != '\n');
    CHECK(close(fd) == 0);
    expect_exit(pid, 60);
    return passed();
}
