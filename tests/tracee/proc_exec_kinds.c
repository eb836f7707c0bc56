/* Programs of each kind run one another: the names of the next ones are arguments (meson.build gives a static,
 * a static PIE, a dynamic and a position-dependent build of this file). */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    say("%d more\n", argc - 1);
    if (argc == 1)
        return passed();
    pid_t pid = start();
    if (pid == 0) {
        char *alone[] = {argv[1], NULL};
        CHECK(dup2(open("/dev/null", O_WRONLY), 1) == 1);
        execv(argv[1], alone);
        _exit(1);
    }
    expect_exit(pid, 0);
    execv(argv[1], argv + 1);
    CHECK(!"execve returned");
}
