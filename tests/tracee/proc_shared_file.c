/* One file mapped shared and private by two processes: who sees whose stores, and what is in the file. */
#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    int fd = open("file", O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(shared != MAP_FAILED && private != MAP_FAILED);
    private[0] = 'p';
    pid_t pid = start();
    if (pid == 0) {
        int again = open("file", O_RDWR);
        char *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 4096);
        CHECK(other != MAP_FAILED);
        shared[0] = 'c';
        other[5] = 'o';
        private[1] = 'x';
        CHECK(private[0] == 'p');
        _exit(0);
    }
    expect_exit(pid, 0);
    char c;
    CHECK(shared[0] == 'c' && shared[4101] == 'o' && private[0] == 'p' && private[1] == 0 &&
          private[4101] == 'o');
    CHECK(pread(fd, &c, 1, 0) == 1 && c == 'c' && pread(fd, &c, 1, 4101) == 1 && c == 'o');
    CHECK(unlink("file") == 0);
    leave_temp_dir(dir);
    return passed();
}
