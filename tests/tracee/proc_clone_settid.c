/* CLONE_PARENT_SETTID, CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID of a process, the last in shared memory. */
#include <linux/futex.h>

#include "tests/tracee/proc.h"

static int clone_vm_child(void *arg)
{
    (void)arg;
    return 4;
}

int main(void)
{
    static pid_t in_parent, in_child = -1;
    long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, NULL, &in_parent,
                       &in_child, 0);
    if (pid == 0) {
        CHECK(in_child == getpid());
        _exit(3);
    }
    CHECK(pid > 0 && in_parent == pid && in_child == -1);
    expect_exit((pid_t)pid, 3);

    static char stack[65536] __attribute__((aligned(16)));
    static atomic_int cleared;
    atomic_store(&cleared, 1);
    pid = clone(clone_vm_child, stack + sizeof(stack), CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL,
                NULL, &cleared);
    CHECK(pid > 0);
    while (atomic_load(&cleared) == 1)
        syscall(SYS_futex, &cleared, FUTEX_WAIT, 1, NULL, NULL, 0);
    CHECK(atomic_load(&cleared) == 0);
    expect_exit((pid_t)pid, 4);
    return passed();
}
