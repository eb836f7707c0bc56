/* close_range with and without CLOSE_RANGE_UNSHARE and CLOEXEC, as a launcher uses it. */
#include <linux/close_range.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return fcntl(150, F_GETFD) == -1 && fcntl(160, F_GETFD) == 0 ? 4 : 1;
    for (int fd = 150; fd <= 160; fd++)
        CHECK(dup2(0, fd) == fd);
    pid_t pid = start();
    if (pid == 0) {
        if (syscall(SYS_close_range, 155, 157, CLOSE_RANGE_UNSHARE) < 0)
            _exit(77);
        CHECK(fcntl(154, F_GETFD) == 0 && fcntl(155, F_GETFD) == -1 && fcntl(158, F_GETFD) == 0);
        CHECK(syscall(SYS_close_range, 150, 154, CLOSE_RANGE_CLOEXEC) == 0 &&
              fcntl(150, F_GETFD) == FD_CLOEXEC);
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    int status = ended(pid);
    if (WEXITSTATUS(status) == 77)
        skip("no close_range here");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 4 && fcntl(155, F_GETFD) == 0);
    return passed();
}
