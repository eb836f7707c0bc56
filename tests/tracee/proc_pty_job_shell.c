/* A shell with job control on a pty: a background job, a pipeline, wait, and its exit status. */
#include <pty.h>

#include "tests/tracee/proc.h"

int main(void)
{
    int fd;
    char text[512] = "";
    ssize_t n, total = 0;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    CHECK(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "set -m; (exit 3) & wait $!; echo bg $?; echo x y | tr x z; exit 9",
              NULL);
        _exit(1);
    }
    while ((n = read(fd, text + total, sizeof(text) - 1 - (size_t)total)) > 0)
        total += n;
    CHECK(strstr(text, "bg 3\r\n") && strstr(text, "z y\r\n"));
    expect_exit(pid, 9);
    return passed();
}
