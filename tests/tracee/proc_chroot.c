/* chroot in a child: its root is elsewhere, the parent's is not. */
#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    write_file("inside", "text", 0600);
    pid_t pid = start();
    if (pid == 0) {
        if (chroot(dir) < 0)
            _exit(77);
        struct stat a, b;
        CHECK(chdir("/") == 0 && access("/inside", R_OK) == 0 && access("/etc", F_OK) == -1 &&
              errno == ENOENT);
        CHECK(stat("/", &a) == 0 && stat("/../..", &b) == 0 && a.st_ino == b.st_ino);
        _exit(5);
    }
    int status = ended(pid);
    CHECK(access("/etc", F_OK) == 0 && unlink("inside") == 0);
    leave_temp_dir(dir);
    if (WEXITSTATUS(status) == 77)
        skip("chroot is not allowed here");
    CHECK(WEXITSTATUS(status) == 5);
    return passed();
}
