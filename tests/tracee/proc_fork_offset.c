/* Parent and child share the file offset and the status flags of one open file. */
#include "tests/tracee/proc.h"

int main(void)
{
    int fd = memfd_create("offset", 0);
    CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_SET) == 0);
    char c = 0;
    pid_t pid = start();
    if (pid == 0) {
        CHECK(read(fd, &c, 1) == 1 && c == '0' && lseek(fd, 3, SEEK_CUR) == 4);
        CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 4 && read(fd, &c, 1) == 1 && c == '4');
    CHECK((fcntl(fd, F_GETFL) & O_APPEND) && fcntl(fd, F_GETFD) == 0);
    CHECK(write(fd, "x", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 11);
    return passed();
}
