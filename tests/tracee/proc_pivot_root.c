/* A mount namespace with a root of its own: tmpfs, bind mount, pivot_root, the old root away. */
#include <sys/mount.h>

#include "tests/tracee/proc.h"

static int inside(const char *dir)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    CHECK(mount("tmpfs", dir, "tmpfs", 0, "size=1m") == 0 && chdir(dir) == 0);
    CHECK(mkdir("old", 0700) == 0 && mkdir("usr", 0700) == 0);
    CHECK(mount("/usr", "usr", NULL, MS_BIND, NULL) == 0);
    CHECK(syscall(SYS_pivot_root, ".", "old") == 0 && chdir("/") == 0);
    CHECK(access("/old/etc", F_OK) == 0 && umount2("/old", MNT_DETACH) == 0 && rmdir("/old") == 0);
    CHECK(access("/etc", F_OK) == -1 && access("/usr/bin", F_OK) == 0);
    write_file("/file", "text", 0600);
    pid_t pid = start();
    if (pid == 0)
        _exit(access("/file", R_OK) == 0 && access("/etc", F_OK) == -1 ? 0 : 1);
    expect_exit(pid, 0);
    return 6;
}

int main(void)
{
    const char *dir = enter_temp_dir();
    pid_t pid = start();
    if (pid == 0)
        _exit(inside(dir));
    int status = ended(pid);
    CHECK(access("/etc", F_OK) == 0);
    leave_temp_dir(dir);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip("mount namespaces are not allowed here");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    return passed();
}
