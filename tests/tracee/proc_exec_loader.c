/* The dynamic loader as a program: it maps the real one itself. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    const char *loader = "/lib64/ld-linux-x86-64.so.2";
    if (argc > 1) {
        char path[PATH_MAX] = "";
        CHECK(readlink(SELF, path, sizeof(path) - 1) > 0 && strstr(path, "ld-linux"));
        return 8;
    }
    if (access(loader, X_OK))
        skip("no glibc loader here");
    char self[PATH_MAX] = "";
    CHECK(readlink(SELF, self, sizeof(self) - 1) > 0);
    pid_t pid = start();
    if (pid == 0) {
        execl(loader, "ld.so", self, "again", NULL);
        _exit(1);
    }
    expect_exit(pid, 8);
    (void)argv;
    return passed();
}
