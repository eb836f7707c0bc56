/* select, poll and ppoll over the pipes of four children until each has said its word and closed. */
#include <poll.h>
#include <sys/select.h>

#include "tests/tracee/proc.h"

enum { N = 4 };

/* Which descriptor is ready, by one of three calls in turn. */
static int ready(const int *fd, int turn)
{
    if (turn % 3 == 0) {
        fd_set set;
        FD_ZERO(&set);
        for (int i = 0; i < N; i++)
            if (fd[i] >= 0)
                FD_SET(fd[i], &set);
        CHECK(select(1023, &set, NULL, NULL, NULL) > 0);
        for (int i = 0; i < N; i++)
            if (fd[i] >= 0 && FD_ISSET(fd[i], &set))
                return i;
    }
    struct pollfd p[N];
    for (int i = 0; i < N; i++)
        p[i] = (struct pollfd){fd[i], POLLIN, 0};
    CHECK((turn % 3 == 1 ? poll(p, N, -1) : ppoll(p, N, NULL, NULL)) > 0);
    for (int i = 0; i < N; i++)
        if (p[i].revents)
            return i;
    return -1;
}

int main(void)
{
    int fd[N], bytes[N] = {0}, left = N;
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        int p[2];
        CHECK(pipe(p) == 0);
        pids[i] = start();
        if (pids[i] == 0) {
            for (int n = 0; n < 5 * (i + 1); n++)
                CHECK(write(p[1], "x", 1) == 1);
            _exit(0);
        }
        close(p[1]);
        fd[i] = p[0];
    }
    for (int turn = 0; left; turn++) {
        char block[3];
        int i = ready(fd, turn);
        ssize_t n = read(fd[i], block, sizeof(block));
        CHECK(n >= 0);
        bytes[i] += (int)n;
        if (n == 0) {
            close(fd[i]);
            fd[i] = -1;
            left--;
        }
    }
    for (int i = 0; i < N; i++) {
        CHECK(bytes[i] == 5 * (i + 1));
        expect_exit(pids[i], 0);
    }
    return passed();
}
