/* A filter holds in children and across exec; a second filter adds to the first, the strictest answer wins. */
#include "tests/tracee/seccomp_filter.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        CHECK(syscall(SYS_getppid) == -1 && errno == 11 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
        return 13;
    }
    if (install_filter(SYS_getppid, SECCOMP_RET_ERRNO | 11, 0) < 0)
        skip("no seccomp filters here");
    pid_t pid = start();
    if (pid == 0) {
        CHECK(syscall(SYS_getppid) == -1 && errno == 11);
        execl(SELF, "self", "again", NULL);
        _exit(1);
    }
    expect_exit(pid, 13);
    pid = start();
    if (pid == 0) {
        CHECK(install_filter(SYS_getppid, SECCOMP_RET_ALLOW, 0) == 0);
        CHECK(syscall(SYS_getppid) == -1 && errno == 11);
        CHECK(install_filter(SYS_getuid, SECCOMP_RET_ERRNO | 12, 0) == 0);
        CHECK(syscall(SYS_getuid) == -1 && errno == 12);
        _exit(14);
    }
    expect_exit(pid, 14);
    CHECK(syscall(SYS_getuid) != -1);
    return passed();
}
