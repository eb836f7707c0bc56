/* flock between processes: shared and exclusive, waiting for it, dropped by the owner's death; dup shares it. */
#include <sys/file.h>

#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    struct gate locked = gate_make(), go = gate_make();
    write_file("lock", "x", 0600);
    int fd = open("lock", O_RDWR);
    pid_t pid = start();
    if (pid == 0) {
        int own = open("lock", O_RDWR);
        CHECK(flock(own, LOCK_EX) == 0);
        gate_open(locked);
        gate_wait(go);
        _exit(0);
    }
    gate_wait(locked);
    CHECK(flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    CHECK(flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    gate_open(go);
    CHECK(flock(fd, LOCK_EX) == 0);
    expect_exit(pid, 0);
    pid = start();
    if (pid == 0) {
        int own = open("lock", O_RDWR);
        CHECK(flock(own, LOCK_SH | LOCK_NB) == -1 && flock(fd, LOCK_SH | LOCK_NB) == 0);
        CHECK(flock(own, LOCK_SH | LOCK_NB) == 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(unlink("lock") == 0);
    leave_temp_dir(dir);
    return passed();
}
