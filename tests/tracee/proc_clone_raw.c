/* clone(SIGCHLD) as fork by the raw call, without a stack and with one of its own. */
#include "tests/tracee/proc.h"

static int child(void *arg)
{
    char here;
    uintptr_t stack = (uintptr_t)arg;
    CHECK((uintptr_t)&here > stack && (uintptr_t)&here < stack + 65536);
    return 21;
}

int main(void)
{
    static int value = 1;
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        value = 2;
        _exit(20);
    }
    CHECK(pid > 0);
    expect_exit((pid_t)pid, 20);
    CHECK(value == 1);
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    pid = clone(child, stack + 65536, SIGCHLD, stack);
    CHECK(pid > 0);
    expect_exit((pid_t)pid, 21);
    return passed();
}
