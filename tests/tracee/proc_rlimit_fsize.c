/* RLIMIT_FSIZE of a child: a short write, then SIGXFSZ, or EFBIG where that is ignored. */
#include "tests/tracee/proc.h"

static void fill(int fd)
{
    CHECK(write(fd, "0123456789abcdef", 16) == 10);
    CHECK(write(fd, "x", 1) == -1 && errno == EFBIG);
}

int main(void)
{
    const char *dir = enter_temp_dir();
    for (int ignored = 0; ignored < 2; ignored++) {
        pid_t pid = start();
        if (pid == 0) {
            no_core();
            int fd = open("file", O_CREAT | O_TRUNC | O_WRONLY, 0600);
            struct rlimit l = {10, 10};
            CHECK(fd >= 0 && signal(SIGXFSZ, ignored ? SIG_IGN : SIG_DFL) != SIG_ERR);
            CHECK(setrlimit(RLIMIT_FSIZE, &l) == 0);
            fill(fd);
            _exit(0);
        }
        if (ignored)
            expect_exit(pid, 0);
        else
            expect_signal(pid, SIGXFSZ);
    }
    CHECK(unlink("file") == 0);
    leave_temp_dir(dir);
    return passed();
}
