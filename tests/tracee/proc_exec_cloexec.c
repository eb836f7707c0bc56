/* Descriptors across exec: those with close-on-exec are gone, the others as they were. */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        char text[8] = "";
        CHECK(read(200, text, 8) == 3 && !strcmp(text, "def") && fcntl(200, F_GETFD) == 0);
        for (int fd = 201; fd <= 204; fd++)
            CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
        uint64_t n;
        CHECK(read(205, &n, 8) == 8 && n == 5);
        return passed();
    }
    int fd = memfd_create("file", MFD_CLOEXEC);
    CHECK(write(fd, "abcdef", 6) == 6 && lseek(fd, 3, SEEK_SET) == 3);
    CHECK(dup2(fd, 200) == 200 && dup3(fd, 201, O_CLOEXEC) == 201);
    CHECK(dup2(fd, 202) == 202 && fcntl(202, F_SETFD, FD_CLOEXEC) == 0);
    CHECK(fcntl(epoll_create1(EPOLL_CLOEXEC), F_DUPFD_CLOEXEC, 203) == 203);
    CHECK(fcntl(eventfd(1, EFD_CLOEXEC), F_DUPFD_CLOEXEC, 204) == 204);
    CHECK(dup2(eventfd(5, 0), 205) == 205);
    execl(SELF, "self", "again", NULL);
    CHECK(!"execve returned");
}
