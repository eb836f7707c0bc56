/* The working folder is the child's own after fork; fchdir; a removed working folder. */
#include "tests/tracee/proc.h"

int main(void)
{
    char cwd[PATH_MAX];
    const char *dir = enter_temp_dir();
    CHECK(mkdir("sub", 0755) == 0);
    pid_t pid = start();
    if (pid == 0) {
        int root = open("/", O_RDONLY | O_DIRECTORY);
        CHECK(chdir("sub") == 0 && rmdir("../sub") == 0 && !getcwd(cwd, sizeof(cwd)) && errno == ENOENT);
        CHECK(open("x", O_CREAT | O_WRONLY, 0600) == -1 && errno == ENOENT);
        CHECK(fchdir(root) == 0 && getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, dir));
    leave_temp_dir(dir);
    return passed();
}
