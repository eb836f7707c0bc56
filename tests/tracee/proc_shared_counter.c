/* Four processes add to one counter in shared anonymous memory, with atomics and under a spin lock. */
#include "tests/tracee/proc.h"

struct shared {
    atomic_int atomic_count, lock;
    int plain_count;
};

int main(void)
{
    enum { PROCESSES = 4, ROUNDS = 2000 };
    struct shared *s = shared_pages(4096);
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            for (int n = 0; n < ROUNDS; n++) {
                atomic_fetch_add(&s->atomic_count, 1);
                while (atomic_exchange(&s->lock, 1))
                    sched_yield();
                s->plain_count++;
                atomic_store(&s->lock, 0);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++)
        expect_exit(pids[i], 0);
    CHECK(s->atomic_count == PROCESSES * ROUNDS && s->plain_count == PROCESSES * ROUNDS);
    return passed();
}
