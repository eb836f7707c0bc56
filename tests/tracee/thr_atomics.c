/* Atomic counters by four threads: add, compare-exchange, 16 bytes, and/or bits, exchange. */
#include "tests/tracee/tasks.h"

enum { N = 4, EACH = 20000 };

static _Atomic uint64_t added, swapped, bits, sum;
static struct {
    uint64_t low, high;
} wide __attribute__((aligned(16)));

static void wide_increment(void)
{
    uint64_t low = wide.low, high = wide.high;
    bool done;
    do
        __asm__ volatile("lock cmpxchg16b %[to]"
                         : [to] "+m"(wide), "+a"(low), "+d"(high), "=@ccz"(done)
                         : "b"(low + 1), "c"(high + 2)
                         : "memory");
    while (!done);
}

static void *body(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < EACH; i++) {
        added++;
        uint64_t old = swapped;
        while (!atomic_compare_exchange_weak(&swapped, &old, old + me)) {}
        bits |= 1ull << (16 * me + i % 16);
        if (i % 16 == 0)
            wide_increment();
        atomic_fetch_add_explicit(&sum, i, memory_order_relaxed);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[N];
    for (uintptr_t i = 0; i < N; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < N; i++)
        join(threads[i]);
    printf("%lu %lu %lx %lu %lu %lu\n", added, swapped, bits, wide.low, wide.high, sum);
    return passed();
}
