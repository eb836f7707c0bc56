/* CLONE_PARENT: the child's child is a sibling, and the grandparent waits for it. */
#include "tests/tracee/proc.h"

static int sibling(void *arg) { return getppid() == *(pid_t *)arg ? 17 : 1; }

int main(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    pid_t *pid_of_sibling = shared_pages(4096), self = getpid();
    pid_t pid = start();
    if (pid == 0) {
        *pid_of_sibling = clone(sibling, stack + sizeof(stack), CLONE_PARENT | SIGCHLD, &self);
        CHECK(*pid_of_sibling > 0 && waitpid(*pid_of_sibling, NULL, 0) == -1 && errno == ECHILD);
        _exit(0);
    }
    expect_exit(pid, 0);
    expect_exit(*pid_of_sibling, 17);
    return passed();
}
