/* process_vm_writev into a child: it computes with what was written into its private memory. */
#include <sys/uio.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct gate up = gate_make(), down = gate_make();
    static volatile int numbers[1000];
    pid_t pid = start();
    if (pid == 0) {
        int sum = 0;
        gate_open(up);
        gate_wait(down);
        for (int i = 0; i < 1000; i++)
            sum += numbers[i];
        _exit(sum & 127);
    }
    gate_wait(up);
    int values[1000], sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += values[i] = i * 3;
    struct iovec local = {values, sizeof(values)}, remote = {(void *)(uintptr_t)numbers, sizeof(values)};
    ssize_t n = process_vm_writev(pid, &local, 1, &remote, 1, 0);
    int error = errno;
    gate_open(down);
    if (n < 0 && (error == EPERM || error == ENOSYS)) {
        expect_exit(pid, 0);
        skip("process_vm_writev is not allowed here");
    }
    CHECK(n == sizeof(values) && numbers[5] == 0);
    expect_exit(pid, sum & 127);
    return passed();
}
