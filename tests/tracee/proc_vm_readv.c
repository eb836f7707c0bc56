/* process_vm_readv of a child, in several pieces, and its errors. */
#include <sys/uio.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct gate up = gate_make(), down = gate_make();
    char *text = malloc(64), got[16] = "";
    strcpy(text, "parent's own");
    pid_t pid = start();
    if (pid == 0) {
        strcpy(text, "child's words");
        gate_open(up);
        gate_wait(down);
        _exit(0);
    }
    gate_wait(up);
    struct iovec local[2] = {{got, 7}, {got + 7, 7}}, remote[2] = {{text, 8}, {text + 8, 6}};
    ssize_t n = process_vm_readv(pid, local, 2, remote, 2, 0);
    if (n < 0 && (errno == EPERM || errno == ENOSYS)) {
        gate_open(down);
        expect_exit(pid, 0);
        skip("process_vm_readv is not allowed here");
    }
    CHECK(n == 14 && !strcmp(got, "child's words") && !strcmp(text, "parent's own"));
    remote[1] = (struct iovec){(void *)16, 8};
    CHECK(process_vm_readv(pid, local, 2, remote, 2, 0) == 8);
    CHECK(process_vm_readv(pid, local, 1, remote + 1, 1, 0) == -1 && errno == EFAULT);
    gate_open(down);
    expect_exit(pid, 0);
    CHECK(process_vm_readv(pid, local, 1, remote, 1, 0) == -1 && errno == ESRCH);
    return passed();
}
