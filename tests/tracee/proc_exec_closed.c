/* exec with standard input, output and error closed: the new program gets those numbers for its own files. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        CHECK(fcntl(100, F_GETFD) == 0);
        for (int fd = 0; fd < 3; fd++)
            if (open("/dev/null", O_RDWR) != fd)
                _exit(50 + fd);
        _exit(7);
    }
    pid_t pid = start();
    if (pid == 0) {
        CHECK(dup2(1, 100) == 100 && close(0) == 0 && close(1) == 0 && close(2) == 0);
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    expect_exit(pid, 7);
    return passed();
}
