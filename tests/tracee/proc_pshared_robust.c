/* A robust process-shared mutex whose owner exits or execs: the next one gets EOWNERDEAD. */
#include <pthread.h>

#include "tests/tracee/proc.h"

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 0;
    pthread_mutex_t *m = shared_pages(4096);
    pthread_mutexattr_t a;
    struct gate locked = gate_make();
    CHECK(!pthread_mutexattr_init(&a) && !pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) && !pthread_mutex_init(m, &a));
    for (int way = 0; way < 4; way++) {
        pid_t pid = start();
        if (pid == 0) {
            CHECK(!pthread_mutex_lock(m));
            gate_open(locked);
            if (way % 2)
                execl(SELF, "self", "again", NULL);
            _exit(0);
        }
        gate_wait(locked);
        CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
        CHECK(!pthread_mutex_consistent(m) && !pthread_mutex_unlock(m));
        expect_exit(pid, 0);
    }
    CHECK(!pthread_mutex_lock(m) && !pthread_mutex_unlock(m));
    return passed();
}
