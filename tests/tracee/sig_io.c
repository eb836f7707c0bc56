/* SIGIO of a socket (O_ASYNC) and a chosen real-time signal with F_SETSIG that names the descriptor. */
#include <sys/socket.h>

#include "tests/tracee/tasks.h"

static volatile int plain, with_fd, last_fd, last_code;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    if (signo == SIGIO) {
        plain++;
    } else {
        last_fd = si->si_fd, last_code = si->si_code;
        with_fd++;
    }
}

int main(void)
{
    int sv[2];
    char c;
    catch_signal(SIGIO, handler, SA_RESTART);
    catch_signal(SIGRTMIN + 5, handler, SA_RESTART);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
    CHECK(fcntl(sv[0], F_SETOWN, getpid()) == 0 && fcntl(sv[0], F_GETOWN) == getpid());
    CHECK(fcntl(sv[0], F_SETFL, fcntl(sv[0], F_GETFL) | O_ASYNC) == 0);
    CHECK(write(sv[1], "a", 1) == 1);
    YIELD_UNTIL(plain == 1);
    CHECK(read(sv[0], &c, 1) == 1 && c == 'a');
    CHECK(fcntl(sv[0], F_SETSIG, SIGRTMIN + 5) == 0 && fcntl(sv[0], F_GETSIG) == SIGRTMIN + 5);
    int before = with_fd;
    CHECK(write(sv[1], "b", 1) == 1);
    YIELD_UNTIL(with_fd > before);
    CHECK(last_fd == sv[0] && last_code == POLL_IN);
    CHECK(read(sv[0], &c, 1) == 1 && c == 'b');
    CHECK(fcntl(sv[0], F_SETFL, fcntl(sv[0], F_GETFL) & ~O_ASYNC) == 0);
    before = with_fd;
    CHECK(write(sv[1], "c", 1) == 1 && read(sv[0], &c, 1) == 1 && with_fd == before);
    return passed();
}
