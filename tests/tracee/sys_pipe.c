/* Pipes within one process: full, empty, non-blocking, EPIPE with SIGPIPE, splice, tee, FIONREAD. */
#include <sys/ioctl.h>

#include "tests/tracee/tracee.h"

static volatile int pipes;
static void on_pipe(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(signo == SIGPIPE && si->si_pid == getpid());
    pipes++;
}

int main(void)
{
    int p[2], q[2], waiting;
    char block[4096], back[4096];
    CHECK(pipe2(p, O_NONBLOCK) == 0 && pipe(q) == 0);
    memset(block, 'x', sizeof(block));
    long total = 0, n;
    while ((n = write(p[1], block, sizeof(block))) > 0)
        total += n;
    CHECK(n == -1 && errno == EAGAIN && total == 65536);
    CHECK(ioctl(p[0], FIONREAD, &waiting) == 0 && waiting == 65536);
    CHECK(splice(p[0], NULL, q[1], NULL, 4096, 0) > 0 && read(q[0], back, 4096) == 4096 &&
          !memcmp(back, block, 4096));
    while ((n = read(p[0], back, sizeof(back))) > 0)
        total -= n;
    CHECK(n == -1 && errno == EAGAIN && total == 4096);
    CHECK(write(p[1], "end", 3) == 3 && tee(p[0], q[1], 3, 0) == 3 && read(q[0], back, 9) == 3 &&
          read(p[0], back, 9) == 3);
    CHECK(close(p[1]) == 0 && read(p[0], back, 9) == 0 && close(q[0]) == 0);
    catch_signal(SIGPIPE, on_pipe, 0);
    CHECK(write(q[1], "x", 1) == -1 && errno == EPIPE && pipes == 1);
    CHECK(fcntl(q[1], F_GETPIPE_SZ) >= 4096);
    return passed();
}
