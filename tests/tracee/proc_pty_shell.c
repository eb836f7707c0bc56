/* forkpty: the child's terminal, its size, what it says and what it is told. */
#include <pty.h>
#include <termios.h>
#include <sys/ioctl.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct winsize size = {.ws_row = 33, .ws_col = 99};
    struct termios t;
    int fd;
    pid_t pid = forkpty(&fd, NULL, NULL, &size);
    CHECK(pid >= 0);
    if (pid == 0) {
        char line[64];
        CHECK(isatty(0) && tcgetpgrp(0) == getpid() && getsid(0) == getpid());
        CHECK(tcgetattr(0, &t) == 0);
        t.c_lflag &= ~(tcflag_t)ECHO;
        CHECK(tcsetattr(0, TCSANOW, &t) == 0 && ioctl(0, TIOCGWINSZ, &size) == 0);
        dprintf(1, "%d x %d\n", size.ws_row, size.ws_col);
        ssize_t n = read(0, line, sizeof(line));
        CHECK(n == 6 && !memcmp(line, "hello\n", 6));
        dprintf(1, "got %d\n", (int)n);
        _exit(5);
    }
    char text[256] = "";
    size_t len = 0;
    bool told = false;
    ssize_t n;
    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
        len += (size_t)n;
        if (!told && strchr(text, '\n'))
            told = write(fd, "hello\n", 6) == 6;
    }
    CHECK(n == -1 && errno == EIO && !strcmp(text, "33 x 99\r\ngot 6\r\n"));
    expect_exit(pid, 5);
    return passed();
}
