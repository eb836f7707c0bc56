/* The last event of a process comes right behind the end of its other thread: main spins until the kernel has cleared the
 * thread's tid, and ends without a call in between. */
#include <sched.h>
#include <stdatomic.h>

#include "tests/tracee/tasks.h"

static atomic_int tid = -1;
static char stack[65536] __attribute__((aligned(16)));

static int thread(void *arg) { return arg != NULL; }

int main(void)
{
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                CLONE_CHILD_CLEARTID;
    CHECK(write(1, "EXIT-SUCCESS\n", 13) == 13);
    CHECK(clone(thread, stack + sizeof(stack), flags, NULL, NULL, NULL, &tid) > 0);
    while (atomic_load(&tid) != 0)
        ;
    _exit(0);
}
