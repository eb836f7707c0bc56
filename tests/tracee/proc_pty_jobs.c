/* Job control: a background group that reads the terminal stops with SIGTTIN; tcsetpgrp and SIGCONT let it. */
#include <pty.h>

#include "tests/tracee/proc.h"

static int shell(void)
{
    int status;
    char line[16];
    CHECK(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
    pid_t job = start();
    if (job == 0) {
        CHECK(setpgid(0, 0) == 0);
        ssize_t n = read(0, line, sizeof(line));
        _exit(n == 4 && tcgetpgrp(0) == getpid() ? 50 : 1);
    }
    CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
    CHECK(tcgetpgrp(0) == getpid() && tcsetpgrp(0, job) == 0 && tcgetpgrp(0) == job);
    CHECK(kill(-job, SIGCONT) == 0);
    CHECK(write(1, "now\n", 4) == 4);
    expect_exit(job, 50);
    CHECK(tcsetpgrp(0, getpid()) == 0);
    return 51;
}

int main(void)
{
    int fd;
    char c;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(shell());
    do
        CHECK(read(fd, &c, 1) == 1);
    while (c != '\n');
    CHECK(write(fd, "job\n", 4) == 4);
    while (read(fd, &c, 1) == 1)
        ;
    expect_exit(pid, 51);
    return passed();
}
