/* setns: joining the UTS namespace that a child has made. */
#include "tests/tracee/proc.h"

int main(void)
{
    struct gate ready = gate_make(), go = gate_make();
    char path[64], text[64] = "";
    pid_t pid = start();
    if (pid == 0) {
        if (unshare(CLONE_NEWUTS) < 0)
            _exit(77);
        CHECK(sethostname("joined", 6) == 0);
        gate_open(ready);
        gate_wait(go);
        _exit(0);
    }
    close(ready.fd[1]);
    char c;
    if (read(ready.fd[0], &c, 1) != 1) {
        expect_exit(pid, 77);
        skip("UTS namespaces are not allowed here");
    }
    pid_t visitor = start();
    if (visitor == 0) {
        snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)pid);
        int fd = open(path, O_RDONLY);
        CHECK(fd >= 0 && setns(fd, CLONE_NEWUTS) == 0 && gethostname(text, sizeof(text)) == 0);
        CHECK(!strcmp(text, "joined"));
        _exit(3);
    }
    expect_exit(visitor, 3);
    gate_open(go);
    expect_exit(pid, 0);
    return passed();
}
