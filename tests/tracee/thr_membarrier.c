/* membarrier: query, register and use while another thread runs; the asymmetric fence holds. */
#include <linux/membarrier.h>

#include "tests/tracee/tasks.h"

static _Atomic int fast_flag, slow_flag, both, stop;

static void *fast(void *arg)
{
    for (int turns = 0; !stop; turns++) {
        if (turns % 256 == 0)
            sched_yield();
        atomic_store_explicit(&fast_flag, 1, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        if (!atomic_load_explicit(&slow_flag, memory_order_relaxed))
            both++;
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&fast_flag, 0, memory_order_release);
    }
    return arg;
}

int main(void)
{
    long have = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    CHECK(have >= 0 || errno == ENOSYS);
    if (have < 0 || !(have & MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        skip("no membarrier");
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == -1 && errno == EPERM);
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0);
    pthread_t thread = start(fast, NULL);
    for (int i = 0; i < rounds(20); i++) {
        slow_flag = 1;
        CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
        YIELD_UNTIL(!fast_flag);
        slow_flag = 0;
        sched_yield();
    }
    stop = 1;
    join(thread);
    CHECK(syscall(SYS_membarrier, 0x40000000, 0, 0) == -1 && errno == EINVAL);
    return passed();
}
