/* SIGWINCH: the size of a pseudo-terminal changes, its foreground process group hears of it and reads the new size. */
#include <sys/ioctl.h>

#include "tests/tracee/tasks.h"

static volatile int resized;
static int report[2], slave;

static void handler(int signo)
{
    (void)signo;
    resized++;
}

static int in_child(void)
{
    CHECK(setsid() > 0 && ioctl(slave, TIOCSCTTY, 0) == 0 && tcgetpgrp(slave) == getpid());
    signal(SIGWINCH, handler);
    CHECK(write(report[1], "r", 1) == 1);
    for (int i = 1; i <= 3; i++) {
        struct winsize size;
        YIELD_UNTIL(resized == i);
        CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 10 * i && size.ws_col == 20 * i);
        CHECK(write(report[1], "s", 1) == 1);
    }
    return 0;
}

int main(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0)
        skip("no pseudo-terminals");
    CHECK(grantpt(master) == 0 && unlockpt(master) == 0 && pipe(report) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    pid_t pid = spawn(in_child);
    char c;
    CHECK(read(report[0], &c, 1) == 1 && c == 'r');
    for (unsigned short i = 1; i <= 3; i++) {
        struct winsize size = {.ws_row = (unsigned short)(10 * i), .ws_col = (unsigned short)(20 * i)};
        CHECK(ioctl(master, TIOCSWINSZ, &size) == 0);
        CHECK(read(report[0], &c, 1) == 1 && c == 's');
    }
    CHECK(reap(pid) == 0);
    return passed();
}
