/* A page mapped shared by the parent, changed by the child with a store, write(), pwritev and ftruncate. */
#include <sys/uio.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int fd = memfd_create("shared", 0);
    CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    memset(p, '.', 8192);
    for (int step = 0; step < 4; step++) {
        pid_t pid = start();
        if (pid == 0) {
            struct iovec v[2] = {{"ab", 2}, {"cd", 2}};
            if (step == 0)
                p[0] = 's';
            else if (step == 1)
                CHECK(lseek(fd, 10, SEEK_SET) == 10 && write(fd, "write", 5) == 5);
            else if (step == 2)
                CHECK(pwritev(fd, v, 2, 4094) == 4);
            else
                CHECK(ftruncate(fd, 5000) == 0 && ftruncate(fd, 8192) == 0);
            _exit(0);
        }
        expect_exit(pid, 0);
    }
    CHECK(p[0] == 's' && !memcmp(p + 10, "write.", 6) && !memcmp(p + 4094, "abcd.", 5));
    CHECK(p[4999] == '.' && p[5000] == 0 && p[8191] == 0);
    p[8000] = 'e';
    char c;
    pid_t pid = start();
    if (pid == 0)
        _exit(pread(fd, &c, 1, 8000) == 1 ? c : 1);
    expect_exit(pid, 'e');
    return passed();
}
