/* Two threads in long loops without calls; each must get on while the other runs, and compute the right thing. */
#include "tests/tracee/tasks.h"

static _Atomic uint64_t progress[2];

static void *body(void *arg)
{
    intptr_t me = (intptr_t)arg;
    uint64_t x = (uint64_t)me + 1;
    uint64_t n = (uint64_t)rounds(20000000);
    for (uint64_t i = 0; i < n; i++) {
        x = x * 6364136223846793005 + 1442695040888963407;
        if (i % 65536 == 0)
            atomic_store_explicit(&progress[me], i, memory_order_relaxed);
    }
    return (void *)(uintptr_t)x;
}

int main(void)
{
    pthread_t one = start(body, (void *)0), two = start(body, (void *)1);
    printf("%016lx\n", (uintptr_t)join(one));
    printf("%016lx\n", (uintptr_t)join(two));
    return passed();
}
