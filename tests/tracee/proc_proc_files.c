/* /proc of a child: its command line, folder, status and descriptors, seen by the parent. */
#include "tests/tracee/proc.h"

static ssize_t slurp(pid_t pid, const char *name, char *text, size_t n_bytes)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t n = read(fd, text, n_bytes - 1);
    CHECK(n >= 0 && close(fd) == 0);
    text[n] = 0;
    return n;
}

int main(int argc, char **argv)
{
    char text[8192], path[64];
    struct gate up = gate_make(), down = gate_make();
    if (argc > 1) {
        CHECK(write(100, "g", 1) == 1 && read(101, text, 1) == 1);
        return 0;
    }
    (void)argv;
    pid_t pid = start();
    if (pid == 0) {
        CHECK(chdir("/usr") == 0 && dup2(up.fd[1], 100) == 100 && dup2(down.fd[0], 101) == 101);
        execl(SELF, "the name", "the argument", NULL);
        _exit(1);
    }
    gate_wait(up);
    CHECK(slurp(pid, "cmdline", text, sizeof(text)) == 22 && !memcmp(text, "the name\0the argument", 22));
    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
    CHECK(readlink(path, text, sizeof(text)) == 4 && !memcmp(text, "/usr", 4));
    snprintf(path, sizeof(path), "PPid:\t%d\n", (int)getpid());
    CHECK(slurp(pid, "status", text, sizeof(text)) > 0 && strstr(text, path));
    snprintf(path, sizeof(path), "/proc/%d/fd/100", (int)pid);
    CHECK(readlink(path, text, sizeof(text)) > 0 && !strncmp(text, "pipe:", 5));
    gate_open(down);
    expect_exit(pid, 0);
    return passed();
}
