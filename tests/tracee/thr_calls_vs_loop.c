/* One thread makes calls all the time, one computes without any: neither starves the other. */
#include "tests/tracee/tasks.h"

static _Atomic uint64_t computed, called;
static atomic_bool stop;

static void *computes(void *arg)
{
    while (!stop) {
        computed++;
        give_way();
    }
    return arg;
}

static void *calls(void *arg)
{
    while (!stop) {
        syscall(SYS_getppid);
        called++;
    }
    return arg;
}

int main(void)
{
    pthread_t one = start(computes, NULL), two = start(calls, NULL);
    for (int i = 0; i < rounds(5); i++) {
        uint64_t a = computed, b = called;
        while (computed == a || called == b)
            give_way();
    }
    stop = true;
    join(one), join(two);
    return passed();
}
