/* A child that drops all capabilities and still forks, execs and writes files of its own. */
#include <linux/capability.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 27;
    if (geteuid() != 0)
        skip("needs root");
    pid_t pid = start();
    if (pid == 0) {
        struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct none[2] = {{0}}, got[2];
        CHECK(syscall(SYS_capset, &h, none) == 0 && syscall(SYS_capget, &h, got) == 0 &&
              got[0].effective == 0);
        CHECK(chroot("/") == -1 && errno == EPERM && sethostname("x", 1) == -1 && errno == EPERM);
        pid_t inner = start();
        if (inner == 0) {
            execl(SELF, "self", "again", NULL);
            _exit(1);
        }
        expect_exit(inner, 27);
        _exit(28);
    }
    expect_exit(pid, 28);
    return passed();
}
