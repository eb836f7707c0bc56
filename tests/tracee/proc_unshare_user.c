/* A user namespace: an unmapped id first, root inside after the maps are written. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate made = gate_make(), mapped = gate_make();
    char path[64], text[64];
    pid_t pid = start();
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(77);
        CHECK(getuid() == 65534);
        gate_open(made);
        gate_wait(mapped);
        CHECK(getuid() == 0 && setuid(0) == 0 && sethostname("x", 1) == -1 && errno == EPERM);
        CHECK(unshare(CLONE_NEWUTS) == 0 && sethostname("inside", 6) == 0);
        CHECK(gethostname(text, sizeof(text)) == 0 && !strcmp(text, "inside"));
        _exit(9);
    }
    close(made.fd[1]);
    char c;
    if (read(made.fd[0], &c, 1) != 1) {
        expect_exit(pid, 77);
        skip("user namespaces are not allowed here");
    }
    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
    snprintf(text, sizeof(text), "0 %d 1", (int)getuid());
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    gate_open(mapped);
    expect_exit(pid, 9);
    return passed();
}
