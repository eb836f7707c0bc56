/* EPIPE and SIGPIPE with a reader in another process: ignored, and handled. */
#include "tests/tracee/proc.h"

static volatile int n_pipe;
static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si, (void)context, n_pipe++;
}

int main(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    pid_t pid = start();
    if (pid == 0) {
        char c;
        close(p[1]);
        CHECK(read(p[0], &c, 1) == 1);
        _exit(c);
    }
    CHECK(close(p[0]) == 0 && write(p[1], "A", 1) == 1);
    expect_exit(pid, 'A');
    catch_signal(SIGPIPE, handler, 0);
    CHECK(write(p[1], "B", 1) == -1 && errno == EPIPE && n_pipe == 1);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR && write(p[1], "C", 1) == -1 && errno == EPIPE);
    return passed();
}
