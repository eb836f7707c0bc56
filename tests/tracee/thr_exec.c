/* execve by a thread: all others are gone, the process id is the old one, the program starts again. */
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
    alive++;
    for (;;)
        pause();
    return arg;
}

static void *execs(void *arg)
{
    YIELD_UNTIL(alive == 3);
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", getpid());
    puts("before");
    fflush(stdout);
    execl("/proc/self/exe", "again", pid, NULL);
    CHECK(!"execve came back");
    return arg;
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        CHECK(atoi(argv[1]) == getpid() && gettid() == getpid());
        puts("after");
        return passed();
    }
    start(spins, NULL), start(blocks, NULL), start(spins, NULL), start(execs, NULL);
    for (;;)
        pause();
}
