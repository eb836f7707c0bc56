/* SIGPIPE: caught, ignored (EPIPE), suppressed with MSG_NOSIGNAL, and deadly in a child. */
#include <sys/socket.h>

#include "tests/tracee/tasks.h"

static volatile int count;
static int fds[2];

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)context;
    CHECK(signo == SIGPIPE && si->si_code == SI_USER && si->si_pid == getpid());
    count++;
}

static int dies(void)
{
    signal(SIGPIPE, SIG_DFL);
    CHECK(write(fds[1], "x", 1) == 12345);
    return 0;
}

int main(void)
{
    int sv[2];
    CHECK(pipe(fds) == 0 && close(fds[0]) == 0);
    catch_signal(SIGPIPE, handler, 0);
    CHECK(write(fds[1], "x", 1) == -1 && errno == EPIPE && count == 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK(write(fds[1], "x", 1) == -1 && errno == EPIPE && count == 1);
    catch_signal(SIGPIPE, handler, 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0 && close(sv[0]) == 0);
    CHECK(send(sv[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE && count == 1);
    CHECK(send(sv[1], "x", 1, 0) == -1 && errno == EPIPE && count == 2);
    mask_signal(SIG_BLOCK, SIGPIPE);
    CHECK(write(fds[1], "x", 1) == -1 && errno == EPIPE && count == 2);
    mask_signal(SIG_UNBLOCK, SIGPIPE);
    CHECK(count == 3);
    int status = reap(spawn(dies));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    printf("%d\n", count);
    return passed();
}
