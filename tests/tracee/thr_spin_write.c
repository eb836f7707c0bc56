/* Two threads hand a number to and fro by plain stores and spin without a call: only preemption lets the other on. */
#include "tests/tracee/tasks.h"

static _Atomic int ball;

static void *other(void *arg)
{
    for (int i = 1; i < rounds(40); i += 2) {
        SPIN_UNTIL(atomic_load_explicit(&ball, memory_order_acquire) == i);
        atomic_store_explicit(&ball, i + 1, memory_order_release);
    }
    return arg;
}

int main(void)
{
    pthread_t thread = start(other, NULL);
    for (int i = 0; i < rounds(40); i += 2) {
        SPIN_UNTIL(atomic_load_explicit(&ball, memory_order_acquire) == i);
        atomic_store_explicit(&ball, i + 1, memory_order_release);
    }
    join(thread);
    printf("%d\n", ball);
    return passed();
}
