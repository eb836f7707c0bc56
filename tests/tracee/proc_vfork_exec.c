/* vfork and exec: the parent goes on when the child has a new image. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    if (argc > 1)
        return argc == 3 && !strcmp(argv[1], "child") && !strcmp(argv[2], "of vfork") ? 23 : 1;
    char *args[] = {"vforked", "child", "of vfork", NULL};
    for (int i = 0; i < 3; i++) {
        pid_t pid = vfork();
        CHECK(pid >= 0);
        if (pid == 0) {
            execve(SELF, args, environ);
            _exit(99);
        }
        expect_exit(pid, 23);
    }
    return passed();
}
