/* POSIX record locks: by range and process, F_GETLK names the owner, not inherited; EDEADLK; OFD locks. */
#include "tests/tracee/proc.h"

static int lock(int fd, int cmd, int type, off_t start_at, off_t len)
{
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start_at, .l_len = len};
    return fcntl(fd, cmd, &l);
}

int main(void)
{
    int fd = memfd_create("locks", 0);
    struct gate locked = gate_make(), go = gate_make();
    CHECK(fd >= 0 && ftruncate(fd, 100) == 0 && lock(fd, F_SETLK, F_WRLCK, 0, 10) == 0);
    pid_t parent = getpid(), pid = start();
    if (pid == 0) {
        struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
        CHECK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == parent && l.l_len == 10);
        CHECK(lock(fd, F_SETLK, F_RDLCK, 5, 1) == -1 && (errno == EAGAIN || errno == EACCES));
        CHECK(lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0);
        gate_open(locked);
        CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 5) == 0);
        gate_wait(go);
        _exit(0);
    }
    gate_wait(locked);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 15, 1) == -1 && lock(fd, F_SETLK, F_UNLCK, 0, 5) == 0);
    gate_open(go);
    CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 20) == 0);
    expect_exit(pid, 0);
    CHECK(lock(fd, F_OFD_SETLK, F_WRLCK, 50, 10) == 0);
    pid = start();
    if (pid == 0)
        _exit(lock(fd, F_OFD_SETLK, F_WRLCK, 50, 10) == 0 && lock(fd, F_SETLK, F_RDLCK, 0, 1) == -1 ? 0 : 1);
    expect_exit(pid, 0);
    return passed();
}
