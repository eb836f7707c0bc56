/* /proc/self/mem, read, and written where that is allowed, and a child's memory read through /proc/PID/mem. */
#include "tests/tracee/proc.h"

int main(void)
{
    static volatile int value = 5;
    int got = 0, other = 6;
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pread(fd, &got, sizeof(got), (off_t)(uintptr_t)&value) == sizeof(got) && got == 5);
    fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 || errno == EACCES);
    if (fd >= 0)
        CHECK(pwrite(fd, &other, sizeof(other), (off_t)(uintptr_t)&value) == sizeof(other) && value == 6);
    value = 6;
    struct gate up = gate_make(), down = gate_make();
    pid_t pid = start();
    if (pid == 0) {
        value = 7;
        gate_open(up);
        gate_wait(down);
        _exit(value);
    }
    gate_wait(up);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (theirs >= 0)
        CHECK(pread(theirs, &got, sizeof(got), (off_t)(uintptr_t)&value) == sizeof(got) && got == 7);
    gate_open(down);
    expect_exit(pid, 7);
    CHECK(value == 6);
    return passed();
}
