/* A daemon by double fork: own session, no terminal, root folder; it reports over a pipe and ends. */
#include "tests/tracee/proc.h"

int main(void)
{
    int p[2];
    char text[64];
    CHECK(pipe(p) == 0);
    pid_t pid = start();
    if (pid == 0) {
        close(p[0]);
        CHECK(setsid() == getpid() && signal(SIGHUP, SIG_IGN) != SIG_ERR);
        if (start() != 0)
            _exit(0);
        int null = open("/dev/null", O_RDWR);
        CHECK(chdir("/") == 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2);
        umask(0);
        dprintf(p[1], "%d %d", getsid(0) != getpid(), open("/dev/tty", O_RDWR) < 0);
        _exit(0);
    }
    close(p[1]);
    expect_exit(pid, 0);
    CHECK(read(p[0], text, sizeof(text)) == 3 && !memcmp(text, "1 1", 3) && read(p[0], text, 1) == 0);
    CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    return passed();
}
