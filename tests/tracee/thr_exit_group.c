/* exit_group by a thread while others spin, block, and compute: the status is that of the one who left. */
#include "tests/tracee/tasks.h"

static atomic_int alive;

static void *spins(void *arg)
{
    alive++;
    for (;;)
        __asm__ volatile("" ::: "memory");
    return arg;
}

static void *blocks(void *arg)
{
    int fds[2];
    char c;
    CHECK(pipe(fds) == 0);
    alive++;
    CHECK(read(fds[0], &c, 1) == 1);
    return arg;
}

static void *leaves(void *arg)
{
    YIELD_UNTIL(alive == 3);
    passed();
    fflush(stdout);
    syscall(SYS_exit_group, 23);
    return arg;
}

int main(void)
{
    start(spins, NULL), start(blocks, NULL), start(spins, NULL), start(leaves, NULL);
    for (;;)
        pause();
}
