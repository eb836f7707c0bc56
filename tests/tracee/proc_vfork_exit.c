/* vfork and _exit: the parent sees what the child wrote, and ran only after it; the child is a process. */
#include "tests/tracee/proc.h"

int main(void)
{
    static volatile int value;
    static volatile pid_t child_pid;
    pid_t self = getpid();
    for (int i = 1; i <= 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            child_pid = (pid_t)syscall(SYS_getpid);
            value += i;
            _exit(i);
        }
        CHECK(pid > 0 && child_pid == pid && pid != self);
        expect_exit(pid, i);
    }
    CHECK(value == 15 && getpid() == self);
    return passed();
}
