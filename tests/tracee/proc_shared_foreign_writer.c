/* A file mapped by the parent only; the child, which has nothing mapped, writes, reads and truncates the file. */
#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    char c;
    pid_t pid;
    struct gate up = gate_make(), down = gate_make();
    write_file("file", "abcdefgh", 0600);
    pid = start();
    if (pid == 0) {
        gate_wait(down);
        int fd = open("file", O_RDWR);
        CHECK(fd >= 0 && pread(fd, &c, 1, 2) == 1 && c == 'C' && pwrite(fd, "FG", 2, 5) == 2);
        gate_open(up);
        gate_wait(down);
        CHECK(pread(fd, &c, 1, 0) == 1 && c == 'A' && ftruncate(fd, 4) == 0);
        _exit(0);
    }
    int fd = open("file", O_RDWR);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && !memcmp(p, "abcdefgh", 9));
    p[2] = 'C';
    gate_open(down);
    gate_wait(up);
    CHECK(!memcmp(p, "abCdeFGh", 9));
    p[0] = 'A';
    gate_open(down);
    expect_exit(pid, 0);
    CHECK(!memcmp(p, "AbCd\0\0\0\0", 9));
    CHECK(unlink("file") == 0);
    leave_temp_dir(dir);
    return passed();
}
