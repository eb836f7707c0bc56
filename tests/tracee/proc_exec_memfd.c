/* A program copied into a memfd and run from there. */
#include <sys/sendfile.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        char path[256] = "";
        CHECK(readlink(SELF, path, sizeof(path) - 1) > 0 && strstr(path, "memfd:copy"));
        return 12;
    }
    int in = open(SELF, O_RDONLY | O_CLOEXEC), out = memfd_create("copy", MFD_CLOEXEC);
    struct stat st;
    CHECK(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    for (off_t at = 0; at < st.st_size;)
        CHECK(sendfile(out, in, &at, (size_t)(st.st_size - at)) > 0);
    pid_t pid = start();
    if (pid == 0) {
        char *args[] = {"copy", "child", NULL};
        fexecve(out, args, environ);
        _exit(1);
    }
    expect_exit(pid, 12);
    (void)argv;
    return passed();
}
