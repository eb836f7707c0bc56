/* ^C and ^\ on a pseudo-terminal: signals to the foreground group. */
#include <pty.h>

#include "tests/tracee/proc.h"

static volatile sig_atomic_t got;
static void handler(int signo, siginfo_t *si, void *context) { (void)si, (void)context, got = signo; }

int main(void)
{
    no_core();
    for (int i = 0; i < 2; i++) {
        int fd;
        pid_t pid = forkpty(&fd, NULL, NULL, NULL);
        CHECK(pid >= 0);
        if (pid == 0) {
            sigset_t block, old;
            sigemptyset(&block), sigaddset(&block, SIGINT);
            CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
            catch_signal(SIGINT, handler, 0);
            CHECK(write(1, "ready\n", 6) == 6);
            while (!got)
                sigsuspend(&old);
            _exit(got == SIGINT ? 70 : 1);
        }
        char c;
        do
            CHECK(read(fd, &c, 1) == 1);
        while (c != '\n');
        CHECK(write(fd, i ? "\x1c" : "\x03", 1) == 1);
        if (i)
            expect_signal(pid, SIGQUIT);
        else
            expect_exit(pid, 70);
        close(fd);
    }
    return passed();
}
