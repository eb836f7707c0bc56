/* A process-shared barrier: four processes, fifty phases, none ahead of another. */
#include <pthread.h>

#include "tests/tracee/proc.h"

enum { PROCESSES = 4, PHASES = 50 };

struct shared {
    pthread_barrier_t barrier;
    atomic_int arrived;
};

static void phases(struct shared *s)
{
    for (int i = 0; i < PHASES; i++) {
        atomic_fetch_add(&s->arrived, 1);
        int r = pthread_barrier_wait(&s->barrier);
        CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
        CHECK(atomic_load(&s->arrived) >= (i + 1) * PROCESSES);
    }
}

int main(void)
{
    struct shared *s = shared_pages(4096);
    pthread_barrierattr_t a;
    CHECK(!pthread_barrierattr_init(&a) && !pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_barrier_init(&s->barrier, &a, PROCESSES));
    pid_t pids[PROCESSES];
    for (int i = 1; i < PROCESSES; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            phases(s);
            _exit(0);
        }
    }
    phases(s);
    for (int i = 1; i < PROCESSES; i++)
        expect_exit(pids[i], 0);
    CHECK(s->arrived == PROCESSES * PHASES);
    return passed();
}
