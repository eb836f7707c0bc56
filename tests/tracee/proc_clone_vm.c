/* CLONE_VM without CLONE_THREAD: another process in the same memory, running beside its parent. */
#include "tests/tracee/proc.h"

static atomic_int word, answer;

static int child(void *arg)
{
    while (atomic_load(&word) != 1)
        sched_yield();
    atomic_store(&answer, syscall(SYS_getpid) != *(pid_t *)arg ? 5 : 6);
    return 8;
}

int main(void)
{
    pid_t self = getpid();
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    pid_t pid = clone(child, stack + 65536, CLONE_VM | SIGCHLD, &self);
    CHECK(pid > 0);
    atomic_store(&word, 1);
    expect_exit(pid, 8);
    CHECK(atomic_load(&answer) == 5);
    return passed();
}
