/* execvp searches PATH: missing folders, files that are no programs, then the right one. */
#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    char path[256];
    CHECK(mkdir("a", 0700) == 0 && mkdir("b", 0700) == 0);
    write_file("a/tool", "not executable", 0600);
    write_file("b/tool", "#!/bin/sh\nexit 41\n", 0700);
    snprintf(path, sizeof(path), "/nonexistent:%s/a:%s/b:/usr/bin:/bin", dir, dir);
    CHECK(setenv("PATH", path, 1) == 0);
    pid_t pid = start();
    if (pid == 0) {
        execlp("tool", "tool", NULL);
        _exit(1);
    }
    expect_exit(pid, 41);
    CHECK(unlink("b/tool") == 0);
    pid = start();
    if (pid == 0) {
        execlp("tool", "tool", NULL);
        _exit(errno == EACCES ? 42 : 1);
    }
    expect_exit(pid, 42);
    CHECK(!unlink("a/tool") && !rmdir("a") && !rmdir("b"));
    leave_temp_dir(dir);
    return passed();
}
