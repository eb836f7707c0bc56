/* clone(CLONE_VM|SIGCHLD): another process in the same memory, waited for with waitpid. */
#include "tests/tracee/tasks.h"

static volatile long shared_value;
static volatile pid_t pid_in_child;
static char stack[65536] __attribute__((aligned(16)));

static int body(void *arg)
{
    pid_in_child = (pid_t)syscall(SYS_getpid);
    for (long i = 0; i < 100000; i++)
        shared_value += (long)(intptr_t)arg;
    return 9;
}

int main(void)
{
    pid_t pid = clone(body, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)3);
    CHECK(pid > 0);
    int status = reap(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9 && pid_in_child == pid && pid != getpid());
    printf("%ld\n", shared_value);
    /* Without CLONE_VM the same body leaves no trace here. */
    shared_value = 0;
    pid = clone(body, stack + sizeof(stack), SIGCHLD, (void *)3);
    CHECK(pid > 0 && WEXITSTATUS(reap(pid)) == 9 && shared_value == 0);
    return passed();
}
