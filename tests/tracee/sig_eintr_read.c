/* Without SA_RESTART: read, write to a full pipe, readv, recv, recvmsg all end with EINTR. */
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/tracee/tasks.h"

static volatile int count;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static void interrupted(ssize_t got) { CHECK(got == -1 && errno == EINTR); }

int main(void)
{
    int fds[2], full[2], sv[2];
    char c, big[4096] = {0};
    CHECK(pipe(fds) == 0 && pipe(full) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
    CHECK(fcntl(full[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(full[1], big, sizeof(big)) > 0) {}
    CHECK(errno == EAGAIN && fcntl(full[1], F_SETFL, 0) == 0);
    struct sigaction sa = {.sa_handler = handler};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    every_us(ITIMER_REAL, 1500);
    for (int i = 0; i < 3; i++) {
        interrupted(read(fds[0], &c, 1));
        interrupted(write(full[1], big, sizeof(big)));
        interrupted(readv(fds[0], &(struct iovec){&c, 1}, 1));
        interrupted(recv(sv[0], &c, 1, 0));
        interrupted(recvmsg(sv[0], &(struct msghdr){0}, 0));
    }
    every_us(ITIMER_REAL, 0);
    CHECK(count >= 15);
    return passed();
}
