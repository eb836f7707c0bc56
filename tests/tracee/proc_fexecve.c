/* fexecve, execveat with a folder and with AT_EMPTY_PATH, and its errors. */
#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        char *next[] = {"self", "last", NULL};
        if (!strcmp(argv[1], "first")) {
            int fd = open(SELF, O_PATH | O_CLOEXEC);
            CHECK(fd >= 0 && syscall(SYS_execveat, fd, "", next, environ, AT_EMPTY_PATH) == 0);
        }
        CHECK(!strcmp(argv[1], "last"));
        return passed();
    }
    char *args[] = {"self", "first", NULL};
    int fd = open(SELF, O_RDONLY | O_CLOEXEC), dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0 && dir >= 0);
    CHECK(syscall(SYS_execveat, fd, "", args, environ, 0) == -1 && errno == ENOENT);
    CHECK(syscall(SYS_execveat, -1, "x", args, environ, 0) == -1 && errno == EBADF);
    pid_t pid = start();
    if (pid == 0) {
        char *shell[] = {"sh", "-c", "echo through a folder; exit 6", NULL};
        syscall(SYS_execveat, dir, "bin/sh", shell, environ, 0);
        _exit(1);
    }
    expect_exit(pid, 6);
    fexecve(fd, args, environ);
    CHECK(!"fexecve returned");
}
