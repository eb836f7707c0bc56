/* A robust process-shared mutex whose owner is killed by SIGKILL: the next one gets EOWNERDEAD. */
#include <pthread.h>

#include "tests/tracee/proc.h"

int main(void)
{
    pthread_mutex_t *m = shared_pages(4096);
    pthread_mutexattr_t a;
    struct gate locked = gate_make();
    CHECK(!pthread_mutexattr_init(&a) && !pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) && !pthread_mutex_init(m, &a));
    for (int i = 0; i < 3; i++) {
        pid_t pid = start();
        if (pid == 0) {
            CHECK(!pthread_mutex_lock(m));
            gate_open(locked);
            for (;;)
                pause();
        }
        gate_wait(locked);
        CHECK(pthread_mutex_trylock(m) == EBUSY && kill(pid, SIGKILL) == 0);
        CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
        CHECK(!pthread_mutex_consistent(m) && !pthread_mutex_unlock(m));
        expect_signal(pid, SIGKILL);
    }
    CHECK(!pthread_mutex_lock(m) && !pthread_mutex_unlock(m));
    return passed();
}
