/* A background job that writes to a terminal with TOSTOP stops with SIGTTOU; ignored, it may write. */
#include <pty.h>
#include <termios.h>

#include "tests/tracee/proc.h"

static int shell(void)
{
    int status;
    struct termios t;
    CHECK(tcgetattr(0, &t) == 0);
    t.c_lflag |= TOSTOP;
    CHECK(tcsetattr(0, TCSANOW, &t) == 0);
    pid_t job = start();
    if (job == 0) {
        CHECK(setpgid(0, 0) == 0 && write(1, "job\n", 4) == 4);
        _exit(1);
    }
    CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    CHECK(kill(job, SIGKILL) == 0);
    expect_signal(job, SIGKILL);
    job = start();
    if (job == 0) {
        CHECK(setpgid(0, 0) == 0 && signal(SIGTTOU, SIG_IGN) != SIG_ERR);
        _exit(write(1, "ok\n", 3) == 3 ? 52 : 1);
    }
    expect_exit(job, 52);
    return 53;
}

int main(void)
{
    int fd;
    char text[64] = "";
    ssize_t n, total = 0;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(shell());
    while ((n = read(fd, text + total, sizeof(text) - 1 - (size_t)total)) > 0)
        total += n;
    expect_exit(pid, 53);
    CHECK(!strcmp(text, "ok\r\n"));
    return passed();
}
