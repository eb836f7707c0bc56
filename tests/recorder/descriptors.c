/* The engine's own descriptor does not exist for the program, whatever it tries. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    int open_fds = 0;
    struct stat st;
    char c;
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0); /* what the test inherited; not the engine's */
    for (int fd = 3; fd < 1100; fd++) {
        open_fds += fcntl(fd, F_GETFD) >= 0;
        open_fds += fstat(fd, &st) == 0;
        open_fds += read(fd, &c, 0) == 0 || errno != EBADF;
        open_fds += dup(fd) >= 0 || errno != EBADF;
        open_fds += close(fd) == 0 || errno != EBADF;
    }
    CHECK(open_fds == 0);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    for (int fd = 900; fd < 1024; fd++) /* one of them was the engine's: it moves away */
        CHECK(dup2(2, fd) == fd && fcntl(fd, F_GETFD) == 0);
    CHECK(syscall(SYS_close_range, 900, 1023, 0) == 0);
    for (int fd = 3; fd < 1100; fd++)
        CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
    /* recording goes on: a file mapped now must still be captured */
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd == 3);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED && close(fd) == 0);
    CHECK(munmap((void *)0x6f0000000000, 4096) == 0 &&
          mprotect((void *)0x6f0000000000, 4096, PROT_READ) == -1);
    return passed();
}
