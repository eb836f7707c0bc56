/* TIOCSWINSZ on the master: SIGWINCH and the new size in the child. */
#include <pty.h>
#include <sys/ioctl.h>

#include "tests/tracee/proc.h"

static volatile sig_atomic_t n_winch;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, n_winch++;
}

int main(void)
{
    int fd;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct gate ready;
    ready = gate_make();
    pid_t pid = forkpty(&fd, NULL, NULL, &size);
    CHECK(pid >= 0);
    if (pid == 0) {
        sigset_t block, old;
        sigemptyset(&block), sigaddset(&block, SIGWINCH);
        CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
        catch_signal(SIGWINCH, handler, 0);
        gate_open(ready);
        while (n_winch < 1)
            sigsuspend(&old);
        CHECK(ioctl(0, TIOCGWINSZ, &size) == 0);
        _exit(size.ws_row + size.ws_col);
    }
    gate_wait(ready);
    size = (struct winsize){.ws_row = 50, .ws_col = 132};
    CHECK(ioctl(fd, TIOCSWINSZ, &size) == 0);
    expect_exit(pid, 182);
    return passed();
}
