/* A thread dies by a fault or a default action: the whole process dies with that signal, whatever the others do. */
#include <sys/resource.h>

#include "tests/tracee/tasks.h"

static atomic_int alive;
static int how;

static void *spins(void *arg)
{
    alive++;
    for (;;)
        give_way();
    return arg;
}

static void *blocks(void *arg)
{
    alive++;
    for (;;)
        pause();
    return arg;
}

static void *dies(void *arg)
{
    YIELD_UNTIL(alive == 2);
    if (how == 0)
        *opaque((volatile int *)8) = 1;
    else if (how == 1)
        abort();
    else if (how == 2)
        pthread_kill(pthread_self(), SIGTERM);
    else
        __asm__ volatile("ud2");
    return arg;
}

static int in_child(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    start(spins, NULL), start(blocks, NULL), start(dies, NULL);
    while (alive < 100)
        pause();
    return 0;
}

int main(void)
{
    int expected[] = {SIGSEGV, SIGABRT, SIGTERM, SIGILL};
    for (how = 0; how < 4; how++) {
        int status = reap(spawn(in_child));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == expected[how]);
    }
    return passed();
}
